//! The group: what is sent, what is heard, who is here, and what to do when the group is gone.

use crate::command::{LogLevel, MemberCommand};
use crate::later;
use crate::member::{Forwarded, Member, Sleeper};
use attributes::{AttributesCommand, AttributesEvent};
use membership::{MembershipCommand, MembershipEvent, Settled};
use messages::agent::AgentOrder;
use messages::group::{GroupCommand, View};
use messages::operation::NodeReport;
use messages::peer::{AttributesMessage, CibChange, MembershipMessage, PeerMessage};
use model::NodeName;
use replica::{ReplicaEvent, Settlement};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// What goes through the group.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// Counts the messages of one start of a daemon.
    number: u64,
    message: PeerMessage,
}

impl Envelope {
    /// Reads what a member sent.
    ///
    /// # Errors
    /// It is none of this version's messages.
    pub fn read(payload: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(payload)
    }

    /// Returns what [`Envelope::read`] reads.
    ///
    /// # Errors
    /// None that messages of this program lead to.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// Of so many messages of a member one goes as text also where others could take it as it is, so that what is said on hosts of their own is
/// said here too.
const OWN_TEXTS: u64 = 8;

/// What was sent and has not come back: it was dropped with its view and is sent again in the next one.
#[derive(Default)]
pub(crate) struct Outbox {
    next: u64,
    unheard: VecDeque<Arc<Envelope>>,
}

impl Outbox {
    /// Returns how many messages have not come round.
    pub(crate) fn unheard(&self) -> usize {
        self.unheard.len()
    }

    /// Forgets what must not be sent again. Replicas and joins say what is needed anew in each view.
    fn purge(&mut self) {
        self.unheard.retain(|envelope| {
            !matches!(
                envelope.message,
                PeerMessage::Replica(_) | PeerMessage::Attributes(AttributesMessage::All { .. }) | PeerMessage::Lead { .. }
            )
        });
    }
}

impl Member {
    /// Sends a message to every member, this one included; when the present view ends before it is delivered, again in the next.
    pub(crate) fn send(&mut self, message: PeerMessage) {
        self.outbox.next += 1;
        let number = self.outbox.next;
        let is_settled = self.membership.coordinator().is_some();
        let is_membership = matches!(message, PeerMessage::Membership(_));
        use MembershipMessage::{Beat, Exclude, Hello};
        let is_kept = !matches!(message, PeerMessage::Membership(Hello(_) | Beat { .. } | Exclude { .. }));
        let envelope = Arc::new(Envelope { number, message });
        if is_membership || is_settled {
            self.transmit(&envelope);
        }
        if is_kept {
            self.outbox.unheard.push_back(envelope);
        }
    }

    fn transmit(&mut self, envelope: &Arc<Envelope>) {
        let is_as_it_is = self.config.hands_over && !self.is_solitary && !envelope.number.is_multiple_of(OWN_TEXTS);
        if is_as_it_is && self.config.message_version == messages::peer::VERSION {
            if !self.membership.is_apart() {
                self.out.push(MemberCommand::HandOver(envelope.clone()));
            }
            return;
        }
        let Ok(mut payload) = envelope.to_text() else { return };
        if self.config.message_version > messages::peer::VERSION {
            payload = later::as_later(&payload);
        }
        self.transmit_payload(payload);
    }

    pub(crate) fn transmit_payload(&mut self, payload: String) {
        if self.is_solitary {
            self.loopback.push_back(payload);
        } else if !self.membership.is_apart() {
            self.out.push(MemberCommand::Group(GroupCommand::Send { payload }));
        }
    }

    /// Sends again what the end of a view swallowed. Orders are only those of the one in charge now, under the present term.
    fn send_again(&mut self) {
        self.outbox.purge();
        let (term, is_in_charge) = (self.membership.term(), self.membership.is_coordinator() && self.in_charge);
        self.outbox.unheard.retain_mut(|envelope| match &envelope.message {
            PeerMessage::Order { .. } | PeerMessage::ShutDown { .. } => {
                if let PeerMessage::Order { term: old, .. } | PeerMessage::ShutDown { term: old, .. } = &mut Arc::make_mut(envelope).message
                {
                    *old = term;
                }
                is_in_charge
            }
            _ => true,
        });
        let again: Vec<Arc<Envelope>> = self.outbox.unheard.iter().cloned().collect();
        again.iter().for_each(|envelope| self.transmit(envelope));
    }

    /// Takes a message that the group delivered.
    pub(crate) fn heard(&mut self, from: NodeName, payload: &str) {
        match Envelope::read(payload) {
            Ok(envelope) => self.understood(from, &envelope),
            Err(error) => self.log(LogLevel::Debug, format!("a message of {from} was skipped: {error}")),
        }
    }

    /// Does what a message says. Most of what is heard is meant for another member: nothing of it is copied.
    pub(crate) fn understood(&mut self, from: NodeName, envelope: &Envelope) {
        if from == self.config.node {
            self.outbox.unheard.retain(|unheard| unheard.number != envelope.number);
        }
        self.is_stirred |= !matches!(envelope.message, PeerMessage::Membership(MembershipMessage::Beat { .. }));
        // Safety: nothing counts of a host that is fenced or a daemon that was found silent, however late it arrives.
        let is_member = || self.membership.peers().get(&from).is_some_and(membership::Peer::is_member);
        match &envelope.message {
            PeerMessage::Membership(message) => {
                let is_farewell = *message == MembershipMessage::Leaving && from == self.config.node && self.leave_by.is_some();
                self.give_membership(MembershipEvent::Message { from, message: message.clone() });
                if is_farewell {
                    self.finish_leaving();
                }
            }
            _ if !is_member() => {}
            PeerMessage::Replica(message) => self.give_replica(ReplicaEvent::Message { from, message }),
            PeerMessage::Attributes(message) => self.give_attributes(AttributesEvent::Message { from, message: message.clone() }),
            PeerMessage::Lead { term, to } => {
                let is_meant = to.as_ref().is_none_or(|to| *to == self.config.node);
                if is_meant && self.is_order_of(&from, *term) {
                    self.give_executor(executor::Event::CoordinatorChanged);
                    self.report_devices_again();
                }
            }
            PeerMessage::Order { term, to, order } => {
                if let messages::operation::NodeOrder::Device(order) = order
                    && !self.in_charge
                {
                    self.give_fencer(fencer::Event::Overheard(order.clone()));
                }
                if *to == self.config.node && self.is_order_of(&from, *term) {
                    self.ordered(order.clone());
                }
            }
            PeerMessage::Report(report) => self.reported(from, report),
            PeerMessage::FenceRecord(record) => {
                self.alert_of_fencing(record);
                self.remote_fenced(record);
                if from != self.config.node {
                    self.give_fencer(fencer::Event::RecordsLearnt(vec![record.clone()]));
                }
            }
            PeerMessage::FenceHistoryCleared { target } => self.give_fencer(fencer::Event::HistoryCleared { target: target.clone() }),
            PeerMessage::ShutDown { term, node } => {
                if *node == self.config.node && self.is_order_of(&from, *term) {
                    self.leave();
                }
            }
            PeerMessage::Ask { origin, request, to, client, body } => self.asked_by_peer(origin, *request, to.as_ref(), client, body),
            PeerMessage::Told { origin, request, result } => {
                if *origin == self.config.node
                    && let Some(Forwarded { asker, .. }) = self.forwarded.remove(request)
                {
                    self.answer(asker, result.clone());
                }
            }
            PeerMessage::Event(event) => self.tell_subscribers(event),
        }
    }

    /// Returns whether an order is that of the present coordinator. Older terms are over.
    fn is_order_of(&self, from: &NodeName, term: u64) -> bool {
        term == self.membership.term() && self.membership.coordinator() == Some(from)
    }

    fn reported(&mut self, from: NodeName, report: &NodeReport) {
        if let NodeReport::Operation(report) = report {
            self.connection_let_go(&from, report);
        }
        match report {
            NodeReport::Device(report) => self.give_fencer(fencer::Event::DeviceReported { from, report: report.clone() }),
            _ if !self.in_charge => {}
            NodeReport::Operation(report) => {
                let is_present =
                    self.membership.peers().get(&from).is_some_and(|peer| peer.incarnation.as_ref() == Some(&report.incarnation));
                if is_present {
                    self.give_controller(controller::Event::Reported { from, report: report.clone() });
                }
            }
            NodeReport::AtWork { incarnation, orders, history } => {
                self.node_reported(from, incarnation.clone(), orders.clone(), history.clone());
            }
        }
    }

    pub(crate) fn view(&mut self, view: View) {
        self.membership.set_mark(self.replica.mark());
        self.give_replica(ReplicaEvent::Unsettled);
        self.outbox.purge();
        // Whoever was away may have followed another coordinator meanwhile: it is asked again what it is at.
        self.reported.retain(|node, daemon| view.daemons.get(node) == Some(daemon));
        self.asked.retain(|node, daemon| view.daemons.get(node) == Some(daemon));
        self.give_membership(MembershipEvent::View(view));
    }

    pub(crate) fn give_membership(&mut self, event: MembershipEvent) {
        self.membership.set_mark(self.replica.mark());
        let is_sign_of_life =
            matches!(event, MembershipEvent::Message { message: MembershipMessage::Beat { .. }, .. } | MembershipEvent::Woken);
        self.has_news |= !is_sign_of_life;
        let judges = |membership: &membership::Membership| (membership.is_doubtful(), membership.is_start_over());
        let before = judges(&self.membership);
        let commands = self.membership.handle(self.now, event);
        let is_judged_anew = judges(&self.membership) != before;
        self.is_stirred |= is_judged_anew;
        self.has_news |= is_judged_anew;
        for command in commands {
            let is_news = !matches!(command, MembershipCommand::WakeAt(_) | MembershipCommand::Send(MembershipMessage::Beat { .. }));
            self.is_stirred |= is_news;
            self.has_news |= is_news;
            match command {
                MembershipCommand::Send(message) => self.send(PeerMessage::Membership(message)),
                MembershipCommand::WakeAt(at) => {
                    self.wakes.insert(Sleeper::Membership, at);
                }
                MembershipCommand::Fact(fact) => self.tell_here(fact),
                MembershipCommand::Settled(settled) => self.settled(settled),
                MembershipCommand::Excluded => {
                    self.give_replica(ReplicaEvent::Excluded);
                    self.step_down();
                }
                MembershipCommand::EndHost { reason } => {
                    self.out.push(MemberCommand::Agent(AgentOrder::ResetHost { reason: reason.clone(), off: false }));
                    self.end(100, reason);
                }
            }
        }
    }

    fn settled(&mut self, settled: Settled) {
        let is_known = self.membership.is_known_to_quorum();
        if std::mem::replace(&mut self.was_known_to_quorum, is_known) != is_known {
            self.save_history();
        }
        let members: std::collections::BTreeSet<NodeName> = self.membership.members().cloned().collect();
        let hosts = self.membership.view().map_or(0, |view| view.hosts.len());
        let is_complete = members.len() * 2 > self.membership.configured() || members.len() >= hosts;
        // A coordinator that takes over the CIB of another partition begins anew: what that one says of this very node is out of date,
        // so every member is asked again what it is at.
        let takes_over = settled.is_new_view && !settled.cib_agreed && settled.cib_holder != self.config.node;
        // Safety: whoever led a partition without quorum while the cluster started waits with the others now that there is quorum: it would
        // have nodes fenced that are only just starting.
        if !self.membership.is_coordinator() || takes_over || !self.membership.is_start_over() {
            self.step_down();
        }
        self.give_replica(ReplicaEvent::Settled(Settlement {
            term: settled.term,
            coordinator: settled.coordinator.clone(),
            members,
            configured: self.membership.configured(),
            is_quorate: self.membership.is_quorate(),
            is_complete,
            newest: settled.is_new_view.then_some((settled.cib, settled.cib_holder)),
            is_agreed: settled.cib_agreed,
        }));
        self.send_again();
        self.give_attributes(AttributesEvent::Settled {
            coordinator: settled.coordinator,
            members: self.membership.members().cloned().collect(),
            is_new_view: settled.is_new_view,
        });
        self.tell_version();
        // Whoever was asked something may be gone: what clients of this node wait for is asked again.
        self.ask_again();
    }

    pub(crate) fn give_attributes(&mut self, event: AttributesEvent) {
        let mut are_set = false;
        for command in self.attributes.handle(self.now, event) {
            match command {
                AttributesCommand::Send(message) => self.send(PeerMessage::Attributes(message)),
                AttributesCommand::Answer { request } => {
                    are_set |= self.attributes_asked_for.remove(&request) && self.attributes_asked_for.is_empty();
                    if let Some(asker) = self.askers.remove(&request) {
                        self.answer(asker, Ok(messages::client::ReplyBody::Done));
                    }
                }
                AttributesCommand::Write(values) => self.write_attributes(values),
                AttributesCommand::Changed { node, .. } => {
                    if node == self.config.node {
                        self.save_history();
                    }
                }
                AttributesCommand::WakeAt(at) => {
                    self.wakes.insert(Sleeper::Attributes, at);
                }
            }
        }
        // A failure sets two: a plan made after the first would be made again after the second.
        if are_set {
            self.give_controller(controller::Event::AttributesSet);
        }
    }

    /// How long the engine below may be gone before this node follows the quorum policy on its own.
    pub(crate) fn solitude_after(&self) -> Duration {
        self.config.silence + self.config.grace
    }

    pub(crate) fn group_lost(&mut self, reason: String) {
        if self.is_solitary {
            return;
        }
        self.apart_since.get_or_insert(self.now.monotonic);
        self.wakes.insert(Sleeper::Solitude, self.now.monotonic + self.solitude_after());
        self.give_replica(ReplicaEvent::Unsettled);
        self.outbox.purge();
        self.give_membership(MembershipEvent::Lost { reason });
        self.step_down();
    }

    /// Without the group nothing can be ordered. What runs keeps running for a while, in which the group may come back; then this
    /// node is a partition of its own and follows the quorum policy.
    pub(crate) fn check_solitude(&mut self) {
        if !self.membership.is_apart() || self.is_solitary {
            return;
        }
        let since = *self.apart_since.get_or_insert(self.now.monotonic);
        let Some(incarnation) = self.incarnation.clone().filter(|_| self.now.monotonic >= since + self.solitude_after()) else {
            self.wakes.insert(Sleeper::Solitude, (since + self.solitude_after()).max(self.now.monotonic + Duration::from_secs(1)));
            return;
        };
        let own = self.config.node.clone();
        let mut configured: std::collections::BTreeMap<NodeName, u32> = self.nodes_of_cib();
        configured.extend(self.engine_nodes.clone());
        configured.insert(own.clone(), self.config.id);
        let text = format!("the cluster engine is gone: {own} follows the quorum policy on its own");
        self.log(LogLevel::Warning, text);
        self.is_solitary = true;
        let view = View {
            id: 0,
            hosts: [(own.clone(), incarnation)].into(),
            daemons: [(own, 0)].into(),
            // Safety: a CIB that names no other node says nothing of the cluster (one that never joined has such a CIB); that there are no
            // others is the engine's to say.
            quorate: configured.len() == 1 && self.engine_nodes.len() == 1,
            configured,
        };
        self.view(view);
    }

    pub(crate) fn wish_status(&mut self, edits: Vec<messages::client::CibEdit>, client: &str) {
        if edits.is_empty() {
            return;
        }
        let wish = messages::peer::CibWish {
            request: self.new_request(),
            client: client.to_owned(),
            user: None,
            groups: Vec::new(),
            origin: self.config.node.clone(),
            change: CibChange::Status(edits),
        };
        self.give_replica(ReplicaEvent::Wish(wish));
    }
}
