//! A few members that hear each other in one order, with agents that do at once what a test lets them do.
//!
//! Time passes only when a test says so. What a member asks of its edges is carried out here: plans by the real scheduler, disks that
//! always take everything, agents that remember what is active.

use member::{ClientId, Member, MemberCommand, MemberConfig, MemberEvent, PlanOutcome, StoreResult, StoredCib};
use messages::agent::{AgentCall, AgentEvent, AgentOrder, AgentOutcome, AgentResult, SelfFencing};
use messages::client::{ClientBody, ClientReply, ClientRequest};
use messages::group::{GroupCommand, GroupEvent, Incarnation, View};
use messages::remote::{RemoteCommand, RemoteEvent};
use model::{CallId, NodeName, Now, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use xml::Element;

/// One host and its daemon.
pub struct Node {
    pub member: Option<Member>,
    pub active: BTreeSet<String>,
    /// Calls that were ordered and have not ended.
    pub under_way: BTreeMap<CallId, AgentCall>,
    history: Option<Vec<u8>>,
    disk: Option<StoredCib>,
    wake_at: Option<Duration>,
    daemon: u64,
    life: u32,
}

/// A host that is no member; connected to whoever connects while it is on.
#[derive(Default)]
pub struct RemoteHost {
    pub is_on: bool,
    pub active: BTreeSet<String>,
    /// It was switched off and on again when the next connection is made.
    pub reboots: bool,
    pub life: u32,
    /// Gives no sign of life.
    pub is_mute: bool,
    /// Which life each connection reached.
    pub reached: BTreeMap<NodeName, u32>,
}

/// All of them.
pub struct Cluster {
    pub remotes: BTreeMap<NodeName, RemoteHost>,
    /// Every answer to the wish of a remote node to go down, and every connection's end: `node: what`.
    pub told_remotes: Vec<String>,
    pub nodes: BTreeMap<NodeName, Node>,
    pub now: Duration,
    /// Every operation that was begun: `node action resource`.
    pub begun: Vec<String>,
    /// Operations of this name stay under way until a test ends them.
    pub held: Option<&'static str>,
    /// Nodes that speak a later version of messages.
    pub later: BTreeSet<NodeName>,
    pub plans: Vec<Arc<Element>>,
    pub exits: Vec<(NodeName, i32)>,
    /// Every answer that a client got.
    pub replies: Vec<ClientReply>,
    /// How many of them were given before the member looked what follows from the event.
    pub at_once: usize,
    /// Every message that was delivered.
    pub heard: Vec<String>,
    /// What the hosts' root roles can do to end them.
    pub self_fencing: Option<SelfFencing>,
    /// The last permission of each daemon: whether it said that its host is safe.
    pub permits: BTreeMap<NodeName, bool>,
    queue: VecDeque<(NodeName, String)>,
    /// What members have not been told yet: an answer never overtakes the commands that stand beside its question.
    untold: VecDeque<(NodeName, MemberEvent)>,
    view: u64,
    client: u64,
}

impl Cluster {
    /// Members of these names with this configuration; none of their daemons runs yet.
    pub fn new(names: &[&str], configuration: &str) -> Self {
        let text =
            format!("<cib epoch=\"1\" num_updates=\"0\" admin_epoch=\"0\" validate-with=\"pacemaker-3.9\">{configuration}<status/></cib>");
        let cib = Arc::new(xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap());
        let node = |name: &&str| {
            let node = Node {
                member: None,
                active: BTreeSet::new(),
                under_way: BTreeMap::new(),
                history: None,
                disk: Some(StoredCib { cib: cib.clone(), lineage: 0 }),
                wake_at: None,
                daemon: 0,
                life: 1,
            };
            (NodeName::from(*name), node)
        };
        Self {
            remotes: BTreeMap::new(),
            told_remotes: Vec::new(),
            nodes: names.iter().map(node).collect(),
            now: Duration::from_secs(1),
            begun: Vec::new(),
            held: None,
            later: BTreeSet::new(),
            plans: Vec::new(),
            exits: Vec::new(),
            replies: Vec::new(),
            at_once: 0,
            heard: Vec::new(),
            self_fencing: None,
            permits: BTreeMap::new(),
            queue: VecDeque::new(),
            untold: VecDeque::new(),
            view: 0,
            client: 0,
        }
    }

    /// Starts daemons, and shows everyone the view with them.
    pub fn start(&mut self, names: &[&str]) {
        for name in names {
            let number = self.nodes.keys().position(|node| *node == **name).unwrap() as u32 + 1;
            let node = self.nodes.get_mut(&NodeName::from(*name)).unwrap();
            node.daemon += 1;
            let config = MemberConfig {
                uuid: format!("uuid-of-{name}-{}", node.daemon),
                stored: node.disk.clone(),
                history: node.history.clone(),
                message_version: messages::peer::VERSION + u32::from(self.later.contains(&NodeName::from(*name))),
                ..MemberConfig::new(*name, number)
            };
            node.member = Some(Member::new(config));
            let (running, incarnation) = (node.under_way.values().cloned().collect(), node.incarnation(name));
            let next_call = CallId(1000 * node.daemon);
            self.tell(name, MemberEvent::Started);
            self.tell(
                name,
                MemberEvent::Agent(AgentEvent::Welcome {
                    incarnation,
                    running,
                    next_call,
                    self_fencing: self.self_fencing.clone(),
                    hastens: false,
                    checks_logins: false,
                }),
            );
        }
        self.show_view();
    }

    /// A host whose daemon is gone begins another life.
    pub fn boot(&mut self, name: &str) {
        let node = self.nodes.get_mut(&NodeName::from(name)).unwrap();
        (node.life, node.active) = (node.life + 1, BTreeSet::new());
    }

    /// Kills a daemon; its host stays.
    pub fn kill(&mut self, name: &str) {
        self.nodes.get_mut(&NodeName::from(name)).unwrap().member = None;
        self.show_view();
    }

    /// Takes the engine below away from a node.
    pub fn lose_engine(&mut self, name: &str) {
        self.tell(name, MemberEvent::Group(GroupEvent::Lost { reason: "ended".to_owned() }));
    }

    /// Shows one member a view of itself alone, without quorum.
    pub fn cut_off(&mut self, name: &str) {
        self.view += 1;
        let own = NodeName::from(name);
        let view = View {
            id: self.view,
            hosts: [(own.clone(), self.nodes[&own].incarnation(name))].into(),
            configured: self.nodes.keys().cloned().zip(1..).collect(),
            quorate: false,
            daemons: [(own.clone(), self.nodes[&own].daemon)].into(),
        };
        self.tell(name, MemberEvent::Group(GroupEvent::View(view)));
        self.drain();
    }

    fn show_view(&mut self) {
        self.view += 1;
        self.queue.clear();
        let daemons: BTreeMap<NodeName, u64> =
            self.nodes.iter().filter(|(_, node)| node.member.is_some()).map(|(name, node)| (name.clone(), node.daemon)).collect();
        let view = View {
            id: self.view,
            hosts: self.nodes.iter().map(|(name, node)| (name.clone(), node.incarnation(name.as_str()))).collect(),
            configured: self.nodes.keys().cloned().zip(1..).collect(),
            quorate: true,
            daemons: daemons.clone(),
        };
        for name in daemons.keys() {
            self.tell(name.as_str(), MemberEvent::Group(GroupEvent::View(view.clone())));
        }
        self.drain();
    }

    /// Delivers everything under way.
    fn drain(&mut self) {
        while let Some((from, payload)) = self.queue.pop_front() {
            self.heard.push(payload.clone());
            for name in self.nodes.keys().cloned().collect::<Vec<_>>() {
                self.tell(name.as_str(), MemberEvent::Group(GroupEvent::Message { from: from.clone(), payload: payload.clone() }));
            }
        }
    }

    /// Delivers a message to one member.
    pub fn hear(&mut self, to: &str, from: &str, payload: &str) {
        self.tell(to, MemberEvent::Group(GroupEvent::Message { from: from.into(), payload: payload.to_owned() }));
        self.drain();
    }

    pub fn tell(&mut self, name: &str, event: MemberEvent) {
        self.untold.push_back((name.into(), event));
        if self.untold.len() > 1 {
            return;
        }
        let now = Now { monotonic: self.now, wall: Timestamp::from_seconds(1_790_000_000).after(self.now) };
        while let Some((name, event)) = self.untold.front().cloned() {
            let member = self.nodes.get_mut(&name).and_then(|node| node.member.as_mut());
            let taken = member.map(|member| member.take(now, event)).unwrap_or_default();
            self.at_once += taken.iter().filter(|command| matches!(command, MemberCommand::Reply { .. })).count();
            taken.into_iter().for_each(|command| self.carry_out(&name, command));
            let member = self.nodes.get_mut(&name).and_then(|node| node.member.as_mut());
            for command in member.map(Member::settle).unwrap_or_default() {
                self.carry_out(&name, command);
            }
            self.untold.pop_front();
        }
    }

    fn carry_out(&mut self, name: &NodeName, command: MemberCommand) {
        let node = self.nodes.get_mut(name).unwrap();
        match command {
            MemberCommand::Group(GroupCommand::Send { payload }) => self.queue.push_back((name.clone(), payload)),
            MemberCommand::HandOver(envelope) => self.queue.push_back((name.clone(), envelope.to_text().unwrap())),
            MemberCommand::Agent(AgentOrder::Run(call)) => {
                let resource = call.resource.as_ref().map(ToString::to_string).unwrap_or_default();
                self.begun.push(format!("{name} {} {resource}", call.action));
                let (id, is_held) = (call.id, self.held == Some(call.action.as_str()));
                node.under_way.insert(id, call);
                if !is_held {
                    self.finish(name.as_str(), id);
                }
            }
            MemberCommand::Agent(AgentOrder::Permit { is_safe, .. }) => drop(self.permits.insert(name.clone(), is_safe)),
            MemberCommand::Plan(request) => {
                self.plans.push(request.input.clone());
                let plan = scheduler::schedule(&status::Facts::deduce(&request.input, request.now));
                self.tell(name.as_str(), MemberEvent::Planned(PlanOutcome { number: request.number, result: Ok(plan) }));
            }
            MemberCommand::Store(order) => {
                node.disk = Some(StoredCib { cib: order.cib, lineage: order.lineage });
                self.tell(name.as_str(), MemberEvent::Stored(StoreResult { token: order.token, result: Ok(()) }));
            }
            MemberCommand::Remote(command) => self.carry_out_there(name, command),
            MemberCommand::Reply { reply, .. } => self.replies.push(reply),
            MemberCommand::SaveHistory(kept) => node.history = Some(kept.to_bytes()),
            MemberCommand::WakeAt(at) => node.wake_at = Some(at),
            MemberCommand::Exit { code, .. } => {
                node.member = None;
                self.exits.push((name.clone(), code));
            }
            _ => {}
        }
    }

    fn carry_out_there(&mut self, name: &NodeName, command: RemoteCommand) {
        let event = match command {
            RemoteCommand::Connect { node, .. } => match self.remotes.get_mut(&node).filter(|host| host.is_on) {
                Some(host) => {
                    if std::mem::take(&mut host.reboots) {
                        host.life += 1;
                        host.active.clear();
                    }
                    host.reached.insert(name.clone(), host.life);
                    RemoteEvent::Connected { node }
                }
                None => RemoteEvent::Refused { node, reason: "no route".to_owned() },
            },
            RemoteCommand::Poke { node, .. } if self.remotes[&node].is_mute => return,
            RemoteCommand::Poke { node, .. } => match self.remotes.get(&node).filter(|host| host.reached.get(name) != Some(&host.life)) {
                Some(_) => RemoteEvent::Lost { node, reason: "reset by peer".to_owned() },
                None => RemoteEvent::Alive { node },
            },
            RemoteCommand::Run { node, call } => {
                let resource = call.resource.as_ref().map(ToString::to_string).unwrap_or_default();
                self.begun.push(format!("{name}>{node} {} {resource}", call.action));
                let host = self.remotes.get_mut(&node).unwrap();
                let outcome = AgentOutcome::Exited(exit_code(&mut host.active, &call.action, resource));
                RemoteEvent::Finished { node, result: self.result(call.id, outcome) }
            }
            RemoteCommand::Disconnect { node } => return self.told_remotes.push(format!("{node}: {name} disconnects")),
            RemoteCommand::AnswerShutdown { node, granted } => return self.told_remotes.push(format!("{node}: {granted}")),
            RemoteCommand::Kill { .. } | RemoteCommand::Reply { .. } => return,
        };
        self.tell(name.as_str(), MemberEvent::Remote(event));
    }

    /// Switches a remote host off, or cuts it off, as the holder of its connection sees it.
    pub fn lose_remote(&mut self, holder: &str, remote: &str) {
        let event = RemoteEvent::Lost { node: remote.into(), reason: "reset by peer".to_owned() };
        self.tell(holder, MemberEvent::Remote(event));
        self.drain();
    }

    fn result(&self, id: CallId, outcome: AgentOutcome) -> AgentResult {
        AgentResult {
            id,
            outcome,
            stdout: String::new(),
            stderr: String::new(),
            exit_reason: None,
            started: Timestamp::from_seconds(1_790_000_000).after(self.now),
            run_time: Duration::from_millis(10),
            queue_time: Duration::ZERO,
        }
    }

    /// Ends a call as it ends on a healthy host.
    pub fn finish(&mut self, name: &str, id: CallId) {
        let node = self.nodes.get_mut(&NodeName::from(name)).unwrap();
        let Some(call) = node.under_way.remove(&id) else { return };
        let resource = call.resource.as_ref().map(ToString::to_string).unwrap_or_default();
        let code = exit_code(&mut node.active, &call.action, resource);
        let result = self.result(id, AgentOutcome::Exited(code));
        self.tell(name, MemberEvent::Agent(AgentEvent::Finished(result)));
        self.drain();
    }

    /// Lets so many seconds pass, in steps of a quarter.
    pub fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds * 4 {
            self.now += Duration::from_millis(250);
            for name in self.nodes.keys().cloned().collect::<Vec<_>>() {
                if self.nodes[&name].wake_at.is_some_and(|at| at <= self.now) {
                    self.tell(name.as_str(), MemberEvent::Woken);
                }
            }
            self.drain();
        }
    }

    pub fn ask(&mut self, name: &str, body: ClientBody) {
        self.client += 1;
        let request = ClientRequest { id: 1, client: "test".to_owned(), body };
        self.tell(name, MemberEvent::Client { client: ClientId(self.client), user: None, request });
        self.drain();
    }

    /// Returns a node's copy of the CIB.
    pub fn cib(&self, name: &str) -> Arc<Element> {
        self.nodes[&NodeName::from(name)].member.as_ref().expect("its daemon runs").cib().clone()
    }

    /// Returns the coordinator on which all daemons agree.
    pub fn coordinator(&self) -> Option<String> {
        let all: BTreeSet<_> = self.nodes.values().filter_map(|node| Some(node.member.as_ref()?.coordinator().cloned())).collect();
        if all.len() == 1 { all.into_iter().next().flatten().map(|name| name.to_string()) } else { None }
    }

    pub fn is_idle(&self) -> bool {
        self.nodes.values().filter_map(|node| node.member.as_ref()).any(Member::is_idle)
    }

    /// Returns where a resource is active.
    pub fn places(&self, resource: &str) -> Vec<&str> {
        self.nodes.iter().filter(|(_, node)| node.active.contains(resource)).map(|(name, _)| name.as_str()).collect()
    }

    /// Returns what was begun since this was asked last, probes and watches left out.
    pub fn changes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.begun).into_iter().filter(|line| !line.contains(" monitor ") && !line.contains(" meta-data ")).collect()
    }
}

/// Returns how an agent ends on a healthy host.
fn exit_code(active: &mut BTreeSet<String>, action: &str, resource: String) -> i32 {
    match action {
        "start" => {
            active.insert(resource);
            0
        }
        "stop" => {
            active.remove(&resource);
            0
        }
        "monitor" if !active.contains(&resource) => 7,
        _ => 0,
    }
}

impl Node {
    fn incarnation(&self, name: &str) -> Incarnation {
        Incarnation(format!("life-{}-of-{name}", self.life))
    }
}
