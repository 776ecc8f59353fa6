//! Remote and guest nodes, and the connections of members to them.
//!
//! Such a node is a host like the others, without a daemon that is a member. A connection carries orders one way and results the other; across
//! a cut both wait, as in TCP, until a sign of life that was asked for is overdue. What a connection asked for goes on when it has ended, and
//! runs of one resource follow each other, whoever asked for them: so does the other side of the edge `remote`.

use crate::host::{Host, Truth};
use crate::outcome::Ending;
use crate::world::{Happening, ToDaemon, World};
use member::MemberEvent;
use messages::agent::{AgentCall, AgentOutcome, AgentResult};
use messages::client::{ClientBody, ClientRequest};
use messages::remote::{RemoteCommand, RemoteEvent};
use model::{CallId, NodeName};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// The wait before another attempt to connect.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// How long a process that asked to be let go waits for an answer: as long as the real one.
const UNHEARD_MAX: Duration = Duration::from_secs(20);
/// How soon what waits for a cut to end finds that it has.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What a host has that is reached by connections.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// The resource it lives in, where it is a guest.
    pub container: Option<String>,
    /// The process that listens, by number; none while it is 0.
    pub process: u64,
    /// It asked to be let go, and goes at this time unless somebody has answered.
    pub leaves_at: Option<Duration>,
    /// Who asked for each run at work: which connection, and under which id.
    ordered: BTreeMap<CallId, (u64, CallId)>,
    /// Runs behind others of the same resource.
    waiting: VecDeque<(u64, AgentCall)>,
}

impl Reach {
    pub(crate) fn new(container: Option<String>) -> Self {
        Self { container, ..Self::default() }
    }

    /// The process ends, and what it was at with it.
    pub(crate) fn end(&mut self) {
        *self = Self::new(self.container.take());
    }
}

/// A member's connection, from the first attempt on.
pub(crate) struct Connection {
    host: usize,
    daemon: u64,
    remote: usize,
    /// The process at the other end; none while it is tried.
    process: Option<u64>,
    /// Until when it is tried.
    until: Duration,
    orders: VecDeque<RemoteCommand>,
    news: VecDeque<RemoteEvent>,
    alive_by: Option<Duration>,
}

impl Connection {
    pub(crate) fn is_open(&self, remote: usize) -> bool {
        self.remote == remote && self.process.is_some()
    }

    /// Returns the host that it has reached.
    pub(crate) fn reached(&self) -> Option<usize> {
        self.process.map(|_| self.remote)
    }

    pub(crate) fn is_of(&self, hosts: &[Host]) -> bool {
        hosts[self.host].daemon.as_ref().is_some_and(|daemon| daemon.number == self.daemon)
    }
}

impl World {
    /// A daemon asks something of its edge to remote nodes.
    pub(crate) fn remote_order(&mut self, at: usize, daemon: u64, command: RemoteCommand) {
        match command {
            RemoteCommand::Connect { node, timeout, .. } => {
                self.hang_up(at, &node);
                // A name that nobody has is never reached.
                let Some(remote) = self.reached_as(&node) else { return };
                let number = self.next_number();
                let (until, orders, news) = (self.now + timeout, VecDeque::new(), VecDeque::new());
                let connection = Connection { host: at, daemon, remote, process: None, until, orders, news, alive_by: None };
                self.connections.insert(number, connection);
                self.connection_of.insert((at, remote), number);
                self.tend_soon(number);
            }
            RemoteCommand::Disconnect { node } => {
                self.hang_up(at, &node);
                let Some(remote) = self.reached_as(&node) else { return };
                let is_alone = !self.connections.values().any(|connection| connection.is_open(remote));
                if is_alone && self.group.part_of[at] == self.group.part_of[remote] {
                    self.let_go(remote);
                }
            }
            RemoteCommand::Run { ref node, .. }
            | RemoteCommand::Kill { ref node, .. }
            | RemoteCommand::Poke { ref node, .. }
            | RemoteCommand::AnswerShutdown { ref node, .. }
            | RemoteCommand::Reply { ref node, .. } => {
                let Some(&number) = self.reached_as(node).and_then(|remote| self.connection_of.get(&(at, remote))) else { return };
                let Some(connection) = self.connections.get_mut(&number).filter(|connection| connection.daemon == daemon) else { return };
                if let RemoteCommand::Poke { timeout, .. } = &command {
                    let by = self.now + *timeout;
                    let by = connection.alive_by.map_or(by, |earlier| earlier.min(by));
                    connection.alive_by = Some(by);
                    connection.orders.push_back(command);
                    self.at(by, Happening::Tend { connection: number });
                } else {
                    connection.orders.push_back(command);
                }
                self.tend_soon(number);
            }
        }
    }

    fn hang_up(&mut self, at: usize, node: &NodeName) {
        let number = self.reached_as(node).and_then(|remote| self.connection_of.remove(&(at, remote)));
        number.and_then(|number| self.connections.remove(&number));
    }

    /// Returns the host that is no member and has this name.
    fn reached_as(&self, node: &NodeName) -> Option<usize> {
        self.reached_by_name.get(node).copied()
    }

    fn tend_soon(&mut self, connection: u64) {
        let wait = self.random.millis(0, 3);
        self.after(wait, Happening::Tend { connection });
    }

    /// Moves a connection on: attempts, orders, news, its loss.
    pub(crate) fn tend(&mut self, number: u64) {
        let Some(connection) = self.connections.get(&number) else { return };
        if !connection.is_of(&self.hosts) {
            self.connections.remove(&number);
            return;
        }
        let (host, remote, until) = (connection.host, connection.remote, connection.until);
        let again = Happening::Tend { connection: number };
        if self.hosts[host].daemon.as_ref().is_some_and(|daemon| daemon.is_frozen) {
            return self.after(LOOK_AGAIN, again);
        }
        let node = self.hosts[remote].name.clone();
        // What is off or cut off is silent.
        let answers = self.hosts[remote].is_up && self.group.part_of[host] == self.group.part_of[remote];
        let process = self.hosts[remote].reach.as_ref().map_or(0, |reach| reach.process);
        match connection.process {
            None if answers && process != 0 => {
                self.note(|| format!("{node}: connected"));
                let Some(connection) = self.connections.get_mut(&number) else { return };
                connection.process = Some(process);
                self.tell_holder(number, RemoteEvent::Connected { node });
            }
            None if self.now >= until => self.lose(number, RemoteEvent::Refused { node, reason: "no answer".to_owned() }),
            None => {
                let wait = AGAIN_AFTER.min(until - self.now);
                self.after(wait, again);
            }
            Some(_) if !answers => match connection.alive_by {
                Some(by) if self.now >= by => {
                    self.lose(number, RemoteEvent::Lost { node, reason: "it gave no sign of life in time".to_owned() });
                }
                _ if !connection.orders.is_empty() || !connection.news.is_empty() => self.after(LOOK_AGAIN, again),
                _ => {}
            },
            Some(known) if known != process => self.lose(number, RemoteEvent::Lost { node, reason: "reset by peer".to_owned() }),
            Some(_) => self.exchange(number, remote),
        }
    }

    fn exchange(&mut self, number: u64, remote: usize) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let orders = std::mem::take(&mut connection.orders);
        let mut news = std::mem::take(&mut connection.news);
        let node = self.hosts[remote].name.clone();
        for order in orders {
            match order {
                RemoteCommand::Run { call, .. } => self.run_there(remote, number, call),
                RemoteCommand::Kill { id, .. } => self.kill_there(remote, number, id),
                RemoteCommand::Poke { .. } => news.push_back(RemoteEvent::Alive { node: node.clone() }),
                RemoteCommand::AnswerShutdown { granted, .. } => self.answered_there(remote, granted),
                _ => {}
            }
        }
        if let Some(connection) = self.connections.get_mut(&number).filter(|_| !news.is_empty()) {
            connection.alive_by = None;
        }
        for event in news {
            self.tell_holder(number, event);
        }
    }

    fn tell_holder(&mut self, number: u64, event: RemoteEvent) {
        if let Some(connection) = self.connections.get(&number) {
            let (host, daemon) = (connection.host, connection.daemon);
            self.deliver(host, daemon, ToDaemon::Event(Box::new(MemberEvent::Remote(event))));
        }
    }

    fn lose(&mut self, number: u64, event: RemoteEvent) {
        let Some(connection) = self.connections.remove(&number) else { return };
        self.note(|| format!("a connection ends: {event:?}"));
        let event = ToDaemon::Event(Box::new(MemberEvent::Remote(event)));
        self.deliver(connection.host, connection.daemon, event);
    }

    fn run_there(&mut self, at: usize, connection: u64, call: AgentCall) {
        let is_busy = self.hosts[at].running.values().any(|other| other.resource == call.resource);
        let id = CallId(self.hosts[at].next_call);
        let Some(reach) = self.hosts[at].reach.as_mut() else { return };
        if is_busy {
            reach.waiting.push_back((connection, call));
            return;
        }
        reach.ordered.insert(id, (connection, call.id));
        self.run_agent(at, AgentCall { id, ..call });
    }

    fn kill_there(&mut self, at: usize, connection: u64, id: CallId) {
        let Some(reach) = self.hosts[at].reach.as_mut() else { return };
        if let Some(place) = reach.waiting.iter().position(|(by, call)| *by == connection && call.id == id) {
            let call = reach.waiting.remove(place);
            let result = call.map(|(_, call)| crate::work::result(call.id, AgentOutcome::Cancelled, Duration::ZERO, model::Timestamp(0)));
            return result.into_iter().for_each(|result| self.give_back(at, connection, result));
        }
        let known = reach.ordered.iter().find(|(_, order)| **order == (connection, id)).map(|(id, _)| *id);
        if let Some(id) = known {
            let life = self.hosts[at].life;
            self.after(Duration::from_millis(1), Happening::AgentDone { host: at, life, id, ending: Ending::cancelled() });
        }
    }

    /// A run on a remote node has ended: whoever asked for it learns so, and what waited for it begins.
    pub(crate) fn done_there(&mut self, at: usize, result: AgentResult, call: &AgentCall) {
        let Some(reach) = self.hosts[at].reach.as_mut() else { return };
        let order = reach.ordered.remove(&result.id);
        let next = reach.waiting.iter().position(|(_, waiting)| waiting.resource == call.resource);
        let next = next.and_then(|place| reach.waiting.remove(place));
        if let Some((connection, id)) = order {
            self.give_back(at, connection, AgentResult { id, ..result });
        }
        if let Some((connection, call)) = next {
            self.run_there(at, connection, call);
        }
    }

    fn give_back(&mut self, at: usize, number: u64, result: AgentResult) {
        let node = self.hosts[at].name.clone();
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.news.push_back(RemoteEvent::Finished { node, result });
            self.tend_soon(number);
        }
    }

    /// A program on a remote node asks the cluster, through whoever is connected.
    pub(crate) fn ask_from_there(&mut self, at: usize, body: ClientBody) {
        let node = self.hosts[at].name.clone();
        let request = ClientRequest { id: 1, client: "agent".to_owned(), body };
        let event = RemoteEvent::Asked { node, session: "agent".to_owned(), user: None, request };
        self.tell_over_connection(at, event);
    }

    /// A remote node asks to be let go.
    pub(crate) fn leave_there(&mut self, at: usize) {
        let node = self.hosts[at].name.clone();
        let by = self.now + UNHEARD_MAX;
        if let Some(reach) = self.hosts[at].reach.as_mut() {
            reach.leaves_at = Some(by);
            let process = reach.process;
            self.at(by, Happening::LookWhetherHeard { host: at, process });
        }
        self.tell_over_connection(at, RemoteEvent::ShutdownAsked { node });
    }

    fn answered_there(&mut self, at: usize, is_granted: bool) {
        let (now, reach) = (self.now, self.hosts[at].reach.as_mut());
        if let Some(reach) = reach.filter(|reach| reach.leaves_at.is_some()) {
            // Once granted, it waits for the end of the connection, however late.
            reach.leaves_at = Some(if is_granted { Duration::MAX } else { now });
            let process = reach.process;
            self.look_whether_heard(at, process);
        }
    }

    /// A process that nobody has promised to let go does not wait for ever.
    pub(crate) fn look_whether_heard(&mut self, at: usize, process: u64) {
        let Some(reach) = self.hosts[at].reach.as_ref().filter(|reach| reach.process == process) else { return };
        if reach.leaves_at.is_some_and(|at| at <= self.now) {
            let now = self.now;
            self.checkers.causes.happened_to(at, now);
            self.end_for_a_while(at);
        }
    }

    fn tell_over_connection(&mut self, at: usize, event: RemoteEvent) {
        let found = self.connections.iter_mut().find(|(_, connection)| connection.is_open(at));
        if let Some((&number, connection)) = found {
            connection.news.push_back(event);
            self.tend_soon(number);
        }
    }

    /// Nobody is connected any more: whoever asked to be let go ends, and comes back later.
    fn let_go(&mut self, at: usize) {
        if self.hosts[at].reach.as_ref().is_some_and(|reach| reach.leaves_at.is_some()) {
            self.end_for_a_while(at);
        }
    }

    fn end_for_a_while(&mut self, at: usize) {
        let back = self.random.millis(1000, 15_000);
        self.kill_there_all(at, back);
    }

    /// The process on a remote node is killed, with it the agents at work.
    pub(crate) fn kill_there_all(&mut self, at: usize, back_after: Duration) {
        for call in std::mem::take(&mut self.hosts[at].running).into_values() {
            self.cut_short(at, &call);
        }
        if let Some(reach) = self.hosts[at].reach.as_mut() {
            reach.end();
        }
        let open: Vec<u64> = self.connections.iter().filter(|(_, connection)| connection.is_open(at)).map(|(number, _)| *number).collect();
        open.into_iter().for_each(|number| self.tend_soon(number));
        self.after(back_after, Happening::StartDaemon { host: at });
    }

    /// Returns the host on which the resource that a guest lives in is active: a member, in the case of a bundle a remote or a guest node as well.
    /// Whatever a guest can live on comes before it.
    pub(crate) fn container_of(&self, guest: usize) -> Option<usize> {
        let container = self.hosts[guest].reach.as_ref()?.container.as_ref()?;
        let is_there = |host: &Host| host.is_up && matches!(host.active.get(container), Some(Truth::Active | Truth::Promoted));
        self.hosts[..guest].iter().position(is_there)
    }

    /// Guests live as long as what they live in.
    pub(crate) fn settle_guests(&mut self) {
        for guest in self.guests..self.hosts.len() {
            match (self.container_of(guest), self.hosts[guest].is_up) {
                (Some(host), false) => {
                    self.group.part_of[guest] = self.group.part_of[host];
                    let now = self.now;
                    self.checkers.causes.happened_to(guest, now);
                    self.power_on(guest);
                }
                (None, true) => self.power_off(guest, "what it lives in has ended"),
                _ => {}
            }
        }
    }
}
