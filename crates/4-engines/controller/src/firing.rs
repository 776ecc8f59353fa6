//! Begins what is ready: each action becomes an order to a node, a wish to the fencer, a change of the status, or nothing at all.

use crate::controller::{Controller, push_edit};
use crate::index::Pass;
use crate::progress::{Jobs, count_job};
use crate::record::{is_recordable, pending_id};
use crate::step::{State, Step};
use crate::{Command, FenceWish, Join, NodeState, StatusEdit};
use messages::operation::NodeOrder;
use model::{NodeName, Now, parse_boolean, parse_interval};
use std::time::Duration;
use transition::ActionKind;

impl Controller {
    /// Begins everything that may begin now. Compat: in the order of the plan, pass by pass, until a pass ends nothing at once; but where
    /// a limit lets only some begin, what brings resources to where they should be goes before what watches over them.
    pub(crate) fn fire(&mut self, now: Now, commands: &mut Vec<Command>) {
        debug_assert!(self.progress.is_indexed());
        let limit = self.progress.batch_limit();
        let mut under_way = self.progress.under_way();
        let mut jobs = self.progress.jobs();
        let mut again = true;
        while again {
            again = false;
            let mut pass = Pass::default();
            while let Some((place, lane)) = self.progress.next_turn(&mut pass) {
                let step = &self.progress.steps[place];
                let full = limit > 0 && under_way >= limit && step.action.kind != ActionKind::Pseudo;
                if full || !self.progress.is_ready(step) || !self.may_begin(now, step, &jobs) {
                    // Nothing else that this node is to do may begin in this pass, so that it is not looked at.
                    if lane.as_ref().is_some_and(|node| full || !self.has_room(node, &jobs)) {
                        pass.closed.insert(lane);
                    }
                    continue;
                }
                self.begin(now, place, commands);
                let step = &self.progress.steps[place];
                if step.is_under_way() {
                    under_way += 1;
                    count_job(&mut jobs, step);
                } else {
                    again = true;
                }
            }
        }
        self.put_question(commands);
        self.note_end(commands);
    }

    /// Returns whether limits and the state of its node let an action begin.
    fn may_begin(&self, now: Now, step: &Step, jobs: &Jobs) -> bool {
        if step.is_shutdown() && step.node().is_some_and(|node| self.progress.is_at_work(node)) {
            return false;
        }
        if step.is_shutdown() && step.node() == Some(&self.node) {
            // The coordinator leaves last, when nothing else is left to be carried out.
            return self.progress.under_way() == 0
                && !self.progress.ready().any(|other| self.is_due(other) && !is_own_shutdown(other, &self.node));
        }
        // Safety: what is under way on a remote node ends before its connection does: nobody would tell how it ended.
        if step.ends_connection().is_some_and(|remote| self.progress.at_work().any(|s| s.node() == Some(&remote))) {
            return false;
        }
        if self.forgives_too_soon(step) {
            return false;
        }
        // Safety: a machine that a clean-up forgot, and the guest in it, have not ended because nobody knows where it runs: whoever is asked
        // answers first. (Found by the simulator: seed 820108 with two remote nodes and a guest.)
        if step.is_guest_fencing() {
            let is_open = |probe: &Step| probe.is_under_way() || probe.state == State::Failed || self.is_due(probe);
            return !self.progress.steps.iter().any(|other| other.is_probe() && is_open(other));
        }
        if step.is_fencing() {
            let failed = step.node().and_then(|target| self.unfenced.get(target));
            return failed.is_none_or(|(_, until)| now.monotonic >= *until);
        }
        if step.action.kind != ActionKind::Resource {
            return true;
        }
        let migrations_max: i64 = self.progress.graph.option("migration-limit").and_then(|text| text.parse().ok()).unwrap_or(-1);
        step.executor().is_none_or(|node| self.has_room(node, jobs))
            && step.job_nodes().iter().all(|node| {
                let (jobs, migrations) = jobs.get(*node).copied().unwrap_or_default();
                let limit = self.nodes.get(*node).map_or(0, |node| node.jobs_max);
                let migrates = step.is_migration() && migrations_max > 0;
                (limit == 0 || jobs < limit) && !(migrates && migrations >= migrations_max as usize)
            })
    }

    /// Returns whether a connection whose failure is to be forgotten is still to end on its node.
    ///
    /// The next plan would take the connection for whole, and nobody would make it again: where it cannot end by this plan, what failed stays.
    /// (Found by the simulator: seeds 92058 and 92079 with two replicas, half an hour.)
    fn forgives_too_soon(&self, step: &Step) -> bool {
        let Some(connection) = step.forgives_connection() else { return false };
        let is_its = |other: &Step, of: Option<NodeName>| of.as_ref() == Some(&connection) && other.node() == step.node();
        let steps = &self.progress.steps;
        // Of what is not configured any more, what failed is forgotten before it ends.
        let follows = |end: &Step| end.after.iter().any(|place| is_its(&steps[*place], steps[*place].forgives_connection()));
        steps.iter().any(|other| is_its(other, other.ends_connection()) && other.state != State::Succeeded && !follows(other))
    }

    /// Returns whether a node can be ordered to do one thing more.
    fn has_room(&self, name: &NodeName, jobs: &Jobs) -> bool {
        let Some(node) = self.nodes.get(name) else { return true };
        let has = jobs.get(name.as_str()).map_or(0, |(jobs, _)| *jobs);
        // A node whose daemon is away for a moment gets its orders when it is back.
        node.reachable && (node.jobs_max == 0 || has < node.jobs_max)
    }

    /// Returns whether a waiting action only lacks its turn.
    pub(crate) fn is_due(&self, step: &Step) -> bool {
        step.state == State::Waiting
            && !step.held
            && !self.progress.follows_failure(step)
            && !self.forgives_too_soon(step)
            && step.after.iter().all(|place| self.progress.steps[*place].state == State::Succeeded)
    }

    fn begin(&mut self, now: Now, place: usize, commands: &mut Vec<Command>) {
        self.progress.steps[place].tainted = self.progress.follows_failure(&self.progress.steps[place]);
        let step = self.progress.steps[place].clone();
        match step.action.kind {
            ActionKind::Pseudo => self.begin_pseudo(&step, commands),
            ActionKind::Cluster => return self.begin_cluster(now, place, &step, commands),
            ActionKind::Resource => return self.begin_resource(now, place, &step, commands),
        }
        self.progress.enter(place, State::Succeeded);
        if step.is_guest_fencing() {
            // Before anything else of this plan begins.
            self.look_for_what_is_adrift(now, commands);
        }
    }

    fn begin_pseudo(&mut self, step: &Step, commands: &mut Vec<Command>) {
        for (node, on) in &step.action.maintenance {
            push_edit(commands, StatusEdit::Maintenance { node: node.clone(), on: *on });
        }
        if step.is_guest_fencing() {
            step.action.downed.iter().for_each(|guest| self.guest_node_down(&NodeName::new(guest), commands));
        }
        // A connection that ended with its host and is not made again: the node was let go, and what it asked for is done. Else nobody would
        // ever be connected to it again. (Found by the simulator: seed 820159 with two remote nodes and a guest.)
        if step.action.operation == "stop" {
            let ended = step.action.downed.iter().filter(|remote| !self.progress.starts(remote));
            ended.for_each(|remote| self.connection_ended(&NodeName::new(remote), commands));
        }
    }

    fn begin_cluster(&mut self, now: Now, place: usize, step: &Step, commands: &mut Vec<Command>) {
        let Some(node) = step.action.node.clone() else {
            self.progress.enter(place, State::Failed);
            return;
        };
        match step.action.operation.as_str() {
            "stonith" => {
                let timeout = ["stonith-timeout", "fencing-timeout"].iter().find_map(|name| self.progress.graph.option(name));
                let timeout = timeout.and_then(parse_interval).unwrap_or(Duration::from_secs(60));
                let delay = ["priority_fencing_delay", "priority-fencing-delay"].iter().find_map(|name| step.action.meta(name));
                self.under_way(place, now, None);
                commands.push(Command::Fence(FenceWish {
                    target: node,
                    action: step.action.meta("stonith_action").unwrap_or("reboot").to_owned(),
                    timeout,
                    delay: delay.and_then(parse_interval),
                    reason: step.action.reason.clone(),
                }));
                return;
            }
            "do_shutdown" => {
                let deadline = now.monotonic + step.patience(&self.progress.graph);
                self.under_way(place, now, Some(deadline));
                let state = NodeState { expected: Some(Join::Down), origin: "do_shutdown", ..NodeState::default() };
                push_edit(commands, StatusEdit::NodeState { node: node.clone(), state });
                commands.push(Command::ShutDown { node: node.name });
                return;
            }
            "clear_failcount" => self.clear_failures(step, &node, commands),
            "lrm_delete" | "delete" => self.delete(step, &node, commands),
            // Compat: anything else asks for nothing that is not done already (lrm_refresh, probe_complete, …).
            _ => {}
        }
        self.progress.enter(place, State::Succeeded);
    }

    fn clear_failures(&mut self, step: &Step, node: &transition::ActionNode, commands: &mut Vec<Command>) {
        let Some(resource) = step.resource().cloned() else { return };
        let interval = step.action.meta("clear_failcount_interval").and_then(|text| text.parse().ok()).unwrap_or(0);
        let operation = step.action.meta("clear_failcount_op").map(|operation| (operation.to_owned(), interval));
        let record = format!("{resource}_last_failure_0");
        push_edit(commands, StatusEdit::DropRecord { node: node.clone(), resource: resource.clone(), record });
        commands.push(Command::ClearFailures { node: node.name.clone(), resource, operation });
    }

    fn delete(&mut self, step: &Step, node: &transition::ActionNode, commands: &mut Vec<Command>) {
        let Some(resource) = step.resource().cloned() else { return };
        let executor = step.executor().cloned().unwrap_or_else(|| node.name.clone());
        let on_node = (executor != node.name).then(|| node.name.clone());
        commands.push(Command::Order { node: executor, order: NodeOrder::Forget { resource: resource.clone(), on_node } });
        self.recorded.remove(&(node.name.clone(), resource.clone()));
        push_edit(commands, StatusEdit::DropResource { node: node.clone(), resource });
    }

    fn begin_resource(&mut self, now: Now, place: usize, step: &Step, commands: &mut Vec<Command>) {
        let (Some(node), Some(executor)) = (step.action.node.clone(), step.executor().cloned()) else {
            self.progress.enter(place, State::Failed);
            return;
        };
        let deadline = now.monotonic + step.patience(&self.progress.graph);
        match step.action.operation.as_str() {
            "delete" => {
                self.delete(step, &node, commands);
                self.progress.enter(place, State::Succeeded);
                return;
            }
            "cancel" => {
                let Some(order) = step.cancel_order() else {
                    self.progress.enter(place, State::Failed);
                    return;
                };
                self.under_way(place, now, Some(deadline));
                commands.push(Command::Order { node: executor, order: NodeOrder::Cancel(order) });
                return;
            }
            _ => {}
        }
        let Some(order) = step.operation_order() else {
            self.progress.enter(place, State::Failed);
            return;
        };
        let order = self.after_others(order);
        self.under_way(place, now, Some(deadline));
        if is_recordable(&order.operation) && order.meta("record_pending").and_then(parse_boolean).unwrap_or(true) {
            self.progress.steps[place].noted = true;
            let feature_set = order.parameters.get("crm_feature_set").unwrap_or(&self.settings.feature_set).clone();
            let edit = StatusEdit::Pending { node: node.clone(), order: Box::new(order.clone()), feature_set, at: now.wall };
            debug_assert!(!pending_id(&order).is_empty());
            push_edit(commands, edit);
        }
        if self.ask_target(place, &order, commands) || self.ask_majority(place, &order) {
            return;
        }
        self.tell_begin(step, &order, commands);
        if step.action.meta("op_no_wait").and_then(parse_boolean) == Some(true) {
            self.progress.enter(place, State::Succeeded);
        }
        commands.push(Command::Order { node: executor, order: NodeOrder::Operation(order) });
    }

    fn under_way(&mut self, place: usize, now: Now, deadline: Option<Duration>) {
        self.fruitless = 0;
        self.progress.enter(place, State::UnderWay { since: now.monotonic, deadline });
    }
}

fn is_own_shutdown(step: &Step, own: &NodeName) -> bool {
    step.is_shutdown() && step.node() == Some(own)
}

/// Returns whether people want to see that an operation begins and ends: what changes something.
pub(crate) fn tells(operation: &str, interval: Duration) -> bool {
    interval.is_zero() && !matches!(operation, "monitor" | "status" | "notify" | "meta-data" | "cancel" | "delete")
}
