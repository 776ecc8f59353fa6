//! Orders: pairs, sets, sets with sets, and "at least so many of these first".
//!
//! From the configuration's orders, tags and sets expanded, to `Order` values in the order of their creation, which the
//! ordering pass turns into relations between actions. Never makes an action.

use super::names::{Named, Names, Set, problem};
use super::{Constraints, Gate, Order, OrderEffect, OrderEnd, OrderKind, OrderSymmetry};
use compact_str::CompactString;
use model::Score;
use status::{Problem, ResourceIndex};

/// What all orders of one constraint have in common.
struct Common<'c> {
    id: &'c str,
    kind: OrderKind,
    symmetrical: Option<bool>,
    symmetry: OrderSymmetry,
}

/// Adds a configured order.
pub(super) fn add(order: &cib::Order<'_>, names: &Names<'_>, constraints: &mut Constraints) {
    let kind = kind(order.kind, order.score, order.id, &mut constraints.problems);
    let symmetry = symmetry(kind, order.symmetrical);
    let common = Common { id: order.id, kind, symmetrical: order.symmetrical, symmetry };
    if !order.sets.is_empty() {
        let sets = names.expanded(&order.sets, &mut constraints.problems);
        return add_sets(&common, &sets, names, constraints);
    }
    let (Some(first), Some(then)) = (order.first, order.then) else { return };
    match (names.named(first.resource), names.named(then.resource)) {
        (Named::Resource(first_resource), Named::Resource(then_resource)) => {
            let first_action = first.action.unwrap_or("start");
            let then_action = then.action.unwrap_or(first_action);
            add_pair(&common, order, (first_resource, first_action), (then_resource, then_action), names, constraints);
        }
        (Named::Nothing, _) => missing(order.id, first.resource, constraints),
        (_, Named::Nothing) => missing(order.id, then.resource, constraints),
        _ => {
            let mut sides = [names.side(first.resource), names.side(then.resource)];
            sides[0].action = first.action.map(CompactString::from);
            sides[1].action = then.action.map(CompactString::from);
            add_sets(&common, &sides, names, constraints);
        }
    }
}

fn missing(id: &str, name: &str, constraints: &mut Constraints) {
    problem(&mut constraints.problems, format!("order {id} is ignored, because there is no resource, template or tag {name}"));
}

/// Returns the kind of an order; very old documents have a score in its place.
fn kind(kind: Option<&str>, score: Option<&str>, id: &str, problems: &mut Vec<Problem>) -> OrderKind {
    match kind {
        Some("Mandatory") => OrderKind::Mandatory,
        Some("Optional") => OrderKind::Optional,
        Some("Serialize") => OrderKind::Serialize,
        Some(other) => {
            problem(problems, format!("order {id} is Mandatory, because {other} is no kind"));
            OrderKind::Mandatory
        }
        None => match score.map(|score| Score::parse(score).unwrap_or_default()) {
            Some(Score::ZERO) => OrderKind::Optional,
            _ => OrderKind::Mandatory,
        },
    }
}

fn symmetry(kind: OrderKind, symmetrical: Option<bool>) -> OrderSymmetry {
    if kind != OrderKind::Serialize && symmetrical != Some(false) { OrderSymmetry::Symmetric } else { OrderSymmetry::Asymmetric }
}

/// Returns the action that undoes another.
fn inverse(action: &str) -> Option<&'static str> {
    Some(match action {
        "start" => "stop",
        "stop" => "start",
        "promote" => "demote",
        "demote" => "promote",
        "promoted" => "demoted",
        "demoted" => "promoted",
        "running" => "stopped",
        "stopped" => "running",
        _ => return None,
    })
}

fn add_pair(
    common: &Common<'_>,
    order: &cib::Order<'_>,
    first: (ResourceIndex, &str),
    then: (ResourceIndex, &str),
    names: &Names<'_>,
    constraints: &mut Constraints,
) {
    match instances_required(names, first.0, order.require_all) {
        0 => push(common.id, action(first), action(then), OrderEffect::Configured(common.kind, common.symmetry), constraints),
        required => {
            let gate = gate(format!("clone-one-or-more:{}", common.id), required, constraints);
            for &instance in &names.facts.resource(first.0).children {
                push(common.id, action((instance, first.1)), gate.clone(), OrderEffect::GateInput, constraints);
            }
            push(common.id, gate, action(then), OrderEffect::GateOutput(common.kind, common.symmetry), constraints);
        }
    }
    if common.symmetry != OrderSymmetry::Symmetric {
        return;
    }
    match (inverse(first.1), inverse(then.1)) {
        (Some(first_action), Some(then_action)) => {
            let effect = OrderEffect::Configured(common.kind, OrderSymmetry::Inverse);
            push(common.id, action((then.0, then_action)), action((first.0, first_action)), effect, constraints);
        }
        _ => problem(&mut constraints.problems, format!("order {} has no inverse; say what it is", common.id)),
    }
}

/// Returns how many instances must be able to act before what follows; 0: no such demand.
fn instances_required(names: &Names<'_>, first: ResourceIndex, require_all: Option<bool>) -> u32 {
    let resource = names.facts.resource(first);
    if !resource.is_clone() {
        return 0;
    }
    match resource.meta.get("clone-min") {
        Some(text) => text.trim().parse().unwrap_or(0),
        None => u32::from(require_all == Some(false)),
    }
}

fn action((resource, action): (ResourceIndex, &str)) -> OrderEnd {
    OrderEnd::Action { resource, action: action.into() }
}

/// Returns the gate of this name, made where it is new.
fn gate(name: String, required: u32, constraints: &mut Constraints) -> OrderEnd {
    let known = constraints.gates.iter().position(|gate| gate.name == name);
    let at = known.unwrap_or_else(|| {
        constraints.gates.push(Gate { name: name.into(), required });
        constraints.gates.len() - 1
    });
    constraints.gates[at].required = required;
    OrderEnd::Gate(at as u32)
}

fn push(id: &str, first: OrderEnd, then: OrderEnd, effect: OrderEffect, constraints: &mut Constraints) {
    constraints.orders.push(Order { id: id.into(), first, then, effect });
}

fn add_sets(common: &Common<'_>, sets: &[Set], names: &Names<'_>, constraints: &mut Constraints) {
    let mut last: Option<(&Set, Vec<ResourceIndex>)> = None;
    for set in sets {
        let Some(resources) = resources(set, names, constraints) else { return };
        add_within(common, set, &resources, constraints);
        if let Some((last, last_resources)) = &last {
            let (earlier, later) = ((*last, &last_resources[..]), (set, &resources[..]));
            add_between(common, earlier, later, common.symmetry, constraints);
            if common.symmetry == OrderSymmetry::Symmetric {
                add_between(common, later, earlier, OrderSymmetry::Inverse, constraints);
            }
        }
        last = Some((set, resources));
    }
}

fn resources(set: &Set, names: &Names<'_>, constraints: &mut Constraints) -> Option<Vec<ResourceIndex>> {
    let mut resources = Vec::with_capacity(set.resources.len());
    for name in &set.resources {
        let Some(resource) = names.resource(name) else {
            problem(&mut constraints.problems, format!("set {} names {name}, which is no resource", set.id));
            return None;
        };
        resources.push(resource);
    }
    Some(resources)
}

/// Orders the members of a set.
fn add_within(common: &Common<'_>, set: &Set, resources: &[ResourceIndex], constraints: &mut Constraints) {
    if resources.len() < 2 {
        return;
    }
    let kind = match set.kind.as_deref() {
        Some(text) => kind(Some(text), None, &set.id, &mut constraints.problems),
        None => common.kind,
    };
    let symmetry_kind = match (set.kind.as_deref(), set.score.as_deref()) {
        (None, None) => common.kind,
        (text, score) => self::kind(text, score, &set.id, &mut constraints.problems),
    };
    let symmetry = symmetry(symmetry_kind, set.symmetrical.or(common.symmetrical));
    let name = set.action.as_deref().unwrap_or("start");
    let is_sequential = set.sequential != Some(false);
    let effect = OrderEffect::Configured(kind, symmetry);
    for (at, &resource) in resources.iter().enumerate() {
        if kind == OrderKind::Serialize {
            for &later in &resources[at + 1..] {
                push(&set.id, action((resource, name)), action((later, name)), effect, constraints);
            }
        } else if is_sequential && at > 0 {
            push(&set.id, action((resources[at - 1], name)), action((resource, name)), effect, constraints);
        }
    }
    if symmetry == OrderSymmetry::Asymmetric || !is_sequential {
        return;
    }
    let Some(name) = inverse(name) else { return };
    let effect = OrderEffect::Configured(kind, OrderSymmetry::Inverse);
    for pair in resources.windows(2) {
        push(&set.id, action((pair[1], name)), action((pair[0], name)), effect, constraints);
    }
}

/// Orders a set after another.
fn add_between(
    common: &Common<'_>,
    (first, first_resources): (&Set, &[ResourceIndex]),
    (then, then_resources): (&Set, &[ResourceIndex]),
    symmetry: OrderSymmetry,
    constraints: &mut Constraints,
) {
    let is_inverse = symmetry == OrderSymmetry::Inverse;
    let name = |set: &Set| -> Option<CompactString> {
        let name = set.action.clone().unwrap_or_else(|| CompactString::const_new("start"));
        if is_inverse { inverse(&name).map(CompactString::const_new) } else { Some(name) }
    };
    let (Some(first_name), Some(then_name)) = (name(first), name(then)) else { return };
    let goes_down = matches!(first_name.as_str(), "stop" | "demote");
    if first.require_all == Some(false) && !goes_down {
        let gate = gate(format!("one-or-more:{}", first.id), 1, constraints);
        for &resource in first_resources {
            push(common.id, action((resource, &first_name)), gate.clone(), OrderEffect::GateInput, constraints);
        }
        for &resource in then_resources {
            let effect = OrderEffect::GateOutput(common.kind, symmetry);
            push(common.id, gate.clone(), action((resource, &then_name)), effect, constraints);
        }
        return;
    }
    // Of sets that say they are sequential, only the members that face each other are needed.
    let facing = |set: &Set, resources: &'_ [ResourceIndex], is_last: bool| -> Vec<ResourceIndex> {
        match set.sequential {
            Some(true) if is_last => resources.last().copied().into_iter().collect(),
            Some(true) => resources.first().copied().into_iter().collect(),
            _ => resources.to_vec(),
        }
    };
    let thens = facing(then, then_resources, is_inverse);
    for first_resource in facing(first, first_resources, !is_inverse) {
        for &then_resource in &thens {
            let effect = OrderEffect::Configured(common.kind, symmetry);
            push(common.id, action((first_resource, &first_name)), action((then_resource, &then_name)), effect, constraints);
        }
    }
}
