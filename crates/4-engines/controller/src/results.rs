//! What ends an action: a report, the end of its time, a fencing. Failures are counted, unexpected results ask for a new plan.

use crate::controller::{Controller, plan_number, push_edit};
use crate::firing::tells;
use crate::questions::QUESTION;
use crate::record::{effective, has_failed, is_migration, is_recordable, pending_id, record_ids};
use crate::step::{State, Step};
use crate::{AttributeChange, Command, FencingEnd, Join, NodeState, StatusEdit};
use messages::event::Fact;
use messages::group::Incarnation;
use messages::operation::{NodeOrder, OperationOrder, OperationReport, ReportId};
use model::{AgentExit, CallId, ExecutionStatus, NodeName, Now};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a fencing waits after the second failure in a row; doubled for each further one, up to 32 times as long.
const RETRY_MIN: Duration = Duration::from_secs(1);

/// So many reports of a node are remembered: more than can be under way without an answer.
const TAKEN_MAX: usize = 1024;

/// Returns how long the next fencing of a node waits after so many failures in a row. A device that just failed seldom works a
/// moment later: the first retry is at once, later ones wait ever longer.
pub(crate) fn retry_wait(failures: u32) -> Duration {
    if failures < 2 { Duration::ZERO } else { RETRY_MIN * (1 << (failures - 2).min(5)) }
}

impl Controller {
    pub(crate) fn reported(&mut self, now: Now, from: &NodeName, report: OperationReport, commands: &mut Vec<Command>) {
        // Whatever becomes of it, it need not come again; the order of messages puts its record first.
        let on_node = (report.on_node != *from).then(|| report.on_node.clone());
        let acknowledge = Command::Order { node: from.clone(), order: NodeOrder::Acknowledge { reports: vec![report.id], on_node } };
        if self.is_void(from, &report.incarnation) {
            // Safety: the host that says so was reset since; what it did is undone.
            commands.push(acknowledge);
            return;
        }
        if self.is_repeated(&report) {
            commands.push(acknowledge);
            return;
        }
        let place = self.progress.find(&report.transition_key);
        if report.operation == QUESTION {
            self.answered(now, from, &report.transition_key, commands);
            commands.push(acknowledge);
            return;
        }
        self.found_again(&report);
        self.record(&report, commands);
        self.connection_reported(now, from, &report, commands);
        let failed = has_failed(&report) && report.operation != "notify";
        match place {
            Some(place) => self.step_reported(now, place, &report, failed, commands),
            None => self.unexpected(now, &report, failed, commands),
        }
        commands.push(acknowledge);
    }

    /// Returns whether a report was taken before: a node sends it again until it is acknowledged, several times while its coordinator
    /// changes, and a failure must count once.
    fn is_repeated(&mut self, report: &OperationReport) -> bool {
        // Reports that are made here have no number.
        if report.id == ReportId::default() {
            return false;
        }
        let (life, taken) = self.taken.entry(report.on_node.clone()).or_insert_with(|| (report.incarnation.clone(), BTreeSet::new()));
        if *life != report.incarnation {
            (*life, *taken) = (report.incarnation.clone(), BTreeSet::new());
        }
        // Whoever is connected to a remote node anew numbers its reports anew, but no order comes twice.
        let is_new = taken.insert((report.id, report.transition_key.clone()));
        if taken.len() > TAKEN_MAX {
            taken.pop_first();
        }
        !is_new
    }

    /// Returns whether what a host says is of a life that has ended.
    fn is_void(&self, from: &NodeName, incarnation: &Incarnation) -> bool {
        let known = self.nodes.get(from).and_then(|node| node.incarnation.as_ref());
        self.fenced.get(from) == Some(incarnation) || known.is_some_and(|known| known != incarnation)
    }

    /// Writes a result into the history of its resource.
    fn record(&mut self, report: &OperationReport, commands: &mut Vec<Command>) {
        if report.direct || !is_recordable(&report.operation) || report.status == ExecutionStatus::Cancelled {
            return;
        }
        self.remember(report);
        let node = self.action_node(&report.on_node);
        push_edit(commands, StatusEdit::Record { node, report: Box::new(report.clone()) });
    }

    /// Remembers what stands in the status section, for when a note of a pending operation takes its place.
    pub(crate) fn remember(&mut self, report: &OperationReport) {
        let ids = record_ids(report.resource.as_str(), &report.operation, report.interval.as_millis(), has_failed(report));
        if is_migration(&report.operation) {
            self.migratory.insert(report.resource.clone());
        }
        let records = self.recorded.entry((report.on_node.clone(), report.resource.clone())).or_default();
        for id in ids {
            records.insert(id, report.clone());
        }
    }

    /// Returns the order with the time that its result must be later than.
    ///
    /// Safety: where a resource is that has migrated is told by which result of two nodes is the later, and calendars differ. (Found by the
    /// simulator: seed 50076, half an hour.)
    pub(crate) fn after_others(&mut self, order: OperationOrder) -> OperationOrder {
        if is_migration(&order.operation) {
            self.migratory.insert(order.resource.clone());
        } else if !self.migratory.contains(&order.resource) {
            return order;
        }
        let others = self.nodes.keys().chain(self.connections.keys()).filter(|node| **node != order.on_node);
        let records = others.filter_map(|node| self.recorded.get(&(node.clone(), order.resource.clone())));
        let later_than = records.flat_map(|records| records.values().map(|report| report.last_change)).max();
        OperationOrder { later_than, ..order }
    }

    fn step_reported(&mut self, now: Now, place: usize, report: &OperationReport, failed: bool, commands: &mut Vec<Command>) {
        let step = self.progress.steps[place].clone();
        let ignored = report.on_fail.as_deref() == Some("ignore") || step.action.meta("on_fail") == Some("ignore");
        let cancelled = report.status == ExecutionStatus::Cancelled && step.action.operation != "cancel";
        let succeeded = step.action.operation == "cancel" || ((!failed || ignored) && !cancelled);
        self.progress.enter(place, if succeeded { State::Succeeded } else { State::Failed });
        if step.concerns_state() && step.action.operation != "monitor" {
            self.changed_meanwhile.extend([report.resource.clone()]);
            self.changed_meanwhile.extend(step.resource().cloned());
            // What a remote node runs is ended before its connection.
            self.changed_meanwhile.extend(self.connections.contains_key(&report.on_node).then(|| report.on_node.as_str().into()));
        }
        if step.action.operation == "cancel" {
            self.drop_cancelled(&step, report, commands);
        } else if (failed || cancelled) && step.noted && !report.interval.is_zero() {
            // The failure has a place of its own (a watch that was ended has none): the note that it is pending must not stay.
            self.drop_note(&step, commands);
        }
        if failed {
            self.count_failure(now, report, ignored, commands);
            self.tell_failure(report, commands);
        }
        self.tell_end(now, &step, report, commands);
        if !succeeded {
            self.want_plan(now, format!("{} failed on {}", report.operation_key, report.on_node));
        } else if step.foreign {
            self.want_plan(now, format!("{} has ended on {}", report.operation_key, report.on_node));
        }
    }

    /// A result nobody waits for: a watch that changed its mind, a late one, one of another coordinator's plan.
    fn unexpected(&mut self, now: Now, report: &OperationReport, failed: bool, commands: &mut Vec<Command>) {
        if report.direct || report.status == ExecutionStatus::Cancelled {
            return;
        }
        if failed {
            self.count_failure(now, report, report.on_fail.as_deref() == Some("ignore"), commands);
            self.tell_failure(report, commands);
        }
        if report.interval.is_zero() && report.operation != "notify" {
            // Safety: the plan under way, and one being made, did not know of this: they would start elsewhere what runs by now.
            // (Found by the simulator: seed 23253 with 20 deeds.)
            self.changed_meanwhile.insert(report.resource.clone());
            self.changed_meanwhile.extend(self.connections.contains_key(&report.on_node).then(|| report.on_node.as_str().into()));
            self.progress.hold_resource(&report.resource);
        }
        self.want_plan(now, format!("{} on {}: {}", report.operation_key, report.on_node, report.exit));
    }

    fn drop_cancelled(&mut self, step: &Step, report: &OperationReport, commands: &mut Vec<Command>) {
        let Some(node) = step.action.node.clone() else { return };
        let record = format!("{}_{}_{}", report.resource, report.operation, report.interval.as_millis());
        if let Some(records) = self.recorded.get_mut(&(node.name.clone(), report.resource.clone())) {
            records.remove(&record);
        }
        push_edit(commands, StatusEdit::DropRecord { node, resource: report.resource.clone(), record });
    }

    /// Drops the note that an action is pending without a result to take its place.
    pub(crate) fn drop_note(&mut self, step: &Step, commands: &mut Vec<Command>) {
        let (Some(order), Some(node)) = (step.operation_order(), step.action.node.clone()) else { return };
        let resource = order.resource.clone();
        push_edit(commands, StatusEdit::DropRecord { node, resource, record: pending_id(&order) });
    }

    /// Takes back the note of an action that was not ordered after all: the result whose place it had taken stands there again.
    ///
    /// Without that result an earlier watch would tell that the resource runs there. (Found by the simulator: seed 3314, half an hour.)
    pub(crate) fn take_back_note(&mut self, step: &Step, commands: &mut Vec<Command>) {
        let (Some(order), Some(node)) = (step.operation_order(), step.action.node.clone()) else { return };
        let records = self.recorded.get(&(node.name.clone(), order.resource.clone()));
        match records.and_then(|records| records.get(&pending_id(&order))).cloned() {
            Some(report) => push_edit(commands, StatusEdit::Record { node, report: Box::new(report) }),
            None => self.drop_note(step, commands),
        }
    }

    /// Counts a failure where the scheduler finds it. Compat: names and values of the two attributes, and which operations count.
    fn count_failure(&mut self, now: Now, report: &OperationReport, ignored: bool, commands: &mut Vec<Command>) {
        let recurring = !report.interval.is_zero();
        let outside = report.transition_key.transition == -1;
        let counts = recurring || outside || matches!(report.operation.as_str(), "promote" | "demote" | "start" | "stop");
        if !counts || report.status == ExecutionStatus::Invalid {
            return;
        }
        let option = |name: &str| self.progress.graph.option(name).map(str::to_owned);
        let offset = match report.operation.as_str() {
            "start" => Some(option("failed-start-offset").unwrap_or_else(|| self.start_offset())),
            "stop" => Some(option("failed-stop-offset").unwrap_or_else(|| "INFINITY".to_owned())),
            _ => None,
        };
        let value = match offset.as_deref() {
            Some("INFINITY" | "+INFINITY" | "1000000") => AttributeChange::Set("INFINITY".to_owned()),
            _ => AttributeChange::Increment,
        };
        let what = format!("{}#{}_{}", report.resource, report.operation, report.interval.as_millis());
        let node = report.on_node.clone();
        if !ignored {
            commands.push(Command::SetAttribute { node: node.clone(), name: format!("fail-count-{what}"), value });
        }
        let value = AttributeChange::Set(now.wall.seconds().to_string());
        commands.push(Command::SetAttribute { node, name: format!("last-failure-{what}"), value });
    }

    fn start_offset(&self) -> String {
        if self.settings.start_failure_is_fatal { "INFINITY".to_owned() } else { "1".to_owned() }
    }

    fn tell_failure(&self, report: &OperationReport, commands: &mut Vec<Command>) {
        commands.push(Command::Tell(Fact::OperationFailed {
            resource: report.resource.clone(),
            node: report.on_node.clone(),
            operation: report.operation.clone(),
            exit: report.exit.0,
            reason: report.exit_reason.clone().unwrap_or_default(),
        }));
    }

    fn tell_end(&self, now: Now, step: &Step, report: &OperationReport, commands: &mut Vec<Command>) {
        let State::UnderWay { since, .. } = step.state else { return };
        if !tells(&report.operation, report.interval) || step.action.operation == "cancel" {
            return;
        }
        commands.push(Command::Tell(Fact::ActionFinished {
            plan: plan_number(step.key.transition),
            resource: Some(report.resource.clone()),
            node: report.on_node.clone(),
            operation: report.operation.clone(),
            exit: effective(report.exit).0,
            took: now.monotonic.saturating_sub(since),
        }));
    }

    /// Ends what gave no answer in time: as a failure that is recorded like any other.
    pub(crate) fn check_overdue(&mut self, now: Now, commands: &mut Vec<Command>) {
        for place in self.progress.overdue(now.monotonic) {
            let step = self.progress.steps[place].clone();
            let executor = step.executor().map_or_else(String::new, ToString::to_string);
            commands
                .push(Command::Tell(Fact::Warning { text: format!("{executor} gave no result of {} in time", step.action.operation_key) }));
            self.end_question(place, commands);
            match self.overdue_report(now, &step, &executor) {
                Some(report) if is_recordable(&report.operation) && step.asks.is_none() => {
                    self.record(&report, commands);
                    self.step_reported(now, place, &report, true, commands);
                }
                _ => {
                    self.progress.enter(place, State::Failed);
                    self.want_plan(now, format!("{} gave no result in time", step.action.operation_key));
                }
            }
        }
    }

    fn overdue_report(&mut self, now: Now, step: &Step, executor: &str) -> Option<OperationReport> {
        let order = step.operation_order()?;
        let State::UnderWay { since, .. } = step.state else { return None };
        Some(OperationReport {
            id: ReportId::default(),
            incarnation: Incarnation(String::new()),
            on_node: order.on_node.clone(),
            resource: order.resource.clone(),
            agent: order.agent.clone(),
            operation: order.operation.clone(),
            operation_key: order.operation_key.clone(),
            interval: order.interval,
            call: CallId(0),
            transition_key: order.transition_key.clone(),
            status: ExecutionStatus::Timeout,
            exit: AgentExit::ERROR,
            exit_reason: Some(format!("Node {executor} did not return result in time")),
            last_change: self.after_others(order.clone()).recorded_at(now.wall),
            run_time: now.monotonic.saturating_sub(since),
            queue_time: Duration::ZERO,
            digests: None,
            feature_set: order.parameters.get("crm_feature_set").unwrap_or(&self.settings.feature_set).clone(),
            migrate_source: order.meta("migrate_source").map(str::to_owned),
            migrate_target: order.meta("migrate_target").map(str::to_owned),
            on_fail: order.meta("on_fail").map(str::to_owned),
            container: order.meta("container").map(str::to_owned),
            locked_since: order.locked_since,
            direct: false,
        })
    }

    pub(crate) fn fencing_ended(&mut self, now: Now, end: FencingEnd, commands: &mut Vec<Command>) {
        let mut awaited = false;
        for place in self.progress.places_at_work() {
            let step = &self.progress.steps[place];
            let wanted = step.action.meta("stonith_action").unwrap_or("reboot");
            let same = (wanted == "on") == (end.action == "on");
            if !step.is_fencing() || step.node() != Some(&end.target) || !same {
                continue;
            }
            awaited |= !step.foreign;
            let is_foreign = step.foreign;
            self.progress.enter(place, if end.error.is_none() { State::Succeeded } else { State::Failed });
            if is_foreign || end.error.is_some() {
                self.want_plan(now, format!("fencing of {} has ended", end.target));
            }
        }
        if end.error.is_some() {
            let failures = self.unfenced.get(&end.target).map_or(0, |(failures, _)| *failures).saturating_add(1);
            self.unfenced.insert(end.target.clone(), (failures, now.monotonic + retry_wait(failures)));
            return;
        }
        self.unfenced.remove(&end.target);
        if end.action == "on" {
            self.note_unfenced(now, &end, commands);
            return;
        }
        if let Some(incarnation) = &end.incarnation {
            // The target may already be back in a new life: that one is not what was fenced.
            let present = self.nodes.get(&end.target).and_then(|node| node.incarnation.as_ref());
            self.fenced.insert(end.target.clone(), incarnation.clone());
            if present.is_some_and(|present| present != incarnation) {
                return;
            }
        }
        self.adrift.retain(|(node, _)| *node != end.target);
        self.source_forgotten(&end.target, end.adrift);
        self.supersede(now, &end.target, commands);
        self.outdate_plan(now, format!("{} was fenced while a plan was made", end.target));
        if !awaited {
            // Someone else had it fenced: what that means is for a new plan.
            self.want_plan(now, format!("{} was fenced", end.target));
        }
    }

    /// Fencing supersedes what is under way on its target: whatever it was, it is over.
    fn supersede(&mut self, now: Now, target: &NodeName, commands: &mut Vec<Command>) {
        for place in self.progress.unfinished_on(target) {
            if self.progress.steps[place].is_under_way() {
                self.give_up(place, target, commands);
                self.want_plan(now, format!("{target} was fenced while it was at work"));
            }
        }
        self.recorded.retain(|(node, _), _| node != target);
        self.leaving.remove(target);
        if !self.nodes.contains_key(target) {
            return self.remote_node_fenced(target, commands);
        }
        let node = self.action_node(target);
        let state = NodeState {
            in_membership: Some(false),
            daemon_online: Some(false),
            join: Some(Join::Down),
            expected: Some(Join::Down),
            origin: "send_stonith_update",
            ..NodeState::default()
        };
        push_edit(commands, StatusEdit::NodeState { node: node.clone(), state });
        push_edit(commands, StatusEdit::DropHistory { node: node.clone() });
        push_edit(commands, StatusEdit::DropAttributes { node });
    }

    fn note_unfenced(&mut self, now: Now, end: &FencingEnd, commands: &mut Vec<Command>) {
        let step = self.progress.steps.iter().rev().find(|step| step.is_fencing() && step.node() == Some(&end.target));
        let digests = ["digests_all", "digests_secure"].map(|name| step.and_then(|step| step.action.meta(name)).map(str::to_owned));
        let [all, secure] = digests;
        let values = [("#node-unfenced", Some(now.wall.seconds().to_string())), ("#digests-all", all), ("#digests-secure", secure)];
        for (name, value) in values {
            if let Some(value) = value {
                commands.push(Command::SetAttribute {
                    node: end.target.clone(),
                    name: name.to_owned(),
                    value: AttributeChange::Set(value),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_further_failure_doubles_the_wait_up_to_a_limit() {
        let waits: Vec<u64> = (0..10).map(|failures| retry_wait(failures).as_secs()).collect();
        assert_eq!(waits, [0, 0, 1, 2, 4, 8, 16, 32, 32, 32]);
    }
}
