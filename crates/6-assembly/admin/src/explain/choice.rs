//! Why a primitive runs, or is to run, where it does; why it is restarted; why it is promoted or not.

use super::case::Case;
use super::cause::Cause;
use super::causes::{DEPTH_MAX, in_flight, no_quorum, orders, target_role};
use super::fix::Fix;
use super::obstacles::{ticket, unconstrained};
use crate::what_if::joined;
use model::{Role, Score};
use status::{Kind, NodeIndex, NodeKind, ResourceIndex};
use transition::Reason;

/// Returns why a node is the one that was chosen.
pub(super) fn why_here(case: &Case<'_>, index: ResourceIndex, node: NodeIndex) -> Vec<Cause> {
    let facts = case.facts();
    let resource = facts.resource(index);
    let name = case.node_name(node);
    if let Some(leader) = leader(case, index) {
        let words = format!("it goes where {leader} goes, the first member of its group");
        return vec![Cause::new("group", words).id(leader).on(name)];
    }
    let score_of = |node: NodeIndex| case.score(index, node);
    let Some(score) = score_of(node).filter(|score| *score >= Score::ZERO) else { return Vec::new() };
    let open: Vec<(NodeIndex, Score)> = facts
        .node_order
        .iter()
        .filter(|other| **other != node && case.is_usable(**other))
        .filter_map(|other| Some((*other, score_of(*other)?)))
        .filter(|(_, score)| *score >= Score::ZERO)
        .collect();
    let terms = terms(case, index, node);
    let sum = if terms.is_empty() { score.to_string() } else { format!("{score} = {}", terms.join(" + ")) };
    let equals: Vec<String> = open.iter().filter(|(_, other)| *other == score).map(|(other, _)| case.node_name(*other)).collect();
    let better: Vec<(NodeIndex, Score)> = open.iter().copied().filter(|(_, other)| *other > score).collect();
    let stays = resource.active_nodes == [node];
    let strategy = facts.options.placement_strategy != status::PlacementStrategy::Default;
    let words = match (open.is_empty(), better.first()) {
        (true, _) => format!("{{node}} is the only node that can run it ({sum})"),
        (false, Some(_)) if strategy => format!("{{node}} has room for it ({sum}; placement-strategy)"),
        (false, Some((other, more))) => {
            format!("{{node}} was given to it before its score there was complete ({sum}; {} has {more})", case.node_name(*other))
        }
        (false, None) if equals.is_empty() => format!("{{node}} has the highest score ({sum})"),
        (false, None) => {
            let tie = case.terms(index, node).find(|reason| reason.source == "tie").map(|reason| reason.text.clone());
            let verb = if equals.len() == 1 { "has" } else { "have" };
            let equals = joined(&equals);
            match tie {
                Some(tie) => format!("{{node}} has the highest score ({sum}), as {equals} {verb}, and {tie}"),
                None if stays => format!("{{node}} has the highest score ({sum}), as {equals} {verb}, and runs it already"),
                None => format!("{{node}} has the highest score ({sum}), as {equals} {verb}"),
            }
        }
    };
    let mut cause = Cause::new("score", words).on(&name);
    if let Some(main) = case.terms(index, node).filter(|reason| reason.score > Score::ZERO).max_by_key(|reason| reason.score) {
        cause = cause.id(&main.id);
    }
    let mut causes = vec![cause];
    causes.extend(held_by_stickiness(case, index, node, score, &open));
    causes
}

/// Returns the terms of a score that count, in words.
pub(super) fn terms(case: &Case<'_>, index: ResourceIndex, node: NodeIndex) -> Vec<String> {
    case.terms(index, node).filter(|reason| reason.score != Score::ZERO).map(term_words).collect()
}

fn term_words(reason: &Reason) -> String {
    format!("{} {}", reason.score, reason.words())
}

/// Returns whether only stickiness keeps it from a node that is preferred.
fn held_by_stickiness(case: &Case<'_>, index: ResourceIndex, node: NodeIndex, score: Score, open: &[(NodeIndex, Score)]) -> Option<Cause> {
    let sticky = case.terms(index, node).find(|reason| reason.source == "stickiness")?.score;
    let without = Score::new(score.value() - sticky.value());
    let (other, preferred) = open.iter().copied().filter(|(_, other)| *other > without).max_by_key(|(_, other)| *other)?;
    if score.is_mandatory() || preferred >= score {
        return None;
    }
    let resource = case.facts().resource(index);
    let top = case.facts().resource(case.facts().top_of(index, false)).configured_id.to_string();
    let name = case.node_name(other);
    let words = format!("its stickiness ({sticky}) outweighs that {name} is preferred ({preferred})");
    let id = if resource.meta.contains_key("resource-stickiness") { "resource-stickiness" } else { "stickiness" };
    let fix = Fix::Meta { resource: top, name: "resource-stickiness".to_owned(), value: "0".to_owned() };
    Some(Cause::new("stickiness", words).id(id).on(case.node_name(node)).fix(fix))
}

/// Returns the first member of the group that a resource follows, unless it is that itself.
pub(super) fn leader(case: &Case<'_>, index: ResourceIndex) -> Option<String> {
    let facts = case.facts();
    let parent = facts.resource(facts.resource(index).parent?);
    let first = *parent.children.first()?;
    let follows = matches!(&parent.kind, Kind::Group(group) if group.colocated) && first != index;
    (follows && case.planned_node(first) == case.planned_node(index)).then(|| facts.printable_id(first).to_owned())
}

/// Returns why a primitive is stopped and started where it is.
pub(super) fn why_restarted(case: &Case<'_>, index: ResourceIndex) -> Vec<Cause> {
    let facts = case.facts();
    let resource = facts.resource(index);
    let node = resource.active_nodes.first().copied();
    if let Some((at, operation)) = case.failure(index, node).filter(|_| resource.failed) {
        let cause = Cause::new("failures", case.failure_words(at, operation)).id(operation.id.as_str()).on(case.node_name(at));
        return vec![cause];
    }
    let change = case.plan.changes.iter().find(|change| change.subject == resource.id.as_str());
    if let Some(reason) = change.map(|change| change.reason.trim_start_matches("due to ")).filter(|reason| !reason.is_empty()) {
        return vec![of_change(case, index, reason)];
    }
    let inside =
        resource.launched.iter().find_map(|at| case.failure(*at, None).filter(|_| facts.resource(*at).failed).map(|found| (*at, found)));
    if let Some((at, (node, operation))) = inside {
        let words = case.failure_words(node, operation).replacen(
            "its",
            &format!("{}, which runs inside it, failed: its", facts.printable_id(at)),
            1,
        );
        return vec![Cause::new("failures", words).id(facts.printable_id(at))];
    }
    if case.has_action(index, "delete") {
        let words = "its agent was changed in the configuration, and what the old one left is deleted";
        return vec![Cause::new("changed", words).id(facts.printable_id(index))];
    }
    let guest =
        facts.nodes_in_order().find(|(_, node)| node.kind == NodeKind::Guest { launcher: index } && (node.unclean || node.remote_reset));
    if let Some((at, _)) = guest {
        let words = "{node}, the guest node that it is, is lost, and comes back by a restart";
        return vec![Cause::new("guest", words).id(case.node_name(at)).on(case.node_name(at))];
    }
    let own = facts.printable_id(index);
    let start = case.actions(index).find(|action| action.operation == "start" || action.operation == "promote");
    let firsts = start.map(|start| crate::waiting::firsts_of(&case.plan.graph, start)).unwrap_or_default();
    let mut others: Vec<String> = firsts
        .iter()
        .filter_map(|first| first.resource.as_ref())
        .filter_map(|other| facts.find_resource(other.long_id.as_ref().unwrap_or(&other.id).as_str()))
        .map(|other| facts.printable_id(other).to_owned())
        .filter(|other| other != own)
        .collect();
    others.sort();
    others.dedup();
    match others.first() {
        Some(other) => vec![Cause::new("order", format!("it depends on {}, which is stopped or started too", joined(&others))).id(other)],
        None => vec![Cause::new("other", "its start was already due").id(own)],
    }
}

/// Returns the reason of a planned change as a cause.
pub(super) fn of_change(case: &Case<'_>, index: ResourceIndex, reason: &str) -> Cause {
    let facts = case.facts();
    if reason.contains("definition change") {
        return Cause::new("changed", "its parameters or its agent were changed in the configuration").id(facts.printable_id(index));
    }
    if reason == "being multiply active" {
        let places: Vec<String> = facts.resource(index).active_nodes.iter().map(|node| case.node_name(*node)).collect();
        return Cause::new("multiple-active", format!("it runs on {} at once", joined(&places))).id("multiple-active");
    }
    if reason == "required stonith" {
        return Cause::new("unfencing", "its node has to be unfenced anew before it may run there").id("unfencing");
    }
    let words: Vec<&str> = reason.split_whitespace().collect();
    if let ["colocation", "with", other] = words.as_slice()
        && let Some(found) = facts.find_resource(other)
    {
        let why = super::obstacles::deeper(case, found, DEPTH_MAX - 1).map_or(String::new(), |cause| format!(": {}", cause.words()));
        return Cause::new("colocation", format!("it may run only with {other}, which cannot start{why}")).id(*other);
    }
    if let ["required", other, what] | ["unrunnable", other, what] = words.as_slice()
        && let Some(found) = facts.find_resource(other)
    {
        let doing = match *what {
            "start" | "running" => "is started first",
            "stop" | "stopped" => "is stopped",
            "promote" | "promoted" => "is promoted first",
            "demote" | "demoted" => "is demoted",
            "monitor" => "is probed first, which cannot be done",
            other => other,
        };
        let name = facts.printable_id(found);
        return match order_between(case, found, index) {
            Some(id) => Cause::new("order", format!("{name} {doing}, and constraint {id} orders it after that")).id(id),
            None => Cause::new("order", format!("{name} {doing}, and it depends on that")).id(name),
        };
    }
    Cause::new("other", reason.to_owned())
}

/// Returns the configured order (or colocation) that stands between two resources.
fn order_between(case: &Case<'_>, first: ResourceIndex, then: ResourceIndex) -> Option<String> {
    let facts = case.facts();
    let (first, then) = (facts.top_of(first, true), facts.top_of(then, true));
    let names =
        |ids: &[&str], top: ResourceIndex| ids.iter().flat_map(|id| facts.resolve(id)).any(|found| facts.top_of(found, true) == top);
    let found = crate::configured::constraints(case.cib).filter(|e| e.name == "rsc_order" && first != then).find(|constraint| {
        let (thens, firsts) = crate::configured::sides(constraint);
        (names(&thens, then) && names(&firsts, first)) || (names(&thens, first) && names(&firsts, then))
    })?;
    found.id().map(str::to_owned)
}

/// Returns why an instance of a promotable clone is not to be promoted; nothing where enough others are.
pub(super) fn why_not_promoted(case: &Case<'_>, index: ResourceIndex, node: NodeIndex, clone: ResourceIndex) -> Vec<Cause> {
    let facts = case.facts();
    let name = case.node_name(node);
    let mut causes = Vec::new();
    causes.extend(target_role(case, index, Role::Unpromoted));
    causes.extend(no_quorum(case, index));
    causes.extend(ticket(case, index).filter(|cause| cause.words().contains("promoted")));
    for location in &case.decision.constraints.locations {
        let concerns = location.resource == clone || location.resource == index || Some(location.resource) == facts.resource(index).parent;
        let forbids = location.nodes.iter().any(|(at, score)| *at == node && *score < Score::ZERO);
        if location.role != Some(Role::Promoted) || !concerns || !forbids {
            continue;
        }
        if let Some(constraint) = case.constraint(&location.id) {
            let id = constraint.id().unwrap_or_default().to_owned();
            let rule = super::rules::met(case, constraint, &location.id, node).map_or(String::new(), |rule| format!(" ({rule})"));
            let words = format!("constraint {id} keeps the promoted role off {{node}}{rule}");
            causes.push(Cause::new("location", words).id(id).on(&name).fix(unconstrained(constraint)));
        }
    }
    causes.extend(orders(case, index, Role::Promoted, DEPTH_MAX));
    if causes.is_empty() {
        let resource = facts.resource(index);
        let attribute = format!("master-{}", resource.configured_id);
        let by_instance = format!("master-{}", resource.history_id.as_ref().unwrap_or(&resource.id));
        let attributes = &facts.node(node).attributes;
        let value = attributes.get(attribute.as_str()).or_else(|| attributes.get(by_instance.as_str()));
        let cause = match value {
            None => Cause::new("promotion-score", format!("its agent has set no promotion score on {{node}} (attribute {attribute})")),
            Some(value) if value.starts_with('-') => Cause::new(
                "promotion-score",
                format!("its promotion score on {{node}} is {value} (attribute {attribute}, set by its agent)"),
            ),
            Some(value) => Cause::new("promotion-score", format!("its promotion score on {{node}} ({value}) does not suffice")),
        };
        causes.push(cause.id(&attribute).on(&name).fix(Fix::Attribute { node: name.clone(), name: attribute, value: "1".to_owned() }));
    }
    causes
}

/// Returns why an instance is the one that is promoted.
pub(super) fn why_promoted(case: &Case<'_>, index: ResourceIndex, node: NodeIndex) -> Option<Cause> {
    let score = case.decision.promotion_score(index)?;
    let words = format!("its promotion score on {{node}} is {score}; the highest are promoted");
    Some(Cause::new("promotion-score", words).id(format!("master-{}", case.facts().resource(index).configured_id)).on(case.node_name(node)))
}

/// Returns the fencing that its start or stop waits for, and what is known of the devices.
pub(super) fn fencing_first(case: &Case<'_>, index: ResourceIndex) -> Vec<Cause> {
    let facts = case.facts();
    let unclean: Vec<NodeIndex> = facts.node_order.iter().copied().filter(|node| facts.node(*node).unclean).collect();
    let starts = case.actions(index).find(|action| action.operation == "start");
    let Some(start) = starts else { return Vec::new() };
    let waits = crate::waiting::firsts_of(&case.plan.graph, start);
    let fenced: Vec<String> =
        waits.iter().filter(|first| first.operation == "stonith").filter_map(|first| Some(first.node.as_ref()?.name.to_string())).collect();
    if fenced.is_empty() || unclean.is_empty() {
        return Vec::new();
    }
    let mut causes = Vec::new();
    for node in unclean.iter().filter(|node| fenced.contains(&case.node_name(**node))) {
        let name = case.node_name(*node);
        let may = if facts.resource(index).active_nodes.contains(node) { "it may still run on {node}, which" } else { "{node}" };
        let reason = facts.effects.iter().find_map(|effect| match effect {
            status::Effect::Fence { node: at, reason, .. } if at == node => Some(format!(" ({reason})")),
            _ => None,
        });
        let words = format!("{may} is to be fenced first{}", reason.unwrap_or_default());
        causes.push(Cause::new("fencing", words).id(&name).on(&name).fix(Fix::Off { node: name.clone() }));
    }
    for (at, device) in facts.resources.iter().enumerate().filter(|(_, resource)| resource.fence_device) {
        let at = ResourceIndex(at as u32);
        if let Some((node, operation)) = case.failure(at, None) {
            let words = format!("fence device {} has failed: {}", device.id, case.failure_words(node, operation));
            causes.push(Cause::new("fence-device", words).id(device.configured_id.as_str()));
        }
    }
    causes
}

/// Returns what is under way, where that is why something else is not done yet.
pub(super) fn under_way(case: &Case<'_>, index: ResourceIndex) -> Option<Cause> {
    in_flight(case, index)
}
