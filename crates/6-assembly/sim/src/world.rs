//! The world: hosts, their daemons, the group between them and the agents on them, moved from event to event in one order of time.

use crate::agents::Health;
use crate::check::Checkers;
use crate::group::Group;
use crate::host::{Daemon, Host};
use crate::outcome::Ending;
use crate::queue::Queue;
use crate::random::Random;
use crate::remote::Connection;
use crate::sabotage::Sabotage;
use crate::story::Deed;
use crate::trace::Trace;
use member::{ClientId, Copies, Envelope, Member, MemberCommand, MemberConfig, MemberEvent, PlanOutcome, PlanRequest, StoreOrder};
use messages::agent::{AgentEvent, AgentResult};
use messages::client::{ClientBody, ClientReply, ClientRequest};
use messages::group::{GroupCommand, GroupEvent};
use model::{CallId, NodeName, Now, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What reaches a daemon.
#[derive(Clone, Debug)]
pub(crate) enum ToDaemon {
    Event(Box<MemberEvent>),
    /// Nearly all there is.
    Heard(NodeName, Arc<Envelope>),
    View(u64, Box<MemberEvent>),
}

/// What a member says to all.
pub(crate) enum Payload {
    Text(String),
    AsItIs(Arc<Envelope>),
}

/// What happens at a moment.
pub(crate) enum Happening {
    /// To the daemon of this number on a host; dropped when it is gone.
    Deliver {
        host: usize,
        daemon: u64,
        what: ToDaemon,
    },
    Wake {
        host: usize,
        daemon: u64,
        at: Duration,
    },
    /// A message reaches the engine's one order.
    Sequence {
        host: usize,
        daemon: u64,
        view: u64,
        payload: Payload,
    },
    /// The engine notices that its membership changed.
    LookAround,
    /// A fence device at work cuts the power of its target.
    Cut {
        by: usize,
        life: u64,
        id: CallId,
    },
    StartDaemon {
        host: usize,
    },
    PowerOn {
        host: usize,
    },
    AgentDone {
        host: usize,
        life: u64,
        id: CallId,
        ending: Ending,
    },
    Stored {
        host: usize,
        life: u64,
        daemon: u64,
        order: StoreOrder,
    },
    /// A process on a remote node that asked to be let go sees whether anybody has heard.
    LookWhetherHeard {
        host: usize,
        process: u64,
    },
    /// It is a connection's turn.
    Tend {
        connection: u64,
    },
    Calculated {
        host: usize,
        daemon: u64,
        request: PlanRequest,
    },
    /// Was a partition without quorum planned for in time?
    LookAtPolicy {
        view: u64,
        since: Duration,
    },
    Told(Deed),
}

/// The time of the wall clock when a history begins.
pub(crate) const EPOCH: i64 = 1_790_000_000;

pub(crate) struct World {
    pub now: Duration,
    pub random: Random,
    /// Members first, then remote and guest nodes.
    pub hosts: Vec<Host>,
    /// How many of them are members.
    pub members: usize,
    /// The first guest, if there are any.
    pub guests: usize,
    /// Of members to remote and guest nodes, by number.
    pub connections: BTreeMap<u64, Connection>,
    /// The last one of each member to each of them.
    pub connection_of: BTreeMap<(usize, usize), u64>,
    /// The hosts that are no members, by name.
    pub reached_by_name: BTreeMap<NodeName, usize>,
    pub group: Group,
    pub health: Health,
    pub trace: Trace,
    pub checkers: Checkers,
    /// Clients of the story: what they asked, by client.
    pub asked: BTreeMap<u64, String>,
    pub idle_answers: Vec<u64>,
    pub plans: u64,
    /// What plans were made from, with a name each; where someone wants to have it.
    pub inputs: Option<Vec<(String, String)>>,
    /// What the last plan was made from, on whatever host.
    facts: Option<status::Facts>,
    /// How much longer than usual a decision takes.
    pub planning: Duration,
    /// Measures what decisions cost, where someone wants to know.
    pub clock: Option<fn() -> Duration>,
    pub decisions: Vec<Duration>,
    /// When the daemon of each number calculated its last plan.
    pub planned: BTreeMap<u64, Duration>,
    /// Since when the daemon of each number, where it does, knows that it has no quorum.
    pub without_quorum: BTreeMap<u64, Duration>,
    /// Resources with a promoted role: their agents give them a promotion score.
    pub promotable: BTreeSet<String>,
    /// Where resources were banned from, until they are allowed again.
    pub bans: BTreeSet<String>,
    /// What agents were heard to say so far, for one that says too much.
    pub said: u64,
    pub sabotage: Option<Sabotage>,
    /// How many deeds of each kind were carried out.
    pub told: BTreeMap<String, u64>,
    pub queue: Queue,
    copies: Copies,
    next_daemon: u64,
    pub next_client: u64,
}

impl World {
    pub(crate) fn new(hosts: Vec<Host>, random: Random, trace: Trace, checkers: Checkers) -> Self {
        let group = Group::new(hosts.len());
        Self {
            now: Duration::ZERO,
            random,
            members: hosts.iter().filter(|host| host.reach.is_none()).count(),
            guests: hosts.iter().position(Host::is_guest).unwrap_or(hosts.len()),
            connections: BTreeMap::new(),
            connection_of: BTreeMap::new(),
            reached_by_name: hosts
                .iter()
                .enumerate()
                .filter(|(_, host)| host.reach.is_some())
                .map(|(at, host)| (host.name.clone(), at))
                .collect(),
            hosts,
            group,
            health: Health::default(),
            trace,
            checkers,
            asked: BTreeMap::new(),
            idle_answers: Vec::new(),
            plans: 0,
            inputs: None,
            facts: None,
            planning: Duration::ZERO,
            clock: None,
            decisions: Vec::new(),
            planned: BTreeMap::new(),
            without_quorum: BTreeMap::new(),
            promotable: BTreeSet::new(),
            bans: BTreeSet::new(),
            said: 0,
            sabotage: None,
            told: BTreeMap::new(),
            queue: Queue::default(),
            copies: Copies::default(),
            next_daemon: 1,
            next_client: 1,
        }
    }

    pub(crate) fn at(&mut self, time: Duration, happening: Happening) {
        self.queue.push(time, happening);
    }

    pub(crate) fn after(&mut self, wait: Duration, happening: Happening) {
        self.at(self.now + wait, happening);
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        self.trace.line(self.now, line);
    }

    /// Moves on to the next event that is due before `until`; returns whether there was one.
    pub(crate) fn step(&mut self, until: Duration) -> bool {
        let Some(time) = self.queue.next() else { return false };
        if time > until {
            self.now = until;
            return false;
        }
        self.now = self.now.max(time);
        if let Some(happening) = self.queue.pop() {
            self.happen(happening);
        }
        true
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Deliver { host, daemon, what } => self.deliver(host, daemon, what),
            Happening::Wake { host, daemon, at } => {
                let wants = self.hosts[host].daemon.as_ref().is_some_and(|d| d.number == daemon && d.wake_at == Some(at));
                if wants {
                    self.deliver(host, daemon, ToDaemon::Event(Box::new(MemberEvent::Woken)));
                }
            }
            Happening::Sequence { host, daemon, view, payload } => self.sequence(host, daemon, view, payload),
            Happening::LookAround => self.look_around(),
            Happening::Cut { by, life, id } => {
                if self.hosts[by].life == life {
                    self.cut(by, id);
                }
            }
            Happening::StartDaemon { host } => self.start_daemon(host),
            Happening::PowerOn { host } => self.power_on(host),
            Happening::AgentDone { host, life, id, ending } => {
                if self.hosts[host].life == life {
                    self.agent_done(host, id, ending);
                }
            }
            Happening::Stored { host, life, daemon, order } => self.stored(host, life, daemon, order),
            Happening::LookAtPolicy { view, since } => self.look_at_policy(view, since),
            Happening::Calculated { host, daemon, request } => self.calculated(host, daemon, request),
            Happening::LookWhetherHeard { host, process } => self.look_whether_heard(host, process),
            Happening::Tend { connection } => self.tend(connection),
            Happening::Told(deed) => self.carry_out(deed),
        }
        self.settle_guests();
    }

    pub(crate) fn deliver(&mut self, host: usize, number: u64, what: ToDaemon) {
        let clock = self.hosts[host].clock;
        let now = Now { monotonic: clock.monotonic(self.now), wall: Timestamp(clock.shows(EPOCH, self.now)) };
        let Some(daemon) = self.hosts[host].daemon.as_mut().filter(|daemon| daemon.number == number) else { return };
        if daemon.is_frozen {
            daemon.kept.push_back(what);
            return;
        }
        let event = match what {
            ToDaemon::Event(event) => *event,
            ToDaemon::Heard(from, envelope) => MemberEvent::Heard { from, envelope },
            ToDaemon::View(id, event) => {
                daemon.view = id;
                *event
            }
        };
        let before = daemon.member.cib().clone();
        let commands = daemon.member.handle(now, event);
        let after = daemon.member.cib();
        if !Arc::ptr_eq(&before, after) {
            self.checkers.copied(&before, after, daemon.member.mark());
            if after.attribute("have-quorum") == Some("1") {
                self.without_quorum.remove(&number);
            } else {
                self.without_quorum.entry(number).or_insert(self.now);
            }
        }
        for command in commands {
            self.command(host, number, command);
        }
    }

    fn command(&mut self, at: usize, number: u64, command: MemberCommand) {
        match command {
            MemberCommand::Group(GroupCommand::Send { payload }) => self.send(at, number, Payload::Text(payload)),
            MemberCommand::HandOver(envelope) => self.send(at, number, Payload::AsItIs(envelope)),
            MemberCommand::Group(GroupCommand::Leave) => {}
            MemberCommand::Agent(order) => self.agent_order(at, order),
            MemberCommand::Remote(command) => self.remote_order(at, number, command),
            MemberCommand::Reply { client, reply } => self.replied(client, reply),
            MemberCommand::Plan(request) => {
                let wait = self.random.millis(1, 30) + self.planning + self.sabotage.map_or(Duration::ZERO, Sabotage::planning_takes);
                self.after(wait, Happening::Calculated { host: at, daemon: number, request });
            }
            MemberCommand::Store(order) => {
                self.store(at, number, order);
            }
            MemberCommand::SaveHistory(kept) => self.hosts[at].history = Some(kept),
            MemberCommand::SaveInput { .. } | MemberCommand::Listen(_) => {}
            MemberCommand::WakeAt(time) => {
                let now = self.now;
                let time = self.hosts[at].clock.when_monotonic(time).max(now + Duration::from_millis(1));
                let Some(daemon) = self.hosts[at].daemon.as_mut() else { return };
                if daemon.wake_at != Some(time) || time <= now {
                    daemon.wake_at = Some(time);
                    self.at(time, Happening::Wake { host: at, daemon: number, at: time });
                }
            }
            MemberCommand::Log { text, level } => {
                let name = self.hosts[at].name.clone();
                self.note(|| format!("{name}: {level:?} {text}"));
            }
            MemberCommand::Exit { code, reason } => {
                let name = self.hosts[at].name.clone();
                self.note(|| format!("{name}: daemon ends with {code}: {reason}"));
                self.hosts[at].daemon = None;
                self.after(Duration::from_millis(2), Happening::LookAround);
                if code != 0 && code != 100 {
                    self.after(Duration::from_secs(1), Happening::StartDaemon { host: at });
                }
            }
        }
    }

    fn send(&mut self, at: usize, number: u64, payload: Payload) {
        let wait = self.random.millis(0, 2);
        let now = self.now;
        let Some(daemon) = self.hosts[at].daemon.as_mut() else { return };
        let time = (now + wait).max(daemon.last_sequenced + Duration::from_nanos(1));
        daemon.last_sequenced = time;
        let view = daemon.view;
        self.at(time, Happening::Sequence { host: at, daemon: number, view, payload });
    }

    fn sequence(&mut self, host: usize, daemon: u64, view: u64, payload: Payload) {
        let Some(present) = self.group.views.values().find(|present| present.view.id == view) else { return };
        let is_sender = self.hosts[host].daemon.as_ref().is_some_and(|d| d.number == daemon);
        if self.group.is_down || !is_sender || !present.daemons.iter().any(|(at, _)| *at == host) {
            return;
        }
        let from = self.hosts[host].name.clone();
        let members = present.daemons.clone();
        let is_swallowed = matches!(&payload, Payload::Text(text) if self.sabotage.is_some_and(|sabotage| sabotage.swallows_own(text)));
        // Every member reads the same; it is read once here.
        let envelope = match payload {
            Payload::Text(text) => Envelope::read(&text).map(Arc::new),
            Payload::AsItIs(envelope) => Ok(envelope),
        };
        let Ok(envelope) = envelope else { return };
        for (to, number) in members {
            // The last messages before a split reach only those that stay together.
            if self.group.part_of[to] != self.group.part_of[host] {
                self.group.torn.insert(view);
            } else if !is_swallowed || to != host {
                self.send_to(to, number, ToDaemon::Heard(from.clone(), envelope.clone()));
            }
        }
    }

    /// Delivers an event of the group after a while, behind everything delivered before.
    fn send_to(&mut self, to: usize, number: u64, what: ToDaemon) {
        let wait = self.random.millis(0, 2);
        let now = self.now;
        let Some(daemon) = self.hosts[to].daemon.as_mut().filter(|daemon| daemon.number == number) else { return };
        let time = (now + wait).max(daemon.last_delivery + Duration::from_nanos(1));
        daemon.last_delivery = time;
        self.at(time, Happening::Deliver { host: to, daemon: number, what });
    }

    fn look_around(&mut self) {
        if self.group.is_down {
            return;
        }
        for view in self.group.new_views(&self.hosts) {
            self.note(|| {
                let names = |list: Vec<String>| list.join(" ");
                let hosts = names(view.hosts.keys().map(ToString::to_string).collect());
                let daemons = names(view.daemons.keys().map(ToString::to_string).collect());
                format!("view {}: hosts {hosts}; daemons {daemons}; quorate {}", view.id, view.quorate)
            });
            let had_quorum = |host: &Host| view.daemons.contains_key(&host.name) && host.had_quorum;
            if !view.quorate && self.hosts.iter().any(had_quorum) {
                self.after(crate::check::POLICY_MAX, Happening::LookAtPolicy { view: view.id, since: self.now });
            }
            for to in 0..self.hosts.len() {
                if let Some(number) = view.daemons.get(&self.hosts[to].name).copied() {
                    self.hosts[to].had_quorum = view.quorate;
                    let id = view.id;
                    let event = MemberEvent::Group(GroupEvent::View(view.clone()));
                    self.send_to(to, number, ToDaemon::View(id, Box::new(event)));
                }
            }
        }
    }

    /// The engine goes down, or comes back.
    pub(crate) fn set_engine_down(&mut self, is_down: bool) {
        self.group.is_down = is_down;
        if !is_down {
            self.group.views.clear();
            self.after(Duration::from_millis(50), Happening::LookAround);
            return;
        }
        for to in 0..self.hosts.len() {
            if let Some(number) = self.hosts[to].daemon.as_ref().map(|daemon| daemon.number) {
                let lost = MemberEvent::Group(GroupEvent::Lost { reason: "the engine is down".to_owned() });
                self.send_to(to, number, ToDaemon::View(0, Box::new(lost)));
            }
        }
    }

    /// Returns a number that no daemon and no connection had.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.next_daemon += 1;
        self.next_daemon - 1
    }

    pub(crate) fn start_daemon(&mut self, at: usize) {
        if !self.hosts[at].is_up || self.hosts[at].daemon.is_some() {
            return;
        }
        let number = self.next_number();
        let host = &mut self.hosts[at];
        if let Some(reach) = &mut host.reach {
            if reach.process == 0 {
                reach.process = number;
            }
            return;
        }
        let (stored, has_dropped) = host.disk.read(self.sabotage);
        let config = MemberConfig {
            uuid: format!("00000000-0000-0000-0000-{number:012}"),
            version: "sim".to_owned(),
            stored,
            history: host.history.as_ref().map(|kept| kept.to_bytes()),
            copies: self.copies.clone(),
            // What is broken on purpose may look at the texts.
            hands_over: self.sabotage.is_none(),
            ..MemberConfig::new(host.name.clone(), host.id)
        };
        host.daemon = Some(Daemon {
            member: Member::new(config),
            number,
            wake_at: None,
            is_frozen: false,
            kept: Default::default(),
            view: 0,
            last_delivery: self.now,
            last_sequenced: self.now,
            last_stored: self.now,
            journal: Default::default(),
            stood_still: None,
        });
        let welcome = AgentEvent::Welcome {
            incarnation: host.incarnation(),
            running: host.running.values().cloned().collect(),
            next_call: CallId(host.next_call),
            self_fencing: None,
            hastens: false,
            checks_logins: false,
        };
        let results: Vec<AgentResult> = host.results.values().cloned().collect();
        let name = host.name.clone();
        let dropped = if has_dropped { ", without the last write, which was not finished" } else { "" };
        self.note(|| format!("{name}: daemon starts{dropped}"));
        self.deliver(at, number, ToDaemon::Event(Box::new(MemberEvent::Started)));
        self.deliver(at, number, ToDaemon::Event(Box::new(MemberEvent::Agent(welcome))));
        for result in results {
            self.deliver(at, number, ToDaemon::Event(Box::new(MemberEvent::Agent(AgentEvent::Finished(result)))));
        }
        let wait = self.random.millis(1, 20);
        self.after(wait, Happening::LookAround);
    }

    pub(crate) fn power_on(&mut self, at: usize) {
        if self.hosts[at].is_up || self.hosts[at].is_guest() && self.container_of(at).is_none() {
            return;
        }
        self.hosts[at].is_up = true;
        self.hosts[at].life += 1;
        // Clocks of computers are off by some ten in a million; those of badly kept virtual ones by more.
        let worst = if self.random.percent(10) { 20_000 } else { 100 };
        let rate = self.random.below(2 * worst + 1) as i64 - worst as i64;
        (self.hosts[at].clock.rate, self.hosts[at].clock.began) = (rate, self.now);
        let name = self.hosts[at].name.clone();
        self.note(|| format!("{name}: power on"));
        let wait = self.random.millis(100, 1500);
        self.after(wait, Happening::StartDaemon { host: at });
    }

    /// The power of a host goes; the engine notices after a while.
    pub(crate) fn power_off(&mut self, at: usize, why: &str) {
        if !self.hosts[at].is_up {
            return;
        }
        let name = self.hosts[at].name.clone();
        self.note(|| format!("{name}: power off ({why})"));
        self.end_stores(at);
        self.hosts[at].lose_power();
        self.hosts[at].life += 1;
        let wait = self.random.millis(5, 800);
        self.after(wait, Happening::LookAround);
    }

    fn calculated(&mut self, at: usize, number: u64, request: PlanRequest) {
        // As the daemon does; S3 compares with a plan made from scratch.
        let begun = self.clock.map(|clock| clock());
        let facts = match self.facts.take() {
            Some(earlier) => earlier.deduce_again(&request.input, request.now),
            None => status::Facts::deduce(&request.input, request.now),
        };
        let mut plan = scheduler::schedule(&facts);
        if let Some(inputs) = &mut self.inputs {
            let name = format!("{:09.4}-{}-{}.xml", self.now.as_secs_f64(), self.hosts[at].name, request.number);
            let mut input = (*request.input).clone();
            input.set("execution-date", request.now.seconds().to_string());
            inputs.push((name, input.to_string()));
        }
        self.decisions.extend(begun.zip(self.clock).map(|(begun, clock)| clock() - begun));
        self.facts = Some(facts);
        self.plans += 1;
        self.planned.insert(number, self.now);
        if self.sabotage == Some(Sabotage::MoodyScheduler) {
            plan.changes.pop();
        }
        self.checkers.planned(self.now, &request, &plan);
        let name = self.hosts[at].name.clone();
        self.note(|| {
            let changes: Vec<String> =
                plan.changes.iter().map(|c| format!("{} {} {} ({})", c.verb, c.subject, c.place, c.reason)).collect();
            format!("{name}: plan {} with {} actions: {}", request.number, plan.graph.actions.len(), changes.join("; "))
        });
        if self.sabotage == Some(Sabotage::DeafMember) {
            return;
        }
        let outcome = PlanOutcome { number: request.number, result: Ok(plan) };
        self.deliver(at, number, ToDaemon::Event(Box::new(MemberEvent::Planned(outcome))));
    }

    /// Sends a client's request to the daemon of a host; returns the client's number, or nothing when no daemon listens.
    pub(crate) fn ask(&mut self, at: usize, body: ClientBody, what: &str) -> Option<u64> {
        let daemon = self.hosts[at].daemon.as_ref().filter(|daemon| !daemon.is_frozen)?.number;
        let client = self.next_client;
        self.next_client += 1;
        self.asked.insert(client, what.to_owned());
        if self.sabotage == Some(Sabotage::EarlyAnswers) && matches!(body, ClientBody::CibEdit { .. }) {
            self.checkers.answered(client);
            return Some(client);
        }
        let request = ClientRequest { id: 1, client: "story".to_owned(), body };
        let event = MemberEvent::Client { client: ClientId(client), user: None, request };
        if self.sabotage == Some(Sabotage::BackwardWrites) && what == "register" {
            self.checkers.answered(client);
            let wait = if self.random.percent(50) { Duration::ZERO } else { Duration::from_secs(5) };
            self.after(wait, Happening::Deliver { host: at, daemon, what: ToDaemon::Event(Box::new(event)) });
            return Some(client);
        }
        self.deliver(at, daemon, ToDaemon::Event(Box::new(event)));
        Some(client)
    }

    fn replied(&mut self, client: ClientId, reply: ClientReply) {
        let what = self.asked.get(&client.0).cloned().unwrap_or_default();
        self.note(|| format!("client {}: {what}: {:?}", client.0, reply.result.as_ref().map(|_| "done")));
        if reply.result.is_ok() {
            self.checkers.answered(client.0);
            self.idle_answers.push(client.0);
        }
    }
}
