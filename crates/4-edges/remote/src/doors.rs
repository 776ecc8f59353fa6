//! The ports by which the cluster is administered from other hosts, and a task for each client that has come in by one.
//!
//! Who does not prove at once who it is, is shown out; strangers are few at a time, and each address has a share of their places.

use crate::cib_words::{self, Login};
use crate::credentials::Certificates;
use crate::gnutls::{Proof, Session, Side};
use crate::stream::Stream;
use crate::talk::{Output, Talk};
use messages::agent::Secret;
use messages::client::{Account, ClientReply, ClientRequest};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

/// Compat: how long a client may take to say who it is.
const LOGIN: Duration = Duration::from_secs(10);
/// How long its password may be looked at.
const VERDICT: Duration = Duration::from_secs(60);
/// How many may be on their way in at a time, and how many of one address.
const STRANGERS_MAX: usize = 64;
const STRANGERS_OF_ADDRESS_MAX: usize = 8;
/// How many clients there may be at a time.
const CLIENTS_MAX: usize = 256;
/// The longest message of a stranger.
const LOGIN_MESSAGE_MAX: usize = 16 << 10;
/// How many requests of a client are taken before it has to wait for an answer.
const OPEN_MAX: usize = 64;
/// When a port that could not be opened is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// What clients from other hosts do.
#[derive(Debug)]
pub enum DoorEvent {
    /// Somebody wants to come in; to be answered by [`Doors::admit`].
    Login { client: u64, user: String, password: Secret },
    /// `user` is the one whose access rules apply; `None` for the cluster's own user.
    Request { client: u64, user: Option<Account>, request: ClientRequest },
    /// The connection of somebody who had come in ended.
    Gone { client: u64 },
    /// Something that a person should know.
    Said(String),
}

enum Told {
    Login { client: u64, user: String, password: Secret },
    Request { client: u64, request: ClientRequest },
    Gone { client: u64, reason: String },
}

/// What a client's task is told to do.
enum Order {
    Admit,
    Reply(ClientReply),
}

struct Guest {
    door: usize,
    from: SocketAddr,
    orders: UnboundedSender<Order>,
    task: AbortHandle,
    /// The name it wants to come in by; then whose rules apply.
    name: String,
    user: Option<Account>,
    is_in: bool,
}

impl Guest {
    fn address(&self) -> IpAddr {
        self.from.ip().to_canonical()
    }
}

/// The listening sockets with their connections.
pub struct Doors {
    root: PathBuf,
    /// Over TLS, and in the clear.
    ports: [Option<u16>; 2],
    listeners: [Option<TcpListener>; 2],
    /// What was said last of a port that could not be opened.
    said: [Option<String>; 2],
    again: Option<Instant>,
    guests: BTreeMap<u64, Guest>,
    next_client: u64,
    tell: Sender<Told>,
    told: Receiver<Told>,
    waiting: VecDeque<DoorEvent>,
}

impl Doors {
    /// Returns doors that are all closed, of the host below `root`. Clients are numbered from `first_client`.
    pub fn new(root: impl Into<PathBuf>, first_client: u64) -> Self {
        let (tell, told) = channel(64);
        let (next_client, waiting) = (first_client, VecDeque::new());
        let (guests, again) = (BTreeMap::new(), None);
        let (root, ports, listeners, said) = (root.into(), [None; 2], [None, None], [None, None]);
        Self { root, ports, listeners, said, again, guests, next_client, tell, told, waiting }
    }

    /// Opens these ports and closes others; who came in by one that is closed is shown out. To be called inside a tokio runtime.
    pub fn listen(&mut self, tls: Option<u16>, clear: Option<u16>) {
        for (door, port) in [tls, clear].into_iter().enumerate() {
            if self.ports[door] == port {
                continue;
            }
            (self.ports[door], self.listeners[door], self.said[door]) = (port, None, None);
            let gone: Vec<u64> = self.guests.iter().filter(|(_, guest)| guest.door == door).map(|(client, _)| *client).collect();
            gone.into_iter().for_each(|client| self.show_out(client));
        }
        self.open();
    }

    fn open(&mut self) {
        self.again = None;
        for door in 0..2 {
            let (Some(port), None) = (self.ports[door], &self.listeners[door]) else { continue };
            let certificates = (door == 0).then(|| Certificates::from_environment(&self.root)).flatten();
            let how = match (door, &certificates) {
                (0, Some(_)) => "over TLS with certificates",
                (0, None) => "over TLS",
                _ => "in the clear",
            };
            // Certificates that are of no use must not lead to a port that judges nobody by them, nor to one that lets nobody in.
            let usable = certificates.map(|files| Session::new(Side::Server, Proof::Certificates(&files))).transpose();
            let said = match usable.map_err(|error| error.to_string()).and_then(|_| bind(port).map_err(|error| error.to_string())) {
                Ok(listener) => {
                    self.listeners[door] = Some(listener);
                    format!("the cluster can be administered on port {port}, {how}")
                }
                Err(error) => {
                    self.again = Some(Instant::now() + AGAIN_AFTER);
                    format!("the cluster cannot be administered on port {port}, {how}: {error}")
                }
            };
            if self.said[door].as_ref() != Some(&said) {
                self.waiting.push_back(DoorEvent::Said(said.clone()));
                self.said[door] = Some(said);
            }
        }
    }

    /// Returns the next thing a client does. May be dropped at any await.
    pub async fn next(&mut self) -> DoorEvent {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return event;
            }
            let [tls, clear] = &self.listeners;
            let again = self.again;
            tokio::select! {
                Some(told) = self.told.recv() => if let Some(event) = self.heard(told) {
                    return event;
                },
                accepted = accept(tls) => self.knocked(0, accepted).await,
                accepted = accept(clear) => self.knocked(1, accepted).await,
                () = due(again) => self.open(),
            }
        }
    }

    fn heard(&mut self, told: Told) -> Option<DoorEvent> {
        match told {
            Told::Login { client, user, password } => {
                self.guests.get_mut(&client)?.name.clone_from(&user);
                Some(DoorEvent::Login { client, user, password })
            }
            Told::Request { client, request } => {
                let user = self.guests.get(&client)?.user.clone();
                Some(DoorEvent::Request { client, user, request })
            }
            Told::Gone { client, reason } => {
                let guest = self.guests.remove(&client)?;
                match guest.is_in {
                    true => Some(DoorEvent::Gone { client }),
                    false => Some(DoorEvent::Said(format!("{} was not let in: {reason}", guest.address()))),
                }
            }
        }
    }

    async fn knocked(&mut self, door: usize, accepted: std::io::Result<(TcpStream, SocketAddr)>) {
        // Who has left makes room, also where that has not been heard yet.
        while let Ok(told) = self.told.try_recv() {
            let event = self.heard(told);
            self.waiting.extend(event);
        }
        match accepted {
            Ok((socket, from)) if self.has_room(from.ip()) => self.receive(door, socket, from),
            // It is closed at once: whoever has to wait outside keeps others out.
            Ok(_) => {}
            // Out of descriptors, most likely: connections that end will help.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }

    fn has_room(&self, address: IpAddr) -> bool {
        let strangers = || self.guests.values().filter(|guest| !guest.is_in);
        self.guests.len() < CLIENTS_MAX + STRANGERS_MAX
            && strangers().count() < STRANGERS_MAX
            && strangers().filter(|guest| guest.from.ip() == address).count() < STRANGERS_OF_ADDRESS_MAX
    }

    fn receive(&mut self, door: usize, socket: TcpStream, from: SocketAddr) {
        let client = self.next_client;
        self.next_client += 1;
        let (orders, ordered) = unbounded_channel();
        let (tell, root) = (self.tell.clone(), self.root.clone());
        let task = tokio::spawn(async move {
            let reason = visit(client, introduce(door == 0, socket, &root), ordered, &tell).await;
            // Fails only when the daemon itself ends.
            let _ = tell.send(Told::Gone { client, reason }).await;
        });
        let guest = Guest { door, from, orders, task: task.abort_handle(), name: String::new(), user: None, is_in: false };
        self.guests.insert(client, guest);
    }

    /// Lets somebody in, or shows it out. `verdict` holds the groups of the user, or why it is not let in.
    pub fn admit(&mut self, client: u64, verdict: Result<Vec<String>, String>) {
        let is_full = self.guests.values().filter(|guest| guest.is_in).count() >= CLIENTS_MAX;
        let Some(guest) = self.guests.get_mut(&client) else { return };
        let (name, address) = (guest.name.clone(), guest.address());
        let verdict = if is_full { Err("there are too many clients".to_owned()) } else { verdict };
        match verdict {
            Ok(groups) => {
                guest.is_in = true;
                // Compat: access rules do not apply to the cluster's own user.
                guest.user = (!matches!(name.as_str(), "root" | "hacluster")).then(|| Account { name: name.clone(), groups });
                let _ = guest.orders.send(Order::Admit);
                self.waiting.push_back(DoorEvent::Said(format!("{name} administers the cluster from {address}")));
            }
            Err(reason) => {
                self.show_out(client);
                self.waiting.push_back(DoorEvent::Said(format!("{name:?} at {address} was not let in: {reason}")));
            }
        }
    }

    /// Sends a reply; one for a client that is gone is dropped.
    pub fn reply(&mut self, client: u64, reply: ClientReply) {
        if let Some(guest) = self.guests.get(&client) {
            let _ = guest.orders.send(Order::Reply(reply));
        }
    }

    fn show_out(&mut self, client: u64) {
        let Some(guest) = self.guests.remove(&client) else { return };
        guest.task.abort();
        if guest.is_in {
            self.waiting.push_back(DoorEvent::Gone { client });
        }
    }
}

/// Listens on every address.
fn bind(port: u16) -> std::io::Result<TcpListener> {
    let every = if std::path::Path::new("/proc/net/if_inet6").exists() { IpAddr::from([0u16; 8]) } else { IpAddr::from([0u8; 4]) };
    let listener = std::net::TcpListener::bind((every, port))?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

async fn accept(listener: &Option<TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// One client, from its knock to its end; returns why it ended.
async fn visit(
    client: u64,
    introduced: impl Future<Output = Result<(Stream, Login), String>>,
    mut orders: UnboundedReceiver<Order>,
    tell: &Sender<Told>,
) -> String {
    let (mut stream, login) = match timeout(LOGIN, introduced).await {
        Ok(Ok(introduced)) => introduced,
        Ok(Err(reason)) => return reason,
        Err(_) => return "it did not say in time who it is".to_owned(),
    };
    let Login { user, password, program } = login;
    if tell.send(Told::Login { client, user, password }).await.is_err() {
        return String::new();
    }
    match timeout(VERDICT, orders.recv()).await {
        Ok(Some(_)) => {}
        Ok(None) => return String::new(),
        Err(_) => return "its password could not be checked in time".to_owned(),
    }
    stream.limit(crate::frame::LENGTH_MAX);
    let token = format!("systole-{client}");
    stream.send(&cib_words::welcome(&token));
    let mut talk = Talk::new(token, program);
    loop {
        tokio::select! {
            message = stream.receive(), if talk.open() < OPEN_MAX => match message {
                Ok(message) => for output in talk.heard(&message) {
                    match output {
                        Output::Say(element) => stream.send(&element),
                        Output::Ask(request) => if tell.send(Told::Request { client, request }).await.is_err() {
                            return String::new();
                        },
                    }
                },
                Err(reason) => return reason,
            },
            order = orders.recv() => match order {
                Some(Order::Reply(reply)) => if let Some(element) = talk.answered(reply) {
                    stream.send(&element);
                },
                Some(Order::Admit) => {}
                None => return String::new(),
            },
        }
    }
}

/// Does the handshake, if there is to be one, and hears who it is.
async fn introduce(is_tls: bool, socket: TcpStream, root: &Path) -> Result<(Stream, Login), String> {
    let mut stream = if is_tls {
        let certificates = Certificates::from_environment(root);
        Stream::open(Side::Server, socket, certificates.as_ref().map_or(Proof::Nobody, Proof::Certificates)).await?
    } else {
        Stream::in_the_clear(socket)?
    };
    stream.limit(LOGIN_MESSAGE_MAX);
    let message = stream.receive().await?;
    let login = cib_words::read_login(&message).ok_or("it did not log in")?;
    Ok((stream, login))
}
