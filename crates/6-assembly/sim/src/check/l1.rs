//! L1: once faults have ceased, everything that should run does.

use crate::configuration::Expected;
use crate::host::{Host, Truth};

pub(crate) fn missing(expected: &Expected, hosts: &[Host]) -> Vec<String> {
    let count = |resource: &str, wanted: Truth| hosts.iter().filter(|host| host.active.get(resource) == Some(&wanted)).count();
    let active = |resource: &str| count(resource, Truth::Active) + count(resource, Truth::Promoted);
    let single = expected.single.iter().filter(|resource| active(resource) != 1);
    let cloned = expected.cloned.iter().chain(&expected.promotable).filter(|resource| active(resource) != hosts.len());
    let promoted = expected.promotable.iter().filter(|resource| count(resource, Truth::Promoted) != 1);
    let wrong = single.chain(cloned).map(|resource| format!("{resource} is active on {} nodes", active(resource)));
    wrong.chain(promoted.map(|resource| format!("{resource} is promoted on {} nodes", count(resource, Truth::Promoted)))).collect()
}
