//! The coordinator's fencer: what it knows of the cluster, whom it tells how a fencing ended.

use crate::command::LogLevel;
use crate::member::{Asker, Member, Sleeper};
use crate::options;
use fencer::{Outcome, Situation};
use messages::client::{ClientError, ReplyBody};
use messages::operation::NodeOrder;
use messages::peer::{MembershipMessage, PeerMessage};
use model::{NodeName, ResourceId};
use std::collections::{BTreeMap, BTreeSet};

impl Member {
    pub(crate) fn give_fencer(&mut self, event: fencer::Event) {
        let mut commands = self.fencer.handle(self.now, event);
        // What a command brings about may come back to the fencer at once, and say later when it wants to wake.
        commands.sort_by_key(|command| !matches!(command, fencer::Command::WakeAt(_)));
        for command in commands {
            match command {
                fencer::Command::RunDevice { node, order } => self.order(node, NodeOrder::Device(order)),
                fencer::Command::Finished { tickets, outcome } => self.fencing_finished(tickets, outcome),
                fencer::Command::Record(record) => self.send(PeerMessage::FenceRecord(record)),
                fencer::Command::Tell(fact) => self.tell_everyone(fact),
                fencer::Command::Log(text) => self.log(LogLevel::Notice, text),
                fencer::Command::WakeAt(at) => {
                    self.wakes.insert(Sleeper::Fencer, at);
                }
            }
        }
    }

    fn fencing_finished(&mut self, tickets: Vec<u64>, outcome: Outcome) {
        let is_dead = outcome.error.is_none() && outcome.action != "on";
        if is_dead {
            // Before the plan goes on: late messages of that life of the host are refused everywhere from here on.
            let message = MembershipMessage::Fenced { node: outcome.target.clone(), incarnation: outcome.incarnation.clone() };
            self.send(PeerMessage::Membership(message));
        }
        let adrift = if is_dead { status::adrift(self.replica.cib(), &outcome.target) } else { Vec::new() };
        self.give_controller(controller::Event::FencingEnded(controller::FencingEnd {
            target: outcome.target.clone(),
            action: outcome.action.clone(),
            incarnation: outcome.incarnation.clone(),
            error: outcome.error.clone(),
            adrift,
            by: outcome.by.clone(),
        }));
        if is_dead {
            self.give_attributes(attributes::AttributesEvent::NodeGone { node: outcome.target.clone() });
        }
        for ticket in tickets {
            let Some(asker) = self.fence_askers.remove(&ticket) else { continue };
            let result = match &outcome.error {
                None => Ok(ReplyBody::Done),
                Some(message) => Err(ClientError { exit_code: 1, message: message.clone() }),
            };
            self.answer(asker, result);
        }
    }

    /// Passes a wish to the fencer and remembers who wants to know.
    pub(crate) fn fence(&mut self, mut request: fencer::Request, asker: Asker) {
        self.counter += 1;
        request.ticket = self.counter;
        self.keep_fencing();
        self.fence_askers.insert(self.counter, asker);
        self.give_fencer(fencer::Event::Requested(request));
    }

    /// Returns what the fencer needs to know of nodes and devices.
    pub(crate) fn situation(&self) -> Situation {
        let peers = self.membership.peers();
        let members = self.reported.keys().filter(|node| peers.get(*node).is_some_and(membership::Peer::is_member));
        let lives = |node: &NodeName| Some((node.clone(), peers.get(node)?.incarnation.clone()?));
        let cib = self.replica.cib();
        let names: BTreeSet<NodeName> = peers.keys().cloned().chain(options::nodes(cib).into_keys()).collect();
        Situation {
            members: members.filter_map(lives).collect(),
            last_seen: peers.keys().filter_map(lives).collect(),
            node_ids: names.iter().map(|node| (node.clone(), self.id_of(node))).collect(),
            running: self.running_devices(),
            attributes: names.iter().map(|node| (node.clone(), options::node_attributes(cib, node))).collect(),
        }
    }

    fn running_devices(&self) -> BTreeMap<ResourceId, BTreeSet<NodeName>> {
        let mut running: BTreeMap<ResourceId, BTreeSet<NodeName>> = BTreeMap::new();
        let states = self.replica.cib().child("status").into_iter().flat_map(|status| status.elements_named("node_state"));
        for state in states {
            let Some(node) = state.attribute("uname") else { continue };
            let resources = state.descend(&["lrm", "lrm_resources"]).into_iter().flat_map(|lrm| lrm.elements_named("lrm_resource"));
            for history in resources.filter(|history| history.attribute("class") == Some("stonith") && options::is_active(history)) {
                running.entry(ResourceId::new(history.id().unwrap_or_default())).or_default().insert(NodeName::new(node));
            }
        }
        running
    }
}
