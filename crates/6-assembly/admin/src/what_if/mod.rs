//! What if something happened: the change is carried out on paper, and what would be different is told, with the reasons.
//!
//! Nothing is contacted or touched. `change` has what can be imagined, `report` has the words; why a
//! resource is left down is explained as `explain` does.

mod change;
mod report;
#[cfg(test)]
mod tests;

pub use change::{Change, Imagined, Votes};
pub(crate) use change::{joined, without};

use crate::exit::Refusal;
use crate::explain::{Down, downs};
use crate::outlook::{Outlook, Place, Places, places};
use model::Timestamp;
use serde::Serialize;
use status::Facts;
use std::collections::{BTreeMap, BTreeSet};
use transition::{Plan, PlannedChange};
use xml::Element;

/// What would be different.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// What is imagined, in words.
    pub event: String,
    pub notes: Vec<String>,
    /// The nodes that would be fenced, with the reasons.
    pub fenced: BTreeMap<String, String>,
    pub has_quorum: bool,
    /// Resources that would be elsewhere, or be stopped and started.
    pub shifts: Vec<Shift>,
    /// Resources that run now and would not run anywhere.
    pub down: Vec<Down>,
    /// How many resources would not notice.
    pub unaffected: usize,
    /// What is due now, whether the change comes or not.
    pub due_anyway: Vec<PlannedChange>,
    /// What would be done, plan by plan.
    pub changes: Vec<Vec<PlannedChange>>,
    /// A plan could not be carried out to its end.
    pub is_stuck: bool,
    #[serde(skip)]
    pub plans: Vec<Plan>,
}

/// How the place of a resource changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShiftKind {
    /// Nobody knows whether it still runs on a node that is not fenced.
    Uncertain,
    /// It stops because that is what was asked for.
    Stops,
    /// No instance is promoted any more.
    Demoted,
    /// It runs on fewer nodes.
    Shrinks,
    Moves,
    /// It stays where it is, and is stopped and started there.
    Restarts,
    /// Other instances are promoted.
    Promotes,
    Grows,
    Starts,
}

/// A resource whose place changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Shift {
    pub resource: String,
    pub kind: ShiftKind,
    pub before: Place,
    pub after: Place,
    /// Why it goes where it goes: the score there and its terms, with the ids of the constraints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Answers what would be if.
///
/// # Errors
/// When the change names something that is not there.
pub fn what_if(cib: &Element, change: &Change, now: Timestamp) -> Result<Answer, Refusal> {
    let facts = Facts::deduce(cib, now);
    let mut imagined = change.imagine(cib, &facts)?;
    let mut outlook = Outlook::settled_beside(&imagined.cib, &facts);
    if !change.leaving().is_empty() {
        outlook = gone(outlook, &mut imagined, change.leaving());
    }
    let before = places(&facts);
    let after = outlook.places();
    let shifts = shifts(&before, &after, &outlook.plans);
    let down = downs(&outlook.cib, outlook.facts.now, &left_down(&before, &after), true);
    let affected: BTreeSet<&str> =
        shifts.iter().map(|shift| shift.resource.as_str()).chain(down.iter().map(|down| down.resource.as_str())).collect();
    let unaffected = before.keys().filter(|name| !affected.contains(name.as_str())).count();
    Ok(Answer {
        event: imagined.event,
        notes: imagined.notes,
        fenced: outlook.fenced(),
        has_quorum: outlook.facts.have_quorum,
        shifts,
        down,
        unaffected,
        due_anyway: scheduler::schedule(&facts).changes,
        changes: outlook.plans.iter().map(|plan| plan.changes.clone()).filter(|changes| !changes.is_empty()).collect(),
        is_stuck: outlook.is_stuck,
        plans: outlook.plans,
    })
}

/// Lets nodes go that have stopped everything, and settles again.
fn gone(outlook: Outlook, imagined: &mut Imagined, nodes: &[String]) -> Outlook {
    let now = outlook.facts.now;
    imagined.cib = outlook.cib.clone();
    let injections = rehearsal::Injections { nodes_down: nodes.to_vec(), ..rehearsal::Injections::default() };
    rehearsal::inject(&mut imagined.cib, &outlook.facts, &injections, now);
    imagined.count_votes(&outlook.facts, nodes);
    let rest = Outlook::settled_beside(&imagined.cib, &outlook.facts);
    let plans = outlook.plans.into_iter().chain(rest.plans).collect();
    Outlook { plans, is_stuck: outlook.is_stuck || rest.is_stuck, ..rest }
}

/// Returns the resources that run before and not after, though they are meant to, with the nodes they ran on.
pub(crate) fn left_down(before: &Places, after: &Places) -> BTreeMap<String, Vec<String>> {
    let runs = before.iter().filter(|(_, place)| !place.nodes.is_empty());
    let is_down = |name: &String| after.get(name).is_some_and(|place| place.nodes.is_empty() && !place.disabled);
    runs.filter(|(name, _)| is_down(name)).map(|(name, place)| (name.clone(), place.nodes.keys().cloned().collect())).collect()
}

/// Compares places; what is left down is not among the answers.
pub(crate) fn shifts(before: &Places, after: &Places, plans: &[Plan]) -> Vec<Shift> {
    let nowhere = Place::default();
    let restarted = restarted(plans);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut shifts = Vec::new();
    for name in names {
        let (old, new) = (before.get(name).unwrap_or(&nowhere), after.get(name).unwrap_or(&nowhere));
        let Some(kind) = kind(old, new, restarted.contains(name.as_str())) else { continue };
        if kind == ShiftKind::Stops && !new.disabled && after.contains_key(name) {
            continue;
        }
        let why = new.nodes.keys().find(|node| !old.nodes.contains_key(*node));
        let why = why.and_then(|node| plans.iter().find_map(|plan| plan.choice(name, node)));
        shifts.push(Shift { resource: name.clone(), kind, before: old.clone(), after: new.clone(), why });
    }
    shifts.sort_by(|a, b| (a.kind, &a.resource).cmp(&(b.kind, &b.resource)));
    shifts
}

fn kind(old: &Place, new: &Place, restarted: bool) -> Option<ShiftKind> {
    let (had, has) = (old.nodes.len(), new.nodes.len());
    Some(match () {
        () if new.uncertain.difference(&old.uncertain).next().is_some() => ShiftKind::Uncertain,
        () if had > 0 && has == 0 => ShiftKind::Stops,
        () if had == 0 && has > 0 => ShiftKind::Starts,
        () if old.promoted() > 0 && new.promoted() == 0 => ShiftKind::Demoted,
        () if has < had => ShiftKind::Shrinks,
        () if has > had => ShiftKind::Grows,
        () if old.nodes.keys().ne(new.nodes.keys()) => ShiftKind::Moves,
        () if old.nodes != new.nodes => ShiftKind::Promotes,
        () if restarted && has > 0 => ShiftKind::Restarts,
        () => return None,
    })
}

/// Returns the resources that are stopped and started where they are.
fn restarted(plans: &[Plan]) -> BTreeSet<&str> {
    let lines = plans.iter().flat_map(|plan| &plan.changes);
    let restarts = lines.filter(|line| matches!(line.verb.as_str(), "Restart" | "Recover" | "Re-promote"));
    restarts.map(|line| line.subject.split(':').next().unwrap_or(&line.subject)).collect()
}
