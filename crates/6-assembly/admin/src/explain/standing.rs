//! What a primitive does now and is to do: one word for programs, a sentence for people.

use super::answer::Spot;
use super::case::Case;
use crate::what_if::joined;
use model::Role;
use status::{NodeIndex, ResourceIndex};
use std::collections::{BTreeMap, BTreeSet};

/// What is to become of one primitive; ordered by how much it is worth telling.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Does {
    Stays,
    Starts,
    Promotes,
    Demotes,
    Restarts,
    Moves,
    Stops,
    LeftAlone,
    StaysStopped,
    /// What is due (a start, a stop, a move) is not in the plan.
    Waits,
}

impl Does {
    pub fn word(self) -> &'static str {
        match self {
            Self::Stays => "stays",
            Self::Starts => "starts",
            Self::Promotes => "promotes",
            Self::Demotes => "demotes",
            Self::Restarts => "restarts",
            Self::Moves => "moves",
            Self::Stops => "stops",
            Self::LeftAlone => "left-alone",
            Self::StaysStopped => "stays-stopped",
            Self::Waits => "waits",
        }
    }
}

/// Returns what is to become of a primitive.
pub(super) fn does(case: &Case<'_>, index: ResourceIndex) -> Does {
    let here = &case.facts().resource(index).active_nodes;
    let there = case.planned_node(index);
    if !case.is_managed(index) && (!here.is_empty() || there.is_none()) {
        return if here.is_empty() && super::causes::hands_off(case, index).is_empty() { Does::StaysStopped } else { Does::LeftAlone };
    }
    let has = |operation| case.has_action(index, operation);
    let role = case.decision.placement.role_now[index.position()];
    let planned = case.decision.role_planned(index);
    match (here.as_slice(), there) {
        ([], None) => Does::StaysStopped,
        ([], Some(_)) if has("start") || case.comes_to_run(index) => Does::Starts,
        ([], Some(_)) => Does::Waits,
        (_, None) if has("stop") => Does::Stops,
        (_, None) => Does::Waits,
        ([only], Some(node)) if *only == node => match () {
            () if has("stop") && has("start") => Does::Restarts,
            () if has("stop") => Does::Stops,
            () if has("promote") && role != Role::Promoted => Does::Promotes,
            () if has("demote") && planned != Role::Promoted => Does::Demotes,
            () if has("demote") => Does::Restarts,
            () if planned == Role::Promoted && role != Role::Promoted => Does::Waits,
            () => Does::Stays,
        },
        (_, Some(node)) => match () {
            () if here.contains(&node) && has("stop") && !has("start") => Does::Stops,
            () if has("stop") || has("migrate_to") || has("migrate_from") || has("start") => Does::Moves,
            () => Does::Waits,
        },
    }
}

/// Returns where some primitives are now.
pub(super) fn now(case: &Case<'_>, instances: &[ResourceIndex]) -> Vec<Spot> {
    let spots = instances.iter().flat_map(|index| case.roles_now(*index));
    let spots: BTreeSet<Spot> = spots.map(|(node, role)| Spot { node: case.node_name(node), role: role.to_string() }).collect();
    spots.into_iter().collect()
}

/// Returns where some primitives are to be.
pub(super) fn planned(case: &Case<'_>, instances: &[ResourceIndex]) -> Vec<Spot> {
    let spots = instances.iter().filter_map(|index| {
        let node = case.planned_node(*index)?;
        Some(Spot { node: case.node_name(node), role: case.decision.role_planned(*index).to_string() })
    });
    let spots: BTreeSet<Spot> = spots.collect();
    spots.into_iter().collect()
}

/// Returns what a primitive (all of its instances) does and is to do, as a sentence without its full stop.
pub(super) fn sentence(case: &Case<'_>, name: &str, instances: &[ResourceIndex]) -> String {
    let mut parts = vec![present(case, instances)];
    let mut events: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut moves = Vec::new();
    for index in instances {
        let here = &case.facts().resource(*index).active_nodes;
        let there = case.planned_node(*index);
        let names = |nodes: &[NodeIndex]| joined(&nodes.iter().map(|node| case.node_name(*node)).collect::<Vec<_>>());
        let promoted = if case.decision.role_planned(*index) == Role::Promoted { " and be promoted" } else { "" };
        let to = there.map_or_else(String::new, |node| case.node_name(node));
        match does(case, *index) {
            Does::Stays | Does::StaysStopped => {}
            Does::Starts if promoted.is_empty() => events.entry("is to start on").or_default().push(to),
            Does::Starts => events.entry("is to start and be promoted on").or_default().push(to),
            Does::Promotes => events.entry("is to be promoted on").or_default().push(to),
            Does::Demotes => events.entry("is to be demoted on").or_default().push(to),
            Does::Restarts => events.entry("is to be stopped and started again on").or_default().push(to),
            Does::Stops => {
                let stops = case.actions(*index).filter(|action| action.operation == "stop").filter_map(|action| action.node.as_ref());
                events.entry("is to stop on").or_default().extend(stops.map(|node| node.name.to_string()));
            }
            Does::LeftAlone => events.entry("is left alone").or_default().extend(here.iter().map(|_| String::new())),
            Does::Moves => {
                let live = if case.has_action(*index, "migrate_to") { " live" } else { "" };
                let from = if instances.len() > 1 { format!(" from {}", names(here)) } else { String::new() };
                moves.push(format!("is to move{live}{from} to {to}{promoted}"));
            }
            Does::Waits => match (here.is_empty(), there) {
                (true, _) => events.entry("cannot start yet on").or_default().push(to),
                (false, None) => events.entry("should stop, and cannot yet, on").or_default().push(names(here)),
                (false, Some(node)) if here.contains(&node) && here.len() == 1 => {
                    events.entry("should be promoted, and cannot yet, on").or_default().push(to);
                }
                (false, Some(_)) => moves.push(format!("should move to {to}, and cannot yet")),
            },
        }
    }
    let here = now(case, instances);
    let here: BTreeSet<&str> = here.iter().map(|spot| spot.node.as_str()).collect();
    let here: Vec<&str> = here.into_iter().collect();
    let quiet = events.is_empty() && moves.is_empty();
    for (verb, mut nodes) in events {
        nodes.retain(|node| !node.is_empty());
        nodes.sort();
        nodes.dedup();
        let is_known = nodes.len() == 1 && here == [nodes[0].as_str()];
        parts.push(match (nodes.is_empty(), is_known) {
            (true, _) => verb.to_owned(),
            (false, true) => format!("{} there", verb.trim_end_matches(" on").trim_end_matches(',')),
            (false, false) => format!("{verb} {}", joined(&nodes)),
        });
    }
    parts.extend(moves);
    if quiet {
        let runs = instances.iter().any(|index| !case.facts().resource(*index).active_nodes.is_empty());
        parts.push(if runs { "stays there" } else { "stays stopped" }.to_owned());
    }
    format!("{name} {}", parts.join(", and "))
}

/// Returns what it does now, as it follows its name.
fn present(case: &Case<'_>, instances: &[ResourceIndex]) -> String {
    let facts = case.facts();
    let mut roles: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for index in instances {
        for (node, role) in case.roles_now(*index) {
            let known = facts.node(node);
            let verb = match role {
                _ if known.unclean || !known.online => "may still run on",
                Role::Promoted => "is promoted on",
                Role::Unpromoted => "runs unpromoted on",
                _ => "runs on",
            };
            roles.entry(verb).or_default().push(case.node_name(node));
        }
    }
    if roles.is_empty() {
        return "is stopped".to_owned();
    }
    let parts: Vec<String> = roles
        .into_iter()
        .map(|(verb, mut nodes)| {
            nodes.sort();
            nodes.dedup();
            format!("{verb} {}", joined(&nodes))
        })
        .collect();
    parts.join(" and ")
}
