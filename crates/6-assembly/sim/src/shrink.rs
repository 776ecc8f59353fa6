//! Makes a failed history as short as it goes: deeds that are not needed for what was found are left out.

use crate::run::{Options, Report, run};
use std::collections::BTreeSet;

/// Returns the report of the smallest part of the story that still breaks the same promise, and which deeds are left.
pub fn shrink(seed: u64, options: &Options) -> Option<(Report, BTreeSet<usize>)> {
    let first = run(seed, &Options { trace: false, ..options.clone() });
    let promise = first.violations.first().map(|violation| promise(violation).to_owned())?;
    let mut needed: BTreeSet<usize> = options.only.clone().unwrap_or_else(|| (0..first.story.len()).collect());
    let breaks = |only: &BTreeSet<usize>| {
        let report = run(seed, &Options { trace: false, only: Some(only.clone()), ..options.clone() });
        report.violations.iter().any(|violation| self::promise(violation) == promise)
    };
    let mut size = needed.len().div_ceil(2);
    while size > 0 {
        let mut went_well = false;
        for part in needed.iter().copied().collect::<Vec<_>>().chunks(size) {
            let without: BTreeSet<usize> = needed.iter().filter(|number| !part.contains(number)).copied().collect();
            if without.len() < needed.len() && breaks(&without) {
                needed = without;
                went_well = true;
            }
        }
        if !went_well || size > 1 {
            size /= 2;
        }
    }
    Some((run(seed, &Options { trace: true, only: Some(needed.clone()), ..options.clone() }), needed))
}

/// Returns the name of the promise in `at 11.5 s: S1: …`.
fn promise(violation: &str) -> &str {
    violation.split(": ").nth(1).unwrap_or_default()
}
