//! The promises of a cluster, each with the one who watches over it.

mod l1;
mod s1;
mod s2;
mod s3;

use crate::configuration::Expected;
use crate::host::Host;
use member::PlanRequest;
use std::time::Duration;
use transition::Plan;

/// All checkers of a history and what they found.
pub(crate) struct Checkers {
    expected: Expected,
    s2: s2::Writes,
    pub violations: Vec<String>,
}

impl Checkers {
    pub(crate) fn new(expected: Expected) -> Self {
        Self { expected, s2: s2::Writes::default(), violations: Vec::new() }
    }

    /// A start begins on a host.
    pub(crate) fn starting(&mut self, now: Duration, resource: &str, at: usize, hosts: &[Host]) {
        if self.expected.single.iter().any(|single| single == resource)
            && let Some(violation) = s1::elsewhere(resource, at, hosts)
        {
            self.found(now, violation);
        }
    }

    /// A plan was made.
    pub(crate) fn planned(&mut self, now: Duration, request: &PlanRequest, plan: &Plan) {
        if let Some(violation) = s3::differs(request, plan) {
            self.found(now, violation);
        }
    }

    /// A client asked for a write.
    pub(crate) fn written(&mut self, client: u64, id: String) {
        self.s2.asked(client, id);
    }

    /// A client was told that what it asked for is done.
    pub(crate) fn answered(&mut self, client: u64) {
        self.s2.acknowledged(client);
    }

    /// Returns what does not run although everything is healthy.
    pub(crate) fn missing(&self, hosts: &[Host]) -> Vec<String> {
        l1::missing(&self.expected, hosts)
    }

    /// The history is over: this is the CIB that is left.
    pub(crate) fn ended(&mut self, now: Duration, cib: &xml::Element) {
        for violation in self.s2.lost(cib) {
            self.found(now, violation);
        }
    }

    pub(crate) fn found(&mut self, now: Duration, violation: String) {
        self.violations.push(format!("at {:.4} s: {violation}", now.as_secs_f64()));
    }
}
