//! Checkers: what really is on the hosts, looked at all the time while a test does its worst to them.

use crate::host::Host;
use crate::lab::{Lab, eventually};
use rustix::process::{Pid, Signal, kill_process};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long anything may take that a test waits for; generous, for a machine that does other work as well. Nothing is timed.
pub const LIMIT: Duration = Duration::from_secs(180);

/// What something that runs leaves in the world, where anyone can see it.
#[derive(Clone, Copy, Debug)]
pub enum Trace {
    /// A file of the host that is there.
    File(&'static str),
    /// A file of the host with this text in it.
    Text(&'static str, &'static str),
    /// An address that the host answers to.
    Address(&'static str),
    /// A process, by its program and first argument.
    Process(&'static str),
}

impl Trace {
    /// Returns the hosts on which it is seen now.
    pub fn seen(self, lab: &Lab) -> Vec<String> {
        let is_on = |host: &&Host| match self {
            Self::File(path) => host.has(path),
            Self::Text(path, text) => host.path(path).is_some_and(|path| std::fs::read_to_string(path).unwrap_or_default().contains(text)),
            Self::Address(address) => host.answers_to(address),
            Self::Process(name) => !host.processes(name).is_empty(),
        };
        lab.hosts.iter().filter(is_on).map(|host| host.name.clone()).collect()
    }
}

impl Lab {
    /// Asserts that something comes to hold, and tells the hosts' story when it does not.
    ///
    /// # Panics
    /// It did not.
    pub fn expect(&self, what: &str, holds: impl FnMut() -> bool) {
        if !eventually(LIMIT, holds) {
            panic!("not within {LIMIT:?}: {what}\n{}", self.story());
        }
    }

    /// Runs `body` while it is watched that none of these is ever on two hosts at once.
    ///
    /// # Errors
    /// Those of `body`.
    ///
    /// # Panics
    /// One was.
    pub fn never_twice(&self, traces: &[Trace], body: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
        let ended = AtomicBool::new(false);
        let (result, twice) = std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let mut twice = Vec::new();
                while !ended.load(Ordering::Relaxed) && twice.is_empty() {
                    for trace in traces {
                        // Two looks: a host may be switched off between being seen and the next one being looked at.
                        let seen = trace.seen(self);
                        if seen.len() > 1 && trace.seen(self) == seen {
                            twice.push(format!("{trace:?} was on {} at once", seen.join(" and ")));
                        }
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
                twice
            });
            // The watch ends also when the body panics.
            let guard = Ended(&ended);
            let result = body();
            drop(guard);
            (result, watch.join().expect("watching does not panic"))
        });
        assert!(twice.is_empty(), "{twice:?}\n{}", self.story());
        result
    }

    /// Returns what Corosync says of votes and quorum on a host, whichever way its tool ends.
    pub fn votes(&self, name: &str) -> String {
        let output = self.host(name).command("corosync-quorumtool").and_then(|mut tool| Ok(tool.arg("-s").output()?));
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    }

    /// Switches on what was switched off and waits until every node is online again.
    ///
    /// # Panics
    /// They are not within the limit.
    pub fn bring_back(&self) {
        let names: Vec<&str> = self.nodes().iter().map(|host| host.name.as_str()).collect();
        let wanted = format!("Online: [ {} ]", names.join(" "));
        self.expect(&wanted, || {
            // One that is fenced only now, for what happened before, comes back as well: what fails here fails because of that.
            for host in self.nodes().iter().filter(|host| !host.is_on()) {
                let _ = host.boot().and_then(|()| self.start(host));
            }
            let is_whole = || {
                let says = |name: &str| self.tool(self.host(name), "crm_mon", &["-1"]).is_ok_and(|text| text.contains(&wanted));
                self.nodes().iter().all(Host::is_on) && says(names[0])
            };
            // A fencing that is under way is not called off when its target comes back.
            is_whole() && self.tool(self.host(names[0]), "crm_resource", &["--wait", "--timeout", "60s"]).is_ok() && is_whole()
        });
    }

    /// Waits until these hosts, and no others, are online as far as one of them says.
    ///
    /// # Panics
    /// They are not within the limit.
    pub fn expect_online(&self, names: &[&str]) {
        let wanted = format!("Online: [ {} ]", names.join(" "));
        let asked = self.host(names[0]);
        self.expect(&wanted, || self.tool(asked, "crm_mon", &["-1"]).is_ok_and(|text| text.contains(&wanted)));
    }
}

struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends a signal to processes, by their numbers as the machine counts.
pub fn signal(pids: &[u32], signal: Signal) {
    for pid in pids.iter().filter_map(|pid| Pid::from_raw(*pid as i32)) {
        // One that has ended meanwhile needs no signal.
        let _ = kill_process(pid, signal);
    }
}
