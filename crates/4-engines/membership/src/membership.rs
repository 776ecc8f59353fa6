//! The engine: views, hellos and beats in; who is here and who leads out.

use crate::election::elect;
use crate::peer::{Peer, PeerState, note_change};
use messages::event::Fact;
use messages::group::{Incarnation, View};
use messages::peer::{CibMark, Hello, MembershipMessage};
use model::{NodeName, Now};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The fixed facts.
#[derive(Clone, Debug)]
pub struct MembershipConfig {
    pub node: NodeName,
    pub grace: Duration,
    pub silence: Duration,
    pub dc_deadtime: Duration,
    pub feature_set: String,
    /// The version of messages that this daemon speaks.
    pub version: u32,
}

/// What the engine is told.
#[derive(Clone, PartialEq, Debug)]
pub enum MembershipEvent {
    View(View),
    Lost {
        reason: String,
    },
    Message {
        from: NodeName,
        message: MembershipMessage,
    },
    /// This node will leave: others should coordinate.
    LeavingSoon,
    Woken,
}

/// What the engine asks for.
#[derive(Clone, PartialEq, Debug)]
pub enum MembershipCommand {
    Send(MembershipMessage),
    WakeAt(Duration),
    Fact(Fact),
    /// All have spoken, or someone was found silent or came back: this is who takes part from here on.
    Settled(Settled),
    /// This node was found silent while it was here: it must drop what it held as a coordinator, and joins anew.
    Excluded,
    /// This life of the host is known as fenced although it runs: it must end at once.
    EndHost {
        reason: String,
    },
}

/// The outcome of an election.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    pub term: u64,
    pub coordinator: NodeName,
    /// Where the copy of the CIB stands that everyone takes, and who has it.
    pub cib: CibMark,
    pub cib_holder: NodeName,
    /// Whether everyone's copy stands there already.
    pub cib_agreed: bool,
    /// Whether this began with a new view (everyone has sent a hello for it).
    pub is_new_view: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// No view, or one that this daemon is not part of.
    Apart,
    /// Waiting for hellos.
    Exchanging,
    Settled {
        coordinator: NodeName,
    },
}

/// The engine.
pub struct Membership {
    pub(crate) config: MembershipConfig,
    pub(crate) view: Option<View>,
    pub(crate) phase: Phase,
    /// What everyone in this view said of itself.
    pub(crate) hellos: BTreeMap<NodeName, Hello>,
    pub(crate) peers: BTreeMap<NodeName, Peer>,
    pub(crate) excluded: BTreeMap<NodeName, u64>,
    pub(crate) fenced: BTreeMap<NodeName, BTreeSet<Incarnation>>,
    pub(crate) term: u64,
    /// The highest term this node ever heard of; its hellos carry it.
    highest_term: u64,
    pub(crate) established: bool,
    coordinated: bool,
    leaving: bool,
    known_to_quorum: bool,
    /// Who coordinated last, as people were told.
    told_coordinator: Option<NodeName>,
    mark: CibMark,
    pub(crate) beat: u64,
    pub(crate) next_beat: Duration,
    pub(crate) last_handled: Duration,
    /// The number of the beat that must come back before this member may judge or act again, after it stood still.
    pub(crate) awaited_beat: Option<u64>,
    pub(crate) waiting_since: Option<Duration>,
    pub(crate) waited_quorate: bool,
    pub(crate) waited_out: bool,
    pub(crate) ignores_quorum: bool,
    was_quorate: bool,
    lost: bool,
    /// When the first grace ends; later than this reads where that node is waited for no more.
    pub(crate) grace_ends: Option<Duration>,
    /// No member can have been silent for too long before this: what is asked at each beat is seldom looked for.
    pub(crate) all_heard_until: Duration,
}

impl Membership {
    /// Returns an engine that has seen nothing yet.
    pub fn new(config: MembershipConfig) -> Self {
        Self {
            config,
            view: None,
            phase: Phase::Apart,
            hellos: BTreeMap::new(),
            peers: BTreeMap::new(),
            excluded: BTreeMap::new(),
            fenced: BTreeMap::new(),
            term: 0,
            highest_term: 0,
            established: false,
            coordinated: false,
            leaving: false,
            known_to_quorum: false,
            told_coordinator: None,
            mark: CibMark::default(),
            beat: 0,
            next_beat: Duration::ZERO,
            last_handled: Duration::ZERO,
            awaited_beat: None,
            waiting_since: None,
            waited_quorate: false,
            waited_out: false,
            ignores_quorum: false,
            was_quorate: false,
            lost: false,
            grace_ends: None,
            all_heard_until: Duration::ZERO,
        }
    }

    /// Tells where this node's CIB stands, for the next hello.
    pub fn set_mark(&mut self, mark: &CibMark) {
        if self.mark != *mark {
            self.mark = mark.clone();
        }
    }

    /// Changes how long the start of the cluster waits for absent nodes.
    pub fn set_dc_deadtime(&mut self, deadtime: Duration) {
        self.config.dc_deadtime = deadtime;
    }

    /// Raises the term to one that is known from elsewhere (the stored CIB).
    pub fn know_term(&mut self, term: u64) {
        self.highest_term = self.highest_term.max(term);
    }

    /// Tells whether a partition with quorum knows that this node is here: what an earlier daemon of this life of the host left,
    /// or `false` when the node leaves in good order.
    pub fn set_known_to_quorum(&mut self, is_known: bool) {
        self.known_to_quorum = is_known;
    }

    /// Returns whether a partition with quorum knows that this node is here.
    pub fn is_known_to_quorum(&self) -> bool {
        self.known_to_quorum
    }

    /// Returns the coordinator, once it is known in this view.
    pub fn coordinator(&self) -> Option<&NodeName> {
        if let Phase::Settled { coordinator } = &self.phase { Some(coordinator) } else { None }
    }

    /// Returns whether this node coordinates.
    pub fn is_coordinator(&self) -> bool {
        self.coordinator() == Some(&self.config.node)
    }

    /// Returns the present term.
    pub fn term(&self) -> u64 {
        self.term
    }

    /// Returns the engine's verdict on quorum for the present view.
    pub fn is_quorate(&self) -> bool {
        self.view.as_ref().is_some_and(|view| view.quorate)
    }

    /// Returns whether the engine below is gone.
    pub fn is_apart(&self) -> bool {
        self.phase == Phase::Apart
    }

    /// Returns whether the wait of the cluster's start is over: from here on absent nodes may be judged.
    ///
    /// Without quorum the wait ends for this member alone, so that the quorum policy is followed, and at once where there was quorum before.
    /// Once there is quorum it begins anew, or goes on, so that no node is fenced that had no chance to join.
    pub fn is_start_over(&self) -> bool {
        self.established || self.waited_out
    }

    /// Returns whether this member stood still and does not know yet what it missed; until then it must not act on its own timers.
    pub fn is_doubtful(&self) -> bool {
        self.awaited_beat.is_some()
    }

    /// Returns every node that is configured or was seen.
    pub fn peers(&self) -> &BTreeMap<NodeName, Peer> {
        &self.peers
    }

    /// Returns the nodes that take part.
    pub fn members(&self) -> impl Iterator<Item = &NodeName> {
        self.peers.iter().filter(|(_, peer)| peer.is_member()).map(|(name, _)| name)
    }

    /// Returns the view of the engine below.
    pub fn view(&self) -> Option<&View> {
        self.view.as_ref()
    }

    /// Returns the numeric id that the engine's configuration gives a node.
    pub fn id_of(&self, node: &NodeName) -> Option<u32> {
        self.view.as_ref().and_then(|view| view.configured.get(node).copied())
    }

    /// Returns the number of nodes the engine's configuration names.
    pub fn configured(&self) -> usize {
        self.view.as_ref().map_or(0, |view| view.configured.len())
    }

    /// Takes one event and returns what is to be done.
    pub fn handle(&mut self, now: Now, event: MembershipEvent) -> Vec<MembershipCommand> {
        let mut out = Vec::new();
        self.notice_standstill(now, &mut out);
        match event {
            MembershipEvent::View(view) => self.new_view(now, view, &mut out),
            MembershipEvent::Lost { reason } => self.group_lost(reason, &mut out),
            MembershipEvent::Message { from, message } => self.message(now, from, message, &mut out),
            MembershipEvent::LeavingSoon => self.leaving = true,
            MembershipEvent::Woken => {}
        }
        self.on_time(now, &mut out);
        if let Some(at) = self.next_wake() {
            out.push(MembershipCommand::WakeAt(at));
        }
        out
    }

    fn group_lost(&mut self, reason: String, out: &mut Vec<MembershipCommand>) {
        self.coordinated = self.is_coordinator();
        self.phase = Phase::Apart;
        self.view = None;
        self.awaited_beat = None;
        if !std::mem::replace(&mut self.lost, true) {
            out.push(MembershipCommand::Fact(Fact::GroupLost { reason }));
        }
        if std::mem::replace(&mut self.was_quorate, false) {
            out.push(MembershipCommand::Fact(Fact::QuorumLost));
        }
    }

    fn new_view(&mut self, now: Now, view: View, out: &mut Vec<MembershipCommand>) {
        if let Phase::Settled { coordinator } = &self.phase {
            self.coordinated = *coordinator == self.config.node && !self.excluded.contains_key(&self.config.node);
        }
        if std::mem::replace(&mut self.lost, false) {
            out.push(MembershipCommand::Fact(Fact::GroupBack));
        }
        self.compare_hosts(now, &view, out);
        if view.quorate != self.was_quorate {
            self.was_quorate = view.quorate;
            out.push(MembershipCommand::Fact(if view.quorate { Fact::QuorumGained } else { Fact::QuorumLost }));
        }
        self.hellos.clear();
        self.awaited_beat = None;
        self.term = 0;
        let own_daemon = view.daemons.get(&self.config.node).copied();
        let own_incarnation = view.hosts.get(&self.config.node).cloned();
        let id = view.id;
        self.view = Some(view);
        self.phase = Phase::Apart;
        if let Some(daemon) = own_daemon {
            self.phase = Phase::Exchanging;
            self.say_hello(id, daemon, own_incarnation.unwrap_or(Incarnation(String::new())), out);
        }
    }

    pub(crate) fn say_hello(&mut self, view: u64, daemon: u64, incarnation: Incarnation, out: &mut Vec<MembershipCommand>) {
        let hello = Hello {
            view,
            incarnation,
            daemon,
            term: self.highest_term,
            coordinates: self.coordinated,
            established: self.established,
            leaving: self.leaving,
            known_to_quorum: self.known_to_quorum,
            feature_set: self.config.feature_set.clone(),
            version: self.config.version,
            cib: self.mark.clone(),
            excluded: self.excluded.clone(),
            fenced: self.fenced.clone(),
        };
        out.push(MembershipCommand::Send(MembershipMessage::Hello(hello)));
    }

    /// Finds out what a new view says of each node's host and daemon.
    fn compare_hosts(&mut self, now: Now, view: &View, out: &mut Vec<MembershipCommand>) {
        let names: BTreeSet<NodeName> =
            view.configured.keys().chain(view.hosts.keys()).chain(view.daemons.keys()).chain(self.peers.keys()).cloned().collect();
        for name in names {
            let host = view.hosts.get(&name);
            let daemon = view.daemons.get(&name).copied();
            let is_fenced = host.is_some_and(|host| self.is_fenced(&name, host));
            if self.excluded.get(&name).is_some_and(|number| daemon != Some(*number)) {
                self.excluded.remove(&name);
            }
            let is_silent = self.excluded.contains_key(&name);
            let peer = self.peers.entry(name.clone()).or_default();
            peer.heard = now.monotonic;
            // Only what is heard in this view counts, which is the same for all its members, whenever they came.
            peer.beat = 0;
            let before = peer.state;
            let same_host = host.is_some() && peer.incarnation.as_ref() == host;
            peer.state = match (host, daemon) {
                (Some(_), Some(_)) if is_fenced || is_silent => PeerState::DaemonLost,
                (_, Some(number)) => {
                    if !same_host || peer.daemon != Some(number) {
                        peer.leaving = false;
                    }
                    PeerState::Joining
                }
                (_, None) if before == PeerState::Left || (peer.leaving && before != PeerState::Unseen) => PeerState::Left,
                (None, None) if before == PeerState::Unseen => PeerState::Unseen,
                (None, None) => PeerState::HostLost,
                (Some(_), None) if !same_host && before != PeerState::Unseen => PeerState::HostLost,
                (Some(_), None) => match before {
                    PeerState::Away { .. } | PeerState::DaemonLost | PeerState::Unseen => before,
                    _ => PeerState::Away { since: now.monotonic },
                },
            };
            // A host that came back with a new life was gone in between, even if no view showed it.
            if let (Some(host), true) = (host, before != PeerState::HostLost)
                && peer.incarnation.as_ref().is_some_and(|known| known != host)
                && !matches!(before, PeerState::Left | PeerState::Unseen)
            {
                out.push(MembershipCommand::Fact(Fact::HostLost { node: name.clone(), cause: "its host started anew".to_owned() }));
            }
            note_change(&name, before, peer.state, out);
            if peer.state == PeerState::Joining && before != PeerState::Joining {
                peer.before = before;
            }
            if let Some(host) = host {
                peer.incarnation = Some(host.clone());
            }
            if daemon.is_some() {
                peer.daemon = daemon;
            }
        }
        self.grace_ends = self.first_grace();
    }

    /// Returns whether this life of a node's host is known to be dead.
    pub fn is_fenced(&self, node: &NodeName, incarnation: &Incarnation) -> bool {
        self.fenced.get(node).is_some_and(|dead| dead.contains(incarnation))
    }

    fn message(&mut self, now: Now, from: NodeName, message: MembershipMessage, out: &mut Vec<MembershipCommand>) {
        if self.phase == Phase::Apart {
            return;
        }
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.heard = now.monotonic;
            if let MembershipMessage::Beat { number } = message {
                peer.beat = number;
            }
        }
        match message {
            MembershipMessage::Hello(hello) => self.hello(now, from, hello, out),
            MembershipMessage::Beat { number } => {
                if from == self.config.node && self.awaited_beat.is_some_and(|awaited| awaited <= number) {
                    self.awaited_beat = None;
                }
                if from != self.config.node {
                    self.beat_along(now, out);
                }
            }
            MembershipMessage::Exclude { view, silent } => self.exclude(view, silent, out),
            MembershipMessage::Established => {
                if self.coordinator() == Some(&from) {
                    self.established = true;
                }
            }
            MembershipMessage::Leaving => {
                if let Some(peer) = self.peers.get_mut(&from) {
                    peer.leaving = true;
                }
            }
            MembershipMessage::Fenced { node, incarnation } => self.fenced(node, incarnation, out),
            MembershipMessage::Forget { node } => {
                if self.peers.get(&node).is_some_and(|peer| !peer.is_member()) {
                    self.peers.remove(&node);
                    self.fenced.remove(&node);
                }
            }
        }
    }

    fn hello(&mut self, now: Now, from: NodeName, hello: Hello, out: &mut Vec<MembershipCommand>) {
        let Some(view) = &self.view else { return };
        if hello.view != view.id || self.is_fenced(&from, &hello.incarnation) {
            return;
        }
        for (name, dead) in &hello.fenced {
            self.fenced.entry(name.clone()).or_default().extend(dead.iter().cloned());
        }
        for (name, number) in &hello.excluded {
            if *name != from && !self.hellos.contains_key(name) && view.daemons.get(name) == Some(number) {
                self.excluded.insert(name.clone(), *number);
            }
        }
        self.excluded.remove(&from);
        let peer = self.peers.entry(from.clone()).or_default();
        (peer.incarnation, peer.daemon, peer.heard) = (Some(hello.incarnation.clone()), Some(hello.daemon), now.monotonic);
        (peer.version, peer.known_to_quorum) = (hello.version, hello.known_to_quorum || view.quorate);
        let term = hello.term;
        self.hellos.insert(from.clone(), hello);
        match self.phase.clone() {
            Phase::Exchanging => self.try_settle(now, true, out),
            Phase::Settled { coordinator } => {
                if term >= self.term {
                    self.set_term(term + 1);
                }
                // One that was found silent is heard again: it takes part under the coordinator chosen without it.
                self.admit(&from, out);
                self.announce(coordinator, false, out);
            }
            Phase::Apart => {}
        }
        self.end_own_host_if_fenced(out);
    }

    fn admit(&mut self, name: &NodeName, out: &mut Vec<MembershipCommand>) {
        if let Some(peer) = self.peers.get_mut(name) {
            let before = if peer.state == PeerState::Joining { peer.before } else { peer.state };
            note_change(name, before, PeerState::Member, out);
            peer.state = PeerState::Member;
        }
    }

    /// Chooses the coordinator once every daemon of the view has spoken or is known to be silent or dead.
    pub(crate) fn try_settle(&mut self, now: Now, is_new_view: bool, out: &mut Vec<MembershipCommand>) {
        let Some(view) = &self.view else { return };
        let is_awaited = |name: &NodeName| {
            !self.hellos.contains_key(name)
                && !self.excluded.contains_key(name)
                && !view.hosts.get(name).is_some_and(|host| self.is_fenced(name, host))
        };
        // Invariant: this depends on the messages delivered so far alone, so that all members settle at the same message.
        if view.daemons.keys().any(is_awaited) {
            return;
        }
        let quorate = view.quorate;
        let heard: BTreeMap<NodeName, Hello> =
            self.hellos.iter().filter(|(name, _)| !self.excluded.contains_key(*name)).map(|(n, h)| (n.clone(), h.clone())).collect();
        let Some(coordinator) = elect(&heard) else { return };
        // Not what this node alone knows: that is in its own hello, which the others may not have heard yet. (Found by the simulator:
        // seed 22370 with 20 deeds.)
        self.set_term(heard.values().map(|hello| hello.term).max().unwrap_or(0).max(self.term) + 1);
        self.established |= heard.values().any(|hello| hello.established);
        for name in heard.keys() {
            self.admit(name, out);
        }
        self.judge_start_wait(now, quorate);
        self.known_to_quorum |= quorate && !self.leaving;
        self.phase = Phase::Settled { coordinator: coordinator.clone() };
        // Each view has a term of its own: what a coordinator ordered in an earlier view, before it knew who is here now, must not count
        // even if it still leads. People are told only when another node leads.
        if self.told_coordinator.replace(coordinator.clone()) != Some(coordinator.clone()) {
            out.push(MembershipCommand::Fact(Fact::CoordinatorElected { node: coordinator.clone(), term: self.term }));
        }
        self.announce(coordinator, is_new_view, out);
    }

    fn set_term(&mut self, term: u64) {
        self.term = term;
        self.highest_term = self.highest_term.max(term);
    }

    fn announce(&mut self, coordinator: NodeName, is_new_view: bool, out: &mut Vec<MembershipCommand>) {
        let newest = self.hellos.iter().max_by(|a, b| a.1.cib.cmp(&b.1.cib).then(b.0.cmp(a.0)));
        let Some((holder, hello)) = newest else { return };
        out.push(MembershipCommand::Settled(Settled {
            term: self.term,
            coordinator,
            cib: hello.cib.clone(),
            cib_holder: holder.clone(),
            cib_agreed: self.hellos.values().all(|other| other.cib == hello.cib),
            is_new_view,
        }));
    }

    fn exclude(&mut self, view: u64, silent: BTreeMap<NodeName, u64>, out: &mut Vec<MembershipCommand>) {
        if self.view.as_ref().is_none_or(|own| own.id != view) {
            return;
        }
        let mut changed = false;
        for (name, beat) in silent {
            let Some(peer) = self.peers.get_mut(&name) else { continue };
            // The accused was heard between the accusation and its delivery: all members see that in the same order.
            let spoke = peer.beat > beat || (peer.state == PeerState::Joining && self.hellos.contains_key(&name));
            if spoke || !matches!(peer.state, PeerState::Member | PeerState::Joining) {
                continue;
            }
            peer.state = PeerState::DaemonLost;
            let seconds = self.config.silence.as_secs_f64();
            let cause = format!("its daemon was silent for {seconds} s");
            out.push(MembershipCommand::Fact(Fact::DaemonLost { node: name.clone(), cause }));
            self.excluded.insert(name.clone(), peer.daemon.unwrap_or(0));
            self.hellos.remove(&name);
            changed = true;
            if name == self.config.node {
                self.rejoin(out);
            }
        }
        if !changed {
            return;
        }
        match self.phase.clone() {
            Phase::Exchanging => self.try_settle(Now { monotonic: self.last_handled, ..Now::default() }, true, out),
            Phase::Settled { coordinator } if self.excluded.contains_key(&coordinator) => {
                self.try_settle(Now { monotonic: self.last_handled, ..Now::default() }, false, out);
            }
            Phase::Settled { coordinator } => self.announce(coordinator, false, out),
            Phase::Apart => {}
        }
    }

    /// This node was found silent: whatever it held is stale, and it says hello again.
    fn rejoin(&mut self, out: &mut Vec<MembershipCommand>) {
        self.coordinated = false;
        out.push(MembershipCommand::Excluded);
        let Some(view) = &self.view else { return };
        let daemon = view.daemons.get(&self.config.node).copied().unwrap_or(0);
        let incarnation = view.hosts.get(&self.config.node).cloned().unwrap_or(Incarnation(String::new()));
        let id = view.id;
        self.say_hello(id, daemon, incarnation, out);
    }

    fn fenced(&mut self, node: NodeName, incarnation: Option<Incarnation>, out: &mut Vec<MembershipCommand>) {
        let Some(peer) = self.peers.get_mut(&node) else { return };
        let Some(dead) = incarnation.or_else(|| peer.incarnation.clone()) else { return };
        let is_this_life = peer.incarnation.as_ref() == Some(&dead);
        let known = self.fenced.entry(node.clone()).or_default();
        known.insert(dead);
        // A handful of past lives is enough: older ones cannot speak any more.
        while known.len() > 8 {
            known.pop_first();
        }
        if is_this_life && peer.state != PeerState::HostLost {
            peer.state = PeerState::DaemonLost;
            self.hellos.remove(&node);
            if let Some(number) = peer.daemon {
                self.excluded.insert(node.clone(), number);
            }
            let now = Now { monotonic: self.last_handled, ..Now::default() };
            match self.phase.clone() {
                Phase::Exchanging => self.try_settle(now, true, out),
                Phase::Settled { coordinator } if coordinator == node => self.try_settle(now, false, out),
                _ => {}
            }
        }
        self.end_own_host_if_fenced(out);
    }

    fn end_own_host_if_fenced(&mut self, out: &mut Vec<MembershipCommand>) {
        let own = self.view.as_ref().and_then(|view| view.hosts.get(&self.config.node));
        if own.is_some_and(|own| self.is_fenced(&self.config.node, own)) {
            let reason = "this life of the host was confirmed as fenced".to_owned();
            out.push(MembershipCommand::EndHost { reason });
        }
    }
}
