//! L1: once faults have ceased, everything that should run does.

use crate::configuration::Expected;
use crate::host::{Host, Truth};
use std::collections::BTreeMap;

pub(crate) fn missing(expected: &Expected, hosts: &[Host], connected: &[(String, usize)]) -> Vec<String> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (resource, truth) in hosts.iter().flat_map(|host| &host.active) {
        let (active, promoted) = counts.entry(resource).or_default();
        *active += usize::from(*truth != Truth::Starting);
        *promoted += usize::from(*truth == Truth::Promoted);
    }
    let active = |resource: &str| counts.get(resource).map_or(0, |(active, _)| *active);
    let promoted = |resource: &str| counts.get(resource).map_or(0, |(_, promoted)| *promoted);
    let single = expected.single.iter().chain(&expected.containers).filter(|resource| active(resource) != 1);
    // Nothing but what is inside runs in a bundle.
    let everywhere = hosts.len() - expected.containers.len();
    let cloned = expected.cloned.iter().chain(&expected.promotable).filter(|resource| active(resource) != everywhere);
    let bundled = expected.bundled.iter().filter(|(resource, bundle)| active(resource) != bundle.replicas).map(|(resource, _)| resource);
    let wrong = single.chain(cloned).chain(bundled).map(|resource| format!("{resource} is active on {} nodes", active(resource)));
    let cut_off = connected.iter().filter(|(_, count)| *count != 1).map(|(name, count)| format!("{name} is connected {count} times"));
    let unpromoted = expected.promoted_once().filter(|resource| promoted(resource) != 1);
    let unpromoted = unpromoted.map(|resource| format!("{resource} is promoted on {} nodes", promoted(resource)));
    wrong.chain(cut_off).chain(unpromoted).collect()
}
