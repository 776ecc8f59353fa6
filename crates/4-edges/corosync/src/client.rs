//! A daemon's side of Corosync: connects, connects again, and gives the group's events in their order.
//!
//! Opening waits for Corosync's answers and happens on a thread of its own; everything else returns at once, so that a
//! Corosync that hangs holds up nobody.

use crate::connection::{Connection, EngineError, Sent};
use crate::nodelist::NodeList;
use crate::views::{Identity, Output, Views};
use crate::wire::{JOIN_HEAD, Process, SEVERAL_HEAD, Stamp, cut, join};
use messages::group::{GroupCommand, GroupEvent, Incarnation};
use model::NodeName;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How often a Corosync that is not there is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// How soon a message that Corosync did not take is offered again.
const OFFER_AGAIN: Duration = Duration::from_millis(5);
/// How long daemons that are in the group and do not speak are waited for.
const SPEAK_WAIT: Duration = Duration::from_millis(1500);
/// Looked for news at least this often, whatever the descriptors say.
const LOOK_UP: Duration = Duration::from_secs(1);
/// What may wait for Corosync to take it, in bytes.
const QUEUE_MAX: usize = 256 * 1024 * 1024;
/// The longest piece of a message: shorter than the group allows, so that a long one does not hold up what others say.
const PIECE_MAX: usize = 128 * 1024;

/// What opening a connection came to.
type Opened = Result<Connection, EngineError>;

enum Link {
    /// Tried again at this time.
    Closed(Instant),
    Opening(oneshot::Receiver<Opened>),
    Open(Open),
    Left,
}

struct Open {
    connection: Connection,
    descriptors: [AsyncFd<OwnedFd>; 3],
    views: Views,
    /// When daemons that have not spoken are left out.
    overdue: Option<Instant>,
    /// When every service is asked for news, whatever its descriptor says.
    look_up_at: Instant,
}

/// A connection to Corosync that mends itself.
pub struct Client {
    node: NodeName,
    life: u64,
    incarnation: Option<Incarnation>,
    link: Link,
    /// With each view the stamp of what is sent in it.
    events: VecDeque<(GroupEvent, Option<Stamp>)>,
    /// The view last handed out: what is sent belongs to it.
    handed: Option<Stamp>,
    /// What the engine itself says; goes before everything else, and in no view.
    words: VecDeque<Vec<u8>>,
    outbox: VecDeque<Vec<u8>>,
    outbox_length: usize,
    view_id: u64,
    is_lost: bool,
    cluster_name: Option<String>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("node", &self.node).field("view", &self.view_id).finish_non_exhaustive()
    }
}

impl Client {
    /// Makes a client; it connects once it knows the host's incarnation. `life` is new for each start of the daemon.
    pub fn new(node: NodeName, life: u64) -> Self {
        Self {
            node,
            life,
            incarnation: None,
            link: Link::Closed(Instant::now()),
            events: VecDeque::new(),
            handed: None,
            words: VecDeque::new(),
            outbox: VecDeque::new(),
            outbox_length: 0,
            view_id: 0,
            is_lost: false,
            cluster_name: None,
        }
    }

    /// Tells which life of the host this is.
    pub fn set_incarnation(&mut self, incarnation: Incarnation) {
        self.incarnation = Some(incarnation);
    }

    /// Returns the cluster's name, once Corosync has told it.
    pub fn cluster_name(&self) -> Option<&str> {
        self.cluster_name.as_deref()
    }

    /// Returns the next event; waits for it, also through the absence of Corosync. May be dropped at any await.
    pub async fn next(&mut self) -> GroupEvent {
        loop {
            if let Some(event) = self.ready() {
                return event;
            }
            match &mut self.link {
                Link::Left => return std::future::pending().await,
                Link::Closed(_) if self.incarnation.is_none() => return std::future::pending().await,
                Link::Closed(retry_at) => {
                    tokio::time::sleep_until(*retry_at).await;
                    self.begin_to_open();
                }
                Link::Opening(opened) => {
                    let opened = opened.await;
                    self.opened(opened.unwrap_or_else(|_| Err(EngineError::Machine("the thread that connects has ended".to_owned()))));
                }
                Link::Open(open) => open.news(!self.outbox.is_empty() || !self.words.is_empty()).await,
            }
        }
    }

    /// Returns what is known without waiting.
    pub fn ready(&mut self) -> Option<GroupEvent> {
        // What is said about events that are known already goes out together, after the last of them.
        if self.events.is_empty() {
            self.pump();
        }
        let (event, stamp) = self.events.pop_front()?;
        match event {
            GroupEvent::View(_) => (self.handed, self.is_lost) = (stamp, false),
            GroupEvent::Lost { .. } => (self.handed, self.is_lost) = (None, true),
            GroupEvent::Message { .. } => {}
        }
        Some(event)
    }

    /// Carries out a command; what is sent leaves when the next event is asked for. What is sent while there is no view goes nowhere, as
    /// the group's promise says.
    pub fn command(&mut self, command: GroupCommand) {
        let Link::Open(open) = &mut self.link else {
            if command == GroupCommand::Leave {
                self.link = Link::Left;
            }
            return;
        };
        match command {
            GroupCommand::Send { payload } => {
                // Invariant: what is sent belongs to the view its sender knew; the engine may be a view ahead of it.
                let Some(stamp) = self.handed.filter(|handed| open.views.stamp() == Some(*handed)) else { return };
                for frame in cut(&payload, stamp, open.connection.length_max.min(PIECE_MAX)) {
                    self.outbox_length += frame.len();
                    self.outbox.push_back(frame);
                }
                if self.outbox_length > QUEUE_MAX {
                    self.close("Corosync takes nothing of what is sent to it");
                }
            }
            GroupCommand::Leave => {
                self.flush();
                if let Link::Open(open) = &self.link {
                    open.connection.leave();
                }
                self.link = Link::Left;
                self.events.clear();
            }
        }
    }

    fn begin_to_open(&mut self) {
        let (tell, opened) = oneshot::channel();
        // Fails only when nobody waits for the connection any more; it is then closed by being dropped.
        let work = move || drop(tell.send(Connection::open()));
        match std::thread::Builder::new().name("corosync".into()).spawn(work) {
            Ok(_) => self.link = Link::Opening(opened),
            Err(error) => self.close(&format!("failed to start a thread: {error}")),
        }
    }

    fn opened(&mut self, opened: Opened) {
        let open = opened.and_then(|connection| {
            let process = Process { node: connection.local, pid: std::process::id() };
            let incarnation = self.incarnation.clone().unwrap_or(Incarnation(String::new()));
            let identity = Identity { process, name: self.node.clone(), incarnation, life: self.life };
            let views = Views::new(identity, connection.nodes.clone(), self.view_id);
            Ok(Open { descriptors: connection.watch()?, connection, views, overdue: None, look_up_at: Instant::now() })
        });
        match open {
            Ok(open) => {
                self.cluster_name = open.connection.nodes.cluster_name.clone();
                self.link = Link::Open(open);
            }
            Err(error) => self.close(&error.to_string()),
        }
    }

    /// Takes what is there and says what is to be said.
    fn pump(&mut self) {
        let Link::Open(open) = &mut self.link else { return };
        let with_news = open.with_news();
        let occurrences = match open.connection.dispatch(with_news) {
            Ok(occurrences) => occurrences,
            Err(error) => return self.close(&error.to_string()),
        };
        let before = open.views.stamp();
        let has_new_ring = occurrences.iter().any(|occurrence| matches!(occurrence, crate::connection::Occurrence::Ring { .. }));
        let mut outputs = open.views.handle(occurrences);
        if has_new_ring {
            // Nodes may have been added to or removed from the configuration; Corosync, which just spoke, answers at once.
            if let Ok(nodes) = NodeList::read() {
                open.views.set_nodes(nodes);
                outputs.extend(open.views.handle(Vec::new()));
            }
        }
        open.look_at_time(&mut outputs);
        self.view_id = open.views.view_id();
        if before != open.views.stamp() {
            // What was meant for an earlier view is no longer wanted in any.
            (self.outbox_length, self.outbox) = (0, VecDeque::new());
        }
        for output in outputs {
            match output {
                Output::Tell(event) => {
                    let stamp = match &event {
                        GroupEvent::View(view) => open.views.stamp_of(view.id),
                        _ => None,
                    };
                    self.events.push_back((event, stamp));
                }
                Output::RefuseShutdown => open.connection.refuse_shutdown(),
                Output::Send(frame) => self.words.push_back(frame.encode()),
            }
        }
        self.flush();
    }

    fn flush(&mut self) {
        loop {
            let Link::Open(open) = &self.link else { return };
            let sent = match self.words.front() {
                Some(word) => open.connection.send(word).map(|sent| (sent, 0)),
                None if self.outbox.is_empty() => return,
                None => {
                    let count = fitting(&self.outbox, open.connection.length_max.min(PIECE_MAX));
                    let frames = || self.outbox.iter().take(count).map(Vec::as_slice);
                    let sent = if count == 1 { open.connection.send(&self.outbox[0]) } else { open.connection.send(&join(frames())) };
                    sent.map(|sent| (sent, count))
                }
            };
            match sent {
                Ok((Sent::Yes, 0)) => drop(self.words.pop_front()),
                Ok((Sent::Yes, count)) => self.outbox_length -= self.outbox.drain(..count).map(|frame| frame.len()).sum::<usize>(),
                Ok((Sent::NotNow, _)) => return,
                Err(error) => self.close(&error.to_string()),
            }
        }
    }

    /// Invariant: nothing that arrived before is handed out after this; the member starts from the next view.
    fn close(&mut self, reason: &str) {
        self.link = Link::Closed(Instant::now() + RETRY);
        self.words.clear();
        (self.outbox_length, self.outbox) = (0, VecDeque::new());
        self.events.clear();
        if !self.is_lost {
            self.events.push_back((GroupEvent::Lost { reason: reason.to_owned() }, None));
        }
    }
}

/// Returns how many of these frames fit into one message, at least the first.
fn fitting(frames: &VecDeque<Vec<u8>>, length_max: usize) -> usize {
    let lengths = frames.iter().scan(SEVERAL_HEAD, |length, frame| {
        *length += JOIN_HEAD + frame.len();
        Some(*length)
    });
    lengths.take_while(|length| *length <= length_max).count().max(1)
}

impl Open {
    /// Returns which services may have something to tell. One system call finds out; each dispatch would take several.
    fn with_news(&mut self) -> [bool; 3] {
        let now = Instant::now();
        let mut polled = self.descriptors.each_ref().map(|descriptor| PollFd::new(descriptor, PollFlags::IN));
        if self.look_up_at <= now || poll(&mut polled, Some(&Timespec::default())).is_err() {
            self.look_up_at = now + LOOK_UP;
            return [true; 3];
        }
        polled.map(|polled| !polled.revents().is_empty())
    }

    /// Waits until there may be something to do.
    async fn news(&self, has_to_send: bool) {
        let [group, quorum, shutdown] = &self.descriptors;
        let wait = if has_to_send { OFFER_AGAIN } else { LOOK_UP };
        let until = self.overdue.map_or(Instant::now() + wait, |overdue| overdue.min(Instant::now() + wait));
        tokio::select! {
            Ok(mut guard) = group.readable() => guard.clear_ready(),
            Ok(mut guard) = quorum.readable() => guard.clear_ready(),
            Ok(mut guard) = shutdown.readable() => guard.clear_ready(),
            () = tokio::time::sleep_until(until) => {}
        }
    }

    /// Begins, ends or ends in vain the wait for those who have not spoken.
    fn look_at_time(&mut self, outputs: &mut Vec<Output>) {
        let now = Instant::now();
        match (self.views.is_waiting(), self.overdue) {
            (false, _) => self.overdue = None,
            (true, None) => self.overdue = Some(now + SPEAK_WAIT),
            (true, Some(overdue)) if overdue <= now => {
                outputs.push(self.views.overdue());
                self.overdue = Some(now + SPEAK_WAIT);
            }
            (true, Some(_)) => {}
        }
    }
}
