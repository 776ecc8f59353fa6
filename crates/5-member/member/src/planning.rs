//! The coordinator's controller: plans asked for, orders sent, results written.

use crate::command::{LogLevel, MemberCommand, PlanRequest};
use crate::event::PlanOutcome;
use crate::inputs::Place;
use crate::member::{Asker, Member, Sleeper};
use attributes::Update;
use controller::AttributeChange;
use messages::group::Incarnation;
use messages::operation::{NodeOrder, OperationOrder, OperationReport};
use messages::peer::PeerMessage;
use model::NodeName;
use std::sync::Arc;
use std::time::Duration;
use transition::Plan;
use xml::Element;

/// Whoever changes the status under this name has told the controller already.
pub(crate) const CONTROLLER: &str = "controller";

/// How long a plan waits for members that have not said what they are at.
const REPORT_PATIENCE: Duration = Duration::from_millis(500);

impl Member {
    pub(crate) fn give_controller(&mut self, event: controller::Event) {
        if !self.in_charge && !matches!(event, controller::Event::Deposed) {
            return;
        }
        let mut commands = self.controller.handle(self.now, event);
        // What a command brings about may come back to the controller at once, and say later when it wants to wake: that must stand. (Found by
        // a soak on hosts: a fencing that failed at once was not tried again until the next recheck of the cluster.)
        commands.sort_by_key(|command| !matches!(command, controller::Command::WakeAt(_)));
        for command in commands {
            self.control(command);
        }
    }

    fn control(&mut self, command: controller::Command) {
        use controller::Command;
        match command {
            Command::Calculate { calculation, .. } => {
                self.held_calculation = Some((calculation, self.now.monotonic + REPORT_PATIENCE));
                self.wakes.insert(Sleeper::Reports, self.now.monotonic);
            }
            Command::Order { node, order } => self.order(node, order),
            Command::Fence(wish) => {
                let request = fencer::Request {
                    ticket: 0,
                    target: wish.target.name,
                    action: wish.action,
                    origin: self.config.node.clone(),
                    client: "pacemaker-controld".to_owned(),
                    timeout: wish.timeout,
                    delay: wish.delay,
                    tolerance: Duration::ZERO,
                };
                self.fence(request, Asker::Nobody);
            }
            Command::EditStatus(edits) => {
                let edits = edits.iter().map(controller::StatusEdit::to_cib_edit).collect();
                self.wish_status(edits, CONTROLLER);
            }
            Command::SetAttribute { node, name, value } => {
                let value = match value {
                    AttributeChange::Set(value) => Some(value),
                    AttributeChange::Increment => Some("value++".to_owned()),
                    AttributeChange::Delete => None,
                };
                let request = self.set_attribute(node, name, value);
                self.attributes_asked_for.insert(request);
            }
            Command::ClearFailures { node, resource, operation } => {
                let wanted = [resource.to_string()];
                let (operation, interval_ms) = operation.unzip();
                self.clear_failures(Some(&wanted), Some(&node), operation.as_deref(), interval_ms);
            }
            Command::ForgetAttributes { node } => self.give_attributes(attributes::AttributesEvent::NodeGone { node }),
            Command::ShutDown { node } => {
                self.let_go.insert(node.clone());
                self.let_go(node);
            }
            Command::WakeAt(at) => {
                self.wakes.insert(Sleeper::Controller, at);
            }
            Command::Tell(fact) => self.tell_everyone(fact),
            Command::Idle => {
                self.wakes.insert(Sleeper::Waiters, self.now.monotonic);
            }
        }
    }

    /// Sends an order under the present term. Orders to this very node take the same way, so that they stand in one order with all else.
    pub(crate) fn order(&mut self, node: NodeName, order: NodeOrder) {
        let term = self.membership.term();
        self.send(PeerMessage::Order { term, to: node, order });
    }

    /// Returns the request, which is answered when everyone has heard of it.
    pub(crate) fn set_attribute(&mut self, node: NodeName, name: String, value: Option<String>) -> String {
        let request = self.new_request();
        self.give_attributes(attributes::AttributesEvent::Update(Update {
            request: request.clone(),
            node,
            names: vec![name],
            value,
            dampening: None,
            only_dampening: false,
            private: false,
        }));
        request
    }

    fn let_go(&mut self, node: NodeName) {
        let term = self.membership.term();
        self.send(PeerMessage::ShutDown { term, node });
    }

    /// Members that were just asked what they are at answer within a moment: a plan made before would have to be made again.
    pub(crate) fn calculate_when_known(&mut self) {
        let Some((number, until)) = self.held_calculation else { return };
        let is_known = self.membership.members().all(|node| self.reported.contains_key(node));
        if is_known || self.now.monotonic >= until {
            self.held_calculation = None;
            self.wakes.remove(&Sleeper::Reports);
            self.calculate(number);
        } else {
            self.wakes.insert(Sleeper::Reports, until);
        }
    }

    fn calculate(&mut self, number: u64) {
        let mut input = self.controller.planning_input(self.replica.cib());
        if !self.membership.is_quorate() && self.membership.is_known_to_quorum() {
            // Compat: only a partition that once had quorum may be ended for the lack of it (`no-quorum-policy=suicide`).
            input.set("no-quorum-panic", "1");
        }
        let input = Arc::new(input);
        let mut saved = (*input).clone();
        // Compat: a saved input is replayed at the time it was made for.
        saved.set("execution-date", self.now.wall.seconds().to_string());
        self.planning = Some((number, Arc::new(saved)));
        self.out.push(MemberCommand::Plan(PlanRequest { number, input, now: self.now.wall }));
    }

    pub(crate) fn planned(&mut self, outcome: PlanOutcome) {
        // A plan of the time before this node was deposed is nobody's any more.
        if self.planning.as_ref().is_none_or(|(number, _)| *number != outcome.number) {
            return;
        }
        let input = self.planning.take().and_then(|(_, input)| self.save_input(input, outcome.result.as_ref().ok()));
        let plan = match outcome.result {
            Ok(plan) => plan,
            Err(reason) => {
                self.log(LogLevel::Error, format!("no plan could be made of {}: {reason}", input.clone().unwrap_or_default()));
                self.give_controller(controller::Event::PlanFailed { calculation: outcome.number, error: reason });
                return;
            }
        };
        let ended = plan.graph.actions.iter().filter(|action| action.is_guest_fencing());
        let guests = ended.flat_map(|action| &action.downed).map(NodeName::new);
        let adrift = guests.map(|guest| (guest.clone(), status::adrift(self.replica.cib(), &guest))).collect();
        self.last_plan = Some(plan.clone());
        self.give_controller(controller::Event::GuestsAdrift(adrift));
        self.give_controller(controller::Event::PlanMade { calculation: outcome.number, plan: Box::new(plan), input });
    }

    /// Saves the input of a plan; returns the name it is found under.
    fn save_input(&mut self, element: Arc<Element>, plan: Option<&Plan>) -> Option<String> {
        let Place { name, next } = self.inputs.place(&element, plan)?;
        self.out.push(MemberCommand::SaveInput { name: name.clone(), next, element });
        Some(name)
    }

    /// Takes what a node says it is at, when this node is new to it or the other way round.
    pub(crate) fn node_reported(
        &mut self,
        from: NodeName,
        incarnation: Incarnation,
        at_work: Vec<OperationOrder>,
        history: Vec<OperationReport>,
    ) {
        let Some(peer) = self.membership.peers().get(&from) else { return };
        if !peer.is_member() || peer.incarnation.as_ref() != Some(&incarnation) {
            return;
        }
        let daemon = peer.daemon.unwrap_or(0);
        self.has_news = true;
        self.reported.insert(from.clone(), daemon);
        self.told_gone.remove(&from);
        self.tell_nodes();
        // A daemon that was killed before it heard that it may end has a successor that may.
        if self.let_go.contains(&from) && self.attributes.of_node(&from).contains_key("shutdown") {
            self.let_go(from.clone());
        }
        let adrift = status::adrift(self.replica.cib(), &from);
        self.give_controller(controller::Event::NodeJoined { node: from, incarnation, at_work, history, adrift });
        self.status_changed = true;
    }
}
