//! The promises of a cluster, each with the one who watches over it from outside.

mod b1;
mod b2;
mod f1;
mod l1;
mod p1;
mod s1;
mod s2;
mod s3;
mod s4;
mod w1;
mod w2;

use crate::configuration::Expected;
use crate::host::Host;
use crate::world::World;
use member::PlanRequest;
use messages::peer::CibMark;
use std::collections::BTreeMap;
use std::time::Duration;
use transition::Plan;
use xml::Element;

pub(crate) use f1::Causes;
pub(crate) use s4::POLICY_MAX;

/// R1: how long a mended cluster may take until everything that should run does.
pub(crate) const RECOVERY_MAX: Duration = Duration::from_secs(110);

/// All checkers of a history and what they found.
pub(crate) struct Checkers {
    pub expected: Expected,
    s2: s2::Writes,
    w1: w1::Register,
    w2: w2::Counter,
    p1: p1::Reasons,
    pub causes: Causes,
    pub violations: Vec<String>,
}

impl Checkers {
    pub(crate) fn new(expected: Expected, hosts: usize) -> Self {
        Self {
            expected,
            s2: s2::Writes::default(),
            w1: w1::Register::default(),
            w2: w2::Counter::default(),
            p1: p1::Reasons::default(),
            causes: Causes::new(hosts),
            violations: Vec::new(),
        }
    }

    /// A start begins on a host.
    pub(crate) fn starting(&mut self, now: Duration, resource: &str, at: usize, hosts: &[Host]) {
        if self.expected.runs_once(resource)
            && let Some(violation) = s1::elsewhere(resource, at, hosts)
        {
            self.found(now, violation);
        }
    }

    /// A promotion begins on a host.
    pub(crate) fn promoting(&mut self, now: Duration, resource: &str, at: usize, hosts: &[Host]) {
        if let Some(violation) = s1::promoted_elsewhere(resource, at, hosts) {
            self.found(now, violation);
        }
    }

    /// What is active begins to be stopped, demoted or moved away.
    pub(crate) fn ending(&mut self, now: Duration, action: &str, resource: &str, node: &str) {
        if let Some(violation) = self.p1.missing(now, action, resource, node) {
            self.found(now, violation);
        }
    }

    /// A plan was made.
    pub(crate) fn planned(&mut self, now: Duration, request: &PlanRequest, plan: &Plan) {
        self.p1.planned(now, plan);
        if let Some(violation) = s3::differs(request, plan) {
            self.found(now, violation);
        }
    }

    /// The power of a host that was on is cut by a device.
    pub(crate) fn fenced(&mut self, now: Duration, host: usize, name: &str) {
        if !self.causes.is_due(now, host) {
            self.found(now, format!("F1: {name} is fenced, and nothing had happened to it"));
        }
    }

    /// A client asked for a write.
    pub(crate) fn written(&mut self, client: u64, id: String) {
        self.s2.asked(client, id);
    }

    /// A client asked for a value of the register.
    pub(crate) fn registered(&mut self, client: u64, value: u64) {
        self.w1.asked(client, value);
    }

    /// A member's copy of the CIB is another one now.
    pub(crate) fn copied(&mut self, before: &Element, after: &Element, mark: &CibMark) {
        // Nearly always it is the status alone that changed.
        let same = before.child("configuration").zip(after.child("configuration")).is_some_and(|(a, b)| std::ptr::eq(a, b));
        if !same {
            self.w1.seen(before, after, mark);
        }
    }

    /// A client asked for the counter to be raised.
    pub(crate) fn incremented(&mut self, client: u64) {
        self.w2.asked(client);
    }

    /// A client was told that what it asked for is done.
    pub(crate) fn answered(&mut self, client: u64) {
        self.s2.acknowledged(client);
        self.w1.acknowledged(client);
        self.w2.acknowledged(client);
    }

    /// All is at rest, and this is the CIB that is left.
    pub(crate) fn ended(&mut self, now: Duration, cib: &Element) {
        let lost = self.s2.lost(cib).into_iter().chain(self.w1.backward(cib)).chain(self.w2.wrong(cib)).chain(b2::grown(cib));
        for violation in lost.collect::<Vec<_>>() {
            self.found(now, violation);
        }
    }

    pub(crate) fn found(&mut self, now: Duration, violation: String) {
        self.violations.push(format!("at {:.4} s: {violation}", now.as_secs_f64()));
    }
}

impl World {
    /// Returns what does not run although everything is healthy.
    pub(crate) fn missing(&self) -> Vec<String> {
        let mut open: BTreeMap<&str, usize> = BTreeMap::new();
        for connection in self.connections.values().filter(|connection| connection.is_of(&self.hosts)) {
            let reached = connection.reached().map(|remote| self.hosts[remote].name.as_str());
            reached.into_iter().for_each(|name| *open.entry(name).or_default() += 1);
        }
        let connected = |name: &String| (name.clone(), open.get(name.as_str()).copied().unwrap_or(0));
        let names = self.checkers.expected.connections.iter().chain(self.checkers.expected.guests.iter().map(|(name, _)| name));
        l1::missing(&self.checkers.expected, &self.hosts, &names.map(connected).collect::<Vec<_>>())
    }

    /// Everything is at rest: nothing may wait for ever.
    pub(crate) fn look_at_queues(&mut self) {
        let count = self.hosts.len();
        let found: Vec<String> = self.hosts.iter().filter_map(|host| b1::left_over(host, count)).collect();
        let now = self.now;
        found.into_iter().for_each(|violation| self.checkers.found(now, violation));
    }

    /// A view without quorum has lasted for as long as its policy may take.
    pub(crate) fn look_at_policy(&mut self, view: u64, since: Duration) {
        if let Some(violation) = s4::late(self, view, since) {
            let now = self.now;
            self.checkers.found(now, violation);
        }
    }
}
