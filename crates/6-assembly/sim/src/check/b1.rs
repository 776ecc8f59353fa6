//! B1: when all is at rest nothing waits any more, in no queue of any daemon.

use crate::host::Host;

/// What may be on its way at any moment for each host there is (a report of a monitor, its acknowledgement, a score).
const ON_ITS_WAY: usize = 4;

pub(crate) fn left_over(host: &Host, hosts: usize) -> Option<String> {
    let waiting = host.daemon.as_ref()?.member.backlog();
    (waiting > ON_ITS_WAY * hosts).then(|| format!("B1: {waiting} things wait in the daemon of {}, and nothing is under way", host.name))
}
