//! Where everything would be once a plan is carried out, from the plan alone: no result is recorded and no fact deduced anew.
//!
//! Only for plans of which that is certain; where anything is unusual there is no answer, and the plan has to be
//! carried out on paper. A test compares both ways over the incumbent's cases.

use crate::outlook::{Places, places};
use model::Role;
use status::{Facts, Kind, NodeKind};
use std::collections::{BTreeMap, BTreeSet};
use transition::{Action, ActionId, ActionKind, Plan};

/// Returns where everything would be; `None`: it takes more than the plan to know.
pub(crate) fn places_after(facts: &Facts, plan: &Plan) -> Option<Places> {
    if is_unusual(facts) || !comes_to_its_end(plan) {
        return None;
    }
    let mut places = places(facts);
    let fenced: BTreeSet<&str> = of(plan, "stonith").filter_map(|action| Some(action.node.as_ref()?.name.as_str())).collect();
    if of(plan, "stonith").any(|action| action.meta("stonith_action") == Some("on")) {
        return None;
    }
    for place in places.values_mut() {
        place.uncertain.retain(|node| !fenced.contains(node.as_str()));
        place.nodes.retain(|node, _| !fenced.contains(node.as_str()));
    }
    // A plan takes a resource down and then up again; the order of its actions is that of these steps.
    for (operation, role) in
        [("demote", Some(Role::Unpromoted)), ("stop", None), ("start", Some(Role::Started)), ("promote", Some(Role::Promoted))]
    {
        for action in of(plan, operation).filter(|action| action.kind == ActionKind::Resource) {
            let resource = action.resource.as_ref()?;
            let node = action.node.as_ref()?.name.to_string();
            let index = facts.find_resource(resource.long_id.as_ref().unwrap_or(&resource.id).as_str())?;
            let place = places.get_mut(facts.printable_id(index))?;
            match role {
                Some(role) => place.nodes.insert(node, role),
                None => place.nodes.remove(&node),
            };
        }
    }
    Some(places)
}

fn of<'p>(plan: &'p Plan, operation: &'p str) -> impl Iterator<Item = &'p Action> {
    plan.graph.actions.iter().filter(move |action| action.operation == operation)
}

/// Returns whether results would say more than that all went as planned.
fn is_unusual(facts: &Facts) -> bool {
    let shares_nodes = |kind: &Kind| matches!(kind, Kind::Clone(clone) if clone.node_max > 1);
    let is_odd = |resource: &status::Resource| {
        resource.orphan
            || resource.pending.is_some()
            || resource.failed
            || resource.blocked
            || shares_nodes(&resource.kind)
            || resource.is_bundle()
    };
    facts.have_remote_nodes
        || facts.nodes.iter().any(|node| node.kind != NodeKind::Member || node.pending)
        || !facts.failures.is_empty()
        || facts.resources.iter().any(is_odd)
}

/// Returns whether every action can be carried out, and none is of a kind that leaves something else behind.
fn comes_to_its_end(plan: &Plan) -> bool {
    const KNOWN: [&str; 8] = ["start", "stop", "promote", "demote", "monitor", "notify", "stonith", "clear_failcount"];
    let actions = &plan.graph.actions;
    if actions.iter().any(|action| action.kind != ActionKind::Pseudo && !KNOWN.contains(&action.operation.as_str())) {
        return false;
    }
    let position: BTreeMap<ActionId, usize> = actions.iter().enumerate().map(|(at, action)| (action.id, at)).collect();
    let mut missing: Vec<usize> = actions.iter().map(|action| action.after.len()).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); actions.len()];
    for (at, action) in actions.iter().enumerate() {
        for first in &action.after {
            let Some(first) = position.get(first) else { return false };
            followers[*first].push(at);
        }
    }
    let mut ready: Vec<usize> = (0..actions.len()).filter(|at| missing[*at] == 0).collect();
    let mut done = 0;
    while let Some(at) = ready.pop() {
        done += 1;
        for follower in &followers[at] {
            missing[*follower] -= 1;
            if missing[*follower] == 0 {
                ready.push(*follower);
            }
        }
    }
    done == actions.len()
}
