//! Remote nodes whose connection this node holds: what is ordered for them is run there, through an executor of their own each.
//!
//! The connection resource itself is one of this node's resources. Its operations come from this node's executor like any other's and
//! are answered here instead of by an agent.

use crate::command::{LogLevel, MemberCommand};
use crate::event::ClientId;
use crate::member::{Member, Sleeper};
use executor::{Executor, History, Settings};
use membership::PeerState;
use messages::agent::{AgentCall, AgentOrder, AgentOutcome, AgentResult};
use messages::client::{Account, ClientBody, ClientRequest, FenceRecord, NodeInfo, ReplyBody};
use messages::group::Incarnation;
use messages::operation::{NodeReport, OperationOrder, OperationReport};
use messages::peer::PeerMessage;
use messages::remote::{LOST_BEFORE, RemoteCommand, RemoteEvent};
use model::{CallId, NodeName, Now};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Compat: where a remote node is reached when nothing else is said.
const PORT: u16 = 3121;
/// How long the other side of a connection that has moved has for a sign that it is still there.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long a daemon that was started again tries to reach what its predecessor was connected to.
const RECONNECT: Duration = Duration::from_secs(10);
/// Ids of clients on remote nodes begin here, far beyond those of local ones.
const REMOTE_CLIENTS: u64 = 1 << 62;

/// How far a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Link {
    Down,
    /// For this operation; for none after a restart of the daemon.
    Connecting(Option<CallId>),
    Up,
}

/// Where the other side is reached.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Address {
    address: String,
    port: u16,
}

/// What is kept of a connection for the next start of the daemon.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct KeptRemote {
    address: Address,
    history: History,
}

/// One remote node.
struct Remote {
    executor: Executor,
    link: Link,
    address: Address,
    /// What is at work there.
    runs: BTreeMap<CallId, AgentCall>,
    /// Monitors of the connection that wait for a sign of life; its end, after it has moved.
    pokes: Vec<AgentCall>,
    /// It is on its way to another member.
    moves: bool,
    /// It has come from this life of a member, which has not yet ended its own connection to the same life of the other side.
    came_from: Option<(NodeName, Option<Incarnation>)>,
    /// The life of the other side that was reached is over.
    is_over: bool,
    wake_at: Option<Duration>,
    /// What is kept of it, as long as that is what it was.
    kept: Option<Arc<KeptRemote>>,
}

/// Every remote node that this node was given something to do for.
#[derive(Default)]
pub(crate) struct Remotes {
    settings: Option<Settings>,
    nodes: BTreeMap<NodeName, Remote>,
    /// Meta-data that a remote node's executor wants are asked of this host's agents. Compat: so does Pacemaker.
    metadata: BTreeMap<CallId, (NodeName, CallId)>,
    /// Results of the connections' own operations, on their way to this node's executor.
    pub answers: VecDeque<AgentResult>,
    /// Clients on remote nodes.
    pub clients: BTreeMap<ClientId, (NodeName, String)>,
    next_client: u64,
}

/// Returns whether an agent's run is about a connection: made here, by no program.
pub(crate) fn is_connection_call(call: &AgentCall) -> bool {
    call.agent.is_remote_connection() && call.action != "meta-data"
}

impl Remote {
    fn new(executor: Executor, address: Address) -> Self {
        Self {
            executor,
            link: Link::Down,
            address,
            runs: BTreeMap::new(),
            pokes: Vec::new(),
            moves: false,
            came_from: None,
            is_over: false,
            wake_at: None,
            kept: None,
        }
    }

    fn handle(&mut self, now: Now, event: executor::Event) -> Vec<executor::Command> {
        self.kept = None;
        self.executor.handle(now, event)
    }

    fn kept(&mut self) -> Arc<KeptRemote> {
        let kept = || Arc::new(KeptRemote { address: self.address.clone(), history: self.executor.history() });
        self.kept.get_or_insert_with(kept).clone()
    }
}

impl Remotes {
    /// Returns what an earlier daemon kept. Nothing is connected yet.
    pub fn restore(settings: &Settings, kept: BTreeMap<NodeName, Arc<KeptRemote>>) -> Self {
        let nodes = kept.into_iter().map(|(node, kept)| {
            let KeptRemote { address, history } = Arc::unwrap_or_clone(kept);
            let executor = Executor::restore(Settings { node: node.clone(), ..settings.clone() }, history);
            (node, Remote::new(executor, address))
        });
        Self { nodes: nodes.collect(), settings: Some(settings.clone()), ..Self::default() }
    }

    /// Forgets every remote node.
    pub fn forget_all(&mut self) {
        self.nodes.clear();
    }

    /// Returns what must survive a restart of the daemon. Nodes that had no event since are kept as they were.
    pub fn kept(&mut self) -> BTreeMap<NodeName, Arc<KeptRemote>> {
        let connected = self.nodes.iter_mut().filter(|(_, remote)| remote.link != Link::Down && !remote.is_over);
        connected.map(|(node, remote)| (node.clone(), remote.kept())).collect()
    }

    fn entry(&mut self, node: &NodeName) -> Option<&mut Remote> {
        let settings = Settings { node: node.clone(), ..self.settings.clone()? };
        Some(self.nodes.entry(node.clone()).or_insert_with(|| Remote::new(Executor::new(settings), Address::default())))
    }
}

impl Member {
    /// Carries out an operation of a connection resource.
    pub(crate) fn connection_ordered(&mut self, call: AgentCall) {
        let node = NodeName::new(call.resource.as_ref().map_or("", |resource| resource.as_str()));
        let link = self.remotes.nodes.get(&node).map_or(Link::Down, |remote| remote.link);
        let is_up = link == Link::Up;
        match call.action.as_str() {
            "start" | "migrate_from" if !is_up => self.connect(&node, call),
            // It is still the life that the new connection has reached only if it is still there now.
            "stop" if is_up && self.remotes.nodes.get(&node).is_some_and(|remote| remote.moves) => self.poke(&node, call, FAREWELL),
            "stop" => self.end_connection(&node, &call, is_up),
            // A probe asks what is; a watch asks the other side.
            "monitor" if call.parameters.get("CRM_meta_interval").is_none_or(|interval| interval == "0") => {
                // Safety: nobody knows any more that this node held the connection, and nobody will end it here. What it remembers of the other
                // side may be of an earlier life of that. (Found by the simulator: seed 40263, half an hour.)
                if link == Link::Down {
                    self.disconnect(&node);
                }
                self.answer_connection(&call, if is_up { 0 } else { 7 }, None);
            }
            "monitor" if link == Link::Down => {
                self.answer_connection(&call, 1, Some(format!("the connection to {node} is lost")));
            }
            "monitor" => {
                let timeout = call.timeout;
                self.poke(&node, call, timeout);
            }
            "migrate_to" if !is_up => self.answer_connection(&call, 1, Some(format!("the connection to {node} is lost"))),
            action => {
                if let Some(remote) = self.remotes.nodes.get_mut(&node).filter(|_| action == "migrate_to") {
                    remote.moves = true;
                }
                self.answer_connection(&call, 0, None);
            }
        }
    }

    /// Lets an operation wait for a sign of life.
    fn poke(&mut self, node: &NodeName, call: AgentCall, timeout: Duration) {
        let Some(remote) = self.remotes.nodes.get_mut(node) else { return };
        remote.pokes.push(call);
        if remote.link == Link::Up {
            self.out.push(MemberCommand::Remote(RemoteCommand::Poke { node: node.clone(), timeout }));
        }
    }

    fn end_connection(&mut self, node: &NodeName, call: &AgentCall, was_up: bool) {
        self.disconnect(node);
        self.answer_connection(call, 0, (!was_up).then(|| LOST_BEFORE.to_owned()));
    }

    fn connect(&mut self, node: &NodeName, call: AgentCall) {
        let value = |names: &[&str]| names.iter().find_map(|name| call.parameters.get(*name)).filter(|value| !value.is_empty());
        let address = value(&["server", "addr"]).cloned().unwrap_or_else(|| node.to_string());
        let port = value(&["port"]).and_then(|port| port.parse().ok()).unwrap_or(PORT);
        // What an earlier connection left is void: whatever runs there is found out anew.
        self.disconnect(node);
        let source = call.parameters.get("CRM_meta_migrate_source").filter(|_| call.action == "migrate_from").map(NodeName::new);
        let came_from =
            source.map(|source| (source.clone(), self.membership.peers().get(&source).and_then(|peer| peer.incarnation.clone())));
        if let Some(remote) = self.remotes.entry(node) {
            remote.came_from = came_from;
            remote.address = Address { address: address.clone(), port };
            remote.kept = None;
            remote.link = Link::Connecting(Some(call.id));
        }
        let timeout = call.timeout;
        self.out.push(MemberCommand::Remote(RemoteCommand::Connect { node: node.clone(), address, port, timeout }));
    }

    fn disconnect(&mut self, node: &NodeName) {
        if self.remotes.nodes.remove(node).is_some() {
            self.out.push(MemberCommand::Remote(RemoteCommand::Disconnect { node: node.clone() }));
            self.forget_clients_of(node);
            self.save_history();
        }
    }

    /// A daemon that was started again goes on with the connections of its predecessor.
    pub(crate) fn connect_again(&mut self) {
        // Of another life of this host nothing is true any more.
        let incarnation = self.incarnation.clone();
        self.remotes.nodes.retain(|_, remote| remote.executor.is_connected() || remote.executor.history().incarnation == incarnation);
        for (node, remote) in self.remotes.nodes.iter_mut().filter(|(_, remote)| remote.link == Link::Down) {
            remote.link = Link::Connecting(None);
            let Address { address, port } = remote.address.clone();
            self.out.push(MemberCommand::Remote(RemoteCommand::Connect { node: node.clone(), address, port, timeout: RECONNECT }));
        }
    }

    /// A member has ended its connection: it has looked whether the other side is still the life that it knew, and says so where it is not.
    pub(crate) fn connection_let_go(&mut self, by: &NodeName, report: &OperationReport) {
        if report.operation == "stop"
            && let Some(remote) = self.remotes.nodes.get_mut(&NodeName::new(report.resource.as_str()))
        {
            remote.came_from = remote.came_from.take().filter(|(source, _)| source != by);
        }
    }

    /// A connection that came from a member which will not end its own any more may have reached another life than that one: it is taken for
    /// lost, so that it is made anew and what runs there is looked for. (Found by the simulator: seed 9987, half an hour.)
    pub(crate) fn doubt_moved_connections(&mut self) {
        let peers = self.membership.peers();
        let is_gone = |(source, life): &(NodeName, Option<Incarnation>)| {
            peers.get(source).is_none_or(|peer| {
                peer.incarnation != *life || matches!(peer.state, PeerState::HostLost | PeerState::DaemonLost | PeerState::Left)
            })
        };
        let doubtful =
            self.remotes.nodes.iter().filter(|(_, remote)| remote.link == Link::Up && remote.came_from.as_ref().is_some_and(is_gone));
        let doubtful: Vec<NodeName> = doubtful.map(|(node, _)| node.clone()).collect();
        for node in doubtful {
            self.out.push(MemberCommand::Remote(RemoteCommand::Disconnect { node: node.clone() }));
            self.connection_lost(&node, "it came from a member that is gone");
        }
    }

    /// A node was fenced: what a connection to it left is void, whether it is being made again or still has to end.
    ///
    /// Safety: the next life of the node would pass for that one. (Found by the simulator: seeds 3873 and 3920, half an hour: it was fenced for a
    /// stop that had failed in a life before.)
    pub(crate) fn remote_fenced(&mut self, record: &FenceRecord) {
        let Some(settings) = self.remotes.settings.clone() else { return };
        let Some(remote) = self.remotes.nodes.get_mut(&record.target).filter(|_| record.state == "success" && record.action != "on") else {
            return;
        };
        remote.is_over = remote.link == Link::Up;
        if remote.link != Link::Up {
            remote.executor = Executor::new(Settings { node: record.target.clone(), ..settings });
            remote.kept = None;
        }
        self.save_history();
    }

    /// Ends an operation of a connection that is under way; returns whether it was one.
    pub(crate) fn end_connecting(&mut self, id: CallId) -> bool {
        let connecting = self.remotes.nodes.iter().find(|(_, remote)| remote.link == Link::Connecting(Some(id)));
        if let Some(node) = connecting.map(|(node, _)| node.clone()) {
            self.disconnect(&node);
            self.remotes.answers.push_back(result(id, AgentOutcome::Cancelled, None, self.now.wall));
            return true;
        }
        for remote in self.remotes.nodes.values_mut() {
            if let Some(place) = remote.pokes.iter().position(|call| call.id == id) {
                remote.pokes.remove(place);
                self.remotes.answers.push_back(result(id, AgentOutcome::Cancelled, None, self.now.wall));
                return true;
            }
        }
        false
    }

    fn answer_connection(&mut self, call: &AgentCall, code: i32, reason: Option<String>) {
        self.remotes.answers.push_back(result(call.id, AgentOutcome::Exited(code), reason, self.now.wall));
    }

    /// Passes on what was answered outside of the executor's own turn.
    fn pass_answers(&mut self) {
        while let Some(result) = self.remotes.answers.pop_front() {
            self.give_executor(executor::Event::AgentFinished(result));
        }
    }

    pub(crate) fn remote(&mut self, event: RemoteEvent) {
        match event {
            RemoteEvent::Connected { node } => self.connected(&node),
            RemoteEvent::Refused { node, reason } => match self.remotes.nodes.get_mut(&node).map(|remote| (remote.link, remote)) {
                Some((Link::Connecting(Some(id)), remote)) => {
                    remote.link = Link::Down;
                    self.log(LogLevel::Warning, format!("{node} cannot be reached: {reason}"));
                    self.remotes.answers.push_back(result(id, AgentOutcome::Exited(1), Some(reason), self.now.wall));
                }
                Some(_) => self.connection_lost(&node, &reason),
                None => {}
            },
            RemoteEvent::Lost { node, reason } => self.connection_lost(&node, &reason),
            RemoteEvent::Finished { node, result } => {
                if let Some(remote) = self.remotes.nodes.get_mut(&node) {
                    remote.runs.remove(&result.id);
                    self.give_remote(&node, executor::Event::AgentFinished(result));
                }
            }
            RemoteEvent::Alive { node } => {
                let pokes = self.remotes.nodes.get_mut(&node).map(|remote| std::mem::take(&mut remote.pokes)).unwrap_or_default();
                for call in pokes {
                    match call.action.as_str() {
                        "stop" => self.end_connection(&node, &call, true),
                        _ => self.answer_connection(&call, 0, None),
                    }
                }
            }
            RemoteEvent::ShutdownAsked { node } => {
                // Compat: the scheduler reads this, stops what runs there and then ends the connection, for which the node waits.
                self.request_shutdown(node.clone());
                self.out.push(MemberCommand::Remote(RemoteCommand::AnswerShutdown { node, granted: true }));
            }
            RemoteEvent::Asked { node, session, user, request } => self.asked_from_remote(node, session, user, request),
            RemoteEvent::ClientGone { node, session } => {
                self.remotes.clients.retain(|_, client| *client != (node.clone(), session.clone()));
            }
        }
        self.pass_answers();
    }

    fn connected(&mut self, node: &NodeName) {
        let Some(remote) = self.remotes.nodes.get_mut(node) else { return };
        let link = std::mem::replace(&mut remote.link, Link::Up);
        let pokes: Vec<Duration> = remote.pokes.iter().map(|call| call.timeout).collect();
        self.log(LogLevel::Notice, format!("connected to the remote node {node}"));
        // Calls count on from what is recorded: whichever node ran them, later ones must be seen to be later.
        let next_call = CallId(last_call(self.replica.cib(), node) + 1);
        if let Some(incarnation) = self.incarnation.clone() {
            let running = Vec::new();
            self.give_remote(node, executor::Event::AgentsConnected { incarnation, running, next_call });
        }
        if let Link::Connecting(Some(id)) = link {
            self.remotes.answers.push_back(result(id, AgentOutcome::Exited(0), None, self.now.wall));
        }
        for timeout in pokes {
            self.out.push(MemberCommand::Remote(RemoteCommand::Poke { node: node.clone(), timeout }));
        }
        self.save_history();
    }

    /// What was at work there is of unknown outcome, and what recurs has ended; the watch of the connection says so at once.
    fn connection_lost(&mut self, node: &NodeName, reason: &str) {
        let Some(remote) = self.remotes.nodes.get_mut(node) else { return };
        (remote.link, remote.came_from) = (Link::Down, None);
        let (runs, pokes) = (std::mem::take(&mut remote.runs), std::mem::take(&mut remote.pokes));
        self.log(LogLevel::Warning, format!("the connection to the remote node {node} is lost: {reason}"));
        self.give_remote(node, executor::Event::RecurringDropped);
        for id in runs.into_keys() {
            let lost = result(id, AgentOutcome::Lost, None, self.now.wall);
            self.give_remote(node, executor::Event::AgentFinished(lost));
        }
        for call in pokes {
            match call.action.as_str() {
                "stop" => self.end_connection(node, &call, false),
                _ => self.answer_connection(&call, 1, Some(format!("the connection to {node} is lost: {reason}"))),
            }
        }
        self.forget_clients_of(node);
        self.pass_answers();
        self.give_executor(executor::Event::CheckNow { resource: node.as_str().into() });
    }

    /// Gives an event to the executor of a remote node; one without a connection answers every order with a failure.
    pub(crate) fn give_remote(&mut self, node: &NodeName, event: executor::Event) {
        let mut open = VecDeque::from([event]);
        while let Some(event) = open.pop_front() {
            let now = self.now;
            let incarnation = self.incarnation.clone();
            let Some(remote) = self.remotes.entry(node) else { return };
            let mut commands = Vec::new();
            // One that was never connected takes orders all the same, and says that they failed.
            if remote.link == Link::Down
                && !remote.executor.is_connected()
                && !matches!(event, executor::Event::AgentsConnected { .. })
                && let Some(incarnation) = incarnation
            {
                let connected = executor::Event::AgentsConnected { incarnation, running: Vec::new(), next_call: CallId(1) };
                commands.extend(remote.handle(now, connected));
            }
            commands.extend(remote.handle(now, event));
            for command in commands {
                self.carry_out_for(node, command, &mut open);
            }
        }
    }

    fn carry_out_for(&mut self, node: &NodeName, command: executor::Command, open: &mut VecDeque<executor::Event>) {
        match command {
            executor::Command::SaveHistory => self.save_history(),
            executor::Command::Agent(AgentOrder::Run(call)) if call.action == "meta-data" => {
                let id = self.executor.allocate_call();
                self.remotes.metadata.insert(id, (node.clone(), call.id));
                self.out.push(MemberCommand::Agent(AgentOrder::Run(AgentCall { id, ..call })));
            }
            executor::Command::Agent(AgentOrder::Run(call)) => match self.remotes.nodes.get_mut(node) {
                Some(remote) if remote.link == Link::Up => {
                    remote.runs.insert(call.id, call.clone());
                    self.out.push(MemberCommand::Remote(RemoteCommand::Run { node: node.clone(), call }));
                }
                _ => {
                    let why = AgentOutcome::FailedToStart(format!("there is no connection to {node}"));
                    open.push_back(executor::Event::AgentFinished(result(call.id, why, None, self.now.wall)));
                }
            },
            executor::Command::Agent(AgentOrder::Kill { id }) => {
                self.out.push(MemberCommand::Remote(RemoteCommand::Kill { node: node.clone(), id }));
            }
            // The other side keeps no results.
            executor::Command::Agent(_) => {}
            executor::Command::Report(report) => {
                self.alert_of_operation(&report);
                self.send(PeerMessage::Report(NodeReport::Operation(report)));
            }
            // It is told with what this node itself is at.
            executor::Command::ReportAtWork { .. } => {}
            executor::Command::WakeAt(at) => {
                if let Some(remote) = self.remotes.nodes.get_mut(node) {
                    remote.wake_at = Some(at);
                }
                let first = self.wakes.get(&Sleeper::Remotes).map_or(at, |earlier| at.min(*earlier));
                self.wakes.insert(Sleeper::Remotes, first);
            }
            executor::Command::Warn(text) => self.log(LogLevel::Warning, text),
        }
    }

    pub(crate) fn wake_remotes(&mut self) {
        let now = self.now.monotonic;
        let is_due = |remote: &Remote| remote.wake_at.is_some_and(|at| at <= now);
        let due: Vec<NodeName> = self.remotes.nodes.iter().filter(|(_, remote)| is_due(remote)).map(|(node, _)| node.clone()).collect();
        for node in due {
            if let Some(remote) = self.remotes.nodes.get_mut(&node) {
                remote.wake_at = None;
            }
            self.give_remote(&node, executor::Event::TimePassed);
        }
        if let Some(at) = self.remotes.nodes.values().filter_map(|remote| remote.wake_at).min() {
            self.wakes.insert(Sleeper::Remotes, at);
        }
    }

    /// Adds what the remote nodes are at to what a new coordinator is told.
    pub(crate) fn introduce_remotes(&mut self, orders: &mut Vec<OperationOrder>, history: &mut Vec<OperationReport>) {
        let nodes: Vec<NodeName> = self.remotes.nodes.keys().cloned().collect();
        for node in nodes {
            let Some(remote) = self.remotes.nodes.get_mut(&node) else { continue };
            let mut open = VecDeque::new();
            for command in remote.handle(self.now, executor::Event::CoordinatorChanged) {
                match command {
                    executor::Command::ReportAtWork { orders: its_orders, history: its_history } => {
                        orders.extend(its_orders);
                        history.extend(its_history);
                    }
                    other => self.carry_out_for(&node, other, &mut open),
                }
            }
            for event in open {
                self.give_remote(&node, event);
            }
        }
    }

    /// Passes meta-data on to the remote node's executor that wanted them; returns any other result.
    pub(crate) fn metadata_finished(&mut self, result: AgentResult) -> Option<AgentResult> {
        let Some((node, id)) = self.remotes.metadata.remove(&result.id) else { return Some(result) };
        self.out.push(MemberCommand::Agent(AgentOrder::Acknowledge { id: result.id }));
        if self.remotes.nodes.contains_key(&node) {
            self.give_remote(&node, executor::Event::AgentFinished(AgentResult { id, ..result }));
        }
        None
    }

    /// A tool on a remote node asks: it is a client like a local one, but that node is where it is.
    fn asked_from_remote(&mut self, node: NodeName, session: String, user: Option<Account>, mut request: ClientRequest) {
        let place = (node.clone(), session);
        let known = self.remotes.clients.iter().find(|(_, client)| **client == place).map(|(id, _)| *id);
        let client = known.unwrap_or_else(|| {
            self.remotes.next_client += 1;
            ClientId(REMOTE_CLIENTS + self.remotes.next_client)
        });
        self.remotes.clients.insert(client, place);
        match &mut request.body {
            ClientBody::Info => {
                let info = ReplyBody::Info(NodeInfo { node, ..self.info() });
                return self.reply(client, request.id, Ok(info));
            }
            ClientBody::AttributeUpdate { node: of @ None, .. } | ClientBody::Shutdown { node: of @ None } => *of = Some(node),
            _ => {}
        }
        self.client(client, user, request);
    }

    fn forget_clients_of(&mut self, node: &NodeName) {
        let gone: Vec<ClientId> = self.remotes.clients.iter().filter(|(_, (of, _))| of == node).map(|(id, _)| *id).collect();
        for client in gone {
            self.remotes.clients.remove(&client);
            self.subscribers.remove(&client);
            self.followers.remove(&client);
        }
    }
}

fn result(id: CallId, outcome: AgentOutcome, reason: Option<String>, at: model::Timestamp) -> AgentResult {
    AgentResult {
        id,
        outcome,
        stdout: String::new(),
        stderr: String::new(),
        exit_reason: reason,
        started: at,
        run_time: Duration::ZERO,
        queue_time: Duration::ZERO,
    }
}

/// Returns the highest call id that is recorded of a node.
fn last_call(cib: &xml::Element, node: &NodeName) -> u64 {
    let state = crate::options::node_state(cib, node);
    let records = state.into_iter().flat_map(xml::Element::descendants).filter(|element| element.name == "lrm_rsc_op");
    records.filter_map(|record| record.attribute("call-id")?.parse().ok()).max().unwrap_or(0)
}
