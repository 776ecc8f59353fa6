//! F1: no node is fenced to which nothing has happened.

use std::time::Duration;

/// For how long something that happened may lead to a fencing: a device that fails is tried again, an action that hangs ends late.
const MEMORY: Duration = Duration::from_secs(150);

/// What happened last, to each host and to all.
pub(crate) struct Causes {
    of_host: Vec<Option<Duration>>,
    of_all: Option<Duration>,
}

impl Causes {
    pub(crate) fn new(hosts: usize) -> Self {
        Self { of_host: vec![None; hosts], of_all: None }
    }

    pub(crate) fn happened_to(&mut self, host: usize, now: Duration) {
        self.of_host[host] = Some(now);
    }

    pub(crate) fn happened_to_all(&mut self, now: Duration) {
        self.of_all = Some(now);
    }

    pub(crate) fn is_due(&self, now: Duration, host: usize) -> bool {
        [self.of_host[host], self.of_all].into_iter().flatten().any(|at| now <= at + MEMORY)
    }
}
