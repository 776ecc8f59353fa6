//! From the end of an agent's run to the report: which result is told, when, and with which digests.

use crate::executor::{DEADLINE_BEHIND, Executor, parameters_for, run};
use crate::metadata::{self, AgentFacts, PATIENCE};
use crate::outcome::{Verdict, verdict};
use crate::queue::{Active, Afterwards, Waiting};
use crate::{Command, digests};
use messages::agent::{AgentOrder, AgentOutcome, AgentResult};
use messages::group::Incarnation;
use messages::operation::{CancelOrder, OperationOrder, OperationReport, ReportId};
use model::{AgentExit, CallId, ExecutionStatus, Now, ResourceId, Timestamp};
use std::time::Duration;

impl Executor {
    pub(crate) fn agent_finished(&mut self, now: Now, result: AgentResult, commands: &mut Vec<Command>) {
        let facts = || matches!(result.outcome, AgentOutcome::Exited(0)).then(|| AgentFacts::parse(&result.stdout)).flatten();
        if self.library.answered(result.id, facts(), now.monotonic).is_some() {
            commands.push(Command::Agent(AgentOrder::Acknowledge { id: result.id }));
            return;
        }
        let owner = self.resources.iter().find(|(_, queue)| queue.active.as_ref().is_some_and(|active| active.call == result.id));
        let Some((id, _)) = owner else {
            // Late, doubled, or of a daemon whose history is gone: nobody waits for it.
            commands.push(Command::Agent(AgentOrder::Acknowledge { id: result.id }));
            return;
        };
        let id = id.clone();
        if !self.try_again(now, &id, &result, commands) {
            self.operation_ended_with(now, &id, &result, commands);
        }
        commands.push(Command::Agent(AgentOrder::Acknowledge { id: result.id }));
    }

    /// Runs once more what may be: a watch or a stop whose outcome was lost, a fence agent that has tries left.
    fn try_again(&mut self, now: Now, id: &ResourceId, result: &AgentResult, commands: &mut Vec<Command>) -> bool {
        let Some(queue) = self.resources.get_mut(id) else { return false };
        let Some(active) = &mut queue.active else { return false };
        if active.afterwards != Afterwards::Report {
            return false;
        }
        if result.outcome == AgentOutcome::Lost {
            return self.run_again(now, id);
        }
        let spent = now.monotonic.saturating_sub(active.begun);
        let left = active.order.timeout.saturating_sub(spent);
        // Compat: a retry needs three tenths of the time that was given.
        let worthwhile = left * 10 >= active.order.timeout * 3;
        if active.retries == 0 || !worthwhile || !matches!(result.outcome, AgentOutcome::Exited(code) if code != 0) {
            return false;
        }
        active.retries -= 1;
        let order = active.order.clone();
        let call = self.allocate_call();
        if let Some(active) = self.resources.get_mut(id).and_then(|queue| queue.active.as_mut()) {
            active.call = call;
        }
        let action = self.action_word(&order);
        commands.push(run(call, &order, action, parameters_for(&order, None), left));
        true
    }

    /// Runs again what may be done twice and whose outcome was lost: a watch changed nothing, and to stop what is stopped is no failure. That it
    /// was lost says nothing of the resource, and a stop that failed has its node fenced. (Found by the simulator: seed 796, half an hour.)
    fn run_again(&mut self, now: Now, id: &ResourceId) -> bool {
        let Some(queue) = self.resources.get_mut(id) else { return false };
        let is_repeatable = |active: &Active| {
            matches!(active.order.operation.as_str(), "monitor" | "status" | "stop") && active.afterwards == Afterwards::Report
        };
        if !queue.active.as_ref().is_some_and(is_repeatable) {
            return false;
        }
        let Some(Active { order, .. }) = queue.active.take() else { return false };
        match queue.recurring_place(&order.operation, order.interval) {
            Some(place) if !order.interval.is_zero() => queue.recurring[place].due = Some(now.monotonic),
            _ => queue.waiting.push_front(Waiting { order, ready_at: now.monotonic }),
        }
        true
    }

    fn operation_ended_with(&mut self, now: Now, id: &ResourceId, result: &AgentResult, commands: &mut Vec<Command>) {
        let Some(active) = self.resources.get(id).and_then(|queue| queue.active.as_ref()) else { return };
        let verdict = verdict(&active.order, result);
        self.operation_ended(now, id, verdict, result.run_time, result.started, commands);
    }

    /// Gives up on operations whose result is overdue behind the root role's own time-out.
    pub(crate) fn check_deadlines(&mut self, now: Now, commands: &mut Vec<Command>) {
        if !self.connected {
            return;
        }
        let late = |active: &&Active| active.deadline <= now.monotonic;
        let overdue: Vec<(ResourceId, CallId, OperationOrder, Duration)> = self
            .resources
            .iter()
            .filter_map(|(id, queue)| {
                let active = queue.active.as_ref().filter(late)?;
                Some((id.clone(), active.call, active.order.clone(), active.begun))
            })
            .collect();
        for (id, call, order, begun) in overdue {
            commands.push(Command::Agent(AgentOrder::Kill { id: call }));
            let waited = now.monotonic.saturating_sub(begun);
            if waited < order.timeout && self.run_again(now, &id) {
                continue;
            }
            let verdict = if waited >= order.timeout {
                Verdict::timed_out(order.timeout)
            } else {
                Verdict::failed(ExecutionStatus::Error, AgentExit::ERROR, "the outcome is not known: what ran the agent ended before it")
            };
            commands.push(Command::Warn(format!(
                "{} of {} gave no result within {:?} after its time: {}",
                order.operation,
                id,
                DEADLINE_BEHIND,
                verdict.reason.as_deref().unwrap_or("")
            )));
            let started = Timestamp(now.wall.0.saturating_sub(waited.as_micros() as i64));
            self.operation_ended(now, &id, verdict, waited, started, commands);
        }
    }

    /// Takes an operation's verdict: frees its resource, keeps what has to be remembered, reports.
    pub(crate) fn operation_ended(
        &mut self,
        now: Now,
        id: &ResourceId,
        verdict: Verdict,
        run_time: Duration,
        started: Timestamp,
        commands: &mut Vec<Command>,
    ) {
        let Some(queue) = self.resources.get_mut(id) else { return };
        let Some(active) = queue.active.take() else { return };
        // A watch that goes on as before leaves nothing to be remembered.
        let saved = self.changed;
        self.changed = true;
        match active.afterwards.clone() {
            Afterwards::Drop => {
                if queue.is_empty() {
                    self.resources.remove(id);
                }
                return;
            }
            Afterwards::AnswerCancel(order) => return self.report_cancelled(now, &order, commands),
            Afterwards::Report => {}
        }
        let order = active.order.clone();
        let started = order.recorded_at(time_of_change(&order, started, run_time));
        let succeeded = verdict.status == ExecutionStatus::Done && verdict.exit == AgentExit::OK;
        if succeeded && matches!(order.operation.as_str(), "start" | "reload" | "reload-agent") {
            queue.start_parameters = Some(order.parameters.clone());
        }
        if order.agent.class == "stonith" && succeeded && matches!(order.operation.as_str(), "start" | "stop") {
            queue.device_started = order.operation == "start";
        }
        if order.interval.is_zero() {
            if crate::queue::changes_state(&order) && verdict.status == ExecutionStatus::Done {
                // Results of earlier watches say nothing about the new state.
                queue.reports.retain(|_, report| report.interval.is_zero());
            }
            let times = Times { change: started, run: run_time, queue: active.queue_time };
            return self.report(now, &order, active.call, verdict, times, commands);
        }
        let Some(place) = queue.recurring_place(&order.operation, order.interval) else { return };
        let recurring = &mut queue.recurring[place];
        recurring.due = Some(now.monotonic + order.interval);
        let call = *recurring.first_call.get_or_insert(active.call);
        let unchanged = recurring.reported.is_some_and(|(status, exit, _)| status == verdict.status && exit == verdict.exit);
        if unchanged {
            self.changed = saved;
            return;
        }
        // Results of one watch have one call id, so that time alone tells which of them is the later, in the seconds of a record: neither
        // a calendar that jumped back nor a connection lost right after it was made must make a failure look no later than the success
        // before it.
        let started = match recurring.reported {
            Some((_, _, before)) if started.seconds() <= before.seconds() => Timestamp(before.0 + 1_000_000),
            _ => started,
        };
        recurring.reported = Some((verdict.status, verdict.exit, started));
        let times = Times { change: started, run: run_time, queue: active.queue_time };
        self.report(now, &order, call, verdict, times, commands);
    }

    fn report(&mut self, now: Now, order: &OperationOrder, call: CallId, verdict: Verdict, times: Times, commands: &mut Vec<Command>) {
        let mut report = self.blank_report(order, call);
        report.status = verdict.status;
        report.exit = verdict.exit;
        report.exit_reason = verdict.reason;
        report.last_change = times.change;
        report.run_time = times.run;
        report.queue_time = times.queue;
        report.direct =
            matches!(order.operation.as_str(), "notify" | "meta-data" | "validate-all") || verdict.status == ExecutionStatus::Cancelled;
        if metadata::matters(&order.agent, &order.operation) && self.library.is_awaited(&order.agent) {
            self.held.push((now.monotonic + PATIENCE, order.clone(), report));
            return;
        }
        self.finish_report(order, report, commands);
    }

    fn finish_report(&mut self, order: &OperationOrder, mut report: OperationReport, commands: &mut Vec<Command>) {
        let facts = self.library.facts(&order.agent).filter(|_| metadata::matters(&order.agent, &order.operation));
        if !report.direct {
            let started = self.resources.get(&order.resource).and_then(|queue| queue.start_parameters.as_ref());
            report.digests = Some(digests::digests(order, &parameters_for_digest(order, started), facts));
            self.resources.of(&order.resource).keep(&report);
        }
        self.send(report, commands);
    }

    /// Sends reports whose meta-data came, or came not in time.
    pub(crate) fn release_held(&mut self, now: Now, commands: &mut Vec<Command>) {
        let held = std::mem::take(&mut self.held);
        for (until, order, report) in held {
            if until > now.monotonic && self.library.is_awaited(&order.agent) {
                self.held.push((until, order, report));
                continue;
            }
            self.changed = true;
            self.finish_report(&order, report, commands);
        }
    }

    /// Numbers a report and sends it; it is sent again until it is acknowledged.
    pub(crate) fn send(&mut self, mut report: OperationReport, commands: &mut Vec<Command>) {
        report.id = self.next_report;
        self.next_report = ReportId(report.id.0 + 1);
        self.unacknowledged.insert(report.id, report.clone());
        self.changed = true;
        commands.push(Command::Report(Box::new(report)));
    }

    /// Confirms a recurring operation whose first run is far away: nobody should wait for it.
    pub(crate) fn report_unseen(&mut self, now: Now, order: &OperationOrder, commands: &mut Vec<Command>) {
        let mut report = self.blank_report(order, CallId(0));
        report.status = ExecutionStatus::Done;
        report.exit = AgentExit(order.transition_key.target_rc);
        report.last_change = now.wall;
        report.direct = true;
        self.send(report, commands);
    }

    /// Tells that an order was cancelled before its agent ran.
    pub(crate) fn report_cancelled_order(&mut self, now: Now, order: &OperationOrder, commands: &mut Vec<Command>) {
        let mut report = self.blank_report(order, CallId(0));
        report.last_change = now.wall;
        report.direct = true;
        self.send(report, commands);
    }

    /// Answers a cancellation, whether or not there was anything to end.
    pub(crate) fn report_cancelled(&mut self, now: Now, cancel: &CancelOrder, commands: &mut Vec<Command>) {
        let Some(key) = cancel.transition_key.clone() else { return };
        let order = OperationOrder {
            resource: cancel.resource.clone(),
            agent: messages::agent::AgentName { class: String::new(), provider: None, kind: String::new() },
            operation: cancel.operation.clone(),
            operation_key: format!("{}_{}_{}", cancel.resource, cancel.operation, cancel.interval.as_millis()),
            interval: cancel.interval,
            start_delay: Duration::ZERO,
            timeout: Duration::ZERO,
            parameters: Default::default(),
            transition_key: key,
            on_node: cancel.on_node.clone(),
            locked_since: None,
            later_than: None,
        };
        self.report_cancelled_order(now, &order, commands);
        let nothing_known = self.resources.get(&cancel.resource).is_some_and(|queue| queue.is_empty());
        if nothing_known {
            self.resources.remove(&cancel.resource);
        }
    }

    fn blank_report(&self, order: &OperationOrder, call: CallId) -> OperationReport {
        let migrates = matches!(order.operation.as_str(), "migrate_to" | "migrate_from");
        let migration = |name: &str| order.meta(name).filter(|_| migrates).map(str::to_owned);
        OperationReport {
            id: ReportId(0),
            incarnation: self.incarnation.clone().unwrap_or_else(|| Incarnation(String::new())),
            on_node: order.on_node.clone(),
            resource: order.resource.clone(),
            agent: order.agent.clone(),
            operation: order.operation.clone(),
            operation_key: order.operation_key.clone(),
            interval: order.interval,
            call,
            transition_key: order.transition_key.clone(),
            status: ExecutionStatus::Cancelled,
            exit: AgentExit::UNKNOWN,
            exit_reason: None,
            last_change: Timestamp::default(),
            run_time: Duration::ZERO,
            queue_time: Duration::ZERO,
            digests: None,
            feature_set: order.parameters.get("crm_feature_set").unwrap_or(&self.settings.feature_set).clone(),
            migrate_source: migration("migrate_source"),
            migrate_target: migration("migrate_target"),
            on_fail: order.meta("on_fail").map(str::to_owned),
            container: order.meta("container").map(str::to_owned),
            locked_since: order.locked_since,
            direct: false,
        }
    }
}

/// Returns from when on an operation's result is to count.
///
/// Safety: what a migration sends away is at its target by its end; a stop there, or a look, that began before may have come too early for
/// it, whatever it said. (Found by the simulator: seed 700232 with 20 deeds.)
fn time_of_change(order: &OperationOrder, started: Timestamp, run_time: Duration) -> Timestamp {
    let arrives = order.operation == "migrate_to";
    Timestamp(started.0.saturating_add(if arrives { run_time.as_micros().min(i64::MAX as u128) as i64 } else { 0 }))
}

/// When a result came to be, how long the agent ran and how long it had waited.
struct Times {
    change: Timestamp,
    run: Duration,
    queue: Duration,
}

/// Digests are taken of what the agent saw; of fence devices Pacemaker digests what the plan said.
fn parameters_for_digest(
    order: &OperationOrder,
    started: Option<&std::collections::BTreeMap<String, String>>,
) -> std::collections::BTreeMap<String, String> {
    if order.agent.class == "stonith" { order.parameters.clone() } else { parameters_for(order, started) }
}
