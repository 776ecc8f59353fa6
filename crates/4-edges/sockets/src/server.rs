//! The daemon's socket for local clients: who may connect, frames in, replies out, each connection for itself.

use crate::access::{Access, access};
use messages::client::{Account, ClientError, ClientReply, ClientRequest};
use messages::frame::{FrameBuffer, encode};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

/// The longest request, in bytes: a whole CIB fits.
const REQUEST_MAX: usize = 64 * 1024 * 1024;
/// What may wait for a client to read it before it is cut off, in bytes and in messages.
const QUEUE_MAX: usize = 64 * 1024 * 1024;
const MESSAGES_MAX: usize = 10_000;
/// How many requests of one client are taken before it has to wait for a reply.
const OPEN_MAX: usize = 64;
/// How many clients there may be at a time, and how many of one user to whom access rules apply: nobody keeps others out.
const CLIENTS_MAX: usize = 4096;
const CLIENTS_OF_USER_MAX: usize = 1024;
/// What all clients together may have sent of requests that are not whole yet, in bytes; beyond it, who adds much is cut off.
const UNREAD_MAX: usize = 256 * 1024 * 1024;
const UNREAD_SHARE: usize = 1024 * 1024;

/// What clients do.
#[derive(Debug)]
pub enum SocketEvent {
    /// `user` is the one whose access rules apply; `None` for root and the cluster's own user.
    Request { client: u64, user: Option<Account>, request: ClientRequest },
    /// The connection ended.
    Gone { client: u64 },
}

#[derive(Debug)]
struct Connection {
    /// The user, if access rules apply.
    user: Option<String>,
    queue: mpsc::UnboundedSender<Vec<u8>>,
    load: Arc<Load>,
    task: AbortHandle,
}

/// How much one client has open.
#[derive(Debug, Default)]
struct Load {
    queued_bytes: AtomicUsize,
    queued_messages: AtomicUsize,
    open_requests: AtomicUsize,
    answered: Notify,
}

/// The listening socket with its connections.
#[derive(Debug)]
pub struct Server {
    root: PathBuf,
    path: PathBuf,
    /// Which file at `path` is ours: a later daemon may have put its own there.
    inode: u64,
    listener: UnixListener,
    connections: BTreeMap<u64, Connection>,
    next_client: u64,
    /// The bytes of requests that are not whole yet, of all clients.
    unread: Arc<AtomicUsize>,
    tell: mpsc::Sender<SocketEvent>,
    told: mpsc::Receiver<SocketEvent>,
}

impl Server {
    /// Listens on the socket of the host below `root`; a file left by a daemon that is gone is replaced.
    pub fn bind(root: &Path) -> io::Result<Self> {
        let path = crate::socket_path(root);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        if path.exists() {
            if std::os::unix::net::UnixStream::connect(&path).is_ok() {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, format!("another daemon serves {}", path.display())));
            }
            std::fs::remove_file(&path)?;
        }
        let listener = UnixListener::bind(&path)?;
        // Anybody may knock: who is let in is decided by who knocks, which the kernel tells.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666))?;
        let inode = std::fs::metadata(&path)?.ino();
        let (tell, told) = mpsc::channel(64);
        Ok(Self {
            root: root.to_owned(),
            path,
            inode,
            listener,
            connections: BTreeMap::new(),
            next_client: 1,
            unread: Arc::default(),
            tell,
            told,
        })
    }

    /// Returns the next thing a client does. May be dropped at any await.
    pub async fn next(&mut self) -> SocketEvent {
        loop {
            tokio::select! {
                Some(event) = self.told.recv() => {
                    if let SocketEvent::Gone { client } = &event && self.connections.remove(client).is_none() {
                        // It was cut off here, and that was told already.
                        continue;
                    }
                    return event;
                }
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => self.welcome(stream),
                    // Out of descriptors, most likely: clients that leave will help.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        }
    }

    /// Sends a reply; one for a client that is gone is dropped. Returns whether the client was cut off for not reading.
    pub fn reply(&mut self, client: u64, reply: &ClientReply) -> bool {
        let Some(connection) = self.connections.get(&client) else { return false };
        let load = &connection.load;
        if !matches!(reply.result, Ok(messages::client::ReplyBody::Event(_))) {
            // A subscription is answered by events only and stays open; its count of one is harmless.
            let _ = load.open_requests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| Some(open.saturating_sub(1)));
            load.answered.notify_one();
        }
        let is_stuck = !queue(&connection.queue, load, encode(reply));
        if is_stuck && let Some(connection) = self.connections.remove(&client) {
            connection.task.abort();
        }
        is_stuck
    }

    fn welcome(&mut self, stream: UnixStream) {
        let Ok(peer) = stream.peer_cred() else { return };
        let user = match access(&self.root, peer.uid(), peer.gid()) {
            _ if self.connections.len() >= CLIENTS_MAX => return,
            Access::Refused => return,
            Access::Full => None,
            Access::User(account) => Some(account),
        };
        let name = user.as_ref().map(|account| account.name.clone());
        if name.is_some() && self.connections.values().filter(|connection| connection.user == name).count() >= CLIENTS_OF_USER_MAX {
            return;
        }
        let (client, (from, to)) = (self.next_client, stream.into_split());
        self.next_client += 1;
        let load = Arc::new(Load::default());
        let (queue, waiting) = mpsc::unbounded_channel();
        let (reader_load, writer_load, tell, errors) = (load.clone(), load.clone(), self.tell.clone(), queue.clone());
        let unread = Unread { total: self.unread.clone(), own: 0 };
        let task = tokio::spawn(async move {
            tokio::select! {
                () = read(client, user, from, &tell, &reader_load, &errors, unread) => {}
                () = write(to, waiting, &writer_load) => {}
            }
            // Fails only when the daemon itself ends.
            let _ = tell.send(SocketEvent::Gone { client }).await;
        });
        self.connections.insert(client, Connection { user: name, queue, load, task: task.abort_handle() });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A client that finds no socket knows that there is no daemon.
        if std::fs::metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// One client's share of the bytes that wait to become requests.
struct Unread {
    total: Arc<AtomicUsize>,
    own: usize,
}

impl Unread {
    /// Notes what waits now; returns whether it may.
    fn set(&mut self, own: usize) -> bool {
        self.total.fetch_add(own, Ordering::Relaxed);
        let total = self.total.fetch_sub(self.own, Ordering::Relaxed) - self.own;
        self.own = own;
        total <= UNREAD_MAX || own <= UNREAD_SHARE
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.total.fetch_sub(self.own, Ordering::Relaxed);
    }
}

/// Queues bytes for a client; returns whether it still reads.
fn queue(to: &mpsc::UnboundedSender<Vec<u8>>, load: &Load, bytes: Vec<u8>) -> bool {
    let waiting = load.queued_bytes.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len();
    let messages = load.queued_messages.fetch_add(1, Ordering::Relaxed);
    // A closed queue means that the connection has ended, which its task tells.
    let _ = to.send(bytes);
    waiting <= QUEUE_MAX && messages < MESSAGES_MAX
}

/// Reads requests until the stream ends or sends what is none.
async fn read(
    client: u64,
    user: Option<Account>,
    from: OwnedReadHalf,
    tell: &mpsc::Sender<SocketEvent>,
    load: &Load,
    errors: &mpsc::UnboundedSender<Vec<u8>>,
    mut unread: Unread,
) {
    let mut frames = FrameBuffer::new(REQUEST_MAX);
    loop {
        match frames.take::<ClientRequest>() {
            Ok(Some(request)) => {
                while load.open_requests.load(Ordering::Relaxed) >= OPEN_MAX {
                    load.answered.notified().await;
                }
                load.open_requests.fetch_add(1, Ordering::Relaxed);
                if tell.send(SocketEvent::Request { client, user: user.clone(), request }).await.is_err() {
                    return;
                }
            }
            Ok(None) => {
                if from.readable().await.is_err() || !fill(&from, &mut frames) || !unread.set(frames.unread()) {
                    return;
                }
            }
            Err(error) => {
                let error = ClientError { exit_code: 65, message: error.to_string() };
                queue(errors, load, encode(&ClientReply { id: 0, result: Err(error) }));
                let sent = async {
                    while load.queued_bytes.load(Ordering::Relaxed) > 0 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                };
                let _ = tokio::time::timeout(Duration::from_secs(1), sent).await;
                return;
            }
        }
    }
}

/// Takes what is there, without a buffer that would live as long as the connection; returns whether the stream goes on.
fn fill(from: &OwnedReadHalf, frames: &mut FrameBuffer) -> bool {
    let mut bytes = [0; 16 * 1024];
    match from.try_read(&mut bytes) {
        Ok(0) => false,
        Ok(length) => {
            frames.push(&bytes[..length]);
            true
        }
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

async fn write(mut to: OwnedWriteHalf, mut waiting: mpsc::UnboundedReceiver<Vec<u8>>, load: &Load) {
    while let Some(bytes) = waiting.recv().await {
        if to.write_all(&bytes).await.is_err() {
            return;
        }
        load.queued_bytes.fetch_sub(bytes.len(), Ordering::Relaxed);
        load.queued_messages.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_much_is_cut_off_once_all_together_have_sent_too_much() {
        let total = Arc::new(AtomicUsize::new(0));
        let client = || Unread { total: total.clone(), own: 0 };
        let (mut first, mut second, mut third) = (client(), client(), client());
        assert!(first.set(UNREAD_MAX) && second.set(UNREAD_SHARE));
        assert!(!third.set(UNREAD_SHARE + 1));
        drop(third);
        assert!(first.set(0) && second.set(UNREAD_MAX));
        drop((first, second));
        assert_eq!(total.load(Ordering::Relaxed), 0);
    }
}
