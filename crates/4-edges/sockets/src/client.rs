//! The tools' side: connect to the daemon of this host, ask, and wait for the answer. Blocking.

use messages::client::{ClientBody, ClientError, ClientReply, ClientRequest, ReplyBody};
use messages::event::ClusterEvent;
use messages::frame::{FRAME_LENGTH_MAX, FrameBuffer, encode};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Exit code for "there is no daemon to talk to".
const NOT_CONNECTED: i32 = 102;
/// Exit code for "no answer in time".
const TIMED_OUT: i32 = 124;

/// Returns where the daemon of the host below `root` listens.
pub fn socket_path(root: &Path) -> PathBuf {
    root.join("run/systole/systole.sock")
}

/// Returns the root of the host this process runs on: `SYSTOLE_ROOT`, which agents of a sandbox are given, or `/`.
pub fn root_from_environment() -> PathBuf {
    std::env::var_os("SYSTOLE_ROOT").filter(|root| !root.is_empty()).map_or_else(|| PathBuf::from("/"), PathBuf::from)
}

/// A connection to the daemon.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    frames: FrameBuffer,
    program: String,
    next_id: u64,
}

impl Client {
    /// Connects to the daemon of the host below `root`. `program` is recorded with every change of the CIB.
    ///
    /// # Errors
    /// Exit code 102 when no daemon listens there.
    pub fn connect(root: &Path, program: &str) -> Result<Self, ClientError> {
        let path = socket_path(root);
        let stream = UnixStream::connect(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                not_connected(format!("the cluster is not running on this node ({}: {error})", path.display()))
            }
            _ => not_connected(format!("failed to connect to {}: {error}", path.display())),
        })?;
        Ok(Self { stream, frames: FrameBuffer::new(FRAME_LENGTH_MAX), program: program.to_owned(), next_id: 1 })
    }

    /// Asks, and waits for the answer as long as it takes.
    pub fn request(&mut self, body: ClientBody) -> Result<ReplyBody, ClientError> {
        self.request_within(body, None)
    }

    /// Asks, and waits for the answer for at most this long (exit code 124 after that; the request itself goes on).
    pub fn request_within(&mut self, body: ClientBody, limit: Option<Duration>) -> Result<ReplyBody, ClientError> {
        let id = self.send(body)?;
        let deadline = limit.map(|limit| Instant::now() + limit);
        loop {
            let reply = self.receive(deadline)?;
            // 0: the daemon could not even read the request.
            if reply.id == id || reply.id == 0 {
                return reply.result;
            }
        }
    }

    /// Turns the connection into the stream of everything that happens from now on.
    pub fn subscribe(mut self) -> Result<Subscription, ClientError> {
        let id = self.send(ClientBody::Subscribe)?;
        Ok(Subscription { client: self, id })
    }

    fn send(&mut self, body: ClientBody) -> Result<u64, ClientError> {
        let id = self.next_id;
        self.next_id += 1;
        let frame = encode(&ClientRequest { id, client: self.program.clone(), body });
        self.stream.write_all(&frame).map_err(|error| not_connected(format!("the connection to the daemon failed: {error}")))?;
        Ok(id)
    }

    fn receive(&mut self, deadline: Option<Instant>) -> Result<ClientReply, ClientError> {
        let mut bytes = [0; 16 * 1024];
        loop {
            let reply = self.frames.take().map_err(|error| ClientError { exit_code: 76, message: error.to_string() })?;
            if let Some(reply) = reply {
                return Ok(reply);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Err(timed_out());
            }
            let read = self.stream.set_read_timeout(left).and_then(|()| self.stream.read(&mut bytes));
            match read {
                Ok(0) => {
                    return Err(not_connected("the daemon closed the connection; whether the request was carried out is not known".into()));
                }
                Ok(length) => self.frames.push(&bytes[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(timed_out()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(not_connected(format!("the connection to the daemon failed: {error}"))),
            }
        }
    }
}

fn not_connected(message: String) -> ClientError {
    ClientError { exit_code: NOT_CONNECTED, message }
}

fn timed_out() -> ClientError {
    ClientError { exit_code: TIMED_OUT, message: "the daemon did not answer in time".to_owned() }
}

/// Everything that happens, until the daemon ends.
#[derive(Debug)]
pub struct Subscription {
    client: Client,
    id: u64,
}

impl Subscription {
    /// Returns the next event; `None` when there was none before `deadline`.
    pub fn next_before(&mut self, deadline: Instant) -> Result<Option<ClusterEvent>, ClientError> {
        match self.event(Some(deadline)) {
            Err(error) if error.exit_code == TIMED_OUT => Ok(None),
            other => other.map(Some),
        }
    }

    fn event(&mut self, deadline: Option<Instant>) -> Result<ClusterEvent, ClientError> {
        loop {
            let reply = self.client.receive(deadline)?;
            match reply.result {
                Ok(ReplyBody::Event(event)) if reply.id == self.id => return Ok(event),
                // That the subscription began is no event.
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Iterator for Subscription {
    type Item = Result<ClusterEvent, ClientError>;

    /// Waits for the next event. An error is the last item that makes sense.
    fn next(&mut self) -> Option<Self::Item> {
        Some(self.event(None))
    }
}
