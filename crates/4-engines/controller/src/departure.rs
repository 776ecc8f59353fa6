//! A live migration begins once its target knows of it.
//!
//! Safety: a coordinator that is being cut off with the source would order it, and those who fence the two would not know that the resource may have
//! arrived on one of them: what is written of it reaches them no more. The question to the target follows the note that the migration is pending in
//! the order of messages, so that whoever answers has the note. (Found by the simulator: seed 8362, half an hour.)

use crate::Command;
use crate::controller::{Controller, plan_number};
use crate::firing::tells;
use crate::step::{State, Step};
use messages::event::Fact;
use messages::operation::{CancelOrder, NodeOrder, OperationOrder};
use model::{NodeName, Now};
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
        let (resource, transition_key) = (order.resource.clone(), Some(step.key.clone()));
        let question = CancelOrder { resource, operation: QUESTION.to_owned(), interval: Duration::ZERO, transition_key, on_node: target };
        self.progress.steps[place].asks = Some(executor.clone());
        commands.push(Command::Order { node: executor, order: NodeOrder::Cancel(question) });
        true
    }

    /// The target has answered: the source is given its order, unless the plan has changed its mind.
    pub(crate) fn target_knows(&mut self, now: Now, place: usize, commands: &mut Vec<Command>) {
        let step = self.progress.steps[place].clone();
        if step.asks.is_none() {
            return;
        }
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
        for place in 0..self.progress.steps.len() {
            if self.progress.steps[place].asks.as_ref() == Some(node) {
                self.progress.enter(place, State::Failed);
                self.end_question(place, commands);
            }
        }
    }

    /// A migration that was not ordered will not be: the note that it is pending must not stay.
    pub(crate) fn end_question(&mut self, place: usize, commands: &mut Vec<Command>) {
        if self.progress.steps[place].asks.take().is_some() {
            let step = self.progress.steps[place].clone();
            self.drop_note(&step, commands);
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
