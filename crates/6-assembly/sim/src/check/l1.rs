//! L1: once faults have ceased, everything that should run does.

use crate::configuration::Expected;
use crate::host::{Host, Truth};

pub(crate) fn missing(expected: &Expected, hosts: &[Host]) -> Vec<String> {
    let active = |resource: &str| hosts.iter().filter(|host| host.active.get(resource) == Some(&Truth::Active)).count();
    let single = expected.single.iter().filter(|resource| active(resource) != 1);
    let cloned = expected.cloned.iter().filter(|resource| active(resource) != hosts.len());
    single.chain(cloned).map(|resource| format!("{resource} is active on {} nodes", active(resource))).collect()
}
