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
use std::sync::Arc;
use xml::{Element, Node};

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
    pub(crate) fn situation(&mut self) -> Situation {
        let running = self.started_devices.look(self.replica.cib());
        let peers = self.membership.peers();
        let members = self.reported.keys().filter(|node| peers.get(*node).is_some_and(membership::Peer::is_member));
        let lives = |node: &NodeName| Some((node.clone(), peers.get(node)?.incarnation.clone()?));
        let cib = self.replica.cib();
        let names: BTreeSet<NodeName> = peers.keys().cloned().chain(options::nodes(cib).into_keys()).collect();
        Situation {
            members: members.filter_map(lives).collect(),
            last_seen: peers.keys().filter_map(lives).collect(),
            node_ids: names.iter().map(|node| (node.clone(), self.id_of(node))).collect(),
            running,
            attributes: names.iter().map(|node| (node.clone(), options::node_attributes(cib, node))).collect(),
        }
    }
}

/// Which fence devices are started where, as the status says. Each change of it touches one node or a few: what the others have is known.
#[derive(Debug, Default)]
pub(crate) struct StartedDevices {
    /// The states that were looked at last, in their order, with the devices of each.
    states: Vec<(Arc<Element>, Vec<ResourceId>)>,
}

impl StartedDevices {
    fn look(&mut self, cib: &Element) -> BTreeMap<ResourceId, BTreeSet<NodeName>> {
        let nodes = cib.child("status").into_iter().flat_map(|status| &status.children);
        let states = nodes.filter_map(|node| if let Node::Element(state) = node { Some(state) } else { None });
        let mut count = 0;
        for state in states {
            match self.states.get_mut(count) {
                Some((known, _)) if Arc::ptr_eq(known, state) => {}
                Some(other) => *other = (state.clone(), started_devices(state)),
                None => self.states.push((state.clone(), started_devices(state))),
            }
            count += 1;
        }
        self.states.truncate(count);
        let mut running: BTreeMap<ResourceId, BTreeSet<NodeName>> = BTreeMap::new();
        for (state, devices) in self.states.iter().filter(|(_, devices)| !devices.is_empty()) {
            let Some(node) = state.attribute("uname") else { continue };
            for device in devices {
                running.entry(device.clone()).or_default().insert(NodeName::new(node));
            }
        }
        running
    }
}

fn started_devices(state: &Element) -> Vec<ResourceId> {
    let resources = state.descend(&["lrm", "lrm_resources"]).into_iter().flat_map(|lrm| lrm.elements_named("lrm_resource"));
    let devices = resources.filter(|history| history.attribute("class") == Some("stonith") && options::is_active(history));
    devices.map(|history| ResourceId::new(history.id().unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_looked_at_again_when_it_is_another() {
        let state = |name: &str, rc: &str| {
            let start = Element::new("lrm_rsc_op").with("operation", "start").with("rc-code", rc).with("call-id", "1");
            let device = Element::new("lrm_resource").with("id", "power").with("class", "stonith").with_child(start);
            let lrm = Element::new("lrm").with_child(Element::new("lrm_resources").with_child(device));
            Arc::new(Element::new("node_state").with("uname", name).with_child(lrm))
        };
        let (one, two, failed) = (state("one", "0"), state("two", "0"), state("two", "1"));
        let mut devices = StartedDevices::default();
        let mut look = |states: &[&Arc<Element>]| {
            let status = Element::new("status").with_children(states.iter().map(|state| Arc::clone(state)));
            let running = devices.look(&Element::new("cib").with_child(status));
            running.into_values().flatten().map(|node| node.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(look(&[&one, &two]), ["one", "two"]);
        assert_eq!(look(&[&one, &failed]), ["one"]);
        assert_eq!(look(&[&two]), ["two"]);
        assert_eq!(look(&[&two, &one]), ["one", "two"]);
    }
}
