//! A node's side of the hub: connects, connects again, and gives the group's events in their order.
//!
//! A process that stood still (SIGSTOP, a stuck loop) learns that it was evicted before it sees anything
//! that was still on its way to it.

use crate::protocol::{FRAME_LENGTH_MAX, FromHub, Role, ToHub};
use messages::frame::{FrameBuffer, encode};
use messages::group::{GroupCommand, GroupEvent};
use model::NodeName;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::Instant;

/// How often a hub that is not there is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// A hub that is silent for this long is gone; it speaks five times in the time it allows its clients to be silent.
const HUB_SILENCE_MAX: Duration = Duration::from_secs(3);
/// A client that was not polled for this long stood still, and the hub has evicted it or is about to.
const STOOD_STILL: Duration = Duration::from_millis(900);
/// While it waits the client looks up this often, to know afterwards that it did not stand still.
const LOOK_UP: Duration = Duration::from_millis(250);
/// What may wait for the hub to read it, in bytes.
const QUEUE_MAX: usize = 64 * 1024 * 1024;

/// A connection to the hub that mends itself.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    node: NodeName,
    role: Role,
    stream: Option<UnixStream>,
    frames: FrameBuffer,
    outbox: Vec<u8>,
    events: VecDeque<GroupEvent>,
    /// The view last handed out: what is sent belongs to it.
    view: Option<u64>,
    /// Whether `Lost` was told since the last view, or there never was one.
    is_lost: bool,
    has_left: bool,
    retry_at: Instant,
    heard: Instant,
    polled: Instant,
}

impl Client {
    /// Makes a client; it connects when it is first asked for an event.
    pub fn new(socket: impl Into<PathBuf>, node: NodeName, role: Role) -> Self {
        let now = Instant::now();
        Self {
            socket: socket.into(),
            node,
            role,
            stream: None,
            frames: FrameBuffer::new(FRAME_LENGTH_MAX),
            outbox: Vec::new(),
            events: VecDeque::new(),
            view: None,
            is_lost: false,
            has_left: false,
            retry_at: now,
            heard: now,
            polled: now,
        }
    }

    /// Returns the next event; waits for it, also through the absence of the hub. May be dropped at any await.
    pub async fn next(&mut self) -> GroupEvent {
        loop {
            if let Some(event) = self.ready() {
                return event;
            }
            let Some(stream) = &self.stream else {
                if self.has_left {
                    return std::future::pending().await;
                }
                tokio::time::sleep_until(self.retry_at).await;
                self.connect();
                continue;
            };
            let interest = if self.outbox.is_empty() {
                tokio::io::Interest::READABLE
            } else {
                tokio::io::Interest::READABLE | tokio::io::Interest::WRITABLE
            };
            match tokio::time::timeout(LOOK_UP, stream.ready(interest)).await {
                Ok(Ok(_)) => self.flush(),
                Ok(Err(error)) => self.disconnect(&format!("the connection to the hub failed: {error}")),
                Err(_) if self.heard.elapsed() > HUB_SILENCE_MAX && !self.stood_still() => self.disconnect("the hub is silent"),
                Err(_) => {}
            }
        }
    }

    /// Returns what is known without waiting: to be asked before acting on anything else, since it is here that
    /// a process which stood still learns that it was evicted.
    pub fn ready(&mut self) -> Option<GroupEvent> {
        if self.stood_still() && self.stream.is_some() {
            self.disconnect("this process stood still and was taken for dead");
        }
        self.polled = Instant::now();
        self.receive();
        if self.has_left {
            self.events.clear();
        }
        let event = self.events.pop_front()?;
        match &event {
            GroupEvent::View(view) => (self.view, self.is_lost) = (Some(view.id), false),
            GroupEvent::Lost { .. } => (self.view, self.is_lost) = (None, true),
            GroupEvent::Message { .. } => {}
        }
        Some(event)
    }

    /// Carries out a command. What is sent while there is no view goes nowhere, as the group's promise says.
    pub fn command(&mut self, command: GroupCommand) {
        match command {
            GroupCommand::Send { payload } => {
                if let Some(view) = self.view {
                    self.queue(&ToHub::Send { view, payload });
                }
            }
            GroupCommand::Leave => {
                self.queue(&ToHub::Leave);
                self.has_left = true;
            }
        }
    }

    /// Tells the hub that this host's root role died but the host did not, so that it has time to return.
    pub fn say_host_remains(&mut self) {
        self.queue(&ToHub::HostRemains);
    }

    fn stood_still(&self) -> bool {
        self.polled.elapsed() > STOOD_STILL
    }

    fn queue(&mut self, message: &ToHub) {
        if self.stream.is_some() {
            self.outbox.extend(encode(message));
            self.flush();
            if self.outbox.len() > QUEUE_MAX {
                self.disconnect("the hub does not read what is sent to it");
            }
        }
    }

    /// Does not wait: a connection half made would be lost with the future that makes it.
    fn connect(&mut self) {
        self.retry_at = Instant::now() + RETRY;
        match connect_at_once(&self.socket) {
            Ok(stream) => {
                self.stream = Some(stream);
                self.heard = Instant::now();
                self.polled = self.heard;
                self.queue(&ToHub::Hello { node: self.node.clone(), role: self.role.clone() });
            }
            Err(error) => self.tell_lost(&format!("no hub at {}: {error}", self.socket.display())),
        }
    }

    fn flush(&mut self) {
        let Some(stream) = &self.stream else { return };
        let mut sent = 0;
        let failure = loop {
            if sent == self.outbox.len() {
                break None;
            }
            match stream.try_write(&self.outbox[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break None,
                // Said by the reading side too, which first takes what the hub said last.
                Err(error) => break Some(error),
            }
        };
        self.outbox.drain(..sent);
        if self.outbox.is_empty() {
            self.outbox.shrink_to(16 * 1024);
        }
        if failure.is_some() {
            self.outbox.clear();
        }
    }

    /// Takes everything the hub sent. If it ends in an eviction or the end of the stream, only that counts.
    fn receive(&mut self) {
        let mut bytes = [0; 8 * 1024];
        while let Some(stream) = &self.stream {
            match stream.try_read(&mut bytes) {
                Ok(0) => self.disconnect("the hub closed the connection"),
                Ok(length) => {
                    self.heard = Instant::now();
                    self.frames.push(&bytes[..length]);
                    self.take_frames();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => self.disconnect(&format!("the connection to the hub failed: {error}")),
            }
        }
    }

    fn take_frames(&mut self) {
        loop {
            match self.frames.take::<FromHub>() {
                Ok(Some(FromHub::View(view))) => self.events.push_back(GroupEvent::View(view)),
                Ok(Some(FromHub::Message { from, payload })) => self.events.push_back(GroupEvent::Message { from, payload }),
                Ok(Some(FromHub::Ping)) => self.queue(&ToHub::Pong),
                Ok(Some(FromHub::Evicted { reason })) => return self.disconnect(&format!("the hub gave this node up: {reason}")),
                Ok(Some(FromHub::Refused { reason })) => return self.disconnect(&format!("the hub refuses this node: {reason}")),
                Ok(Some(FromHub::Controlled(_))) => {}
                Ok(None) => return,
                Err(error) => return self.disconnect(&error.to_string()),
            }
        }
    }

    /// Invariant: nothing that arrived before is handed out after this; the member starts from the next view.
    fn disconnect(&mut self, reason: &str) {
        self.stream = None;
        self.frames.clear();
        self.outbox.clear();
        self.events.clear();
        self.retry_at = Instant::now() + RETRY;
        self.tell_lost(reason);
    }

    fn tell_lost(&mut self, reason: &str) {
        let is_told = self.is_lost || self.events.iter().any(|event| matches!(event, GroupEvent::Lost { .. }));
        if !is_told {
            self.events.push_back(GroupEvent::Lost { reason: reason.to_owned() });
        }
    }
}

/// Connects to a local socket or fails; a hub that accepts nobody is as good as none.
fn connect_at_once(path: &Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    UnixStream::from_std(socket.into())
}
