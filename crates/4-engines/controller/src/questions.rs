//! What would be dangerous to do unseen begins once those know of it who would be left: a live migration its target, a start on a remote node a
//! majority.
//!
//! Safety: a coordinator that is being cut off with the source would order it, and those who fence the two would not know that the resource may have
//! arrived on one of them: what is written of it reaches them no more. The question to the target follows the note that the migration is pending in
//! the order of messages, so that whoever answers has the note. (Found by the simulator: seed 8362, half an hour.) What starts on a remote node
//! goes on there when the member that is connected to it is fenced; whoever fences it has quorum, and so one of a majority among it.

use crate::Command;
use crate::controller::{Controller, plan_number};
use crate::firing::tells;
use crate::step::{Question, State, Step};
use messages::event::Fact;
use messages::operation::{CancelOrder, NodeOrder, OperationOrder};
use model::{NodeName, Now, ResourceId, TransitionKey};
use std::collections::BTreeSet;
use std::time::Duration;

/// The operation that nobody runs: to cancel it is answered, and does nothing.
pub(crate) const QUESTION: &str = "expect";

impl Controller {
    /// Asks the target of a migration whether it knows of it; returns whether there is somebody to ask.
    pub(crate) fn ask_target(&mut self, place: usize, order: &OperationOrder, commands: &mut Vec<Command>) -> bool {
        let step = &self.progress.steps[place];
        let Some(target) = step.migrates_to().map(NodeName::new).filter(|_| step.noted && !order.agent.is_remote_connection()) else {
            return false;
        };
        let executor = self.connections.get(&target).unwrap_or(&target).clone();
        if !self.nodes.contains_key(&executor) {
            return false;
        }
        let key = step.key.clone();
        commands.push(question(&executor, target, order.resource.clone(), key.clone()));
        self.progress.steps[place].asks = Some(Question { open: BTreeSet::from([executor]), needed: 1, key });
        true
    }

    /// Has a start on a remote node wait until a majority knows of it; returns whether it does. All that begins together is asked together,
    /// and of all, so that nobody who is slow holds it up.
    ///
    /// Compat (C-510): Pacemaker orders it at once.
    pub(crate) fn ask_majority(&mut self, place: usize, order: &OperationOrder) -> bool {
        let step = &self.progress.steps[place];
        let is_start = matches!(order.operation.as_str(), "start" | "promote") && !order.agent.is_remote_connection();
        let is_by_connection = self.connections.get(&order.on_node).is_some_and(|holder| step.executor() == Some(holder));
        if !is_start || !is_by_connection || !step.noted {
            return false;
        }
        if self.unasked.is_none() {
            let others = self.nodes.iter().filter(|(name, node)| node.reachable && **name != self.node);
            let open: BTreeSet<NodeName> = others.map(|(name, _)| name.clone()).collect();
            if open.is_empty() {
                return false;
            }
            // With this node, one more than half of all.
            let needed = open.len().min(self.nodes.len() / 2);
            self.unasked = Some((order.resource.clone(), Question { open, needed, key: step.key.clone() }));
        }
        self.progress.steps[place].asks = self.unasked.as_ref().map(|(_, question)| question.clone());
        true
    }

    /// Asks what is to be asked of a majority, after all that was noted.
    pub(crate) fn put_question(&mut self, commands: &mut Vec<Command>) {
        let Some((resource, asked)) = self.unasked.take() else { return };
        let questions = asked.open.iter().map(|node| question(node, node.clone(), resource.clone(), asked.key.clone()));
        commands.extend(questions);
    }

    /// A node has answered.
    pub(crate) fn answered(&mut self, now: Now, from: &NodeName, key: &TransitionKey, commands: &mut Vec<Command>) {
        for place in self.progress.places_at_work() {
            let Some(question) = self.progress.steps[place].asks.as_mut().filter(|question| question.key == *key) else { continue };
            question.needed -= usize::from(question.open.remove(from));
            if question.needed == 0 {
                self.is_known(now, place, commands);
            }
        }
    }

    /// All have answered: the order is given, unless the plan has changed its mind.
    fn is_known(&mut self, now: Now, place: usize, commands: &mut Vec<Command>) {
        let step = self.progress.steps[place].clone();
        let order = step.operation_order().filter(|_| !step.foreign && !step.held);
        let (Some(order), Some(executor)) = (order, step.executor().cloned()) else {
            self.progress.enter(place, State::Failed);
            self.end_question(place, commands);
            return self.want_plan(now, format!("{} is not wanted any more", step.action.operation_key));
        };
        self.progress.steps[place].asks = None;
        let deadline = now.monotonic + step.patience(&self.progress.graph);
        self.progress.enter(place, State::UnderWay { since: now.monotonic, deadline: Some(deadline) });
        let order = self.after_others(order);
        self.tell_begin(&step, &order, commands);
        commands.push(Command::Order { node: executor, order: NodeOrder::Operation(order) });
    }

    /// A node that joined may not have heard what it was asked.
    pub(crate) fn drop_questions_to(&mut self, node: &NodeName, commands: &mut Vec<Command>) {
        for place in self.progress.expect_no_answer_of(node) {
            self.progress.enter(place, State::Failed);
            self.end_question(place, commands);
        }
    }

    /// What was not ordered will not be: the note that it is pending must not stay.
    pub(crate) fn end_question(&mut self, place: usize, commands: &mut Vec<Command>) {
        if self.progress.steps[place].asks.take().is_some() {
            let step = self.progress.steps[place].clone();
            self.take_back_note(&step, commands);
        }
    }

    /// Tells people that an operation begins.
    pub(crate) fn tell_begin(&self, step: &Step, order: &OperationOrder, commands: &mut Vec<Command>) {
        if tells(&order.operation, order.interval) {
            commands.push(Command::Tell(Fact::ActionStarted {
                plan: plan_number(step.key.transition),
                resource: Some(order.resource.clone()),
                node: order.on_node.clone(),
                operation: order.operation.clone(),
            }));
        }
    }
}

fn question(executor: &NodeName, on_node: NodeName, resource: ResourceId, key: TransitionKey) -> Command {
    let (operation, transition_key) = (QUESTION.to_owned(), Some(key));
    let question = CancelOrder { resource, operation, interval: Duration::ZERO, transition_key, on_node };
    Command::Order { node: executor.clone(), order: NodeOrder::Cancel(question) }
}
