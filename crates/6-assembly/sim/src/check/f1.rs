//! F1: no node is fenced to which nothing has happened.

use std::collections::BTreeSet;
use std::time::Duration;

/// For how long something that happened may lead to a fencing: a device that fails is tried again, an action that hangs ends late.
const MEMORY: Duration = Duration::from_secs(150);

/// What happened last, to each host and to all.
pub(crate) struct Causes {
    of_host: Vec<Option<Duration>>,
    of_all: Option<Duration>,
    /// Remote hosts that administrators want nobody to be connected to.
    to_be_left: BTreeSet<usize>,
}

impl Causes {
    pub(crate) fn new(hosts: usize) -> Self {
        Self { of_host: vec![None; hosts], of_all: None, to_be_left: BTreeSet::new() }
    }

    pub(crate) fn happened_to(&mut self, host: usize, now: Duration) {
        self.of_host[host] = Some(now);
    }

    pub(crate) fn happened_to_all(&mut self, now: Duration) {
        self.of_all = Some(now);
    }

    /// The connection to a remote host is to be stopped, or not.
    pub(crate) fn leave(&mut self, host: usize, is_left: bool) {
        if is_left {
            self.to_be_left.insert(host);
        } else {
            self.to_be_left.remove(&host);
        }
    }

    pub(crate) fn is_due(&self, now: Duration, host: usize) -> bool {
        let is_recent = |at: Duration| now <= at + MEMORY;
        // Who held the connection may be lost before what is active there was stopped, and no other may connect.
        let is_stranded = self.to_be_left.contains(&host) && self.of_host.iter().flatten().copied().any(is_recent);
        is_stranded || [self.of_host[host], self.of_all].into_iter().flatten().any(is_recent)
    }
}
