//! One recorded operation after the other: what each result says of the resource's role, and what a failure requires.
//!
//! Compat: Pacemaker's reading of results, in its order: expiry first, then re-interpretation (an executor does not
//! know what was expected), then the consequences.

use super::Deduction;
use crate::{
    Effect, FailedOperation, HistoryReference, NodeIndex, NodeKind, OnFail, OperationRecord, ParameterCheck, ParameterCheckKind,
    PendingOperation, ResourceIndex, numbers,
};
use model::{AgentExit, ExecutionStatus, Role, Score, Timestamp};

/// What is carried from one operation of a history to the next.
pub(super) struct Reading {
    pub(super) resource: ResourceIndex,
    pub(super) node: NodeIndex,
    /// Position in the node's history.
    pub(super) history: u32,
    /// Which operation failed last.
    pub(super) last_failure: Option<usize>,
    /// What the failures so far require.
    pub(super) on_fail: OnFail,
}

/// Operations that change what is known of a resource; others (notifications, meta-data, …) do not.
const TELLING: [&str; 8] = ["monitor", "start", "stop", "promote", "demote", "migrate_to", "migrate_from", "asyncmon"];

impl Deduction {
    /// Reads one operation of a history.
    pub(super) fn read_operation(&mut self, reading: &mut Reading, operations: &mut [OperationRecord], at: usize) {
        let operation = &operations[at];
        let is_valid =
            !matches!(operation.status, ExecutionStatus::Unknown | ExecutionStatus::Cancelled) && (0..=255).contains(&operation.exit.0);
        if operation.id.is_empty() || !TELLING.contains(&operation.operation.as_str()) {
            return;
        }
        if !is_valid {
            let text = format!("the recorded operation {} has no valid op-status and rc-code; it is ignored", operation.id);
            return self.error(text);
        }
        let expired = self.is_expired(reading, &operations[at], at);
        operations[at].expired = expired;
        self.reinterpret(reading, &mut operations[at], at);
        let is_bundled = self.facts.is_bundled(reading.resource);
        let masked = !is_bundled && operations[at].is_masked_probe_failure();
        if expired && self.is_done_with_expired(reading, &mut operations[at], masked) {
            return;
        }
        if masked {
            return self.mask_probe_failure(reading, operations, at);
        }
        self.draw_consequences(reading, operations, at);
    }

    fn draw_consequences(&mut self, reading: &mut Reading, operations: &mut [OperationRecord], at: usize) {
        let (resource, node) = (reading.resource, reading.node);
        let (status, exit) = (operations[at].effective_status, operations[at].effective_exit);
        let banned = if self.facts.resource(resource).unique { resource } else { self.facts.top_of(resource, false) };
        match status {
            ExecutionStatus::Pending => return self.read_pending(reading, operations, at),
            ExecutionStatus::Done => return self.read_success(reading, operations, at, exit),
            ExecutionStatus::NotInstalled => {
                let (configured, role) = self.failure_handling(reading, &operations[at]);
                if configured == OnFail::Ignore {
                    // An agent that is not there cannot be ignored.
                    reading.on_fail = OnFail::Ban;
                }
                self.ban(banned, Some(node), Score::MINUS_INFINITY, "hard-error");
                return self.read_failure(reading, operations, at, configured, role);
            }
            ExecutionStatus::NotConnected => {
                if let Some(remote) = self.facts.node(node).remote.filter(|&remote| self.facts.resource(remote).managed) {
                    self.mark_failed(remote);
                }
            }
            _ => {}
        }
        let (configured, role) = self.failure_handling(reading, &operations[at]);
        if configured == OnFail::Ignore || (configured == OnFail::RestartContainer && operations[at].operation == "stop") {
            let expected = operations[at].expected_exit.unwrap_or(AgentExit(-1));
            operations[at].on_fail = Some(configured);
            self.read_success(reading, operations, at, expected);
            self.facts.resources[resource.position()].ignore_failure = true;
            self.record_failure(reading, &operations[at], at);
            if configured == OnFail::RestartContainer && reading.on_fail <= OnFail::Restart {
                reading.on_fail = configured;
            }
            return;
        }
        self.read_failure(reading, operations, at, configured, role);
        match status {
            ExecutionStatus::ErrorHard => self.ban(banned, Some(node), Score::MINUS_INFINITY, "hard-error"),
            ExecutionStatus::ErrorFatal => {
                let id = self.facts.resource(banned).id.clone();
                self.error(format!("{id} will not start anywhere, because its configuration is not valid ({exit})"));
                self.ban(banned, None, Score::MINUS_INFINITY, "fatal-error");
            }
            _ => {}
        }
    }

    /// Returns whether the operation is past its `failure-timeout`; asks for the fail count to be cleared where that
    /// follows.
    fn is_expired(&mut self, reading: &Reading, operation: &OperationRecord, at: usize) -> bool {
        if operation.status == ExecutionStatus::NotInstalled {
            return false;
        }
        let (resource, node) = (reading.resource, reading.node);
        let is_last_failure = operation.id.ends_with("_last_failure_0");
        let timeout = self.facts.resource(resource).failure_timeout.map_or(0, |timeout| numbers::seconds(timeout.as_millis() as u64));
        let mut expired = false;
        let mut unexpired_count = 0;
        let mut clear = None;
        if timeout > 0
            && let Some(changed) = operation.last_change
        {
            let now = self.facts.now.seconds();
            expired = now >= changed.seconds().saturating_add(timeout) && !self.waits_for_fencing(resource, operation);
            let count = self.fail_count(node, resource, true, Some(operation));
            unexpired_count = count.count;
            let until = count.last_failure.map_or(0, Timestamp::seconds).saturating_add(timeout + 1);
            if unexpired_count != 0 && now < until {
                self.facts.note_recheck(Timestamp::from_seconds(until));
            }
        }
        if expired {
            let has_reconnect_interval = self.facts.resource(resource).reconnect_interval.is_some();
            if self.fail_count(node, resource, false, Some(operation)).count != 0 {
                if unexpired_count == 0 {
                    clear = Some("it expired");
                } else {
                    expired = false;
                }
            } else if is_last_failure && has_reconnect_interval {
                clear = Some("reconnect interval is set");
            }
        }
        if !expired && is_last_failure && self.have_parameters_changed(reading, operation, at) {
            clear = Some("resource parameters have changed");
        }
        if let Some(reason) = clear {
            self.clear_fail_count(reading, at, reason);
        }
        let is_telling_probe = operation.is_probe()
            && matches!(
                operation.exit,
                AgentExit::OK | AgentExit::NOT_RUNNING | AgentExit::RUNNING_PROMOTED | AgentExit::DEGRADED | AgentExit::DEGRADED_PROMOTED
            );
        expired && !is_telling_probe
    }

    /// A failed monitor of a remote connection with a reconnect interval counts until the node was fenced.
    fn waits_for_fencing(&self, resource: ResourceIndex, operation: &OperationRecord) -> bool {
        let entry = self.facts.resource(resource);
        entry.reconnect_interval.is_some()
            && self.facts.options.fencing_enabled
            && operation.interval_ms != 0
            && operation.operation.eq_ignore_ascii_case("monitor")
            && self.facts.find_node(entry.id.as_str()).is_some_and(|node| !self.facts.node(node).remote_fenced)
    }

    fn have_parameters_changed(&mut self, reading: &Reading, operation: &OperationRecord, at: usize) -> bool {
        if !matches!(operation.operation.as_str(), "start" | "monitor") {
            return false;
        }
        if self.facts.needs_host_name(reading.resource) {
            // Its address is that of the host it will be on, which only placement tells.
            let (resource, node, history) = (reading.resource, reading.node, reading.reference(at));
            self.facts.parameter_checks.push(ParameterCheck { resource, node, history, kind: ParameterCheckKind::LastFailure });
            return false;
        }
        self.facts.compare_digests(reading.resource, reading.node, operation).has_changed()
    }

    fn clear_fail_count(&mut self, reading: &Reading, at: usize, reason: &'static str) {
        let entry = self.facts.resource(reading.resource);
        let waits = self.facts.options.fencing_enabled && entry.reconnect_interval.is_some();
        let after_fencing = if waits { self.facts.find_node(entry.id.as_str()) } else { None };
        let history = reading.reference(at);
        self.facts.effects.push(Effect::ClearFailCount { resource: reading.resource, node: reading.node, reason, history, after_fencing });
    }

    /// Reads status and exit code in the light of what was expected.
    fn reinterpret(&mut self, reading: &mut Reading, operation: &mut OperationRecord, at: usize) {
        let (resource, node) = (reading.resource, reading.node);
        operation.effective_exit = match operation.exit {
            AgentExit::DEGRADED => AgentExit::OK,
            AgentExit::DEGRADED_PROMOTED => AgentExit::RUNNING_PROMOTED,
            exit => exit,
        };
        if operation.effective_exit != operation.exit && !operation.expired {
            let state = self.facts.node(node);
            if !state.shutting_down || state.online {
                self.record_failure(reading, operation, at);
            }
        }
        if operation.is_masked_probe_failure() && !self.facts.is_bundled(resource) {
            operation.effective_status = ExecutionStatus::Done;
            operation.effective_exit = AgentExit::NOT_RUNNING;
        }
        match operation.effective_status {
            ExecutionStatus::Done | ExecutionStatus::Error => {}
            ExecutionStatus::NoFenceDevice | ExecutionStatus::NoSecrets => return operation.effective_status = ExecutionStatus::ErrorHard,
            _ => return,
        }
        let exit = operation.effective_exit;
        let is_expected = operation.expected_exit.is_some_and(|expected| expected.0 >= 0 && expected == exit);
        operation.effective_status = if is_expected { ExecutionStatus::Done } else { ExecutionStatus::Error };
        let is_probe = operation.is_probe();
        let entry = &mut self.facts.resources[resource.position()];
        match exit {
            AgentExit::OK if is_probe && operation.expected_exit == Some(AgentExit::NOT_RUNNING) => {
                operation.effective_status = ExecutionStatus::Done
            }
            AgentExit::OK => {}
            AgentExit::NOT_RUNNING if is_probe || is_expected || !entry.managed => {
                operation.effective_status = ExecutionStatus::Done;
                entry.role = Role::Stopped;
                reading.on_fail = OnFail::Ignore;
                self.set_next_role(resource, Role::Unknown, "not running");
            }
            AgentExit::NOT_RUNNING => {}
            AgentExit::RUNNING_PROMOTED => {
                if is_probe && !is_expected {
                    operation.effective_status = ExecutionStatus::Done;
                }
                if !operation.expired || is_expected {
                    entry.role = Role::Promoted;
                }
            }
            AgentExit::FAILED_PROMOTED => {
                if !operation.expired {
                    entry.role = Role::Promoted;
                }
                operation.effective_status = ExecutionStatus::Error;
            }
            AgentExit::NOT_CONFIGURED => operation.effective_status = ExecutionStatus::ErrorFatal,
            AgentExit::UNIMPLEMENTED if operation.interval_ms > 0 => operation.effective_status = ExecutionStatus::NotSupported,
            AgentExit::UNIMPLEMENTED | AgentExit::NOT_INSTALLED | AgentExit::INVALID_PARAMETER | AgentExit::INSUFFICIENT_PRIVILEGE => {
                if !operation.expired {
                    self.block_if_unrecoverable(reading, operation);
                }
                operation.effective_status = ExecutionStatus::ErrorHard;
            }
            // Any other code, even an expected one, is a failure.
            _ => operation.effective_status = ExecutionStatus::Error,
        }
    }

    /// A failed stop that fencing cannot make up for leaves nothing to be done.
    fn block_if_unrecoverable(&mut self, reading: &Reading, operation: &OperationRecord) {
        if operation.operation == "stop" && !self.facts.can_fence(reading.node) {
            let entry = &mut self.facts.resources[reading.resource.position()];
            (entry.managed, entry.blocked) = (false, true);
            let (id, exit) = (entry.id.clone(), operation.effective_exit);
            let node = self.facts.node(reading.node).name.clone();
            self.error(format!("{id} cannot be recovered, because its stop on {node} failed ({exit}) and {node} cannot be fenced"));
        }
    }

    /// Returns whether an expired result needs no further look.
    fn is_done_with_expired(&mut self, reading: &Reading, operation: &mut OperationRecord, masked: bool) -> bool {
        if masked && operation.expected_exit != Some(operation.exit) {
            let entry = &mut self.facts.resources[reading.resource.position()];
            if entry.role <= Role::Stopped {
                entry.role = Role::Unknown;
            }
            return true;
        }
        if operation.expected_exit == Some(operation.effective_exit) {
            return false;
        }
        if operation.interval_ms == 0 {
            return true;
        }
        let state = self.facts.node(reading.node);
        let is_usable = state.online && !state.unclean;
        operation.reschedule |= is_usable;
        is_usable
    }

    fn mask_probe_failure(&mut self, reading: &mut Reading, operations: &mut [OperationRecord], at: usize) {
        let resource = reading.resource;
        let banned = if self.facts.resource(resource).unique { resource } else { self.facts.top_of(resource, false) };
        let expected = operations[at].expected_exit.unwrap_or(AgentExit(-1));
        self.read_success(reading, operations, at, expected);
        self.record_failure(reading, &operations[at], at);
        self.ban(banned, Some(reading.node), Score::MINUS_INFINITY, "masked-probe-failure");
    }

    /// An operation is under way: what it implies already.
    fn read_pending(&mut self, reading: &Reading, operations: &[OperationRecord], at: usize) {
        let operation = &operations[at];
        let (resource, node) = (reading.resource, reading.node);
        // A recurring monitor's failure is recorded apart from it; when that is newer, the monitor is not pending.
        let has_failed_since = reading.last_failure.map(|last| &operations[last]).is_some_and(|failure| {
            failure.operation == operation.operation
                && failure.interval_ms == operation.interval_ms
                && failure.last_change.unwrap_or_default() >= operation.last_change.unwrap_or_default()
        });
        if has_failed_since {
            return;
        }
        match operation.operation.as_str() {
            "start" => {
                self.facts.resources[resource.position()].start_pending = true;
                self.set_active(resource);
            }
            "promote" => self.facts.resources[resource.position()].role = Role::Promoted,
            "migrate_to" if self.facts.node(node).unclean => {
                // The source is lost; the target has an unfinished instance at best.
                if let Some(target) = operation.migrate_target().and_then(|target| self.facts.find_node(target)) {
                    self.require_stop(resource, target);
                }
            }
            _ => {}
        }
        let entry = &mut self.facts.resources[resource.position()];
        if entry.pending.is_none() && !operation.is_probe() {
            entry.pending = Some(PendingOperation { operation: operation.operation.clone(), node });
        }
    }

    /// Takes over what an operation with this exit code says of the resource's role.
    fn read_success(&mut self, reading: &mut Reading, operations: &[OperationRecord], at: usize, exit: AgentExit) {
        let operation = &operations[at];
        let resource = reading.resource;
        let masked = operation.is_masked_probe_failure() && !self.facts.is_bundled(resource);
        let entry = &mut self.facts.resources[resource.position()];
        let mut clears = true;
        match operation.operation.as_str() {
            _ if exit == AgentExit::NOT_INSTALLED || masked => {
                entry.role = Role::Stopped;
                clears = false;
            }
            _ if exit == AgentExit::NOT_RUNNING => {}
            "monitor" => {
                clears = reading.last_failure.is_some_and(|last| operations[last].key == operation.key);
                if entry.role < Role::Started {
                    self.set_active(resource);
                }
            }
            "start" | "migrate_from" => entry.role = Role::Started,
            "stop" => entry.role = Role::Stopped,
            "promote" => entry.role = Role::Promoted,
            "demote" => {
                entry.role = Role::Unpromoted;
                clears = reading.on_fail == OnFail::Demote;
            }
            "migrate_to" => {
                clears = false;
                self.read_migrate_to_success(reading, operation);
            }
            _ => {
                clears = false;
                if entry.role < Role::Started {
                    self.set_active(resource);
                }
            }
        }
        if clears {
            self.forgive(reading);
        }
    }

    /// A success makes up for earlier failures, unless they required something lasting.
    fn forgive(&mut self, reading: &mut Reading) {
        let entry = self.facts.resource(reading.resource);
        let reason = match reading.on_fail {
            OnFail::Stop | OnFail::Ban | OnFail::Standby | OnFail::Fence => return,
            OnFail::ResetRemote if entry.reconnect_interval.is_some() => return,
            OnFail::ResetRemote => "clear past failures and reset remote",
            OnFail::Block | OnFail::Ignore | OnFail::Demote | OnFail::Restart | OnFail::RestartContainer => "clear past failures",
        };
        reading.on_fail = OnFail::Ignore;
        self.set_next_role(reading.resource, Role::Unknown, reason);
    }

    /// Takes over what a failure says of the resource's role, and what it requires.
    fn read_failure(&mut self, reading: &mut Reading, operations: &mut [OperationRecord], at: usize, configured: OnFail, role: Role) {
        let (resource, node) = (reading.resource, reading.node);
        reading.last_failure = Some(at);
        operations[at].on_fail = Some(configured);
        let operation = &operations[at];
        let exit = operation.effective_exit;
        // Compat: where nothing runs unless asked for, an agent that is missing is nothing to tell people about.
        if self.facts.options.symmetric_cluster || exit != AgentExit::NOT_INSTALLED {
            self.record_failure(reading, operation, at);
        }
        reading.on_fail = reading.on_fail.max(configured);
        match operation.operation.as_str() {
            "stop" => self.ban(resource, Some(node), Score::MINUS_INFINITY, "__stop_fail__"),
            "migrate_to" => self.read_migrate_to_failure(reading, operation),
            "migrate_from" => self.read_migrate_from_failure(reading, operation),
            "promote" => self.facts.resources[resource.position()].role = Role::Promoted,
            "demote" if configured == OnFail::Block => {
                self.facts.resources[resource.position()].role = Role::Promoted;
                self.set_next_role(resource, Role::Stopped, "demote with on-fail=block");
            }
            // To call it promoted still would have it demoted for ever; it will be stopped to recover.
            "demote" => {
                self.facts.resources[resource.position()].role =
                    if exit == AgentExit::NOT_RUNNING { Role::Stopped } else { Role::Unpromoted };
            }
            _ => {}
        }
        if operation.is_probe() && exit == AgentExit::NOT_INSTALLED {
            self.facts.resources[resource.position()].role = Role::Stopped;
        } else if self.facts.resource(resource).role < Role::Started {
            self.set_active(resource);
        }
        if role != Role::Started && self.facts.resource(resource).next_role < role {
            self.set_next_role(resource, role, "failure");
        }
        if role == Role::Stopped {
            let top = self.facts.top_of(resource, false);
            let banned = if self.facts.is_anonymous_clone(top) { top } else { resource };
            self.forbid_everywhere(banned);
        }
    }

    /// Returns what is configured for a failure of this operation, and which role the resource has after it.
    fn failure_handling(&self, reading: &Reading, operation: &OperationRecord) -> (OnFail, Role) {
        let (name, interval_ms) = (operation.operation.as_str(), operation.interval_ms);
        let meta = self.facts.operation_meta(reading.resource, Some(reading.node), name, interval_ms);
        let on_fail = self.facts.on_fail(reading.resource, name, interval_ms, meta.get("on-fail").map(|value| value.as_str()));
        (on_fail, self.facts.role_after_failure(reading.resource, name, on_fail))
    }

    /// Adds an operation to the failures that people see; each once per node.
    fn record_failure(&mut self, reading: &Reading, operation: &OperationRecord, at: usize) {
        if !self.facts.node(reading.node).online {
            return;
        }
        let key = (reading.node, operation.key.clone());
        if self.failures_seen.insert(key) {
            self.facts.failures.push(FailedOperation {
                node: reading.node,
                resource: Some(reading.resource),
                history: reading.reference(at),
            });
        }
    }

    /// The resource runs, in the least role that means so.
    pub(super) fn set_active(&mut self, resource: ResourceIndex) {
        let promotable = self.facts.resource(self.facts.top_of(resource, false)).promotable;
        self.facts.resources[resource.position()].role = if promotable { Role::Unpromoted } else { Role::Started };
    }

    pub(super) fn mark_failed(&mut self, resource: ResourceIndex) {
        let entry = &mut self.facts.resources[resource.position()];
        (entry.failed, entry.stop_if_failed) = (true, true);
    }

    /// Returns the fail count; remembers that a blocking failure makes the failure timeout void.
    fn fail_count(
        &mut self,
        node: NodeIndex,
        resource: ResourceIndex,
        effective: bool,
        operation: Option<&OperationRecord>,
    ) -> crate::FailCount {
        let (count, void) = self.facts.fail_count_with(node, resource, effective, false, operation);
        if void {
            // Compat: from here on, for all nodes.
            self.facts.resources[resource.position()].failure_timeout = None;
        }
        count
    }

    /// Requires a stop of a resource on a node. Compat: where the node cannot carry it out, that fences the node.
    pub(super) fn require_stop(&mut self, resource: ResourceIndex, node: NodeIndex) {
        self.facts.effects.push(Effect::Stop { resource, node });
        self.stops.insert((resource, node));
        let state = self.facts.node(node);
        let may_come_back = matches!(state.kind, NodeKind::Guest { .. }) && !state.remote_reset;
        if !state.online && !may_come_back && !state.unclean && self.facts.resource(resource).managed {
            self.fence_node(node, "stop is unrunnable", false);
        }
    }
}

impl Reading {
    fn reference(&self, at: usize) -> HistoryReference {
        HistoryReference { node: self.node, resource: self.history, operation: at as u32 }
    }
}
