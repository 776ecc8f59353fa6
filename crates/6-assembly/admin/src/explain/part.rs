//! One primitive, or all instances of a cloned one: what it does, why, and what it thinks of each node.

use super::answer::{NodeVerdict, Part, Term};
use super::case::Case;
use super::cause::Cause;
use super::causes::{DEPTH_MAX, drop_what_follows, hands_off, is_state, why_down};
use super::choice::{fencing_first, terms, under_way, why_here, why_not_promoted, why_promoted, why_restarted};
use super::fix::Fix;
use super::obstacles::{limit, obstacles};
use super::standing::{Does, does, now, planned, sentence};
use crate::waiting;
use model::{Role, Score};
use status::{Kind, NodeIndex, ResourceIndex};

/// A part of the answer, with the causes that it was made from.
pub(super) struct Explained {
    pub part: Part,
    pub causes: Vec<Cause>,
    pub instances: Vec<ResourceIndex>,
    /// It, or an instance of it that should run, does not run in the end; or nothing is promoted that should be.
    pub is_down: bool,
}

/// Returns the primitives in order, with all instances of the same one together.
pub(super) fn units(case: &Case<'_>, primitives: &[ResourceIndex]) -> Vec<Vec<ResourceIndex>> {
    let facts = case.facts();
    let mut units: Vec<Vec<ResourceIndex>> = Vec::new();
    for index in primitives {
        let resource = facts.resource(*index);
        let is_same = |unit: &&mut Vec<ResourceIndex>| {
            let first = facts.resource(unit[0]);
            first.configured_id == resource.configured_id && facts.top_of(unit[0], true) == facts.top_of(*index, true)
        };
        match units.iter_mut().find(is_same) {
            Some(unit) => unit.push(*index),
            None => units.push(vec![*index]),
        }
    }
    units
}

/// Explains one primitive or all of its instances.
pub(super) fn explained(case: &Case<'_>, instances: Vec<ResourceIndex>) -> Explained {
    let facts = case.facts();
    let first = instances[0];
    let name = facts.resource(first).configured_id.to_string();
    let clone = clone_above(case, first);
    // Instances beyond what runs and what is to run are of no interest one by one.
    let active: Vec<ResourceIndex> =
        instances.iter().copied().filter(|at| !facts.resource(*at).active_nodes.is_empty() || case.planned_node(*at).is_some()).collect();
    let idle: Vec<ResourceIndex> = instances.iter().copied().filter(|at| !active.contains(at)).collect();
    let told = if active.is_empty() { &instances[..1] } else { &active[..] };
    let standing = told.iter().map(|index| does(case, *index)).max().unwrap_or(Does::Stays);
    let mut summary = sentence(case, &name, told);
    let placed = active.iter().filter(|at| case.planned_node(**at).is_some()).count();
    let wanted = clone.map_or(1, |(_, clone)| usize::try_from(clone.max).unwrap_or(0).min(instances.len()));
    let lacking = wanted.saturating_sub(placed);
    if let Some((_, clone)) = clone.filter(|_| lacking > 0 && placed > 0) {
        let have = if lacking == 1 { "has" } else { "have" };
        summary += &format!("; {lacking} of its {} instances {have} no node", clone.max);
    }
    let flights: Vec<Cause> = instances.iter().filter_map(|index| under_way(case, *index)).collect();
    let is_awaited = matches!(standing, Does::Waits | Does::StaysStopped | Does::Starts | Does::LeftAlone | Does::Restarts);
    let mut causes: Vec<Cause> = if is_awaited { flights.clone() } else { Vec::new() };
    for index in told {
        causes.extend(of_instance(case, *index));
    }
    if lacking > 0 && !active.is_empty() && clone.is_some() {
        causes.extend(gaps(case, &idle, &active));
    }
    causes.extend(enough(case, &active, &idle).map(Cause::without_fixes));
    let promoted = clone.filter(|(_, clone)| clone.promoted_max > 0);
    let mut lacks_promotion = false;
    if let Some((top, kind)) = promoted {
        let chosen: Vec<ResourceIndex> = active.iter().copied().filter(|at| case.decision.role_planned(*at) == Role::Promoted).collect();
        lacks_promotion = chosen.is_empty() && placed > 0;
        for index in &chosen {
            causes.extend(case.planned_node(*index).and_then(|node| why_promoted(case, *index, node)));
        }
        if (chosen.len() as i32) < kind.promoted_max.min(placed as i32) {
            for index in active.iter().filter(|at| !chosen.contains(at)) {
                causes.extend(case.planned_node(*index).into_iter().flat_map(|node| why_not_promoted(case, *index, node, top)));
            }
        }
        if lacks_promotion {
            summary += "; no instance is to be promoted";
        }
    }
    causes.retain(|cause| is_awaited || cause.kind != "in-flight");
    if !is_awaited {
        causes.extend(flights);
    }
    let causes = Cause::merged(causes);
    let waits_for = waiting::lines(facts, &case.plan, &active).into_iter().map(|line| line.trim().to_owned()).collect();
    let is_down = active.is_empty()
        || lacking > 0
        || lacks_promotion
        || active.iter().any(|at| case.planned_node(*at).is_some() && !case.comes_to_run(*at));
    let of = facts.resource(first).parent.map(|_| facts.resource(facts.top_of(first, true)).configured_id.to_string());
    let part = Part {
        resource: name,
        of,
        now: now(case, &instances),
        planned: planned(case, &instances),
        standing: standing.word(),
        summary,
        causes: Vec::new(),
        nodes: verdicts(case, &instances, &active, &idle),
        waits_for,
    };
    Explained { part, causes, instances, is_down }
}

/// Returns the clone that a primitive is an instance (or in an instance) of.
fn clone_above<'c>(case: &'c Case<'_>, index: ResourceIndex) -> Option<(ResourceIndex, &'c status::Clone)> {
    let top = case.facts().top_of(index, false);
    match &case.facts().resource(top).kind {
        Kind::Clone(clone) => Some((top, clone)),
        _ => None,
    }
}

fn of_instance(case: &Case<'_>, index: ResourceIndex) -> Vec<Cause> {
    let facts = case.facts();
    let there = case.planned_node(index);
    match does(case, index) {
        Does::StaysStopped | Does::Stops | Does::Waits => why_down(case, index, DEPTH_MAX),
        Does::LeftAlone => hands_off(case, index),
        Does::Restarts => why_restarted(case, index),
        Does::Starts => {
            let mut causes = fencing_first(case, index);
            causes.extend(there.into_iter().flat_map(|node| why_here(case, index, node)));
            causes
        }
        Does::Moves => {
            let left = facts.resource(index).active_nodes.iter().filter(|node| Some(**node) != there);
            let mut causes: Vec<Cause> = fencing_first(case, index);
            if causes.is_empty() {
                let mut barred: Vec<Cause> = left.flat_map(|node| obstacles(case, index, *node, DEPTH_MAX)).collect();
                // The state of the node is enough.
                let states: Vec<Cause> = barred.iter().filter(|cause| is_state(cause)).cloned().collect();
                if !states.is_empty() {
                    barred = states;
                }
                causes.extend(barred);
            }
            causes.extend(there.into_iter().flat_map(|node| why_here(case, index, node)));
            causes
        }
        Does::Stays | Does::Promotes | Does::Demotes if clone_above(case, index).is_none() => {
            there.into_iter().flat_map(|node| why_here(case, index, node)).collect()
        }
        Does::Stays | Does::Promotes | Does::Demotes => Vec::new(),
    }
}

/// Returns that there are as many instances as there may be, where a node could run one more.
fn enough(case: &Case<'_>, active: &[ResourceIndex], idle: &[ResourceIndex]) -> Option<Cause> {
    let last = *active.last().filter(|_| idle.is_empty())?;
    let (_, clone) = clone_above(case, last)?;
    let is_free = |node: &NodeIndex| !active.iter().any(|at| case.planned_node(*at) == Some(*node));
    let could = |node: &NodeIndex| is_free(node) && obstacles(case, last, *node, 0).is_empty();
    (active.len() as i32 >= clone.max && case.facts().node_order.iter().any(could)).then(|| limit(case, last))
}

/// Returns why instances that should run have no node: what closes the nodes without one.
fn gaps(case: &Case<'_>, idle: &[ResourceIndex], active: &[ResourceIndex]) -> Vec<Cause> {
    let Some(index) = idle.first() else { return Vec::new() };
    let taken = |node: &NodeIndex| active.iter().any(|at| case.planned_node(*at) == Some(*node));
    let free = case.facts().node_order.iter().filter(|node| !taken(node));
    let causes: Vec<Cause> = free.flat_map(|node| obstacles(case, *index, *node, DEPTH_MAX)).collect();
    if causes.is_empty() {
        return case
            .facts()
            .node_order
            .iter()
            .filter(|node| taken(node))
            .flat_map(|node| obstacles(case, *index, *node, DEPTH_MAX))
            .collect();
    }
    let mut causes: Vec<Cause> = causes.into_iter().filter(|cause| cause.kind != "clone-max").collect();
    drop_what_follows(&mut causes);
    causes
}

fn verdicts(case: &Case<'_>, instances: &[ResourceIndex], active: &[ResourceIndex], idle: &[ResourceIndex]) -> Vec<NodeVerdict> {
    let facts = case.facts();
    let mut verdicts = Vec::new();
    for node in &facts.node_order {
        let goes = active.iter().copied().find(|at| case.planned_node(*at) == Some(*node));
        let is_at = active.iter().copied().find(|at| facts.resource(*at).active_nodes.contains(node));
        let speaker = goes.or(is_at).or(idle.first().copied()).or(instances.last().copied());
        let Some(index) = speaker else { continue };
        let mut obstacles = obstacles(case, index, *node, 0);
        drop_what_follows(&mut obstacles);
        if goes.is_none() && is_at.is_none() && obstacles.is_empty() && idle.is_empty() && clone_above(case, index).is_some() {
            obstacles.push(limit(case, index));
        }
        let score = case.score(index, *node);
        let shown: Vec<Term> = case
            .terms(index, *node)
            .filter(|reason| reason.score != Score::ZERO)
            .map(|r| Term { score: r.score.to_string(), source: r.source.clone(), id: r.id.clone(), words: r.words() })
            .collect();
        let sum = match (score, terms(case, index, *node)) {
            (None, _) => String::new(),
            (Some(score), terms) if terms.is_empty() => format!("score {score}"),
            (Some(score), terms) => format!("score {score} = {}", terms.join(" + ")),
        };
        // What is true everywhere is told once, above.
        let local: Vec<Cause> = obstacles.iter().filter(|cause| !cause.nodes.is_empty()).cloned().collect();
        let is_closed_by_itself = obstacles.iter().any(|cause| matches!(cause.kind, "offline" | "unclean" | "pending-node"));
        let row = match goes {
            None if local.is_empty() && !obstacles.is_empty() => None,
            None if !local.is_empty() => Some(rows(if is_closed_by_itself { &local[..1] } else { &local })),
            _ => Some(String::new()),
        };
        let (verdict, words) = match (goes, obstacles.is_empty()) {
            (Some(_), true) => ("here", format!("{sum}  <- chosen")),
            (Some(_), false) if !case.is_managed(index) => ("here", "it is there, and nothing is done with it".to_owned()),
            (Some(_), false) => ("here", format!("{sum}  <- chosen, although {}", rows(&obstacles))),
            (None, true) => ("open", sum),
            (None, false) => ("closed", rows(&obstacles)),
        };
        let (node, score) = (case.node_name(*node), score.map(|score| score.to_string()));
        let row = row.map(|row| if row.is_empty() { words.clone() } else { row });
        verdicts.push(NodeVerdict { node, verdict, score, terms: shown, words, row });
    }
    verdicts
}

/// Returns causes as the row of a node tells them.
fn rows(causes: &[Cause]) -> String {
    causes.iter().map(Cause::row).collect::<Vec<_>>().join("; ")
}

/// Returns the changes that might make a difference: what the causes bring along, then what else speaks for or against
/// a node.
pub(super) fn fixes(case: &Case<'_>, explained: &[Explained]) -> Vec<Fix> {
    let mut fixes: Vec<Fix> = Vec::new();
    let mut add = |fix: Fix| {
        if !fixes.contains(&fix) {
            fixes.push(fix);
        }
    };
    for one in explained {
        one.causes.iter().flat_map(|cause| &cause.fixes).cloned().for_each(&mut add);
    }
    let tops: Vec<ResourceIndex> = explained.iter().flat_map(|one| &one.instances).map(|at| case.facts().top_of(*at, true)).collect();
    let primitives: Vec<ResourceIndex> = tops.into_iter().flat_map(|top| case.primitives_in(top)).collect();
    let names: std::collections::BTreeSet<&str> = primitives.iter().map(|at| case.facts().resource(*at).id.as_str()).collect();
    let reasons = case.decision.placement.reasons.iter().filter(|r| names.contains(r.resource.as_str()) && r.score != Score::ZERO);
    for reason in reasons.filter(|r| matches!(r.source.as_str(), "location" | "colocation")) {
        if let Some(constraint) = case.constraint(&reason.id) {
            add(super::obstacles::unconstrained(constraint));
        }
    }
    fixes
}
