//! From rings, process groups, verdicts and frames to the views and messages that the group promises.
//!
//! When ring or group change, every daemon states who it is, in which life, and what its votequorum says of this ring.
//! Once all have spoken the view is in force: at the same point of the order everywhere, since it follows from ordered
//! messages alone. A daemon that does not speak in time is left out by an ordered word of any member, until it does.
//!
//! Invariant: a message is handed out in the very view it was sent in; what crosses a change is dropped.
//! Safety: no view is in force before the verdict on its own ring, and it has quorum only when all that spoke say so.

use crate::connection::Occurrence;
use crate::nodelist::NodeList;
use crate::wire::{Configuration, Frame, KnownHost, Process, Stamp, Statement};
use messages::group::{GroupEvent, Incarnation, View};
use model::NodeName;
use std::collections::{BTreeMap, BTreeSet};

/// The longest message accepted, in bytes: that of the streams between processes.
const MESSAGE_LENGTH_MAX: usize = messages::frame::FRAME_LENGTH_MAX;

/// Who this daemon is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub process: Process,
    pub name: NodeName,
    pub incarnation: Incarnation,
    pub life: u64,
}

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Output {
    Send(Frame),
    Tell(GroupEvent),
    RefuseShutdown,
}

/// A message of which not all pieces have come.
#[derive(Debug, Default)]
struct Partial {
    bytes: Vec<u8>,
    next: u32,
}

/// The state of one connection's life.
#[derive(Debug)]
pub(crate) struct Views {
    identity: Identity,
    nodes: NodeList,
    configuration: Configuration,
    /// The hosts of the ring.
    on_ring: BTreeSet<u32>,
    /// The last verdict, and the ring it is of.
    verdict: Option<(u64, bool)>,
    statements: BTreeMap<Process, Statement>,
    /// What this daemon stated last.
    stated: Option<Statement>,
    /// Whether the present configuration goes on without those who have not spoken.
    proceeds: bool,
    hosts: BTreeMap<u32, KnownHost>,
    /// The view in force in this configuration.
    view: Option<View>,
    /// The greatest number of a view that is known.
    view_id: u64,
    partial: BTreeMap<Process, Partial>,
    outputs: Vec<Output>,
}

impl Views {
    /// Starts with nobody known. `view_id` is the greatest number of a view that this daemon has seen.
    pub fn new(identity: Identity, nodes: NodeList, view_id: u64) -> Self {
        Self {
            identity,
            nodes,
            configuration: Configuration::default(),
            on_ring: BTreeSet::new(),
            verdict: None,
            statements: BTreeMap::new(),
            stated: None,
            proceeds: false,
            hosts: BTreeMap::new(),
            view: None,
            view_id,
            partial: BTreeMap::new(),
            outputs: Vec::new(),
        }
    }

    /// Returns the stamp of what is sent now; `None` while no view is in force.
    pub fn stamp(&self) -> Option<Stamp> {
        self.view.as_ref().map(|view| Stamp { view: view.id, ring: self.configuration.ring })
    }

    /// Returns the stamp of a view of the present configuration, in force or just replaced.
    pub fn stamp_of(&self, view: u64) -> Option<Stamp> {
        self.view.is_some().then_some(Stamp { view, ring: self.configuration.ring })
    }

    /// Returns the greatest number of a view that is known.
    pub fn view_id(&self) -> u64 {
        self.view_id
    }

    /// Returns whether some have not spoken in the present configuration, as this daemon has.
    pub fn is_waiting(&self) -> bool {
        self.stated.is_some() && !self.proceeds && !self.have_all_spoken()
    }

    /// Takes the nodes that the configuration names now.
    pub fn set_nodes(&mut self, nodes: NodeList) {
        self.nodes = nodes;
    }

    /// Takes what one dispatch gave, and then says what it has to say.
    pub fn handle(&mut self, occurrences: Vec<Occurrence>) -> Vec<Output> {
        for occurrence in occurrences {
            match occurrence {
                Occurrence::Ring { ring, hosts } => {
                    self.on_ring = hosts.into_iter().collect();
                    self.hosts.retain(|host, _| self.on_ring.contains(host));
                    self.reconfigure(Configuration { ring, processes: self.configuration.processes.clone() });
                }
                Occurrence::Group { processes, lost } => {
                    // A host that went away and is on the ring again may be in another life.
                    lost.iter().for_each(|host| drop(self.hosts.remove(host)));
                    self.reconfigure(Configuration { ring: self.configuration.ring, processes });
                }
                Occurrence::Quorum { ring, quorate } => self.verdict = Some((ring, quorate)),
                Occurrence::ShutdownAsked => self.outputs.push(Output::RefuseShutdown),
                Occurrence::Delivered { from, bytes } => match Frame::decode(&bytes) {
                    Some(Frame::Several(frames)) => frames.into_iter().for_each(|frame| self.delivered(from, frame)),
                    Some(frame) => self.delivered(from, frame),
                    None => {}
                },
            }
        }
        self.state();
        std::mem::take(&mut self.outputs)
    }

    /// Waited for long enough: the present configuration is to go on without those who have not spoken.
    pub fn overdue(&self) -> Output {
        Output::Send(Frame::Proceed(self.configuration.clone()))
    }

    fn reconfigure(&mut self, configuration: Configuration) {
        if self.configuration != configuration {
            self.configuration = configuration;
            self.statements.clear();
            self.partial.clear();
            self.stated = None;
            self.view = None;
            self.proceeds = false;
        }
    }

    /// States what is to be stated, once for each thing that is new.
    fn state(&mut self) {
        let is_in_group = self.configuration.processes.contains(&self.identity.process);
        let Some((_, quorate)) = self.verdict.filter(|(ring, _)| *ring == self.configuration.ring.seq && is_in_group) else { return };
        let own = KnownHost { name: self.identity.name.clone(), incarnation: self.identity.incarnation.clone() };
        let mut hosts = self.hosts.clone();
        hosts.insert(self.identity.process.node, own);
        let mut statement = Statement {
            configuration: self.configuration.clone(),
            name: self.identity.name.clone(),
            incarnation: self.identity.incarnation.clone(),
            life: self.identity.life,
            view: self.view_id,
            quorate,
            configured: self.nodes.names.clone(),
            hosts,
        };
        if let Some(stated) = &self.stated {
            // What was learnt meanwhile is no news to the others: only what this daemon alone can tell is.
            if (stated.quorate, &stated.configured) == (quorate, &statement.configured) {
                return;
            }
            (statement.view, statement.hosts) = (stated.view, stated.hosts.clone());
        }
        self.stated = Some(statement.clone());
        self.outputs.push(Output::Send(Frame::Statement(statement)));
    }

    fn delivered(&mut self, from: Process, frame: Frame) {
        match frame {
            Frame::Statement(statement) if statement.configuration == self.configuration => {
                self.statements.insert(from, statement);
                self.agree();
            }
            Frame::Proceed(configuration) if configuration == self.configuration => {
                self.proceeds = true;
                self.agree();
            }
            Frame::Piece { stamp, index, count, bytes } if self.stamp() == Some(stamp) => self.piece(from, index, count, bytes),
            _ => {}
        }
    }

    fn have_all_spoken(&self) -> bool {
        self.configuration.processes.iter().all(|process| self.statements.contains_key(process))
    }

    /// Puts the view in force that follows from the statements, when it is another one.
    ///
    /// Invariant: depends on ordered messages alone, so that all members come to the same view at the same message.
    fn agree(&mut self) {
        if self.statements.is_empty() || !(self.proceeds || self.have_all_spoken()) {
            return;
        }
        let mut known: BTreeMap<u32, KnownHost> = BTreeMap::new();
        for (host, life) in self.statements.values().flat_map(|statement| &statement.hosts) {
            if self.on_ring.contains(host) {
                known.entry(*host).or_insert_with(|| life.clone());
            }
        }
        for (process, statement) in &self.statements {
            // Each host's own word on itself counts before others'.
            known.insert(process.node, KnownHost { name: statement.name.clone(), incarnation: statement.incarnation.clone() });
        }
        let mut configured: BTreeMap<NodeName, u32> = BTreeMap::new();
        for (number, name) in self.statements.values().flat_map(|statement| &statement.configured) {
            // A name that a node gave itself counts before what its number is called elsewhere.
            let name = known.get(number).map_or(name, |host| &host.name);
            configured.insert(name.clone(), *number);
        }
        let view = View {
            id: self.view.as_ref().map_or(0, |view| view.id),
            hosts: self.present(&known, &configured),
            daemons: self.statements.values().map(|statement| (statement.name.clone(), statement.life)).collect(),
            configured,
            quorate: self.statements.values().all(|statement| statement.quorate),
        };
        if self.view.as_ref() == Some(&view) {
            return;
        }
        let greatest = self.statements.values().map(|statement| statement.view).chain(self.view.as_ref().map(|view| view.id)).max();
        self.view_id = greatest.unwrap_or(0) + 1;
        self.hosts = known;
        self.partial.clear();
        let view = View { id: self.view_id, ..view };
        self.view = Some(view.clone());
        self.outputs.push(Output::Tell(GroupEvent::View(view)));
    }

    /// Returns every host of the ring with its life, as far as that is known.
    ///
    /// Safety: a host whose daemon has not spoken counts as present too, or a few daemons would take themselves for all there are
    /// while votequorum counts the whole ring.
    fn present(&self, known: &BTreeMap<u32, KnownHost>, configured: &BTreeMap<NodeName, u32>) -> BTreeMap<NodeName, Incarnation> {
        let seq = self.configuration.ring.seq;
        let strangers = configured.iter().filter(|(_, number)| self.on_ring.contains(number) && !known.contains_key(number));
        let nameless =
            strangers.map(|(name, number)| (name.clone(), Incarnation(format!("of host {number} on ring {seq}, not known yet"))));
        known.values().map(|host| (host.name.clone(), host.incarnation.clone())).chain(nameless).collect()
    }

    fn piece(&mut self, from: Process, index: u32, count: u32, bytes: Vec<u8>) {
        let Some(statement) = self.statements.get(&from) else { return };
        let partial = self.partial.entry(from).or_default();
        if index == 0 {
            *partial = Partial::default();
        }
        if index != partial.next || partial.bytes.len() + bytes.len() > MESSAGE_LENGTH_MAX {
            // The pieces of a sender come in order; others are not ours to guess at.
            self.partial.remove(&from);
            return;
        }
        partial.next += 1;
        partial.bytes.extend(bytes);
        if partial.next < count {
            return;
        }
        let whole = self.partial.remove(&from).unwrap_or_default();
        if let Ok(payload) = String::from_utf8(whole.bytes) {
            let from = statement.name.clone();
            self.outputs.push(Output::Tell(GroupEvent::Message { from, payload }));
        }
    }
}

#[cfg(test)]
#[path = "views_tests.rs"]
mod tests;
