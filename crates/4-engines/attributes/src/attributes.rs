//! The engine: updates and messages in; what to send, answer and write out.

use crate::value::expanded;
use messages::client::AttributeValue;
use messages::peer::{AttributesMessage, HeldAttribute};
use model::{NodeName, Now};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// How many granted requests are remembered, so that one that was sent twice counts once.
const REQUESTS_KEPT: usize = 256;

/// A wish to change attributes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Update {
    /// Unique in the cluster; [`AttributesCommand::Answer`] names it.
    pub request: String,
    pub node: NodeName,
    pub names: Vec<String>,
    /// `None` deletes.
    pub value: Option<String>,
    pub dampening: Option<Duration>,
    pub only_dampening: bool,
    pub private: bool,
}

/// What the engine is told.
#[derive(Clone, PartialEq, Debug)]
pub enum AttributesEvent {
    /// Someone on this node wants a change.
    Update(Update),
    Message {
        from: NodeName,
        message: AttributesMessage,
    },
    /// Who takes part and who writes.
    Settled {
        coordinator: NodeName,
        members: BTreeSet<NodeName>,
        is_new_view: bool,
    },
    /// A node's values are void: it left. Told to the coordinator's engine only, which tells the others.
    NodeGone {
        node: NodeName,
    },
    /// This node's copy of the CIB is another now: what is written there of attributes may be what another partition knew.
    StatusReplaced,
    Woken,
}

/// What the engine asks for.
#[derive(Clone, PartialEq, Debug)]
pub enum AttributesCommand {
    Send(AttributesMessage),
    /// Every member has the change of this request.
    Answer {
        request: String,
    },
    /// Write these to the status section in one change; only the coordinator's engine asks.
    Write(Vec<(NodeName, String, Option<String>)>),
    /// A value changed (for alerts).
    Changed {
        node: NodeName,
        name: String,
        value: Option<String>,
    },
    WakeAt(Duration),
}

/// Who tells of a value, as far as that decides whether it counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    Itself,
    Another,
    /// It has heard that the node's values were forgotten, which was not known here.
    KnowsBetter,
    /// It has not heard that the node's values were forgotten.
    WasAway,
}

/// One node's engine.
pub struct Attributes {
    node: NodeName,
    coordinator: Option<NodeName>,
    members: BTreeSet<NodeName>,
    held: BTreeMap<(NodeName, String), HeldAttribute>,
    /// When all values of a node were forgotten last. Whoever was away then may still hold them.
    forgotten: BTreeMap<NodeName, u64>,
    /// Changes counted; raised by every message heard.
    stamp: u64,
    /// What was set in this view, or heard from the node itself.
    of_this_view: BTreeSet<(NodeName, String)>,
    /// Values not yet in the status section, by attribute: when to write them, and whose.
    unwritten: BTreeMap<String, (Duration, BTreeSet<NodeName>)>,
    /// Messages of a request that are still to be heard.
    outstanding: BTreeMap<String, usize>,
    seen: VecDeque<(String, NodeName, String)>,
}

impl Attributes {
    /// Returns an engine that holds what was kept of this node from an earlier daemon of this life of the host.
    pub fn new(node: NodeName, kept: Vec<HeldAttribute>) -> Self {
        let stamp = kept.iter().map(|held| held.stamp).max().unwrap_or(0);
        let held = kept.into_iter().map(|held| ((held.node.clone(), held.name.clone()), held)).collect();
        Self {
            node,
            coordinator: None,
            members: BTreeSet::new(),
            held,
            forgotten: BTreeMap::new(),
            stamp,
            of_this_view: BTreeSet::new(),
            unwritten: BTreeMap::new(),
            outstanding: BTreeMap::new(),
            seen: VecDeque::new(),
        }
    }

    /// Returns what is to be kept for the next daemon of this life of the host.
    pub fn to_keep(&self) -> Vec<HeldAttribute> {
        self.held.values().filter(|held| held.node == self.node).cloned().collect()
    }

    /// Returns the values of an attribute, on one node or all.
    pub fn query(&self, node: Option<&NodeName>, name: &str) -> Vec<AttributeValue> {
        self.held
            .values()
            .filter(|held| held.name == name && held.value.is_some() && node.is_none_or(|node| held.node == *node))
            .map(|held| AttributeValue { node: held.node.clone(), name: held.name.clone(), value: held.value.clone() })
            .collect()
    }

    /// Returns the names of all attributes that have a value on some node.
    pub fn names(&self) -> BTreeSet<String> {
        self.held.values().filter(|held| held.value.is_some()).map(|held| held.name.clone()).collect()
    }

    /// Returns a node's public values.
    pub fn of_node(&self, node: &NodeName) -> BTreeMap<String, String> {
        let held = self.held.values().filter(|held| held.node == *node && !held.private);
        held.filter_map(|held| Some((held.name.clone(), held.value.clone()?))).collect()
    }

    /// Drops a node's values here, without telling anyone: the node is this one, and it leaves.
    pub fn forget(&mut self, node: &NodeName) {
        self.held.retain(|(held, _), _| held != node);
    }

    /// Returns whether a change has not reached the status section yet.
    pub fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// Takes one event and returns what is to be done.
    pub fn handle(&mut self, now: Now, event: AttributesEvent) -> Vec<AttributesCommand> {
        let mut out = Vec::new();
        match event {
            AttributesEvent::Update(update) => self.update(update, &mut out),
            AttributesEvent::Message { from, message } => self.message(now, &from, message, &mut out),
            AttributesEvent::Settled { coordinator, members, is_new_view } => {
                self.settled(now, coordinator, members, is_new_view, &mut out);
            }
            // Others may hold what this engine does not, since it began later.
            AttributesEvent::NodeGone { node } => out.push(AttributesCommand::Send(AttributesMessage::Clear { node })),
            AttributesEvent::StatusReplaced => self.note_all_unwritten(now),
            AttributesEvent::Woken => {}
        }
        self.write_due(now, &mut out);
        if let Some(at) = self.unwritten.values().map(|(at, _)| *at).min() {
            out.push(AttributesCommand::WakeAt(at));
        }
        out
    }

    fn is_coordinator(&self) -> bool {
        self.coordinator.as_ref() == Some(&self.node)
    }

    fn update(&mut self, update: Update, out: &mut Vec<AttributesCommand>) {
        if update.names.is_empty() {
            out.push(AttributesCommand::Answer { request: update.request });
            return;
        }
        self.outstanding.insert(update.request.clone(), update.names.len());
        for name in update.names {
            out.push(AttributesCommand::Send(AttributesMessage::Set {
                request: update.request.clone(),
                origin: self.node.clone(),
                node: update.node.clone(),
                name,
                value: update.value.clone(),
                dampening: update.dampening,
                only_dampening: update.only_dampening,
                private: update.private,
            }));
        }
    }

    fn settled(
        &mut self,
        now: Now,
        coordinator: NodeName,
        members: BTreeSet<NodeName>,
        is_new_view: bool,
        out: &mut Vec<AttributesCommand>,
    ) {
        let is_new_coordinator = self.coordinator.as_ref() != Some(&coordinator);
        self.coordinator = Some(coordinator);
        self.members = members;
        if is_new_view {
            self.of_this_view.clear();
            let values = self.held.values().cloned().collect();
            out.push(AttributesCommand::Send(AttributesMessage::All { values, forgotten: self.forgotten.clone() }));
        }
        if !self.is_coordinator() {
            self.unwritten.clear();
        } else if is_new_coordinator {
            // What the coordinator before had not written yet is not known.
            self.note_all_unwritten(now);
        }
    }

    /// Has everything compared with the CIB once.
    fn note_all_unwritten(&mut self, now: Now) {
        let all: Vec<_> = self.held.values().filter(|held| !held.private).map(|h| (h.node.clone(), h.name.clone())).collect();
        for (node, name) in all {
            self.note_unwritten(now, node, name, Duration::ZERO);
        }
    }

    fn message(&mut self, now: Now, from: &NodeName, message: AttributesMessage, out: &mut Vec<AttributesCommand>) {
        match message {
            AttributesMessage::Set { request, origin, node, name, value, dampening, only_dampening, private } => {
                let is_repeated = self.seen.iter().any(|seen| (&seen.0, &seen.1, &seen.2) == (&request, &node, &name));
                if !is_repeated {
                    self.seen.push_back((request.clone(), node.clone(), name.clone()));
                    if self.seen.len() > REQUESTS_KEPT {
                        self.seen.pop_front();
                    }
                    self.set(now, node, name, value, dampening, only_dampening, private, out);
                }
                if origin == self.node {
                    self.heard_own(request, out);
                }
            }
            AttributesMessage::All { values, forgotten } => {
                let taken_over = self.forget_too(now, &forgotten);
                for value in values {
                    let (theirs, ours) = (forgotten.get(&value.node), self.forgotten.get(&value.node));
                    // Of itself everyone knows best.
                    let source = match *from == value.node {
                        true => Source::Itself,
                        false if theirs < ours => Source::WasAway,
                        false if taken_over.contains(&value.node) => Source::KnowsBetter,
                        false => Source::Another,
                    };
                    self.merge(now, value, source, out);
                }
            }
            AttributesMessage::Clear { node } => {
                for (_, nodes) in self.unwritten.values_mut() {
                    nodes.remove(&node);
                }
                self.unwritten.retain(|_, (_, nodes)| !nodes.is_empty());
                let cleared: Vec<HeldAttribute> = self.held.extract_if(.., |(held, _), _| *held == node).map(|(_, held)| held).collect();
                // A new coordinator writes what it holds, also of a node whose state another one has just cleared: a node that had left and came
                // back at once would find that it wishes to go.
                for held in cleared.into_iter().filter(|held| !held.private) {
                    self.note_unwritten(now, held.node, held.name, Duration::ZERO);
                }
                self.stamp += 1;
                self.forgotten.insert(node, self.stamp);
            }
        }
    }

    /// Forgets what the sender was told to forget while this node was away, and returns the nodes of which the sender knows better now.
    ///
    /// What was said of them in this view stays, and what they said: the sender heard it too. The rest is compared with the CIB, which may be the one of those
    /// who had been away.
    fn forget_too(&mut self, now: Now, forgotten: &BTreeMap<NodeName, u64>) -> BTreeSet<NodeName> {
        let is_later = |(node, at): &(&NodeName, &u64)| self.forgotten.get(*node) < Some(*at);
        let later: BTreeMap<NodeName, u64> = forgotten.iter().filter(is_later).map(|(node, at)| (node.clone(), *at)).collect();
        let is_void = |key: &&(NodeName, String)| key.0 != self.node && later.contains_key(&key.0) && !self.of_this_view.contains(*key);
        let void: Vec<(NodeName, String)> = self.held.keys().filter(is_void).cloned().collect();
        for (node, name) in void {
            self.held.remove(&(node.clone(), name.clone()));
            self.note_unwritten(now, node, name, Duration::ZERO);
        }
        let nodes = later.keys().cloned().collect();
        for (node, at) in later {
            self.stamp = self.stamp.max(at);
            self.forgotten.insert(node, at);
        }
        nodes
    }

    fn heard_own(&mut self, request: String, out: &mut Vec<AttributesCommand>) {
        let Some(left) = self.outstanding.get_mut(&request) else { return };
        *left -= 1;
        if *left == 0 {
            self.outstanding.remove(&request);
            out.push(AttributesCommand::Answer { request });
        }
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of one message")]
    fn set(
        &mut self,
        now: Now,
        node: NodeName,
        name: String,
        wish: Option<String>,
        dampening: Option<Duration>,
        only_dampening: bool,
        private: bool,
        out: &mut Vec<AttributesCommand>,
    ) {
        self.stamp += 1;
        let stamp = self.stamp;
        self.of_this_view.insert((node.clone(), name.clone()));
        // Compat: dampening belongs to the attribute, not to one node's value of it.
        let in_force = self.held.values().find(|held| held.name == name).map(|held| held.dampening);
        let held = self.held.entry((node.clone(), name.clone())).or_insert_with(|| HeldAttribute {
            node: node.clone(),
            name: name.clone(),
            value: None,
            dampening: in_force.unwrap_or_default(),
            private,
            stamp,
        });
        held.stamp = stamp;
        let before = held.value.clone();
        if !only_dampening {
            held.value = wish.map(|wish| expanded(&name, &wish, before.as_deref()));
            held.private = private || (held.private && before.is_some());
        }
        let (is_changed, is_private, value) = (held.value != before, held.private, held.value.clone());
        if let Some(dampening) = dampening {
            self.held.values_mut().filter(|held| held.name == name).for_each(|held| held.dampening = dampening);
        }
        if is_changed {
            out.push(AttributesCommand::Changed { node: node.clone(), name: name.clone(), value: value.clone() });
        }
        // What is to be deleted may be in the CIB without being held here, where this engine began later.
        if !is_private && (is_changed || value.is_none()) {
            let wait = dampening.or(in_force).unwrap_or_default();
            self.note_unwritten(now, node, name, wait);
        }
    }

    fn note_unwritten(&mut self, now: Now, node: NodeName, name: String, wait: Duration) {
        if !self.is_coordinator() {
            return;
        }
        let (at, nodes) = self.unwritten.entry(name).or_insert_with(|| (now.monotonic, BTreeSet::new()));
        // Compat: each change starts the wait anew.
        *at = now.monotonic + wait;
        nodes.insert(node);
    }

    /// Takes over what is later than what is held. Values of nodes that do not take part are a memory of the past: they count where another
    /// memory of them is held here, or was given up for the source's.
    fn merge(&mut self, now: Now, value: HeldAttribute, source: Source, out: &mut Vec<AttributesCommand>) {
        self.stamp = self.stamp.max(value.stamp);
        let (node, name, is_private) = (value.node.clone(), value.name.clone(), value.private);
        let key = (node.clone(), name.clone());
        let counts_anew = self.members.contains(&node) || source == Source::KnowsBetter;
        let is_later = self.held.get(&key).map_or(counts_anew, |held| held.stamp < value.stamp);
        let is_void = source == Source::WasAway;
        if is_later && !is_void {
            out.push(AttributesCommand::Changed { node: node.clone(), name: name.clone(), value: value.value.clone() });
            self.held.insert(key.clone(), value);
        }
        if source == Source::Itself {
            self.of_this_view.insert(key);
        }
        // What is void may stand in the CIB, where that is the source's.
        if !is_private && (is_later || is_void) {
            self.note_unwritten(now, node, name, Duration::ZERO);
        }
    }

    fn write_due(&mut self, now: Now, out: &mut Vec<AttributesCommand>) {
        if !self.is_coordinator() {
            return;
        }
        let due: Vec<String> = self.unwritten.iter().filter(|(_, (at, _))| *at <= now.monotonic).map(|(name, _)| name.clone()).collect();
        let mut values = Vec::new();
        for name in due {
            let (_, nodes) = self.unwritten.remove(&name).unwrap_or_default();
            for node in nodes {
                let value = self.held.get(&(node.clone(), name.clone())).and_then(|held| held.value.clone());
                values.push((node, name.clone(), value));
            }
        }
        if !values.is_empty() {
            out.push(AttributesCommand::Write(values));
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
