//! Everything outside the member: what happens there becomes events, and commands are carried out there.

use crate::NodeOptions;
use crate::beginning::Beginning;
use crate::clock::Clock;
use crate::group::Group;
use crate::haste::{Haste, Pace};
use crate::log::Log;
use crate::planner::Planner;
use anyhow::Context;
use corosync::Urgency;
use member::{ClientId, LogLevel, MemberCommand, MemberEvent, PlanOutcome, StoreResult};
use messages::agent::{AgentEvent, AgentOrder};
use messages::group::{GroupCommand, GroupEvent, View};
use remote::{Connections, DoorEvent, Doors};
use sockets::{Link, Server, SocketEvent};
use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;
use storage::{Bytes, Job, Stored, Writer};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How the daemon ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Ending {
    pub code: i32,
    pub reason: String,
}

/// What the threads tell the loop.
#[derive(Debug)]
enum Told {
    Stored(Stored),
    Planned(PlanOutcome),
}

/// How long to wait before telling the engine that only the root role is gone: when the whole host goes down,
/// this process is gone by then.
const SURVIVED: Duration = Duration::from_millis(50);

/// Numbers from this one on, and below the members' own for clients on remote nodes, name clients on other hosts.
const FOREIGN_CLIENTS: u64 = 1 << 62;

/// Every edge of one daemon.
pub(crate) struct Edges {
    options: NodeOptions,
    pub clock: Clock,
    pub log: Log,
    pub group: Group,
    agentd: Link,
    remotes: Connections,
    server: Option<Server>,
    /// For administrators on other hosts.
    doors: Doors,
    /// The root role can judge who they are.
    checks_logins: bool,
    writer: Option<Writer>,
    planner: Planner,
    told: mpsc::UnboundedReceiver<Told>,
    terminate: Signal,
    interrupt: Signal,
    wake: Option<Instant>,
    haste: Haste,
    /// What is known already and is to be handed out before anything else.
    waiting: VecDeque<MemberEvent>,
}

impl Edges {
    /// Opens every edge but the clients' socket, which waits until there is somebody to answer.
    pub fn open(options: &NodeOptions) -> anyhow::Result<Self> {
        let stream: UnixStream = std::io::stdin().as_fd().try_clone_to_owned()?.into();
        stream.peer_addr().context("standard input is not the socket of a root role: `systole agentd` starts this daemon")?;
        let (tell, told) = mpsc::unbounded_channel();
        let tell_stored = tell.clone();
        let clock = Clock::start();
        // Told from an earlier daemon of this node by its start.
        let life = clock.now().wall.0 as u64;
        Ok(Self {
            log: Log::new(&options.root, options.node.clone()),
            group: Group::new(&options.engine, options.node.clone(), life),
            agentd: Link::new(stream)?,
            remotes: Connections::new(&options.root, format!("{}/{life}", options.node)),
            server: None,
            doors: Doors::new(&options.root, FOREIGN_CLIENTS),
            checks_logins: false,
            // A send fails only when the loop has ended.
            writer: Some(Writer::start(&options.root, move |stored| drop(tell_stored.send(Told::Stored(stored))))?),
            planner: Planner::start(move |outcome| drop(tell.send(Told::Planned(outcome))))?,
            told,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            wake: None,
            haste: Haste::default(),
            waiting: VecDeque::new(),
            options: options.clone(),
            clock,
        })
    }

    /// Waits for the root role's greeting and for the first view, which says which node of the cluster this is. What happens meanwhile is
    /// kept.
    pub async fn first_view(&mut self) -> Result<View, Ending> {
        let mut beginning = Beginning::default();
        loop {
            match self.outside().await? {
                MemberEvent::Group(GroupEvent::Lost { reason }) => self.log.write(LogLevel::Warning, &reason),
                MemberEvent::Terminated => return Err(Ending { code: 0, reason: "asked to end before it had joined".to_owned() }),
                event => beginning.keep(event),
            }
            if let Some((view, events)) = beginning.end() {
                self.waiting = events;
                return Ok(view);
            }
        }
    }

    /// Lets local clients in.
    pub fn serve_clients(&mut self) -> anyhow::Result<()> {
        self.server = Some(Server::bind(&self.options.root).context("failed to open the socket for clients")?);
        Ok(())
    }

    /// Returns the next event. May be dropped at any await.
    pub async fn next(&mut self) -> Result<MemberEvent, Ending> {
        if let Some(event) = self.waiting.pop_front() {
            return Ok(event);
        }
        let event = self.outside().await?;
        // Safety: a process that stood still must learn of its eviction before it acts on anything that happened meanwhile.
        if !matches!(event, MemberEvent::Group(_))
            && let Some(first) = self.group.ready()
        {
            self.waiting.push_back(event);
            return Ok(MemberEvent::Group(first));
        }
        Ok(event)
    }

    async fn outside(&mut self) -> Result<MemberEvent, Ending> {
        let woken = async {
            match self.wake {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let client = async {
            match &mut self.server {
                Some(server) => server.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Ok(MemberEvent::Terminated),
            _ = self.interrupt.recv() => Ok(MemberEvent::Terminated),
            event = self.group.next() => Ok(MemberEvent::Group(event)),
            event = self.agentd.receive::<AgentEvent>() => match event {
                Ok(AgentEvent::LoginChecked { login, verdict }) => {
                    self.doors.admit(login, verdict);
                    Ok(MemberEvent::Woken)
                }
                Ok(event) => {
                    if let AgentEvent::Welcome { incarnation, hastens, checks_logins, .. } = &event {
                        self.group.set_incarnation(incarnation.clone());
                        self.haste.is_known_above = *hastens;
                        self.checks_logins = *checks_logins;
                    }
                    Ok(MemberEvent::Agent(event))
                }
                Err(reason) => Err(self.root_role_gone(&reason).await),
            },
            Some(told) = self.told.recv() => Ok(self.translate(told)),
            event = self.remotes.next() => Ok(MemberEvent::Remote(event)),
            event = self.doors.next() => Ok(self.heard_abroad(event)),
            () = woken => {
                self.wake = None;
                Ok(MemberEvent::Woken)
            }
            event = client => Ok(match event {
                SocketEvent::Request { client, user, request } => MemberEvent::Client { client: ClientId(client), user, request },
                SocketEvent::Gone { client } => MemberEvent::ClientGone(ClientId(client)),
            }),
        }
    }

    /// Translates what a client on another host does. Who it is, the root role finds out.
    fn heard_abroad(&mut self, event: DoorEvent) -> MemberEvent {
        match event {
            DoorEvent::Request { client, user, request } => MemberEvent::Client { client: ClientId(client), user, request },
            DoorEvent::Gone { client } => MemberEvent::ClientGone(ClientId(client)),
            DoorEvent::Login { client, .. } if !self.checks_logins => {
                self.doors.admit(client, Err("the root role of this host is of an older version: it needs to be started again".to_owned()));
                MemberEvent::Woken
            }
            DoorEvent::Login { client, user, password } => {
                self.agentd.send(&AgentOrder::CheckLogin { login: client, user, password });
                MemberEvent::Woken
            }
            DoorEvent::Said(text) => {
                self.log.write(LogLevel::Notice, &text);
                MemberEvent::Woken
            }
        }
    }

    fn translate(&self, told: Told) -> MemberEvent {
        match told {
            Told::Planned(outcome) => MemberEvent::Planned(outcome),
            Told::Stored(Stored::Cib { token, result }) => MemberEvent::Stored(StoreResult { token, result }),
            Told::Stored(Stored::Failed(text)) => {
                self.log.write(LogLevel::Error, &text);
                MemberEvent::Woken
            }
        }
    }

    async fn root_role_gone(&mut self, reason: &str) -> Ending {
        tokio::time::sleep(SURVIVED).await;
        self.group.say_host_remains();
        Ending { code: 1, reason: format!("the root role is gone: {reason}") }
    }

    /// The loop worked since then: it may have to be more urgent from now on, or less.
    pub fn worked_since(&mut self, from: Duration) {
        match self.haste.worked(from, self.clock.now().monotonic) {
            Some(Pace::Urgent) => self.agentd.send(&AgentOrder::Hasten { threads: vec![storage::WRITING_THREAD.to_owned()] }),
            // The kernel never has a reason to refuse that.
            Some(Pace::Usual) => drop(Urgency::leave()),
            None => {}
        }
    }

    /// Carries commands out, in their order, up to the one that ends the daemon.
    pub fn carry_out_all(&mut self, commands: Vec<MemberCommand>) -> Option<Ending> {
        commands.into_iter().find_map(|command| self.carry_out(command))
    }

    /// Carries a command out; none of them waits for anything.
    fn carry_out(&mut self, command: MemberCommand) -> Option<Ending> {
        match command {
            MemberCommand::Group(command) => self.group.command(command),
            MemberCommand::HandOver(envelope) => {
                if let Ok(payload) = envelope.to_text() {
                    self.group.command(GroupCommand::Send { payload });
                }
            }
            MemberCommand::Agent(AgentOrder::Permit { at, is_safe }) => {
                self.agentd.send(&AgentOrder::Permit { at: self.clock.machine(at), is_safe });
            }
            MemberCommand::Agent(order) => self.agentd.send(&order),
            MemberCommand::Remote(command) => self.remotes.command(command),
            MemberCommand::Listen(doors) => self.doors.listen(doors.tls, doors.clear),
            MemberCommand::Reply { client, reply } if client.0 >= FOREIGN_CLIENTS => self.doors.reply(client.0, reply),
            MemberCommand::Reply { client, reply } => {
                let was_cut_off = self.server.as_mut().is_some_and(|server| server.reply(client.0, &reply));
                if was_cut_off {
                    self.waiting.push_back(MemberEvent::ClientGone(client));
                }
            }
            MemberCommand::Plan(request) => self.planner.plan(request),
            MemberCommand::Store(order) => self.write(Job::Cib { token: order.token, cib: order.cib, lineage: order.lineage }),
            MemberCommand::SaveHistory(kept) => self.write(Job::History(Bytes::of(move || kept.to_bytes()))),
            MemberCommand::SaveInput { name, next, element } => self.write(Job::Input { name, next, input: element }),
            MemberCommand::WakeAt(at) => self.wake = Some(self.clock.instant(at)),
            MemberCommand::Log { level, text } => self.log.write(level, &text),
            MemberCommand::Exit { code, reason } => return Some(Ending { code, reason }),
        }
        None
    }

    fn write(&self, job: Job) {
        if let Some(writer) = &self.writer {
            writer.write(job);
        }
    }

    /// Ends every edge: what was given to the disk is written, what was said is sent.
    pub async fn close(mut self) {
        self.writer = None;
        // Replies and frames leave with the next turns of the loop; nobody is waited for who does not read.
        let sent = async {
            tokio::select! {
                _ = self.agentd.receive::<AgentEvent>() => {}
                _ = self.group.next() => {}
                () = std::future::pending() => {}
            }
        };
        let _ = tokio::time::timeout(SURVIVED, sent).await;
    }
}
