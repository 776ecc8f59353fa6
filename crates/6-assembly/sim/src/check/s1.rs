//! S1: a resource that may run once starts only when it is stopped everywhere else, or its host is dead.

use crate::host::{Host, Truth};

/// Returns where else the resource is active while it starts on a host. The truth counts, not what any daemon believes.
pub(crate) fn elsewhere(resource: &str, at: usize, hosts: &[Host]) -> Option<String> {
    let other = hosts.iter().enumerate().find(|(other, host)| *other != at && host.is_up && host.active.contains_key(resource))?;
    Some(format!("S1: {resource} starts on {} while it is active on {}", hosts[at].name, other.1.name))
}

/// Returns where else the resource is promoted while it is promoted on a host.
pub(crate) fn promoted_elsewhere(resource: &str, at: usize, hosts: &[Host]) -> Option<String> {
    let is_promoted = |host: &Host| host.is_up && host.active.get(resource) == Some(&Truth::Promoted);
    let other = hosts.iter().enumerate().find(|(other, host)| *other != at && is_promoted(host))?;
    Some(format!("S1: {resource} is promoted on {} while it is promoted on {}", hosts[at].name, other.1.name))
}
