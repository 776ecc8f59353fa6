//! Who is present, who reaches whom, and which view is in force: the hub's rules, without its sockets.
//!
//! Each input is one fact about a connection; the answer is a list of what to send and whom to cut off.
//! Time is an argument. Invariant: a message reaches exactly the daemons of the view it was sent in.

use crate::protocol::{Control, FromHub, HubStatus, Role};
use messages::group::{Incarnation, View};
use model::NodeName;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Numbers a connection; never used twice.
pub(crate) type Connection = u64;

/// What the sockets are to do.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Output {
    Send {
        to: Vec<Connection>,
        message: FromHub,
    },
    /// Sends what is queued, if it goes at once, and closes.
    Close(Connection),
}

/// How long a lost host connection waits for the word of a daemon that is still connected.
const WORD_WAIT: Duration = Duration::from_millis(300);
/// How long a host whose root role died, by its daemon's word, may take to come back.
const RETURN_WAIT: Duration = Duration::from_secs(3);

#[derive(Debug)]
struct Host {
    incarnation: Incarnation,
    /// Absent while the root role is being restarted.
    connection: Option<Connection>,
    /// Until when a host without a connection counts as present.
    held_until: Option<Duration>,
}

#[derive(Debug)]
struct Daemon {
    connection: Connection,
    life: u64,
}

#[derive(Debug, Default)]
struct Place {
    id: u32,
    host: Option<Host>,
    daemon: Option<Daemon>,
    /// Nodes of one group reach each other.
    group: u32,
    /// When its daemon said that only the root role died.
    word: Option<Duration>,
}

#[derive(Debug)]
struct Peer {
    node: NodeName,
    role: Role,
    heard: Duration,
}

/// The hub's whole state.
#[derive(Debug)]
pub(crate) struct State {
    places: BTreeMap<NodeName, Place>,
    peers: BTreeMap<Connection, Peer>,
    /// The view in force in each group.
    views: BTreeMap<u32, View>,
    view_id: u64,
    next_group: u32,
    silence_max: Duration,
    /// Two nodes form a quorum alone only after they have been together once.
    all_met: bool,
    /// Until then no view is announced, so that a restarted hub does not declare nodes lost that are reconnecting.
    gather_until: Option<Duration>,
    last_tick: Duration,
    outputs: Vec<Output>,
}

impl State {
    /// Starts empty. `view_id` must be above every id an earlier hub of these nodes used.
    pub fn new(nodes: &[NodeName], silence_max: Duration, view_id: u64, now: Duration, gather: Duration) -> Self {
        let places = nodes.iter().zip(1..).map(|(node, id)| (node.clone(), Place { id, ..Place::default() })).collect();
        Self {
            places,
            peers: BTreeMap::new(),
            views: BTreeMap::new(),
            view_id,
            next_group: 1,
            silence_max,
            all_met: false,
            gather_until: Some(now + gather),
            last_tick: now,
            outputs: Vec::new(),
        }
    }

    /// A connection says who it is. A second one of the same role replaces the first.
    pub fn hello(&mut self, now: Duration, connection: Connection, node: NodeName, role: Role) -> Vec<Output> {
        if !self.places.contains_key(&node) || self.peers.contains_key(&connection) {
            let reason = format!("{node} is not a node of this hub, or the connection is in use");
            self.outputs.push(Output::Send { to: vec![connection], message: FromHub::Refused { reason } });
            self.outputs.push(Output::Close(connection));
            return self.take();
        }
        let place = self.places.get_mut(&node).expect("checked above");
        match &role {
            Role::Host { incarnation } => {
                let old = place.host.as_ref().map(|host| (host.connection, host.incarnation == *incarnation));
                if let Some((old_connection, same_life)) = old {
                    if let Some(old) = old_connection {
                        self.cut(old, "another root role of this host has connected");
                    }
                    // Invariant: two lives of a host never follow each other without a view that lacks the host.
                    if !same_life {
                        self.drop_host(&node, "the host began a new life");
                    }
                }
                let place = self.places.get_mut(&node).expect("checked above");
                place.word = None;
                place.host = Some(Host { incarnation: incarnation.clone(), connection: Some(connection), held_until: None });
            }
            Role::Daemon { life } => {
                let daemon = Daemon { connection, life: *life };
                if let Some(old) = place.daemon.take() {
                    self.cut(old.connection, "another daemon of this node has connected");
                    self.publish(now);
                }
                self.places.get_mut(&node).expect("checked above").daemon = Some(daemon);
            }
        }
        self.peers.insert(connection, Peer { node: node.clone(), role: role.clone(), heard: now });
        let before = self.view_id;
        self.publish(now);
        if before == self.view_id
            && let Some(view) = self.views.get(&self.places[&node].group)
            && matches!(role, Role::Host { .. })
        {
            self.outputs.push(Output::Send { to: vec![connection], message: FromHub::View(view.clone()) });
        }
        self.take()
    }

    /// Something was read from the connection.
    pub fn heard(&mut self, now: Duration, connection: Connection) {
        if let Some(peer) = self.peers.get_mut(&connection) {
            peer.heard = now;
        }
    }

    /// A daemon's message: goes to every daemon of its view, the sender included, or nowhere.
    pub fn send(&mut self, connection: Connection, view: u64, payload: String) -> Vec<Output> {
        let Some(peer) = self.peers.get(&connection) else { return Vec::new() };
        let group = self.places[&peer.node].group;
        let is_current = self.views.get(&group).is_some_and(|current| current.id == view && current.daemons.contains_key(&peer.node));
        if !is_current || !matches!(peer.role, Role::Daemon { .. }) {
            return Vec::new();
        }
        let message = FromHub::Message { from: peer.node.clone(), payload };
        let to = self.connections(group, false);
        vec![Output::Send { to, message }]
    }

    /// A daemon's last word: its root role died, the host has not.
    pub fn host_remains(&mut self, now: Duration, connection: Connection) {
        let Some(node) = self.peers.get(&connection).map(|peer| peer.node.clone()) else { return };
        let place = self.places.get_mut(&node).expect("peers are of known nodes");
        place.word = Some(now);
        if let Some(host) = place.host.as_mut().filter(|host| host.connection.is_none()) {
            host.held_until = Some(now + RETURN_WAIT);
        }
    }

    /// The connection is closed, or its client left.
    pub fn closed(&mut self, now: Duration, connection: Connection, on_purpose: bool) -> Vec<Output> {
        let Some(peer) = self.peers.remove(&connection) else { return Vec::new() };
        let place = self.places.get_mut(&peer.node).expect("peers are of known nodes");
        match peer.role {
            Role::Daemon { .. } => {
                place.daemon = None;
                let host_lost = place.host.as_ref().is_some_and(|host| host.connection.is_none());
                if host_lost && place.word.is_none() {
                    self.drop_host(&peer.node, "host and daemon are gone");
                }
            }
            Role::Host { .. } => {
                let held_until = match (&place.daemon, place.word) {
                    _ if on_purpose => None,
                    (_, Some(said)) if said + RETURN_WAIT > now => Some(said + RETURN_WAIT),
                    (Some(_), _) => Some(now + WORD_WAIT),
                    (None, _) => None,
                };
                match (&mut place.host, held_until) {
                    (Some(host), Some(until)) => (host.connection, host.held_until) = (None, Some(until)),
                    _ => self.drop_host(&peer.node, "the host left"),
                }
            }
        }
        self.publish(now);
        self.take()
    }

    /// Time passed: evicts the silent and gives up hosts that did not come back. To be called several times per `silence_max`.
    pub fn tick(&mut self, now: Duration) -> Vec<Output> {
        if now.saturating_sub(self.last_tick) > self.silence_max / 2 {
            // Safety: the hub itself stood still; the silence was its own, nobody is judged by it.
            self.peers.values_mut().for_each(|peer| peer.heard = now);
        }
        self.last_tick = now;
        let silent: Vec<_> =
            self.peers.iter().filter(|(_, peer)| peer.heard + self.silence_max < now).map(|(connection, _)| *connection).collect();
        for connection in silent {
            self.evict(connection, "it showed no life");
        }
        let overdue: Vec<_> = self
            .places
            .iter()
            .filter(|(_, place)| {
                place.host.as_ref().is_some_and(|host| host.connection.is_none() && host.held_until.is_none_or(|until| until < now))
            })
            .map(|(node, _)| node.clone())
            .collect();
        for node in overdue {
            self.drop_host(&node, "its root role did not come back");
        }
        self.publish(now);
        let to = self.peers.keys().copied().collect();
        self.outputs.push(Output::Send { to, message: FromHub::Ping });
        self.take()
    }

    /// The connection does not take what is sent to it.
    pub fn stuck(&mut self, now: Duration, connection: Connection) -> Vec<Output> {
        self.evict(connection, "it does not read what is sent to it");
        self.publish(now);
        self.take()
    }

    /// Changes who reaches whom, and tells how things are.
    pub fn control(&mut self, now: Duration, request: &Control) -> (Result<HubStatus, String>, Vec<Output>) {
        let named: Vec<&NodeName> = match request {
            Control::Isolate { nodes } => nodes.iter().collect(),
            Control::Partition { groups } => groups.iter().flatten().collect(),
            Control::Heal | Control::Status => Vec::new(),
        };
        if let Some(unknown) = named.iter().find(|node| !self.places.contains_key(node.as_str())) {
            return (Err(format!("{unknown} is not a node of this hub")), Vec::new());
        }
        match request {
            Control::Isolate { nodes } => nodes.iter().for_each(|node| self.regroup(std::slice::from_ref(node))),
            Control::Partition { groups } => {
                let rest: Vec<_> = self.places.keys().filter(|node| !named.contains(node)).cloned().collect();
                groups.iter().chain([&rest]).for_each(|group| self.regroup(group));
            }
            Control::Heal => self.places.values_mut().for_each(|place| place.group = 0),
            Control::Status => {}
        }
        self.publish(now);
        (Ok(HubStatus { views: self.views.values().cloned().collect() }), self.take())
    }

    fn regroup(&mut self, nodes: &[NodeName]) {
        for node in nodes {
            self.places.get_mut(node).expect("checked by the caller").group = self.next_group;
        }
        self.next_group += 1;
    }

    fn evict(&mut self, connection: Connection, reason: &str) {
        let Some(peer) = self.peers.get(&connection) else { return };
        let (node, is_host) = (peer.node.clone(), matches!(peer.role, Role::Host { .. }));
        if is_host {
            self.drop_host(&node, reason);
        }
        if self.places[&node].daemon.as_ref().is_some_and(|daemon| daemon.connection == connection) {
            self.places.get_mut(&node).expect("peers are of known nodes").daemon = None;
        }
        self.cut(connection, reason);
    }

    /// The host counts as gone, and with it its daemon.
    fn drop_host(&mut self, node: &NodeName, reason: &str) {
        let place = self.places.get_mut(node).expect("called with known nodes");
        let connections = [place.host.take().and_then(|host| host.connection), place.daemon.take().map(|daemon| daemon.connection)];
        place.word = None;
        for connection in connections.into_iter().flatten() {
            self.cut(connection, reason);
        }
        // Not of the gather time's business: nobody may send into a view that still holds the host.
        self.publish(self.last_tick);
    }

    fn cut(&mut self, connection: Connection, reason: &str) {
        if self.peers.remove(&connection).is_some() {
            let message = FromHub::Evicted { reason: reason.to_owned() };
            self.outputs.push(Output::Send { to: vec![connection], message });
            self.outputs.push(Output::Close(connection));
        }
    }

    /// Announces a new view in each group whose membership is not the announced one.
    fn publish(&mut self, now: Duration) {
        if self.is_gathering(now) {
            return;
        }
        let groups: BTreeSet<u32> = self.places.values().map(|place| place.group).collect();
        self.views.retain(|group, _| groups.contains(group));
        for group in groups {
            let view = self.membership(group);
            let is_new = match self.views.get(&group) {
                Some(old) => (&old.hosts, &old.daemons) != (&view.hosts, &view.daemons),
                None => !view.hosts.is_empty(),
            };
            if is_new {
                self.view_id += 1;
                let view = View { id: self.view_id, ..view };
                self.views.insert(group, view.clone());
                let to = self.connections(group, true);
                self.outputs.push(Output::Send { to, message: FromHub::View(view) });
            }
        }
    }

    fn is_gathering(&mut self, now: Duration) -> bool {
        let Some(until) = self.gather_until else { return false };
        let all_here = self.places.values().all(|place| place.host.is_some() && place.daemon.is_some());
        if all_here || now >= until {
            self.gather_until = None;
        }
        self.gather_until.is_some()
    }

    fn membership(&mut self, group: u32) -> View {
        let present = || self.places.iter().filter(|(_, place)| place.group == group);
        let hosts: BTreeMap<_, _> =
            present().filter_map(|(node, place)| Some((node.clone(), place.host.as_ref()?.incarnation.clone()))).collect();
        let daemons = present()
            .filter(|(_, place)| place.host.is_some())
            .filter_map(|(node, place)| Some((node.clone(), place.daemon.as_ref()?.life)))
            .collect();
        let configured: BTreeMap<_, _> = self.places.iter().map(|(node, place)| (node.clone(), place.id)).collect();
        self.all_met |= hosts.len() == configured.len();
        // Compat: Corosync's votequorum; two nodes get two_node with its implied wait_for_all.
        let quorate = match configured.len() {
            2 => self.all_met && !hosts.is_empty(),
            all => hosts.len() * 2 > all,
        };
        View { id: 0, hosts, daemons, configured, quorate }
    }

    /// The present daemons of a group, with the hosts' connections where asked.
    fn connections(&self, group: u32, with_hosts: bool) -> Vec<Connection> {
        let mut found = Vec::new();
        for place in self.places.values().filter(|place| place.group == group && place.host.is_some()) {
            found.extend(place.daemon.as_ref().map(|daemon| daemon.connection));
            if with_hosts {
                found.extend(place.host.as_ref().and_then(|host| host.connection));
            }
        }
        found
    }

    fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }
}

#[cfg(test)]
mod tests;
