//! Why a node is as it is, and what runs there, comes, leaves or may not come.

use super::answer::{NodeExplanation, NodeResource, Remedy};
use super::case::Case;
use super::cause::Cause;
use super::fix::Fix;
use super::obstacles::{maintenance, obstacles, of_node};
use crate::what_if::joined;
use status::{NodeIndex, ResourceIndex};

/// Explains a node.
pub(super) fn explained(case: &Case<'_>, node: NodeIndex) -> NodeExplanation {
    let facts = case.facts();
    let (known, name) = (facts.node(node), case.node_name(node));
    let planned = &case.decision.placement.nodes[node.position()];
    let (state, words) = match () {
        () if known.unclean || planned.unclean => ("unclean", "is not known to be safe"),
        () if known.pending => ("pending", "is coming up"),
        () if !known.online => ("offline", "is offline"),
        () if known.shutting_down => ("shutting-down", "is shutting down"),
        () if known.standby || known.standby_on_fail => ("standby", "is in standby"),
        () if known.maintenance => ("maintenance", "is in maintenance"),
        () => ("online", "is online"),
    };
    let mut causes: Vec<Cause> = Vec::new();
    if known.unclean || planned.unclean || known.standby_on_fail {
        causes.extend(of_node(case, node));
        if !facts.can_fence(node) && known.unclean {
            let why = if !facts.have_fencing { "there is no fence device" } else { "only a part of the cluster with quorum may fence" };
            causes.push(Cause::new("no-fencing", format!("{{node}} cannot be fenced: {why}")).id("fencing").on(&name));
        }
    }
    let fix = match state {
        "unclean" if !known.online => Some(Fix::Off { node: name.clone() }),
        "standby" if known.standby_on_fail => causes.first().and_then(|cause| cause.fixes.first().cloned()),
        "standby" => Some(Fix::Unstandby { node: name.clone() }),
        "maintenance" => Some(maintenance(case, node)),
        _ => None,
    };
    let resources =
        facts.walk().into_iter().filter(|index| facts.resource(*index).is_primitive()).filter_map(|index| resource(case, index, node));
    NodeExplanation {
        summary: format!("{name} {words}"),
        causes: causes.iter().map(Cause::answer).collect(),
        remedies: fix.and_then(|fix| remedy(case, &name, &fix)).into_iter().collect(),
        resources: resources.collect(),
        node: name,
        state,
    }
}

fn resource(case: &Case<'_>, index: ResourceIndex, node: NodeIndex) -> Option<NodeResource> {
    let resource = case.facts().resource(index);
    let is_here = resource.active_nodes.contains(&node);
    let is_to_be = case.planned_node(index) == Some(node);
    let name = case.facts().printable_id(index).to_owned();
    let told = |causes: Vec<Cause>| causes.iter().map(Cause::row).collect::<Vec<_>>().join("; ");
    let (standing, words) = match (is_here, is_to_be) {
        (true, true) => ("stays", String::new()),
        (true, false) => {
            let place = case.planned_node(index).map_or_else(|| "stops".to_owned(), |node| format!("goes to {}", case.node_name(node)));
            let causes = told(obstacles(case, index, node, 1));
            ("leaves", if causes.is_empty() { place } else { format!("{place}: {causes}") })
        }
        (false, true) => ("comes", String::new()),
        (false, false) => {
            let barring = |cause: &Cause| matches!(cause.kind, "location" | "failures" | "stop-failed" | "capacity" | "health" | "score");
            let causes: Vec<Cause> = obstacles(case, index, node, 1).into_iter().filter(barring).collect();
            if causes.is_empty() || resource.instance.is_some_and(|instance| instance > 0) {
                return None;
            }
            ("barred", told(causes))
        }
    };
    Some(NodeResource { resource: name, standing, words })
}

/// Returns what would come to a node if something were otherwise.
fn remedy(case: &Case<'_>, node: &str, fix: &Fix) -> Option<Remedy> {
    let after = case.end_of(&fix.apply(case.cib, case.facts())?);
    let runs_here = |places: &crate::outlook::Places, name: &String| places.get(name).is_some_and(|place| place.nodes.contains_key(node));
    let is_off = matches!(fix, Fix::Off { .. });
    let runs = |places: &crate::outlook::Places, name: &String| places.get(name).is_some_and(|place| !place.nodes.is_empty());
    let gained = |name: &&String| match is_off {
        true => runs(&after, name) && !runs(case.end(), name),
        false => runs_here(&after, name) && !runs_here(case.end(), name),
    };
    let names: Vec<String> = after.keys().filter(gained).cloned().collect();
    let outcome = match (names.is_empty(), is_off) {
        (true, true) => "nothing more would run".to_owned(),
        (true, false) => "nothing would come here".to_owned(),
        (false, true) => format!("{} would run elsewhere", joined(&names)),
        (false, false) => format!("{} would run here", joined(&names)),
    };
    Some(Remedy {
        kind: fix.kind(),
        id: fix.id(),
        condition: fix.condition(),
        outcome,
        would_run_on: if is_off { Vec::new() } else { vec![node.to_owned()] },
        commands: fix.command().into_iter().collect(),
        caution: fix.caution(),
    })
}
