//! The calls of this host: at work, or ended and not yet acknowledged.

use crate::records::{CALL_VARIABLE, Records};
use agents::{AgentHost, CallError, Ended, Invocation};
use messages::agent::{AgentCall, AgentOutcome, AgentResult};
use model::{CallId, Timestamp};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;
use tokio::time::Instant;

/// What an OCF agent ends with when it is not configured.
const NOT_CONFIGURED: i32 = 6;

/// A call that is at work.
struct Active {
    call: AgentCall,
    pid: i32,
    started: Timestamp,
    clock: Instant,
    /// Dropping or using it ends the agent.
    cancel: Option<oneshot::Sender<()>>,
}

/// Every call that the daemon must still hear of.
pub(crate) struct Calls {
    host: AgentHost,
    records: Records,
    active: BTreeMap<CallId, Active>,
    finished: BTreeMap<CallId, AgentResult>,
    /// Ids that this `agentd` has seen, so that an order given twice is carried out once.
    highest: u64,
    tell: mpsc::UnboundedSender<(CallId, Ended)>,
}

/// Returns the calendar time.
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_micros() as i64)
}

impl Calls {
    /// Starts from what an earlier `agentd` left. Ends of agents are told through `tell` and are to be passed to `ended`.
    pub fn new(host: AgentHost, records: Records, left: Vec<AgentResult>, tell: mpsc::UnboundedSender<(CallId, Ended)>) -> Self {
        let highest = records.next_call().0 - 1;
        let finished = left.into_iter().map(|result| (result.id, result)).collect();
        Self { host, records, active: BTreeMap::new(), finished, highest, tell }
    }

    /// Returns what a daemon that starts is told: what is at work, and the first id it may use.
    pub fn welcome(&self) -> (Vec<AgentCall>, CallId) {
        (self.active.values().map(|active| active.call.clone()).collect(), CallId(self.highest + 1))
    }

    /// Returns every result that was not acknowledged.
    pub fn unacknowledged(&self) -> impl Iterator<Item = &AgentResult> {
        self.finished.values()
    }

    /// Returns the processes that calls wait for.
    pub fn pids(&self) -> impl Iterator<Item = i32> {
        self.active.values().map(|active| active.pid)
    }

    /// Carries a call out; returns its result at once where it could not begin, or had ended before.
    pub fn run(&mut self, call: AgentCall) -> Option<AgentResult> {
        let id = call.id;
        if self.active.contains_key(&id) || self.finished.contains_key(&id) {
            return self.finished.get(&id).cloned();
        }
        self.highest = self.highest.max(id.0);
        let started = wall();
        if call.agent.class == "stonith" && call.agent.kind == "fence_watchdog" {
            // There is no such program to run: the node fences itself, and says so.
            let stdout = if call.action == "metadata" { watchdog::METADATA.to_owned() } else { String::new() };
            let ended = Ended { outcome: AgentOutcome::Exited(0), stdout, stderr: String::new(), exit_reason: None };
            return Some(self.finish(&call, ended, started, Duration::ZERO));
        }
        match self.start(&call, started) {
            Ok((pid, cancel)) => {
                self.active.insert(id, Active { call, pid, started, clock: Instant::now(), cancel: Some(cancel) });
                None
            }
            Err((outcome, exit_reason)) => {
                let ended = Ended { outcome, stdout: String::new(), stderr: String::new(), exit_reason };
                Some(self.finish(&call, ended, started, Duration::ZERO))
            }
        }
    }

    fn start(&mut self, call: &AgentCall, started: Timestamp) -> Result<(i32, oneshot::Sender<()>), (AgentOutcome, Option<String>)> {
        let mut invocation = Invocation::new(&self.host, call).map_err(|error| match error {
            CallError::NotInstalled => (AgentOutcome::NotInstalled, None),
            CallError::NotConfigured(reason) => (AgentOutcome::Exited(NOT_CONFIGURED), Some(reason)),
            CallError::Invalid(reason) => (AgentOutcome::FailedToStart(reason), None),
        })?;
        invocation.environment.insert(CALL_VARIABLE.to_owned(), self.records.mark(call.id));
        // Invariant: nothing is started that a restarted `agentd` could not find again.
        let unrecorded = |error| (AgentOutcome::FailedToStart(format!("failed to record the call: {error}")), None);
        self.records.begin(call, started).map_err(unrecorded)?;
        let spawned = agents::spawn(&invocation).map_err(|outcome| (outcome, None))?;
        if let Err(error) = self.records.started(call, started, spawned.process()) {
            // It is found by its mark instead.
            eprintln!("agentd: failed to record a process: {error}");
        }
        let (cancel, cancelled) = oneshot::channel();
        let (pid, id, timeout, tell) = (spawned.process().pid, call.id, call.timeout, self.tell.clone());
        spawn_local(async move {
            let ended = spawned.finish(timeout, async { drop(cancelled.await) }).await;
            // Fails only when `agentd` itself ends.
            let _ = tell.send((id, ended));
        });
        Ok((pid, cancel))
    }

    /// An agent ended; returns the result to deliver.
    pub fn ended(&mut self, id: CallId, ended: Ended) -> Option<AgentResult> {
        let active = self.active.remove(&id)?;
        Some(self.finish(&active.call, ended, active.started, active.clock.elapsed()))
    }

    fn finish(&mut self, call: &AgentCall, ended: Ended, started: Timestamp, run_time: Duration) -> AgentResult {
        let Ended { outcome, stdout, stderr, exit_reason } = ended;
        let outcome = if self.host.class_of(&call.agent) == "lsb" { lsb_outcome(&call.action, outcome) } else { outcome };
        let result = AgentResult { id: call.id, outcome, stdout, stderr, exit_reason, started, run_time, queue_time: Duration::ZERO };
        if let Err(error) = self.records.finished(call, &result) {
            eprintln!("agentd: failed to record a result: {error}");
        }
        self.finished.insert(call.id, result.clone());
        result
    }

    /// Ends the process group of a call; its result follows.
    pub fn kill(&mut self, id: CallId) {
        if let Some(cancel) = self.active.get_mut(&id).and_then(|active| active.cancel.take()) {
            // Fails only when the agent has just ended by itself.
            let _ = cancel.send(());
        }
    }

    /// The result was taken over.
    pub fn acknowledge(&mut self, id: CallId) {
        if self.finished.remove(&id).is_some() {
            self.records.forget(id);
        }
    }
}

/// Compat: what an init script's exit codes mean in the words of OCF.
fn lsb_outcome(action: &str, outcome: AgentOutcome) -> AgentOutcome {
    let AgentOutcome::Exited(code) = outcome else { return outcome };
    AgentOutcome::Exited(match (action, code) {
        ("monitor" | "status", 0) => 0,
        ("monitor" | "status", 1..=3) => 7,
        ("monitor" | "status", 150) => 5,
        ("monitor" | "status", 151) => 4,
        ("monitor" | "status", _) => 1,
        (_, 0..=7) => code,
        _ => 1,
    })
}
