//! The remote node's listening socket, and a task for each member that is connected.

use crate::credentials::NodeCredentials;
use crate::gnutls::Side;
use crate::stream::Stream;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use xml::Element;

/// How long whoever connects may take to prove that it has the key, or a certificate.
const PROOF: Duration = Duration::from_secs(10);
/// How many may be trying to prove it at a time: who does not have the key cannot keep out who has.
const STRANGERS_MAX: usize = 64;

/// What members do.
#[derive(Debug)]
pub enum Heard {
    Connected {
        member: u64,
        from: SocketAddr,
    },
    Message {
        member: u64,
        message: Element,
    },
    Gone {
        member: u64,
        reason: String,
    },
    /// Somebody without the key, or one who speaks something else.
    Refused {
        from: SocketAddr,
        reason: String,
    },
}

/// The listening socket with its connections.
pub struct Server {
    root: PathBuf,
    listener: TcpListener,
    next_member: u64,
    tell: Sender<Told>,
    told: Receiver<Told>,
    members: BTreeMap<u64, UnboundedSender<Element>>,
    strangers: usize,
}

enum Told {
    Connected { member: u64, from: SocketAddr, outbox: UnboundedSender<Element> },
    Message { member: u64, message: Element },
    Gone { member: u64, reason: String },
    Refused { from: SocketAddr, reason: String },
}

impl Server {
    /// Listens. The key, or the certificates, are read anew for each member, below `root`.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn bind(root: impl Into<PathBuf>, address: IpAddr, port: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind((address, port)).await?;
        let (tell, told) = channel(64);
        Ok(Self { root: root.into(), listener, next_member: 1, tell, told, members: BTreeMap::new(), strangers: 0 })
    }

    /// Returns the next thing a member does. May be dropped at any await.
    pub async fn next(&mut self) -> Heard {
        loop {
            tokio::select! {
                Some(told) = self.told.recv() => match told {
                    Told::Connected { member, from, outbox } => {
                        self.strangers -= 1;
                        self.members.insert(member, outbox);
                        return Heard::Connected { member, from };
                    }
                    Told::Refused { from, reason } => {
                        self.strangers -= 1;
                        return Heard::Refused { from, reason };
                    }
                    Told::Message { member, message } => return Heard::Message { member, message },
                    Told::Gone { member, reason } => {
                        self.members.remove(&member);
                        return Heard::Gone { member, reason };
                    }
                },
                accepted = self.listener.accept(), if self.strangers < STRANGERS_MAX => match accepted {
                    Ok((socket, from)) => self.welcome(socket, from),
                    // Out of descriptors, most likely: connections that end will help.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                },
            }
        }
    }

    fn welcome(&mut self, socket: TcpStream, from: SocketAddr) {
        let member = self.next_member;
        self.next_member += 1;
        self.strangers += 1;
        let (root, tell) = (self.root.clone(), self.tell.clone());
        tokio::spawn(async move {
            let opened = match NodeCredentials::read(&root) {
                Ok(ours) => tokio::time::timeout(PROOF, Stream::open(Side::Server, socket, ours.proof())).await,
                Err(reason) => Ok(Err(reason)),
            };
            let stream = match opened.unwrap_or_else(|_| Err("it did not prove in time that it is a member".to_owned())) {
                Ok(stream) => stream,
                Err(reason) => return drop(tell.send(Told::Refused { from, reason }).await),
            };
            let (outbox, orders) = unbounded_channel();
            if tell.send(Told::Connected { member, from, outbox }).await.is_ok() {
                let reason = serve(member, stream, orders, &tell).await;
                let _ = tell.send(Told::Gone { member, reason }).await;
            }
        });
    }

    /// Sends a message; one to a member that is gone is dropped.
    pub fn send(&self, member: u64, message: Element) {
        if let Some(outbox) = self.members.get(&member) {
            let _ = outbox.send(message);
        }
    }
}

/// Carries messages until the connection ends; returns why it did.
async fn serve(member: u64, mut stream: Stream, mut orders: UnboundedReceiver<Element>, tell: &Sender<Told>) -> String {
    loop {
        tokio::select! {
            message = stream.receive() => match message {
                Ok(message) => {
                    if tell.send(Told::Message { member, message }).await.is_err() {
                        return "this side ends".to_owned();
                    }
                }
                Err(reason) => return reason,
            },
            order = orders.recv() => match order {
                Some(message) => stream.send(&message),
                None => {
                    stream.close();
                    return "this side ends".to_owned();
                }
            },
        }
    }
}
