//! The hub process: its socket, its connections and its clock around the rules in `state`.
//!
//! Every connection has a reader and a writer task with bounded queues, so that one that floods, sticks or
//! sends rubbish is cut off and holds up nobody else.

use crate::HubOptions;
use crate::protocol::{FRAME_LENGTH_MAX, FromHub, ToHub};
use crate::state::{Connection, Output, State};
use messages::frame::{FrameBuffer, encode};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, LocalSet, spawn_local};
use tokio::time::Instant;

/// What may wait for one connection before it is given up, in bytes.
const QUEUE_MAX: usize = 64 * 1024 * 1024;
/// How long a new hub waits for all nodes before it announces a first view: an earlier hub's clients try again ten times a second.
const GATHER: Duration = Duration::from_millis(500);

/// How long a connection that was cut off may take to read why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs the hub until it is asked to end (SIGTERM, SIGINT). Blocks.
pub fn run(options: HubOptions) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = listen(&options)?;
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            result = serve(listener, &options) => result,
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
        }
    })
}

/// Binds the socket; a stale file of a hub that is gone is replaced, a living hub is not.
fn listen(options: &HubOptions) -> io::Result<UnixListener> {
    let path: &Path = &options.socket;
    if path.exists() {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, format!("another hub serves {}", path.display())));
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    if let Some((_, group)) = options.daemons {
        std::os::unix::fs::chown(path, None, Some(group))?;
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// What a connection's reader tells the loop.
enum Input {
    Frame(Connection, ToHub),
    Closed(Connection),
}

/// What the loop keeps of a connection.
struct Wire {
    queue: mpsc::UnboundedSender<Arc<[u8]>>,
    queued: Rc<Cell<usize>>,
    reader: AbortHandle,
    writer: AbortHandle,
}

/// Serves one listener for ever, on the local task set it is called in.
async fn serve(listener: UnixListener, options: &HubOptions) -> io::Result<()> {
    let start = Instant::now();
    let mut state = State::new(&options.nodes, options.silence_max, first_view_id(), Duration::ZERO, GATHER);
    let mut wires: BTreeMap<Connection, Wire> = BTreeMap::new();
    let (tell, mut told) = mpsc::channel(256);
    let mut beat = tokio::time::interval(options.silence_max / 5);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut next: Connection = 1;
    loop {
        let outputs = tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted && is_allowed(&stream, options.daemons) {
                    wires.insert(next, open(next, stream, tell.clone()));
                    next += 1;
                }
                Vec::new()
            }
            Some(input) = told.recv() => act(&mut state, start.elapsed(), input, &mut wires),
            _ = beat.tick() => state.tick(start.elapsed()),
        };
        deliver(&mut state, start.elapsed(), outputs, &mut wires);
    }
}

/// Ids grow over restarts of the hub as long as the calendar clock does.
fn first_view_id() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64
}

/// Root, the hub's own user and group, and the user that daemons run as.
fn is_allowed(stream: &UnixStream, daemons: Option<(u32, u32)>) -> bool {
    let own = rustix::process::geteuid().as_raw();
    let is_daemons = |uid: u32| daemons.is_some_and(|(user, _)| user == uid);
    stream.peer_cred().is_ok_and(|peer| {
        peer.uid() == 0 || peer.uid() == own || is_daemons(peer.uid()) || peer.gid() == rustix::process::getegid().as_raw()
    })
}

fn act(state: &mut State, now: Duration, input: Input, wires: &mut BTreeMap<Connection, Wire>) -> Vec<Output> {
    match input {
        Input::Closed(connection) => {
            wires.remove(&connection);
            state.closed(now, connection, false)
        }
        Input::Frame(connection, frame) => {
            state.heard(now, connection);
            match frame {
                ToHub::Hello { node, role } => state.hello(now, connection, node, role),
                ToHub::Send { view, payload } => state.send(connection, view, payload),
                ToHub::Pong => Vec::new(),
                ToHub::Leave => {
                    let mut outputs = state.closed(now, connection, true);
                    outputs.push(Output::Close(connection));
                    outputs
                }
                ToHub::HostRemains => {
                    state.host_remains(now, connection);
                    Vec::new()
                }
                ToHub::Control(request) => {
                    let (answer, mut outputs) = state.control(now, &request);
                    outputs.push(Output::Send { to: vec![connection], message: FromHub::Controlled(answer) });
                    outputs
                }
            }
        }
    }
}

/// Queues what the state ordered; a connection that takes nothing is evicted, which may order more.
fn deliver(state: &mut State, now: Duration, outputs: Vec<Output>, wires: &mut BTreeMap<Connection, Wire>) {
    let mut todo = std::collections::VecDeque::from(outputs);
    while let Some(output) = todo.pop_front() {
        match output {
            Output::Close(connection) => {
                if let Some(wire) = wires.remove(&connection) {
                    wire.reader.abort();
                    // The writer sends what is queued and ends, unless the other side takes nothing.
                    spawn_local(async move {
                        tokio::time::sleep(LAST_WORDS).await;
                        wire.writer.abort();
                    });
                }
            }
            Output::Send { to, message } => {
                let frame: Arc<[u8]> = encode(&message).into();
                for connection in to {
                    let Some(wire) = wires.get(&connection) else { continue };
                    // One frame always goes, however long: a whole configuration must not cost a member its place.
                    if wire.queued.get() > QUEUE_MAX {
                        todo.extend(state.stuck(now, connection));
                        todo.push_back(Output::Close(connection));
                    } else {
                        wire.queued.set(wire.queued.get() + frame.len());
                        // A writer that ended has closed the connection; its reader reports that.
                        let _ = wire.queue.send(frame.clone());
                    }
                }
            }
        }
    }
}

fn open(connection: Connection, stream: UnixStream, tell: mpsc::Sender<Input>) -> Wire {
    let (from, to) = stream.into_split();
    let (queue, waiting) = mpsc::unbounded_channel();
    let queued = Rc::new(Cell::new(0));
    let writer = spawn_local(write(to, waiting, queued.clone()));
    let reader = spawn_local(async move {
        read(connection, from, &tell).await;
        // Fails only when the hub itself ends.
        let _ = tell.send(Input::Closed(connection)).await;
    });
    Wire { queue, queued, reader: reader.abort_handle(), writer: writer.abort_handle() }
}

/// Reads frames until the stream ends or sends what is none.
async fn read(connection: Connection, mut from: OwnedReadHalf, tell: &mpsc::Sender<Input>) {
    let mut frames = FrameBuffer::new(FRAME_LENGTH_MAX);
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        frames.push(&bytes[..length]);
        loop {
            match frames.take::<ToHub>() {
                Ok(Some(frame)) => {
                    if tell.send(Input::Frame(connection, frame)).await.is_err() {
                        return;
                    }
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

async fn write(mut to: OwnedWriteHalf, mut waiting: mpsc::UnboundedReceiver<Arc<[u8]>>, queued: Rc<Cell<usize>>) {
    while let Some(frame) = waiting.recv().await {
        let result = to.write_all(&frame).await;
        queued.set(queued.get() - frame.len());
        if result.is_err() {
            return;
        }
    }
}
