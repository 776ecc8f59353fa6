//! Why resources are left down, and what would bring each back: the causes and remedies of an explanation, for several at
//! once. A change is tried once for all of them.

use super::answer::{CauseAnswer, Remedy};
use super::case::Case;
use super::cause::Cause;
use super::fix::Fix;
use super::part::{Explained, explained};
use super::remedies::{Outcome, TRIALS_MAX, remedy, together};
use super::report::{cause_lines, change_lines};
use crate::what_if::joined;
use model::Timestamp;
use serde::Serialize;
use status::ResourceIndex;
use std::collections::{BTreeMap, BTreeSet};
use xml::Element;

/// A resource that is left down, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Down {
    pub resource: String,
    /// Where it ran.
    pub was: Vec<String>,
    /// Why it does not run, the main cause first.
    pub causes: Vec<CauseAnswer>,
    /// What would bring it back, each tried.
    pub remedies: Vec<Remedy>,
}

impl Down {
    /// Returns why it is down (so many causes at most, the main one first) and what would change that, as lines.
    pub(crate) fn lines(&self, causes: usize) -> Vec<String> {
        let mut lines = cause_lines(&self.causes[..causes.min(self.causes.len())]);
        lines.extend(change_lines(&self.remedies));
        if self.remedies.is_empty() {
            lines.push("  Nothing was found that would bring it back.".to_owned());
        }
        lines
    }

    /// Returns the first line about it: what it is and where it ran.
    pub(crate) fn title(&self) -> String {
        format!("{}, now on {}", self.resource, joined(&self.was))
    }
}

/// Explains resources (by their names as people know them) that are down in a CIB in which the cluster has done what it can;
/// `was` says where each ran. `thoroughly`: where no single change brings any of them back, several together are tried.
pub(crate) fn downs(cib: &Element, now: Timestamp, was: &BTreeMap<String, Vec<String>>, thoroughly: bool) -> Vec<Down> {
    if was.is_empty() {
        return Vec::new();
    }
    let case = Case::of(cib, now);
    let mut instances: BTreeMap<&str, Vec<ResourceIndex>> = BTreeMap::new();
    for index in case.facts().walk().into_iter().filter(|index| case.facts().resource(*index).is_primitive()) {
        instances.entry(case.facts().printable_id(index)).or_default().push(index);
    }
    let mut known: Vec<(&String, Explained)> = Vec::new();
    for name in was.keys() {
        known.extend(instances.get(name.as_str()).map(|instances| (name, explained(&case, instances.clone()))));
    }
    let mut found = tried(&case, &known, thoroughly);
    let told = |(name, nodes): (&String, &Vec<String>)| {
        let (resource, was) = (name.clone(), nodes.clone());
        match found.remove(name) {
            Some((causes, remedies)) => Down { resource, was, causes, remedies },
            None => {
                let gone = Cause::new("removed", "it is not configured any more").id(name.as_str());
                Down { resource, was, causes: vec![gone.answer()], remedies: Vec::new() }
            }
        }
    };
    was.iter().map(told).collect()
}

type Told = (Vec<CauseAnswer>, Vec<Remedy>);

/// Tries what might bring one of them back, and ranks the causes of each by what did.
fn tried(case: &Case<'_>, downs: &[(&String, Explained)], thoroughly: bool) -> BTreeMap<String, Told> {
    let names = |name: &String| BTreeSet::from([name.clone()]);
    let helps = |name: &String, after: &Outcome| after.weight() > Outcome::of(&names(name), case.end()).weight();
    let mut proven: Vec<Vec<Fix>> = vec![Vec::new(); downs.len()];
    let mut remedies: Vec<Vec<Remedy>> = vec![Vec::new(); downs.len()];
    for fix in candidates(downs).into_iter().take(TRIALS_MAX) {
        let Some(changed) = fix.apply(case.cib, case.facts()) else { continue };
        let end = case.end_of(&changed);
        for (at, (name, _)) in downs.iter().enumerate() {
            let after = Outcome::of(&names(name), &end);
            if helps(name, &after) {
                remedies[at].push(remedy(std::slice::from_ref(&fix), &after));
                proven[at].push(fix.clone());
            }
        }
    }
    if thoroughly && remedies.iter().all(Vec::is_empty) {
        for (at, (name, part)) in downs.iter().enumerate().take(1) {
            let several = together(case, std::slice::from_ref(part), &names(name), &|after| helps(name, after));
            remedies[at].extend(several);
        }
    }
    let each = downs.iter().zip(proven).zip(remedies);
    each.map(|(((name, part), proven), remedies)| {
        let mut causes = part.causes.clone();
        super::rank(&mut causes, part.part.standing, &proven);
        ((*name).clone(), (causes.iter().map(Cause::answer).collect(), remedies))
    })
    .collect()
}

/// Returns the changes that the causes bring along: those of the main causes of all come before those of further ones.
fn candidates(downs: &[(&String, Explained)]) -> Vec<Fix> {
    let deepest = downs.iter().map(|(_, part)| part.causes.len()).max().unwrap_or(0);
    let mut fixes: Vec<Fix> = Vec::new();
    for depth in 0..deepest {
        for fix in downs.iter().filter_map(|(_, part)| part.causes.get(depth)).flat_map(|cause| &cause.fixes) {
            if !fixes.contains(fix) {
                fixes.push(fix.clone());
            }
        }
    }
    fixes
}
