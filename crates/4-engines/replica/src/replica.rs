//! The engine: wishes, messages and stored results in; messages, stores and answers out.

use crate::change::{empty_cib, mark_of};
use crate::copies::Copies;
use crate::granted::Granted;
use cib::patch::Patch;
use messages::client::ClientError;
use messages::peer::{CibMark, CibWish, ReplicaMessage};
use model::{NodeName, Now};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use xml::Element;

/// How soon a disk is told of that no write is known to wait for: one message then stands for many writes.
const TELL_LATER: Duration = Duration::from_millis(100);

/// The fixed facts.
#[derive(Clone, Debug)]
pub struct ReplicaConfig {
    pub node: NodeName,
    /// What was stored, with the lineage kept beside it.
    pub stored: Option<(Arc<Element>, u64)>,
    /// How long a client's wish may stay unanswered before its outcome is reported as unknown.
    pub patience: Duration,
    /// What it shares with other replicas of its process, if there are any.
    pub copies: Copies,
}

/// The outcome of an election, as far as the CIB is concerned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settlement {
    pub term: u64,
    pub coordinator: NodeName,
    pub members: BTreeSet<NodeName>,
    /// How many nodes the cluster is configured with: a majority of these must hold a write.
    pub configured: usize,
    pub is_quorate: bool,
    /// Whether the members, not only the hosts that quorum is counted by, are a majority or all there are. Until they are, the
    /// newest copy may be on a host whose daemon has not joined yet.
    pub is_complete: bool,
    /// The copy everyone takes, and who has it. `None` when nobody said hello anew: copies are as they were.
    pub newest: Option<(CibMark, NodeName)>,
    /// Whether every member said that it has that copy.
    pub is_agreed: bool,
}

/// What the engine is told.
#[derive(Clone, PartialEq, Debug)]
pub enum ReplicaEvent<'a> {
    /// Someone on this node wants a change.
    Wish(CibWish),
    Message {
        from: NodeName,
        message: &'a ReplicaMessage,
    },
    /// A new view: nothing is ordered until it is settled.
    Unsettled,
    Settled(Settlement),
    /// This node was found silent: what it ordered last may never have arrived.
    Excluded,
    /// The outcome of a store and of those before it.
    Stored {
        token: u64,
        result: Result<(), String>,
    },
    Woken,
}

/// What the engine asks for.
#[derive(Clone, PartialEq, Debug)]
pub enum ReplicaCommand {
    Send(ReplicaMessage),
    /// Make the CIB durable.
    Store {
        token: u64,
        cib: Arc<Element>,
        lineage: u64,
    },
    /// This node's copy changed.
    Changed(Changed),
    /// The wish of someone on this node was granted or refused; what an edit returned goes with it.
    Answer {
        request: String,
        result: Result<Option<String>, ClientError>,
    },
    WakeAt(Duration),
    Warn(String),
    /// This node's disk does not take the CIB, and why; or takes it again.
    Disk {
        problem: Option<String>,
    },
}

/// How this node's copy changed.
#[derive(Clone, PartialEq, Debug)]
pub struct Changed {
    /// The steps, or nothing when the whole was replaced.
    pub patch: Option<Arc<Patch>>,
    pub is_configuration: bool,
    /// A client put another status section in the place of the one there was, or the whole CIB with one. Told at the coordinator alone.
    pub replaces_status: bool,
    /// Who asked: a program, on a node.
    pub client: String,
    pub origin: NodeName,
}

/// A configuration write that waits for disks: at the coordinator anybody's, elsewhere one of this node.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub request: String,
    pub origin: NodeName,
    pub version: (u64, u64),
    pub output: Option<String>,
    /// It was forced: the disks of the members there are will do, quorum or not.
    pub is_forced: bool,
}

/// A copy on its way to the disk.
#[derive(Clone, Debug)]
pub(crate) struct Storing {
    pub token: u64,
    pub mark: CibMark,
    /// Others wait to hear of it.
    pub is_awaited: bool,
}

/// A wish of this node that is not answered yet.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub wish: CibWish,
    pub until: Duration,
}

/// One node's engine.
pub struct Replica {
    pub(crate) config: ReplicaConfig,
    pub(crate) cib: Arc<Element>,
    pub(crate) mark: CibMark,
    pub(crate) settlement: Option<Settlement>,
    /// Whether this copy is the one everyone agreed on.
    pub(crate) in_step: bool,
    pub(crate) asked_for_whole: bool,
    pub(crate) granted: Granted,
    /// Wishes that this node granted and of which it has not heard its own word, in its own term: nobody else may have them.
    pub(crate) unheard: BTreeSet<String>,
    pub(crate) pending: BTreeMap<String, Pending>,
    /// At the coordinator: wishes that came before it was in step, or before its lineage was on enough disks.
    pub(crate) early: VecDeque<CibWish>,
    pub(crate) waiting: Vec<Waiting>,
    /// What each member wrote to disk last: lineage, admin epoch, epoch.
    pub(crate) durable: BTreeMap<NodeName, (u64, u64, u64)>,
    /// Stores under way, oldest first.
    pub(crate) stores: VecDeque<Storing>,
    pub(crate) next_token: u64,
    /// When what is durable here is told though nobody is known to wait for it.
    pub(crate) tell_at: Option<Duration>,
    /// When the coordinator's next change of the configuration carries the digest of the whole document again.
    pub(crate) digest_due: Duration,
    pub(crate) retry_store_at: Option<Duration>,
    pub(crate) has_disk_problem: bool,
}

impl Replica {
    /// Returns an engine with the stored CIB, or an empty one.
    pub fn new(config: ReplicaConfig) -> Self {
        let (cib, lineage) = config.stored.clone().unwrap_or_else(|| (Arc::new(empty_cib()), 0));
        let mark = mark_of(&cib, lineage);
        let own_durable = config.stored.is_some().then(|| (config.node.clone(), (mark.lineage, mark.admin_epoch, mark.epoch)));
        Self {
            config,
            cib,
            mark,
            settlement: None,
            in_step: false,
            asked_for_whole: false,
            granted: Granted::default(),
            unheard: BTreeSet::new(),
            pending: BTreeMap::new(),
            early: VecDeque::new(),
            waiting: Vec::new(),
            durable: own_durable.into_iter().collect(),
            stores: VecDeque::new(),
            next_token: 1,
            tell_at: None,
            digest_due: Duration::ZERO,
            retry_store_at: None,
            has_disk_problem: false,
        }
    }

    /// Returns this node's copy.
    pub fn cib(&self) -> &Arc<Element> {
        &self.cib
    }

    /// Returns where this node's copy stands.
    pub fn mark(&self) -> &CibMark {
        &self.mark
    }

    /// Returns whether this copy is in step with the coordinator's as far as this node knows.
    pub fn is_in_step(&self) -> bool {
        self.in_step
    }

    /// Returns whether this node orders the writes and may do so now.
    pub fn is_ordering(&self) -> bool {
        self.in_step && self.is_coordinator()
    }

    pub(crate) fn is_coordinator(&self) -> bool {
        self.settlement.as_ref().is_some_and(|settled| settled.coordinator == self.config.node)
    }

    pub(crate) fn term(&self) -> u64 {
        self.settlement.as_ref().map_or(0, |settled| settled.term)
    }

    /// Takes one event and returns what is to be done.
    pub fn handle(&mut self, now: Now, event: ReplicaEvent) -> Vec<ReplicaCommand> {
        let mut out = Vec::new();
        match event {
            ReplicaEvent::Wish(wish) => self.wish(now, wish, &mut out),
            ReplicaEvent::Message { from, message } => self.message(now, from, message, &mut out),
            ReplicaEvent::Unsettled => self.settlement = None,
            ReplicaEvent::Settled(settlement) => self.settled(now, settlement, &mut out),
            ReplicaEvent::Excluded => self.in_step = false,
            ReplicaEvent::Stored { token, result } => self.stored(now, token, result, &mut out),
            ReplicaEvent::Woken => {}
        }
        self.on_time(now, &mut out);
        out
    }

    /// Someone here wants a change: kept until it is answered, and sent again to each new coordinator.
    fn wish(&mut self, now: Now, wish: CibWish, out: &mut Vec<ReplicaCommand>) {
        let until = now.monotonic + self.config.patience;
        self.pending.insert(wish.request.clone(), Pending { wish: wish.clone(), until });
        if self.is_coordinator() {
            self.grant(now, wish, out);
        } else if self.settlement.is_some() {
            out.push(ReplicaCommand::Send(ReplicaMessage::Wish(wish)));
        }
    }

    fn message(&mut self, now: Now, from: NodeName, message: &ReplicaMessage, out: &mut Vec<ReplicaCommand>) {
        let is_own = from == self.config.node;
        match message {
            ReplicaMessage::Wish(wish) if self.is_coordinator() && !is_own => self.grant(now, wish.clone(), out),
            ReplicaMessage::NeedWhole if !is_own && (self.is_ordering() || self.may_lend_to(&from)) => self.send_whole(out),
            ReplicaMessage::Durable { mark } => {
                self.durable.insert(from, (mark.lineage, mark.admin_epoch, mark.epoch));
                self.durable_grew(now, out);
            }
            ReplicaMessage::Answer { term, request, origin, result } if *term == self.term() && *origin == self.config.node => {
                self.answered(request.clone(), result.clone(), out);
            }
            ReplicaMessage::Apply { term, request, .. } if is_own && *term == self.term() => drop(self.unheard.remove(request)),
            ReplicaMessage::Apply { .. } | ReplicaMessage::Whole { .. } if !is_own => self.follow(now, from, message, out),
            _ => {}
        }
    }

    /// Gives the answer to whoever on this node waits for it.
    pub(crate) fn answered(&mut self, request: String, result: Result<Option<String>, ClientError>, out: &mut Vec<ReplicaCommand>) {
        if self.pending.remove(&request).is_some() {
            out.push(ReplicaCommand::Answer { request, result });
        }
    }

    fn settled(&mut self, now: Now, settlement: Settlement, out: &mut Vec<ReplicaCommand>) {
        let newest = settlement.newest.clone();
        let is_quorate = settlement.is_quorate && settlement.is_complete;
        let (term, is_agreed) = (settlement.term, settlement.is_agreed);
        let before = self.settlement.replace(settlement);
        if let Some((mark, holder)) = newest {
            self.in_step = self.mark == mark;
            self.asked_for_whole = false;
            if self.in_step {
                // Everyone has this copy, or takes it.
                self.unheard.clear();
            }
            if self.in_step && is_quorate {
                self.begin_lineage(term, out);
            }
            if holder == self.config.node && !is_agreed {
                self.send_whole(out);
            }
        } else {
            self.term_raised(before.as_ref().is_some_and(|before| before.term != term), is_quorate, out);
        }
        if before.as_ref().map(|before| (&before.coordinator, before.term)) == self.settlement.as_ref().map(|s| (&s.coordinator, s.term)) {
            return;
        }
        if !self.is_coordinator() {
            self.waiting.clear();
            self.early.clear();
        }
        let pending: Vec<CibWish> = self.pending.values().map(|pending| pending.wish.clone()).collect();
        for wish in pending {
            match self.is_coordinator() {
                true => self.grant(now, wish, out),
                false => out.push(ReplicaCommand::Send(ReplicaMessage::Wish(wish))),
            }
        }
        if !self.is_coordinator() && self.in_step {
            self.tell_durable(out);
        }
        self.answer_durable(out);
    }

    /// Goes on in the same view. When one that was away brought a higher term, what is on its way under the old one does not count.
    fn term_raised(&mut self, is_raised: bool, is_quorate: bool, out: &mut Vec<ReplicaCommand>) {
        if is_raised && self.in_step && is_quorate {
            self.begin_lineage(self.term(), out);
        }
        match self.is_coordinator() {
            true if is_raised && self.in_step => self.send_whole(out),
            _ if !self.in_step => {
                // Whoever was asked before may be gone, or be this very node.
                self.asked_for_whole &= !is_raised;
                self.ask_for_whole(out);
            }
            _ => {}
        }
    }

    /// Returns whether a coordinator that has not the copy of all may have it from here: it was found silent, came back, and was elected
    /// before it had asked the one before it. Those in step have the same at this point of the order, whoever says it first.
    /// (Found by the simulator: seed 782.)
    fn may_lend_to(&self, from: &NodeName) -> bool {
        self.in_step && self.settlement.as_ref().is_some_and(|settled| settled.coordinator == *from)
    }

    /// Notes that this copy is that of a quorum of this term, on the disk too.
    ///
    /// Safety: terms grow because any two quorums share a member, and that member's disk knows the lineage. So no configuration
    /// write is ordered before enough disks know the lineage it belongs to (`coordinate`): otherwise a later quorum could use the
    /// same term again, and a write that nobody acknowledged would pass for a newer one.
    fn begin_lineage(&mut self, term: u64, out: &mut Vec<ReplicaCommand>) {
        if self.mark.lineage != term {
            self.mark.lineage = term;
            self.store(true, out);
        }
    }

    /// Begins to make the present CIB durable; whether others wait to hear that it is.
    pub(crate) fn store(&mut self, is_awaited: bool, out: &mut Vec<ReplicaCommand>) {
        let token = self.next_token;
        self.next_token += 1;
        self.stores.push_back(Storing { token, mark: self.mark.clone(), is_awaited });
        let mut stored = (*self.cib).clone();
        // Compat: the status section is not kept on disk; it is found out again.
        if let Some(status) = stored.child_mut("status") {
            status.children.clear();
        }
        out.push(ReplicaCommand::Store { token, cib: Arc::new(stored), lineage: self.mark.lineage });
    }

    fn stored(&mut self, now: Now, token: u64, result: Result<(), String>, out: &mut Vec<ReplicaCommand>) {
        let (mut last, mut is_awaited) = (None, false);
        while let Some(done) = self.stores.pop_front_if(|storing| storing.token <= token) {
            is_awaited |= done.is_awaited;
            last = Some(done.mark);
        }
        let Some(mark) = last else { return };
        match result {
            Ok(()) => {
                self.durable.insert(self.config.node.clone(), (mark.lineage, mark.admin_epoch, mark.epoch));
                self.retry_store_at = None;
                if std::mem::take(&mut self.has_disk_problem) {
                    out.push(ReplicaCommand::Disk { problem: None });
                }
                match is_awaited {
                    true => self.tell_durable(out),
                    false if !self.is_coordinator() => drop(self.tell_at.get_or_insert(now.monotonic + TELL_LATER)),
                    false => {}
                }
                self.durable_grew(now, out);
            }
            Err(reason) => {
                if !std::mem::replace(&mut self.has_disk_problem, true) {
                    out.push(ReplicaCommand::Warn(format!("failed to store the CIB: {reason}; it is tried again until the disk takes it")));
                    out.push(ReplicaCommand::Disk { problem: Some(reason) });
                }
                self.retry_store_at = Some(now.monotonic + Duration::from_secs(2));
            }
        }
    }

    /// Tells everyone how far this node's disk is.
    pub(crate) fn tell_durable(&mut self, out: &mut Vec<ReplicaCommand>) {
        self.tell_at = None;
        let Some((lineage, admin_epoch, epoch)) = self.durable.get(&self.config.node).copied() else { return };
        if self.settlement.is_some() {
            let mark = CibMark { admin_epoch, lineage, epoch, ..CibMark::default() };
            out.push(ReplicaCommand::Send(ReplicaMessage::Durable { mark }));
        }
    }

    fn on_time(&mut self, now: Now, out: &mut Vec<ReplicaCommand>) {
        if self.retry_store_at.is_some_and(|at| at <= now.monotonic) {
            self.retry_store_at = None;
            self.store(true, out);
        }
        if self.tell_at.is_some_and(|at| at <= now.monotonic) {
            self.tell_durable(out);
        }
        let late: Vec<String> = self.pending.iter().filter(|(_, p)| p.until <= now.monotonic).map(|(r, _)| r.clone()).collect();
        for request in late {
            let message = "the outcome is unknown: no coordinator confirmed the change in time".to_owned();
            self.answered(request, Err(ClientError { exit_code: 124, message }), out);
        }
        let next = self.pending.values().map(|pending| pending.until).chain(self.retry_store_at).chain(self.tell_at).min();
        if let Some(at) = next {
            out.push(ReplicaCommand::WakeAt(at));
        }
    }
}
