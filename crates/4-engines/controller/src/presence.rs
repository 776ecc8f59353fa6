//! Nodes that come and go, as far as plans and the status section are concerned.

use crate::controller::{Controller, push_edit};
use crate::step::{State, Step};
use crate::{Command, Join, NodeState, StatusEdit};
use messages::group::Incarnation;
use messages::operation::{OperationOrder, OperationReport};
use model::{NodeName, Now};
use transition::ActionNode;

impl Controller {
    /// Returns what is to be done with the history of a node that is back. What was stopped when it shut down waits for it: of that only the
    /// status tells, which outlives a boot.
    pub(crate) fn forget_history(&self, node: &ActionNode) -> StatusEdit {
        let node = node.clone();
        if self.settings.shutdown_lock { StatusEdit::DropUnlocked { node } } else { StatusEdit::DropHistory { node } }
    }

    /// A node is a member now. Its history is written anew from what it says itself: that is the only truth about it.
    pub(crate) fn node_joined(
        &mut self,
        now: Now,
        name: NodeName,
        incarnation: Incarnation,
        at_work: Vec<OperationOrder>,
        history: Vec<OperationReport>,
        commands: &mut Vec<Command>,
    ) {
        let node = self.action_node(&name);
        let another_life = self.nodes.get(&name).and_then(|node| node.incarnation.as_ref()).is_some_and(|known| *known != incarnation);
        if let Some(known) = self.nodes.get_mut(&name) {
            known.incarnation = Some(incarnation.clone());
        }
        if self.fenced.get(&name).is_some_and(|fenced| *fenced != incarnation) {
            self.fenced.remove(&name);
        }
        self.leaving.remove(&name);
        if another_life {
            self.give_up_on(now, &name, commands);
        }
        self.drop_questions_to(&name, commands);
        push_edit(commands, self.forget_history(&node));
        let state = NodeState {
            in_membership: Some(true),
            daemon_online: Some(true),
            join: Some(Join::Member),
            expected: Some(Join::Member),
            origin: "do_dc_join_ack",
            ..NodeState::default()
        };
        push_edit(commands, StatusEdit::NodeState { node: node.clone(), state });
        self.recorded.retain(|(recorded, _), _| *recorded != name);
        let history: Vec<OperationReport> = history.into_iter().filter(|report| report.incarnation == incarnation).collect();
        for report in &history {
            self.connection_known(&name, report, &history, commands);
        }
        for report in history {
            self.remember(&report);
            let node = self.action_node(&report.on_node);
            push_edit(commands, StatusEdit::Record { node, report: Box::new(report) });
        }
        // Safety: what this node runs may not be what the plan under way believes; the next plan follows at once.
        self.progress.hold_all();
        for order in at_work {
            // What it is at by order of an earlier coordinator goes on, and its result will come.
            let node = self.action_node(&order.on_node);
            if self.progress.find(&order.transition_key).is_some() {
                continue;
            }
            let feature_set = order.parameters.get("crm_feature_set").unwrap_or(&self.settings.feature_set).clone();
            self.progress.inherit(Step::inherited(&order, &node, now.monotonic));
            push_edit(commands, StatusEdit::Pending { node, order: Box::new(order), feature_set, at: now.wall });
        }
        self.want_plan(now, format!("{name} has joined"));
    }

    /// A host is gone: nothing on it will be carried out, and what became of what it was at is not known.
    pub(crate) fn node_lost(&mut self, now: Now, name: &NodeName, commands: &mut Vec<Command>) {
        // Safety: only a node that was dismissed, with everything on it stopped, has left; to have asked for it is not enough.
        let left = self.end_shutdown_of(name);
        self.leaving.remove(name);
        if let Some(node) = self.nodes.get_mut(name) {
            node.reachable = false;
        }
        self.give_up_on(now, name, commands);
        self.connections.retain(|_, holder| holder != name);
        let node = self.action_node(name);
        let state = NodeState {
            in_membership: Some(false),
            daemon_online: Some(false),
            join: Some(Join::Down),
            // Compat: who was not told to leave is expected to be here, and so will be fenced.
            expected: left.then_some(Join::Down),
            origin: "post_cache_update",
            ..NodeState::default()
        };
        push_edit(commands, StatusEdit::NodeState { node: node.clone(), state });
        push_edit(commands, StatusEdit::DropAttributes { node });
        if !left {
            // Compat: a node that leaves as the plan said changes nothing for the rest of the plan.
            self.want_plan(now, format!("{name} has left"));
        }
    }

    /// A node's daemon did not come back in time although its host is there: it cannot be trusted, and will be fenced.
    pub(crate) fn daemon_lost(&mut self, now: Now, name: &NodeName, commands: &mut Vec<Command>) {
        let left = self.end_shutdown_of(name);
        self.give_up_on(now, name, commands);
        let state = NodeState {
            in_membership: Some(true),
            daemon_online: Some(false),
            join: Some(Join::Down),
            expected: left.then_some(Join::Down),
            origin: "peer_update_callback",
            ..NodeState::default()
        };
        push_edit(commands, StatusEdit::NodeState { node: self.action_node(name), state });
        self.want_plan(now, format!("the daemon of {name} is gone"));
    }

    pub(crate) fn shutdown_done(&mut self, now: Now, name: &NodeName, commands: &mut Vec<Command>) {
        self.node_lost(now, name, commands);
    }

    /// Ends the shutdown that was under way for this node; returns whether there was one.
    fn end_shutdown_of(&mut self, name: &NodeName) -> bool {
        let is_its = |place: &usize| self.progress.steps[*place].is_shutdown() && self.progress.steps[*place].node() == Some(name);
        let shutdown = self.progress.places_at_work().into_iter().find(is_its);
        shutdown.into_iter().for_each(|place| self.progress.enter(place, State::Succeeded));
        shutdown.is_some()
    }

    /// Ends, as failed, whatever a node was to do: a new plan says what becomes of it.
    fn give_up_on(&mut self, now: Now, name: &NodeName, commands: &mut Vec<Command>) {
        let mut unfinished = self.progress.unfinished_on(name);
        unfinished.extend(self.progress.expect_no_answer_of(name));
        for place in unfinished {
            self.give_up(place, name, commands);
            self.want_plan(now, format!("{name} cannot finish its work"));
        }
    }

    /// Ends, as failed, one thing that a node was to do.
    ///
    /// What it was to do on a remote node may have been done: where another member is connected to that as well (two partitions have become one),
    /// the connection is not made anew, and what runs there has to be watched anew. (Found by the simulator: seed 7262, half an hour.)
    pub(crate) fn give_up(&mut self, place: usize, name: &NodeName, commands: &mut Vec<Command>) {
        let step = &self.progress.steps[place];
        let is_elsewhere = step.is_under_way() && step.executor() == Some(name);
        let remote = step.node().filter(|node| is_elsewhere && *node != name).cloned();
        self.progress.enter(place, State::Failed);
        self.end_question(place, commands);
        if let Some(remote) = remote {
            self.forget_watches(&remote, commands);
        }
    }
}
