//! Why a primitive does not run, or is left alone: from what concerns it everywhere to what closes each node.

use super::case::Case;
use super::cause::Cause;
use super::fix::Fix;
use super::obstacles::{deeper, forgotten, is_true, maintenance, obstacles, ticket};
use crate::what_if::joined;
use cib::edit::{PairPlace, Wanted, find_pairs};
use model::Role;
use scheduler::constraints::{OrderEffect, OrderEnd, OrderKind};
use status::{MultipleActive, NoQuorumPolicy, NodeIndex, NodeKind, OnFail, ResourceIndex};
use xml::Element;

/// How far it is told why another resource, on which one depends, does not run.
pub(super) const DEPTH_MAX: usize = 3;

/// Returns why a primitive does not run in the end, the most certain first.
pub(super) fn why_down(case: &Case<'_>, index: ResourceIndex, depth: usize) -> Vec<Cause> {
    let facts = case.facts();
    let resource = facts.resource(index);
    let mut causes: Vec<Cause> = in_flight(case, index).into_iter().collect();
    if !case.is_managed(index) {
        causes.extend(hands_off(case, index));
        if !causes.is_empty() {
            return causes;
        }
    }
    if resource.orphan {
        causes.push(Cause::new("removed", "it is not configured any more").id(resource.id.as_str()));
        return causes;
    }
    if facts.options.stop_all_resources {
        let fix = Fix::Option { name: "stop-all-resources".to_owned(), value: "false".to_owned() };
        causes.push(Cause::new("option", "stop-all-resources is true").id("stop-all-resources").fix(fix));
    }
    causes.extend(target_role(case, index, Role::Stopped));
    causes.extend(no_quorum(case, index));
    causes.extend(stopped_by_failure(case, index));
    match case.planned_node(index) {
        None => causes.extend(nowhere(case, index, depth)),
        Some(node) => causes.extend(waiting(case, index, node, depth)),
    }
    let mut causes = Cause::merged(causes);
    // That something else is down for the same reason says nothing new.
    let told: Vec<String> = causes.iter().map(Cause::words).collect();
    let repeats = |words: &str| told.iter().any(|other| words.len() > other.len() && words.ends_with(&format!(": {other}")));
    causes.retain(|cause| !matches!(cause.kind, "colocation" | "group" | "order") || !repeats(&cause.words()));
    // What forbids it everywhere needs no repetition node by node.
    if causes.iter().any(|cause| !(cause.kind == "target-role" && cause.id.as_deref() == Some("target-role"))) {
        causes.retain(|cause| cause.id.as_deref() != Some("target-role"));
    }
    causes
}

/// Returns an operation of it that is under way.
pub(super) fn in_flight(case: &Case<'_>, index: ResourceIndex) -> Option<Cause> {
    let facts = case.facts();
    let pending = facts.resource(index).pending.as_ref()?;
    let node = case.node_name(pending.node);
    let record = facts.node(pending.node).history.iter().filter(|history| history.resource == Some(index));
    let record =
        record.flat_map(|history| &history.operations).find(|operation| operation.operation == pending.operation && operation.call < 0);
    let what = if pending.operation == "monitor" { "probe" } else { pending.operation.as_str() };
    let since = record.map_or(String::new(), |operation| case.ago(operation.last_change).replace(" ago", ""));
    let since = since.strip_prefix(", ").map_or(String::new(), |span| format!(" since {span}"));
    Some(Cause::new("in-flight", format!("its {what} on {{node}} is under way{since}")).id(pending.operation.as_str()).on(node))
}

/// Returns why nothing is done with a primitive.
pub(super) fn hands_off(case: &Case<'_>, index: ResourceIndex) -> Vec<Cause> {
    let facts = case.facts();
    let (resource, options) = (facts.resource(index), &facts.options);
    let mut causes = Vec::new();
    if options.maintenance_mode {
        let fix = Fix::Option { name: "maintenance-mode".to_owned(), value: "false".to_owned() };
        causes.push(Cause::new("maintenance", "maintenance-mode is true: the cluster touches nothing").id("maintenance-mode").fix(fix));
    }
    for node in resource.active_nodes.iter().filter(|node| facts.node(**node).maintenance && !options.maintenance_mode) {
        let name = case.node_name(*node);
        causes.push(Cause::new("maintenance", "{node} {is} in maintenance").id(&name).on(name).fix(maintenance(case, *node)));
    }
    if options.fencing_enabled && !facts.have_fencing {
        let words = "fencing is enabled (stonith-enabled) and there is no fence device, without which nothing is started: configure one";
        causes.push(Cause::new("no-fence-device", words).id("stonith-enabled"));
    }
    causes.extend(meta_pair(case, index, "maintenance", |value| is_true(Some(value))));
    causes.extend(meta_pair(case, index, "is-managed", |value| model::parse_boolean(value) == Some(false)));
    let failed = facts
        .failures
        .iter()
        .rev()
        .find(|failure| failure.resource == Some(index) && facts.operation(failure.history).on_fail == Some(OnFail::Block));
    if let Some(failure) = failed.filter(|_| resource.blocked) {
        let operation = facts.operation(failure.history);
        let words = case.failure_words(failure.node, operation);
        let advice = match operation.operation.as_str() {
            "stop" => "it may still run there, and nothing is done with it until somebody has made certain (on-fail=block)",
            _ => "nothing is done with it until somebody has looked (on-fail=block)",
        };
        let cause = Cause::new("blocked", format!("{words}; {advice}")).id(operation.operation.as_str()).on(case.node_name(failure.node));
        causes.push(forgotten(case, index, cause));
    } else if resource.blocked && resource.multiple_active == MultipleActive::Block && resource.active_nodes.len() > 1 {
        let places: Vec<String> = resource.active_nodes.iter().map(|node| case.node_name(*node)).collect();
        causes.push(
            Cause::new("blocked", format!("it runs on {} at once, and multiple-active=block", joined(&places))).id("multiple-active"),
        );
    }
    let frozen = case.decision.constraints.revisions.iter().any(|revision| revision.resource == index && revision.blocked);
    if frozen {
        causes.extend(ticket(case, index));
    }
    if causes.is_empty() && !case.is_managed(index) {
        causes.push(Cause::new("unmanaged", "it is not managed").id("is-managed"));
    }
    causes
}

/// Returns the pair that gives a primitive a meta attribute of this kind, wherever it stands.
fn meta_pair(case: &Case<'_>, index: ResourceIndex, name: &'static str, is_meant: impl Fn(&str) -> bool) -> Option<Cause> {
    let facts = case.facts();
    facts.resource(index).meta.get(name).filter(|value| is_meant(value))?;
    let mut at = Some(index);
    while let Some(holder) = at {
        let resource = facts.resource(holder);
        let id = resource.configured_id.as_str();
        let wanted = Wanted { name: Some(name), ..Wanted::default() };
        let pairs = find_pairs(case.cib, PairPlace::Resource(id, "meta_attributes"), wanted);
        if let Some(cause) = pairs.iter().find_map(|(_, pair)| pair_cause(Some(id), pair, name, &is_meant)) {
            return Some(cause);
        }
        // A template's value is found by the id of the template.
        let template = crate::configured::resource_element(case.cib, id).and_then(|element| element.attribute("template"));
        if let Some(template) = template {
            let pairs = find_pairs(case.cib, PairPlace::Resource(template, "meta_attributes"), wanted);
            if let Some(cause) = pairs.iter().find_map(|(_, pair)| pair_cause(Some(template), pair, name, &is_meant)) {
                return Some(cause);
            }
        }
        at = resource.parent;
    }
    let wanted = Wanted { name: Some(name), ..Wanted::default() };
    let pairs = find_pairs(case.cib, PairPlace::ResourceDefault, wanted);
    pairs.iter().find_map(|(_, pair)| pair_cause(None, pair, name, &is_meant))
}

fn pair_cause(holder: Option<&str>, pair: &Element, name: &'static str, is_meant: impl Fn(&str) -> bool) -> Option<Cause> {
    let value = pair.attribute("value").filter(|value| is_meant(value))?;
    let id = pair.id()?.to_owned();
    let place = holder.map_or_else(|| "among the resources' defaults".to_owned(), |holder| format!("on {holder}"));
    let kind = if name == "maintenance" { "maintenance" } else { name };
    let fix = Fix::Unset { holder: holder.map(str::to_owned), id: id.clone(), name: name.to_owned(), value: value.to_owned() };
    Some(Cause::new(kind, format!("{name}={value} is set {place}")).id(id).fix(fix))
}

/// Returns the `target-role` that keeps a primitive below what it could be.
pub(super) fn target_role(case: &Case<'_>, index: ResourceIndex, role: Role) -> Option<Cause> {
    meta_pair(case, index, "target-role", |value| Role::parse(value) == Some(role))
}

/// Returns the quorum policy, where it forbids to start a primitive.
pub(super) fn no_quorum(case: &Case<'_>, index: ResourceIndex) -> Option<Cause> {
    let facts = case.facts();
    let needs_none = facts.resource(index).requires == status::Requires::Nothing;
    if facts.have_quorum || needs_none {
        return None;
    }
    let policy = match facts.options.no_quorum_policy {
        NoQuorumPolicy::Ignore => return None,
        NoQuorumPolicy::Stop => "stop",
        NoQuorumPolicy::Freeze => "freeze",
        NoQuorumPolicy::Fence => "fence",
        NoQuorumPolicy::Demote => "demote",
    };
    let members = || facts.nodes.iter().filter(|node| node.kind == NodeKind::Member);
    let (online, all) = (members().filter(|node| node.online).count(), members().count());
    let words = format!("this part of the cluster has no quorum ({online} of {all} nodes are online), and no-quorum-policy={policy}");
    Some(Cause::new("quorum", words).id("no-quorum-policy").fix(Fix::Quorum))
}

/// Returns the failure after which a primitive is to stay stopped.
fn stopped_by_failure(case: &Case<'_>, index: ResourceIndex) -> Option<Cause> {
    let facts = case.facts();
    if facts.resource(index).next_role != Role::Stopped {
        return None;
    }
    let stops = |on_fail: Option<OnFail>| on_fail == Some(OnFail::Stop);
    let failure =
        facts.failures.iter().rev().find(|failure| failure.resource == Some(index) && stops(facts.operation(failure.history).on_fail))?;
    let words = case.failure_words(failure.node, facts.operation(failure.history));
    let cause = Cause::new("failures", format!("{words}, and after that it is to stay stopped (on-fail=stop)"));
    Some(forgotten(case, index, cause.id(facts.printable_id(index)).on(case.node_name(failure.node))))
}

/// No node may run it: returns what closes each, what could be mended first.
fn nowhere(case: &Case<'_>, index: ResourceIndex, depth: usize) -> Vec<Cause> {
    let facts = case.facts();
    let all: Vec<Cause> = facts.node_order.iter().flat_map(|node| obstacles(case, index, *node, depth)).collect();
    if all.is_empty() {
        return Vec::new();
    }
    let mut causes = Cause::merged(all);
    drop_what_follows(&mut causes);
    // Where a resource that it must be with goes nowhere, that is why; what closes single nodes comes after.
    causes.sort_by_key(|cause| match cause.kind {
        "target-role" | "ticket" | "clone-max" | "removed" => 0,
        "colocation" if cause.nodes.is_empty() => 1,
        _ if !cause.fixes.is_empty() && cause.kind != "unclean" => 2,
        "unclean" => 3,
        _ => 4,
    });
    causes
}

/// Returns whether a cause is the state of a node, whatever would run there.
pub(super) fn is_state(cause: &Cause) -> bool {
    matches!(cause.kind, "offline" | "unclean" | "standby" | "pending-node" | "maintenance" | "shutting-down")
}

/// Drops causes that say no more than others do.
pub(super) fn drop_what_follows(causes: &mut Vec<Cause>) {
    // Where what it must be with runs nowhere, that has the states of nodes in it.
    let is_bound = causes.iter().any(|cause| cause.kind == "colocation" && cause.nodes.is_empty());
    if is_bound {
        causes.retain(|cause| !is_state(cause));
    }
    // An instance that cannot be beside another says nothing of nodes without one.
    if causes.iter().any(|cause| cause.kind != "clone-node-max") {
        causes.retain(|cause| cause.kind != "clone-node-max");
    }
}

/// It has a node, and its start is not in the plan: returns what it waits for.
fn waiting(case: &Case<'_>, index: ResourceIndex, node: NodeIndex, depth: usize) -> Vec<Cause> {
    let mut causes = Vec::new();
    let facts = case.facts();
    let runs_there = facts.resource(index).active_nodes.contains(&node);
    let role = if runs_there { case.decision.role_planned(index) } else { Role::Started };
    causes.extend(unfenced(case, index));
    causes.extend(super::obstacles::of_node(case, node));
    causes.extend(previous_member(case, index, depth));
    causes.extend(orders(case, index, role, depth));
    causes.extend(gates(case, index));
    causes.extend(unplanned_stop(case, index));
    if causes.is_empty() {
        let pending = facts.nodes_in_order().filter(|(_, node)| node.pending);
        let words = "{node} {is} coming up, and whether it runs there has to be found out first";
        causes.extend(pending.map(|(at, _)| Cause::new("pending-node", words).on(case.node_name(at))));
    }
    if causes.is_empty() && no_quorum(case, index).is_none() {
        let id = facts.resource(index).id.as_str();
        let change = case.plan.changes.iter().find(|change| change.subject == id && !change.reason.is_empty());
        let reason = change.map(|change| change.reason.trim_start_matches("due to ").trim_end_matches(" (blocked)"));
        causes.push(match reason.filter(|reason| *reason != "blocked") {
            Some(reason) => super::choice::of_change(case, index, reason),
            None => {
                let what = if runs_there && role == Role::Promoted { "its promotion" } else { "its start" };
                Cause::new("other", format!("{what} on {{node}} waits for something that cannot be done")).on(case.node_name(node))
            }
        });
    }
    causes
}

/// Returns the nodes that would have to be fenced before anything is started, and cannot be.
pub(super) fn unfenced(case: &Case<'_>, index: ResourceIndex) -> Vec<Cause> {
    let facts = case.facts();
    let resource = facts.resource(index);
    let mut causes = Vec::new();
    for (at, node) in facts.nodes_in_order().filter(|(at, node)| node.unclean && !facts.can_fence(*at)) {
        let name = case.node_name(at);
        let why = match () {
            () if !facts.have_fencing => "there is no fence device",
            () if !facts.have_quorum => "only a part of the cluster with quorum may fence",
            () => "it cannot be fenced",
        };
        let may = if resource.active_nodes.contains(&at) { "it may still run on {node}, which" } else { "{node}" };
        let words = format!("{may} has to be fenced first, and {why}");
        let _ = node;
        causes.push(Cause::new("unclean", words).id(&name).on(&name).fix(Fix::Off { node: name.clone() }));
    }
    causes
}

/// Returns the member before it in its group that does not run.
fn previous_member(case: &Case<'_>, index: ResourceIndex, depth: usize) -> Option<Cause> {
    let facts = case.facts();
    let parent = facts.resource(index).parent.filter(|parent| facts.resource(*parent).is_group())?;
    let members = &facts.resource(parent).children;
    let position = members.iter().position(|member| *member == index)?;
    let previous = members[..position].iter().find(|member| !case.comes_to_run(**member))?;
    let why = deeper(case, *previous, depth);
    let told = why.as_ref().map_or(String::new(), |cause| format!(": {}", cause.words()));
    let (group, name) = (&facts.resource(parent).configured_id, facts.printable_id(*previous));
    let mut cause = Cause::new("group", format!("{name}, before it in group {group}, does not run{told}")).id(name);
    cause.fixes = why.map(|cause| cause.fixes).unwrap_or_default();
    Some(cause)
}

/// Returns the orders after something that does not come about.
pub(super) fn orders(case: &Case<'_>, index: ResourceIndex, role: Role, depth: usize) -> Vec<Cause> {
    let facts = case.facts();
    let mut above = vec![index];
    while let Some(parent) = above.last().and_then(|at| facts.resource(*at).parent) {
        above.push(parent);
    }
    let action = if role == Role::Promoted { "promote" } else { "start" };
    let mut causes = Vec::new();
    for order in &case.decision.constraints.orders {
        let OrderEffect::Configured(OrderKind::Mandatory, _) = order.effect else { continue };
        let OrderEnd::Action { resource: then, action: then_action } = &order.then else { continue };
        let OrderEnd::Action { resource: first, action: first_action } = &order.first else { continue };
        if !above.contains(then) || then_action != action || above.contains(first) {
            continue;
        }
        let comes_about = |at: &ResourceIndex| match first_action.as_str() {
            "start" => case.comes_to_run(*at),
            "promote" => case.comes_to_run(*at) && case.decision.role_planned(*at) == Role::Promoted,
            "stop" => case.planned_node(*at).is_none() && !is_running(case, *at),
            _ => true,
        };
        let primitives = case.primitives_in(*first);
        let is_clone = facts.resource(*first).is_clone();
        let fine = if is_clone { primitives.iter().any(comes_about) } else { primitives.iter().all(comes_about) };
        if fine || primitives.is_empty() {
            continue;
        }
        let name = facts.resource(*first).configured_id.as_str();
        let state = match first_action.as_str() {
            "promote" => "is promoted nowhere",
            "stop" => "does not stop",
            _ => "does not run",
        };
        let why = if first_action == "start" { deeper(case, *first, depth) } else { None };
        let told = why.as_ref().map_or(String::new(), |cause| format!(": {}", cause.words()));
        let id = case.constraint(&order.id).and_then(Element::id).unwrap_or(&order.id).to_owned();
        let mut cause =
            Cause::new("order", format!("constraint {id} orders it after the {first_action} of {name}, which {state}{told}")).id(&id);
        cause.fixes = why.map(|cause| cause.fixes).unwrap_or_default();
        cause.fixes.extend(case.constraint(&order.id).map(super::obstacles::unconstrained));
        causes.push(cause);
    }
    causes
}

/// Returns the orders after enough of several, of which too few come about.
fn gates(case: &Case<'_>, index: ResourceIndex) -> Vec<Cause> {
    let facts = case.facts();
    let constraints = &case.decision.constraints;
    let top = facts.top_of(index, true);
    let mut causes = Vec::new();
    for order in &constraints.orders {
        let (OrderEnd::Gate(gate), OrderEnd::Action { resource: then, .. }) = (&order.first, &order.then) else { continue };
        if facts.top_of(*then, true) != top {
            continue;
        }
        let inputs = constraints.orders.iter().filter(|input| input.then == OrderEnd::Gate(*gate)).filter_map(|input| match &input.first {
            OrderEnd::Action { resource, .. } => Some(*resource),
            OrderEnd::Gate(_) => None,
        });
        let inputs: Vec<ResourceIndex> = inputs.collect();
        let required = constraints.gates.get(*gate as usize).map_or(1, |gate| gate.required);
        let running = inputs.iter().flat_map(|input| case.primitives_in(*input)).filter(|at| case.comes_to_run(*at)).count();
        if running >= required as usize {
            continue;
        }
        let mut names: Vec<String> = inputs.iter().map(|input| facts.resource(*input).configured_id.to_string()).collect();
        names.dedup();
        let id = case.constraint(&order.id).and_then(Element::id).unwrap_or(&order.id).to_owned();
        let words = format!("constraint {id} orders it after {required} of {}, and {running} will run", joined(&names));
        let mut cause = Cause::new("order", words).id(id);
        cause.fixes.extend(case.constraint(&order.id).map(super::obstacles::unconstrained));
        causes.push(cause);
    }
    causes
}

fn is_running(case: &Case<'_>, index: ResourceIndex) -> bool {
    case.place(index).is_some_and(|place| !place.nodes.is_empty() || !place.uncertain.is_empty())
}

/// Its stop where it runs now is not in the plan, and must come first.
fn unplanned_stop(case: &Case<'_>, index: ResourceIndex) -> Option<Cause> {
    let facts = case.facts();
    let resource = facts.resource(index);
    let target = case.planned_node(index);
    let elsewhere: Vec<NodeIndex> = resource.active_nodes.iter().copied().filter(|node| Some(*node) != target).collect();
    if elsewhere.is_empty() || case.has_action(index, "stop") {
        return None;
    }
    let names: Vec<String> = elsewhere.iter().map(|node| case.node_name(*node)).collect();
    let state = elsewhere.iter().find_map(|node| super::obstacles::of_node(case, *node));
    let why = state.map_or(String::new(), |cause| format!(": {}", cause.words()));
    Some(
        Cause::new("stop", format!("it has to be stopped on {} first, which cannot be done{why}", joined(&names))).id(resource.id.as_str()),
    )
}
