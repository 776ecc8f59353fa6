//! What the planned actions of a resource wait for, and which order of the configuration makes them wait.

use crate::configured::{constraints, sides};
use status::{Facts, ResourceIndex};
use std::collections::{BTreeMap, BTreeSet};
use transition::{Action, ActionId, ActionKind, Graph, Plan};

/// The most actions that one line names.
const NAMED_MAX: usize = 6;

/// Returns lines about the actions of these primitives that are due.
pub(crate) fn lines(facts: &Facts, plan: &Plan, primitives: &[ResourceIndex]) -> Vec<String> {
    let names: BTreeSet<&str> = primitives.iter().map(|index| facts.resource(*index).id.as_str()).collect();
    let is_of = |action: &&Action| {
        let Some(resource) = action.resource.as_ref().filter(|_| action.kind == ActionKind::Resource) else { return false };
        let name = resource.long_id.as_ref().unwrap_or(&resource.id);
        !matches!(action.operation.as_str(), "monitor" | "notify")
            && (names.contains(name.as_str()) || names.contains(resource.id.as_str()))
    };
    let by_id: BTreeMap<ActionId, &Action> = plan.graph.actions.iter().map(|action| (action.id, action)).collect();
    plan.graph.actions.iter().filter(is_of).filter_map(|action| line(facts, &plan.graph, &by_id, action)).collect()
}

fn line(facts: &Facts, graph: &Graph, by_id: &BTreeMap<ActionId, &Action>, action: &Action) -> Option<String> {
    let firsts = firsts(by_id, action);
    let mut waits: Vec<String> = graph
        .actions
        .iter()
        .filter(|first| firsts.contains(&first.id) && first.operation != "monitor")
        .map(|first| format!("{}{}", words(first), order(facts, first, action).map_or(String::new(), |id| format!(" (order {id})"))))
        .collect();
    if waits.is_empty() {
        return None;
    }
    let more = waits.len().saturating_sub(NAMED_MAX);
    waits.truncate(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!("  {} waits for {}{more}", words(action), waits.join(", ")))
}

/// Returns the actions that one waits for, through points that nobody carries out.
pub(crate) fn firsts_of<'g>(graph: &'g Graph, action: &Action) -> Vec<&'g Action> {
    let by_id: BTreeMap<ActionId, &Action> = graph.actions.iter().map(|action| (action.id, action)).collect();
    let firsts = firsts(&by_id, action);
    graph.actions.iter().filter(|first| firsts.contains(&first.id)).collect()
}

/// Returns what an action waits for, through points that nobody carries out and through notifications.
fn firsts(by_id: &BTreeMap<ActionId, &Action>, action: &Action) -> BTreeSet<ActionId> {
    let (mut found, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), action.after.clone());
    while let Some(id) = open.pop() {
        match by_id.get(&id) {
            Some(first) if first.kind == ActionKind::Pseudo || first.operation == "notify" => {
                if seen.insert(id) {
                    open.extend(&first.after);
                }
            }
            _ => {
                found.insert(id);
            }
        }
    }
    found
}

fn words(action: &Action) -> String {
    let node = action.node.as_ref().map_or("", |node| node.name.as_str());
    match (&action.resource, action.operation.as_str()) {
        (_, "stonith") => format!("the fencing of {node}"),
        (Some(resource), operation) => format!("the {operation} of {} on {node}", resource.long_id.as_ref().unwrap_or(&resource.id)),
        (None, operation) => format!("{operation} on {node}"),
    }
}

/// Returns the order of the configuration that stands between two actions, if one names their resources.
fn order(facts: &Facts, first: &Action, then: &Action) -> Option<String> {
    let top = |action: &Action| {
        let resource = action.resource.as_ref()?;
        let index = facts.find_resource(resource.long_id.as_ref().unwrap_or(&resource.id).as_str())?;
        Some(facts.top_of(index, true))
    };
    let (first, then) = (top(first)?, top(then)?);
    let names =
        |ids: &[&str], index: ResourceIndex| ids.iter().flat_map(|id| facts.resolve(id)).any(|found| facts.top_of(found, true) == index);
    let found = constraints(facts.cib()).filter(|e| e.name == "rsc_order" && first != then).find(|constraint| {
        let (thens, firsts) = sides(constraint);
        // A stop waits the other way round.
        (names(&thens, then) && names(&firsts, first)) || (names(&thens, first) && names(&firsts, then))
    })?;
    found.id().map(str::to_owned)
}
