//! Why a resource is where it is, why not elsewhere, and what would change that.
//!
//! The answer is the scheduler's own: the terms of its scores, and its answer when asked again with one thing changed.

use crate::decision::{Decision, state_that_closes};
use crate::exit::{Exit, Refusal};
use crate::waiting;
use crate::what_if::without;
use model::{Role, Timestamp};
use status::{Facts, Kind, ResourceIndex};
use std::collections::BTreeSet;
use xml::Element;

/// The most changes that are tried for one answer; each is one more decision of the scheduler.
const TRIALS_MAX: usize = 24;

/// Explains a resource, as lines of text.
///
/// # Errors
/// When the configuration has no such resource.
pub fn resource(cib: &Element, id: &str, now: Timestamp) -> Result<Vec<String>, Refusal> {
    if let Some(unsupported) = status::unsupported(cib).iter().find(|one| one.is_named(id)) {
        return Ok(vec![format!("{}.", unsupported.sentence())]);
    }
    // What the running cluster decides on.
    let reduced = status::without_unsupported(cib);
    let cib = reduced.as_ref().unwrap_or(cib);
    let decision = Decision::of(cib, now);
    let primitives = decision.primitives(id);
    if primitives.is_empty() {
        return Err(Refusal::new(Exit::NO_SUCH, format!("there is no resource {id:?}")));
    }
    let mut lines = Vec::new();
    for index in &primitives {
        of_primitive(&decision, *index, &mut lines);
    }
    let waiting = waiting::lines(&decision.facts, &scheduler::schedule(&decision.facts), &primitives);
    if !waiting.is_empty() {
        lines.push(String::new());
        lines.push("What is due, and waits:".to_owned());
        lines.extend(waiting);
    }
    let changes = counterfactuals(cib, &decision, id, now);
    if !changes.is_empty() {
        lines.push(String::new());
        lines.push("What would change that:".to_owned());
        lines.extend(changes.into_iter().map(|line| format!("  {line}")));
    }
    Ok(lines)
}

fn of_primitive(decision: &Decision, index: ResourceIndex, lines: &mut Vec<String>) {
    let (facts, placement) = (&decision.facts, &decision.placement);
    let resource = facts.resource(index);
    let here: Vec<&str> = resource.active_nodes.iter().map(|node| decision.name(*node)).collect();
    let there = placement.node[index.position()].map(|node| decision.name(node));
    let is_managed = placement.managed[index.position()] && !placement.blocked[index.position()];
    if !lines.is_empty() {
        lines.push(String::new());
    }
    let runs = match placement.role_now[index.position()] {
        Role::Promoted => "is promoted",
        Role::Unpromoted => "runs unpromoted",
        _ => "runs",
    };
    let promoted = if decision.role_planned(index) == Role::Promoted { " and be promoted" } else { "" };
    let change = match (placement.role_now[index.position()], decision.role_planned(index)) {
        (Role::Promoted, Role::Promoted) => "stays so",
        (_, Role::Promoted) => "is to be promoted there",
        (Role::Promoted, _) => "is to be demoted there",
        _ => "stays there",
    };
    lines.push(match (here.as_slice(), there) {
        ([], None) => format!("{} is stopped, and stays stopped.", resource.id),
        ([], Some(node)) => format!("{} is stopped, and is to start on {node}{promoted}.", resource.id),
        (here, _) if !is_managed => {
            format!("{} {runs} on {}, and is left alone (unmanaged, in maintenance or blocked).", resource.id, here.join(" and "))
        }
        ([here], Some(node)) if *here == node => format!("{} {runs} on {here}, and {change}.", resource.id),
        (here, Some(node)) => format!("{} {runs} on {}, and is to move to {node}{promoted}.", resource.id, here.join(" and ")),
        (here, None) => format!("{} {runs} on {}, and is to stop.", resource.id, here.join(" and ")),
    });
    if let Some(score) = decision.promotion_score(index).filter(|_| there.is_some()) {
        lines.push(format!("  Its promotion score there is {score}; the highest are promoted."));
    }
    if let Some(reason) = placement.role_reason[index.position()].filter(|_| placement.role_planned[index.position()] == Role::Stopped) {
        lines.push(format!("  It is to be stopped: {reason}."));
    }
    if let Some(leader) = leader(facts, index) {
        lines.push(format!(
            "  It goes where {} goes, the first member of its group; `systole explain {}` tells why that is there.",
            leader, leader
        ));
    }
    for node in &facts.node_order {
        lines.push(format!("  {:<12} {}", decision.name(*node), decision.words_about(index, *node)));
    }
}

/// Returns the first member of the group that a resource follows, unless it is that itself.
fn leader(facts: &Facts, index: ResourceIndex) -> Option<&str> {
    let parent = facts.resource(facts.resource(index).parent?);
    let first = *parent.children.first()?;
    (matches!(parent.kind, Kind::Group(_)) && first != index).then(|| facts.resource(first).id.as_str())
}

/// Asks the scheduler again with one thing changed at a time; returns what would be different.
fn counterfactuals(cib: &Element, decision: &Decision, id: &str, now: Timestamp) -> Vec<String> {
    let before = decision.destinations(id);
    let mut lines = Vec::new();
    for (what, changed) in trials(cib, decision, id).into_iter().take(TRIALS_MAX) {
        let after = Decision::of(&changed, now).destinations(id);
        if after != before {
            let place = match after.len() {
                0 => "it would stop".to_owned(),
                _ => format!("it would run on {}", after.into_iter().collect::<Vec<_>>().join(" and ")),
            };
            lines.push(format!("{place} if {what}"));
        }
    }
    lines
}

fn trials(cib: &Element, decision: &Decision, id: &str) -> Vec<(String, Element)> {
    let mut trials = Vec::new();
    // What moves the whole group moves its member.
    let names: BTreeSet<&str> = decision
        .primitives(id)
        .into_iter()
        .flat_map(|index| decision.primitives(decision.facts.resource(decision.facts.top_of(index, true)).id.as_str()))
        .map(|index| decision.facts.resource(index).id.as_str())
        .collect();
    let mut tried = BTreeSet::new();
    for reason in decision.placement.reasons.iter().filter(|r| names.contains(r.resource.as_str())) {
        if matches!(reason.source.as_str(), "location" | "colocation" | "ticket")
            && tried.insert(reason.id.clone())
            && let Some(changed) = without(cib, &reason.id)
        {
            trials.push((format!("constraint {} were gone", reason.id), changed));
        }
    }
    for pair in meta(cib, id).into_iter().filter(|pair| matches!(pair.attribute("name"), Some("target-role" | "is-managed"))) {
        if let Some(changed) = pair.id().and_then(|pair_id| without(cib, pair_id)) {
            trials.push((
                format!("{}={} were not set", pair.attribute("name").unwrap_or_default(), pair.attribute("value").unwrap_or_default()),
                changed,
            ));
        }
    }
    if let Some(changed) = without_failures(cib, &names) {
        trials.push((format!("its failures were forgotten (systole cleanup {id})"), changed));
    }
    for index in &decision.facts.node_order {
        let node = decision.facts.node(*index);
        match (node.standby, node.online) {
            (true, true) => trials.push((format!("{} left standby", node.name), with_standby(cib, &node.id, "off"))),
            (false, true) if decision.goes_to(id, *index) => {
                trials.push((format!("{} could not run it any more", node.name), with_standby(cib, &node.id, "on")));
            }
            _ => {}
        }
    }
    trials
}

fn meta<'a>(cib: &'a Element, id: &str) -> Vec<&'a Element> {
    let resource = cib.descend(&["configuration", "resources"]).and_then(|r| r.find_by_id(id));
    let sets = resource.into_iter().flat_map(|r| r.elements_named("meta_attributes"));
    sets.flat_map(|set| set.elements_named("nvpair")).collect()
}

/// Returns the CIB without the failures of these resources, if there are any.
pub(crate) fn without_failures(cib: &Element, names: &BTreeSet<&str>) -> Option<Element> {
    let mut changed = cib.clone();
    let mut found = false;
    let of_failure = |e: &Element| {
        let key = e.attribute("name").and_then(|name| name.strip_prefix("fail-count-").or_else(|| name.strip_prefix("last-failure-")));
        key.and_then(|key| key.split('#').next()).is_some_and(|resource| names.contains(resource))
    };
    let is_failed = |e: &Element| e.id().is_some_and(|id| names.iter().any(|name| id == format!("{name}_last_failure_0")));
    while let Some(path) = changed.path_to(&mut |e| (e.name == "nvpair" && of_failure(e)) || (e.name == "lrm_rsc_op" && is_failed(e))) {
        let (last, above) = path.split_last()?;
        changed.at_path_mut(above)?.children.remove(*last);
        found = true;
    }
    found.then_some(changed)
}

pub(crate) fn with_standby(cib: &Element, node_id: &str, value: &str) -> Element {
    let wanted = cib::edit::Wanted { name: Some("standby"), ..cib::edit::Wanted::default() };
    cib::edit::set_pair(cib, cib::edit::PairPlace::Node(node_id), wanted, value).unwrap_or_else(|_| cib.clone())
}

/// Explains a node: its state, what runs there and what may not, as lines of text.
///
/// # Errors
/// When the cluster has no such node.
pub fn node(cib: &Element, name: &str, now: Timestamp) -> Result<Vec<String>, Refusal> {
    let reduced = status::without_unsupported(cib);
    let decision = Decision::of(reduced.as_ref().unwrap_or(cib), now);
    let index =
        decision.facts.find_node(name).ok_or_else(|| Refusal::new(Exit::NO_SUCH, format!("there is no resource or node {name:?}")))?;
    let known = decision.facts.node(index);
    let state = state_that_closes(known).unwrap_or(if known.maintenance { "is in maintenance" } else { "is online" });
    let mut lines = vec![format!("{name} {state}.")];
    for effect in &decision.facts.effects {
        if let status::Effect::Fence { node, reason, .. } = effect
            && *node == index
        {
            lines.push(format!("  It has to be fenced because {reason}."));
        }
    }
    for (at, resource) in decision.facts.resources.iter().enumerate().filter(|(_, r)| matches!(r.kind, Kind::Primitive(_))) {
        let is_here = resource.active_nodes.contains(&index);
        let is_to_be = decision.placement.node[at] == Some(index);
        lines.extend(match (is_here, is_to_be) {
            (true, true) => Some(format!("  {:<16} runs here, and stays", resource.id)),
            (true, false) => Some(format!("  {:<16} runs here, and leaves", resource.id)),
            (false, true) => Some(format!("  {:<16} comes here", resource.id)),
            (false, false) => None,
        });
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cib(constraints: &str) -> Element {
        let node = |id: &str| format!("<node id='{id}' uname='n{id}'/>");
        let state = |id: &str| {
            format!(
                "<node_state id='{id}' uname='n{id}' in_ccm='true' crmd='online' join='member' expected='member'><lrm id='{id}'><lrm_resources>\
                <lrm_resource id='r' type='Dummy' class='ocf' provider='systole'><lrm_rsc_op id='r_last_0' operation_key='r_monitor_0' operation='monitor' \
                transition-key='1:1:7:x' transition-magic='0:7;1:1:7:x' call-id='1' rc-code='7' op-status='0' interval='0'/></lrm_resource></lrm_resources></lrm></node_state>"
            )
        };
        let text = format!(
            "<cib><configuration><crm_config><cluster_property_set id='o'><nvpair id='s' name='stonith-enabled' value='false'/></cluster_property_set></crm_config>\
             <nodes>{}{}</nodes><resources><primitive id='r' class='ocf' provider='systole' type='Dummy'/></resources><constraints>{constraints}</constraints></configuration>\
             <status>{}{}</status></cib>",
            node("1"), node("2"), state("1"), state("2")
        )
        .replace("<cib>", "<cib have-quorum='1' crm_feature_set='3.16.1' validate-with='pacemaker-3.9'>");
        xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap()
    }

    #[test]
    fn a_preference_and_what_would_happen_without_it() {
        let cib = cib("<rsc_location id='likes-2' rsc='r' node='n2' score='50'/>");
        let text = resource(&cib, "r", Timestamp::from_seconds(1_000_000)).unwrap().join("\n");
        assert!(text.contains("is to start on n2"), "{text}");
        assert!(text.contains("50 location likes-2"), "{text}");
        assert!(text.contains("it would run on n1 if constraint likes-2 were gone"), "{text}");
        assert!(text.contains("it would run on n1 if n2 could not run it any more"), "{text}");
    }

    #[test]
    fn what_waits_names_the_order() {
        let cib = cib("<rsc_order id='r-then-s' first='r' then='s'/>")
            .to_text()
            .replace("</resources>", "<primitive id='s' class='ocf' provider='systole' type='Dummy'/></resources>");
        let cib = xml::parse(cib.as_bytes(), &xml::Limits::default()).unwrap();
        let text = resource(&cib, "s", Timestamp::from_seconds(1_000_000)).unwrap().join("\n");
        assert!(text.contains("the start of s on n2 waits for the start of r on n1 (order r-then-s)"), "{text}");
    }

    /// A promotable clone on two nodes of which one is promoted, and its agent wants the other.
    #[test]
    fn roles_are_told() {
        let wants = |node: &str, score: &str| {
            format!(
                "</lrm><transient_attributes id='{node}'><instance_attributes id='t{node}'><nvpair id='m{node}' name='master-r' \
                 value='{score}'/></instance_attributes></transient_attributes></node_state>"
            )
        };
        let text = cib("").to_text();
        let at = text.find("<status").unwrap();
        let (configuration, status) = text.split_at(at);
        let mut states: Vec<String> = Vec::new();
        for (node, role, score) in [("1", "promote", "5"), ("2", "start", "10")] {
            let begin = status.find(&format!("<node_state id=\"{node}\"")).unwrap();
            let state = &status[begin..begin + status[begin..].find("</node_state>").unwrap() + "</node_state>".len()];
            let result = [
                ("r_monitor_0", format!("r_{role}_0")),
                ("operation=\"monitor\"", format!("operation=\"{role}\"")),
                ("1:1:7:x", "1:1:0:x".to_owned()),
                ("0:7;", "0:0;".to_owned()),
                ("rc-code=\"7\"", "rc-code=\"0\"".to_owned()),
                ("</lrm>", String::new()),
            ];
            let state = result.iter().fold(state.to_owned(), |state, (from, to)| state.replace(from, to));
            states.push(state.replacen("</node_state>", &wants(node, score), 1));
        }
        let promotable =
            "<resources><clone id='c'><meta_attributes id='cm'><nvpair id='cp' name='promotable' value='true'/></meta_attributes>";
        let configuration = configuration.replace("<resources>", promotable).replace("</resources>", "</clone></resources>");
        let text = format!("{configuration}<status>{}</status></cib>", states.concat());
        let cib = xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
        let text = resource(&cib, "c", Timestamp::from_seconds(1_000_000)).unwrap().join("\n");
        assert!(text.contains("is promoted on n1, and is to be demoted there"), "{text}");
        assert!(text.contains("runs unpromoted on n2, and is to be promoted there"), "{text}");
        assert!(text.contains("Its promotion score there is 10"), "{text}");
        assert!(text.contains("it would run on n1 (promoted)"), "{text}");
    }

    #[test]
    fn a_ban_closes_a_node() {
        let cib = cib("<rsc_location id='never-1' rsc='r' node='n1' score='-INFINITY'/>");
        let text = resource(&cib, "r", Timestamp::from_seconds(1_000_000)).unwrap().join("\n");
        assert!(text.contains("closed: location never-1"), "{text}");
        assert_eq!(resource(&cib, "nothing", Timestamp::from_seconds(1)).unwrap_err().exit, Exit::NO_SUCH);
    }
}
