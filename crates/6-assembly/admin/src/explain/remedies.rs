//! What would be otherwise if one thing were: each tried by asking the scheduler again and carrying its plans out on paper.
//!
//! What is told was seen to be so. Where no single change helps, the fewest that do together are looked for, node by node.

use super::answer::Remedy;
use super::case::Case;
use super::fix::{Fix, with_standby};
use super::part::Explained;
use crate::outlook::{Place, Places};
use crate::what_if::joined;
use model::Role;
use std::collections::{BTreeMap, BTreeSet};
use xml::Element;

/// The most changes that are tried for one answer; each is one or two more decisions of the scheduler.
pub(super) const TRIALS_MAX: usize = 24;
/// The most that are told.
const TOLD_MAX: usize = 8;
/// The most changes that are tried together.
const TOGETHER_MAX: usize = 4;

/// Where the resources that were asked about would be: by their names as people know them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Outcome(BTreeMap<String, BTreeMap<String, Role>>);

impl Outcome {
    pub fn of(names: &BTreeSet<String>, places: &Places) -> Self {
        let place = |name: &String| places.get(name).map_or_else(BTreeMap::new, |place: &Place| place.nodes.clone());
        Self(names.iter().map(|name| (name.clone(), place(name))).collect())
    }

    /// Returns how many run, and how many of them promoted.
    pub fn weight(&self) -> (usize, usize) {
        let all = self.0.values().flat_map(BTreeMap::values);
        all.fold((0, 0), |(running, promoted), role| (running + 1, promoted + usize::from(*role == Role::Promoted)))
    }

    pub fn nodes(&self) -> Vec<String> {
        let nodes: BTreeSet<&String> = self.0.values().flat_map(BTreeMap::keys).collect();
        nodes.into_iter().cloned().collect()
    }

    /// Returns what would be, as a sentence begins.
    pub fn words(&self) -> String {
        let mut roles: BTreeMap<&String, Role> = BTreeMap::new();
        for (node, role) in self.0.values().flatten() {
            let known = roles.entry(node).or_default();
            *known = (*known).max(*role);
        }
        let nodes: Vec<String> =
            roles.iter().map(|(node, role)| if *role == Role::Promoted { format!("{node} (promoted)") } else { (*node).clone() }).collect();
        if nodes.is_empty() {
            return "it would stop".to_owned();
        }
        let missing: Vec<String> = self.0.iter().filter(|(_, nodes)| nodes.is_empty()).map(|(name, _)| name.clone()).collect();
        let without = if missing.is_empty() { String::new() } else { format!(", without {}", joined(&missing)) };
        format!("it would run on {}{without}", joined(&nodes))
    }
}

/// What was found out.
pub(super) struct Findings {
    pub remedies: Vec<Remedy>,
    /// The changes that help alone.
    pub proven: Vec<Fix>,
}

/// Tries what might change where the parts run, and returns what does.
pub(super) fn remedies(case: &Case<'_>, parts: &[Explained], fixes: Vec<Fix>) -> Findings {
    let names = names(case, parts);
    let before = Outcome::of(&names, case.end());
    let is_down = parts.iter().any(|part| part.is_down);
    let helps = |after: &Outcome| if is_down { after.weight() > before.weight() } else { *after != before };
    let mut findings = Findings { remedies: Vec::new(), proven: Vec::new() };
    for fix in fixes.iter().take(TRIALS_MAX) {
        let Some(changed) = fix.apply(case.cib, case.facts()) else { continue };
        let after = Outcome::of(&names, &case.end_of(&changed));
        if helps(&after) {
            findings.proven.push(fix.clone());
            findings.remedies.push(remedy(std::slice::from_ref(fix), &after));
        }
    }
    if findings.remedies.is_empty() && is_down {
        findings.remedies.extend(together(case, parts, &names, &helps));
    }
    findings.remedies.truncate(TOLD_MAX);
    findings
}

fn names(case: &Case<'_>, parts: &[Explained]) -> BTreeSet<String> {
    parts.iter().flat_map(|part| &part.instances).map(|index| case.facts().printable_id(*index).to_owned()).collect()
}

/// Returns changes and what came of them as an answer.
pub(super) fn remedy(fixes: &[Fix], after: &Outcome) -> Remedy {
    let all = |of: &dyn Fn(&Fix) -> Option<String>| fixes.iter().filter_map(of).collect::<Vec<_>>();
    let cautions = all(&|fix| fix.caution());
    Remedy {
        kind: if fixes.len() == 1 { fixes[0].kind() } else { "several" },
        id: all(&|fix| Some(fix.id())).join(" "),
        condition: joined(&all(&|fix| Some(fix.condition()))),
        outcome: after.words(),
        would_run_on: after.nodes(),
        commands: all(&|fix| fix.command()),
        caution: (!cautions.is_empty()).then(|| cautions.join("; ")),
    }
}

/// No single change helps: looks for the fewest together that open one node.
pub(super) fn together(case: &Case<'_>, parts: &[Explained], names: &BTreeSet<String>, helps: &dyn Fn(&Outcome) -> bool) -> Option<Remedy> {
    let causes = || parts.iter().flat_map(|part| &part.causes);
    let everywhere: Vec<Fix> = dedup(causes().filter(|cause| cause.nodes.is_empty()).flat_map(|cause| cause.fixes.clone()));
    let mut candidates: Vec<Vec<Fix>> = Vec::new();
    for node in case.facts().node_order.iter().map(|node| case.node_name(*node)) {
        let here = causes().filter(|cause| cause.nodes.contains(&node));
        let here = here.flat_map(|cause| match cause.fixes.len() == cause.nodes.len() {
            true => cause.nodes.iter().zip(&cause.fixes).filter(|(at, _)| **at == node).map(|(_, fix)| fix.clone()).collect::<Vec<_>>(),
            false => cause.fixes.clone(),
        });
        candidates.push(dedup(everywhere.iter().cloned().chain(here)));
    }
    candidates.push(everywhere.clone());
    candidates.retain(|fixes| (2..=TOGETHER_MAX).contains(&fixes.len()));
    candidates.sort_by_key(Vec::len);
    candidates.dedup();
    let outcome = |fixes: &[Fix]| {
        let changed = fixes.iter().try_fold(case.cib.clone(), |cib: Element, fix| fix.apply(&cib, case.facts()).or(Some(cib)));
        changed.map(|changed| Outcome::of(names, &case.end_of(&changed)))
    };
    for mut fixes in candidates.into_iter().take(TRIALS_MAX / TOGETHER_MAX) {
        let Some(mut after) = outcome(&fixes).filter(|after| helps(after)) else { continue };
        // What is not needed is left out.
        let mut at = 0;
        while at < fixes.len() && fixes.len() > 1 {
            let mut fewer = fixes.clone();
            fewer.remove(at);
            match outcome(&fewer).filter(|after| helps(after)) {
                Some(found) => (fixes, after) = (fewer, found),
                None => at += 1,
            }
        }
        return Some(remedy(&fixes, &after));
    }
    None
}

fn dedup(fixes: impl Iterator<Item = Fix>) -> Vec<Fix> {
    let mut found: Vec<Fix> = Vec::new();
    for fix in fixes {
        if !found.contains(&fix) {
            found.push(fix);
        }
    }
    found
}

/// Returns where it would run if the one node that runs it could not any more.
pub(super) fn after_loss(case: &Case<'_>, parts: &[Explained]) -> Vec<Remedy> {
    let names = names(case, parts);
    let before = Outcome::of(&names, case.end());
    let nodes = before.nodes();
    let [node] = nodes.as_slice() else { return Vec::new() };
    let Some(known) = case.facts().find_node(node).map(|at| case.facts().node(at)) else { return Vec::new() };
    let after = Outcome::of(&names, &case.end_of(&with_standby(case.cib, &known.id)));
    if after == before {
        return Vec::new();
    }
    vec![Remedy {
        kind: "loss",
        id: node.clone(),
        condition: format!("{node} could not run it any more"),
        outcome: after.words(),
        would_run_on: after.nodes(),
        commands: Vec::new(),
        caution: None,
    }]
}
