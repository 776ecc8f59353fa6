//! Pacemaker's own tools on a remote node. The daemons they look for are not there: `pacemaker-remoted` passes what they say on to the
//! member that holds the connection, and it is answered here in these daemons' words, from what the member says in its own.
//!
//! Compat: servers, names and numbers are those of Pacemaker 2.1.5; later versions have kept them.

mod attributes;
mod controller;
mod fencer;

use crate::cib_words;
use crate::protocol::{self, number};
use crate::talk::{self, Talk};
use messages::client::{Account, ClientBody, ClientError, ClientReply, ClientRequest, ReplyBody};
use model::NodeName;
use std::collections::BTreeMap;
use xml::Element;

/// A flag of a request: the client waits for the answer to it.
const WAITS: i64 = 0x200;

/// So many clients of one remote node are served at a time, and so many requests of each; who asks for more is turned away.
pub(crate) const CLIENTS_MAX: usize = 256;
const WAITING_MAX: usize = 256;

/// What is to be done about a message.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Output {
    Ask {
        session: String,
        user: Option<Account>,
        request: ClientRequest,
    },
    /// Sends this to the other side, with the name that it gave this connection.
    Say(Element),
}

/// How the member's answer leads on.
type Then = Box<dyn FnOnce(Result<ReplyBody, ClientError>) -> Heard + Send>;

/// What a request means.
enum Heard {
    Answer(Element),
    Ask(ClientBody, Then),
    /// It was heard, and there is nothing to say.
    Nothing,
}

impl Heard {
    fn ask(body: ClientBody, then: impl FnOnce(Result<ReplyBody, ClientError>) -> Element + Send + 'static) -> Self {
        Self::Ask(body, Box::new(|result| Self::Answer(then(result))))
    }
}

/// Which daemon a client speaks to.
enum Daemon {
    /// And whether the CIB may be changed this way.
    Cib(Box<Talk>, bool),
    Attributes,
    Controller,
    /// And what the client calls itself.
    Fencer(String),
}

struct Client {
    daemon: Daemon,
    next: u64,
    /// Requests without an answer: the number of the message that the client waits with, and how it goes on.
    waiting: BTreeMap<u64, (Option<i64>, Option<Then>)>,
}

/// The clients on one remote node.
pub(crate) struct ProxiedClients {
    node: NodeName,
    clients: BTreeMap<String, Client>,
}

impl ProxiedClients {
    /// Returns the clients of a node that has just been connected: none.
    pub fn new(node: NodeName) -> Self {
        Self { node, clients: BTreeMap::new() }
    }

    /// A client looks for a daemon; returns whether it is served.
    pub fn opened(&mut self, session: &str, server: &str) -> bool {
        let talk = || Box::new(Talk::new(session, None));
        let daemon = match server {
            "cib_rw" | "cib_shm" => Daemon::Cib(talk(), true),
            "cib_ro" => Daemon::Cib(talk(), false),
            "attrd" => Daemon::Attributes,
            "crmd" => Daemon::Controller,
            "stonith-ng" => Daemon::Fencer(session.to_owned()),
            _ => return false,
        };
        if self.clients.len() >= CLIENTS_MAX {
            return false;
        }
        self.clients.insert(session.to_owned(), Client { daemon, next: 1, waiting: BTreeMap::new() });
        true
    }

    /// Returns whether this is one of them.
    pub fn has(&self, session: &str) -> bool {
        self.clients.contains_key(session)
    }

    /// A client has left; returns whether it was one of them.
    pub fn closed(&mut self, session: &str) -> bool {
        self.clients.remove(session).is_some()
    }

    /// A client asks for something.
    pub fn asked(&mut self, message: &Element) -> Vec<Output> {
        let session = message.attribute("lrmd_ipc_session").unwrap_or_default();
        let Some(client) = self.clients.get_mut(session) else { return Vec::new() };
        let Some(request) = message.child("lrmd_ipc_msg").and_then(|wrapped| wrapped.elements().next()) else { return Vec::new() };
        let waits = number(message, "lrmd_ipc_msg_flags").unwrap_or(0) & WAITS != 0;
        let waiting = number(message, "lrmd_ipc_msg_id").filter(|_| waits);
        let name = message.attribute("lrmd_ipc_client").unwrap_or(session).to_owned();
        let mut exchange = Exchange { session, user: account(message.attribute("lrmd_ipc_user")), name, outputs: Vec::new() };
        if client.waiting.len() < WAITING_MAX {
            client.heard(&self.node, request, waiting, &mut exchange);
        } else if waiting.is_some() {
            exchange.say(waiting, ack(1));
        }
        exchange.outputs
    }

    /// A member has answered.
    pub fn answered(&mut self, session: &str, reply: ClientReply) -> Vec<Output> {
        let Some(client) = self.clients.get_mut(session) else { return Vec::new() };
        let mut exchange = Exchange { session, user: None, name: String::new(), outputs: Vec::new() };
        client.answered(reply, &mut exchange);
        exchange.outputs
    }
}

/// A message of a client or for one, and what comes of it.
struct Exchange<'a> {
    session: &'a str,
    user: Option<Account>,
    name: String,
    outputs: Vec<Output>,
}

impl Exchange<'_> {
    /// Answers the message with this number, or tells the client something.
    fn say(&mut self, waiting: Option<i64>, element: Element) {
        let message = protocol::to_client(if waiting.is_some() { "response" } else { "event" }, Some(self.session));
        let message = match waiting {
            Some(number) => message.with("lrmd_ipc_msg_id", number.to_string()),
            None => message,
        };
        self.outputs.push(Output::Say(message.with_child(Element::new("lrmd_ipc_msg").with_child(element))));
    }

    fn ask(&mut self, request: ClientRequest) {
        self.outputs.push(Output::Ask { session: self.session.to_owned(), user: self.user.take(), request });
    }
}

impl Client {
    fn heard(&mut self, node: &NodeName, request: &Element, waiting: Option<i64>, exchange: &mut Exchange) {
        let heard = match &mut self.daemon {
            Daemon::Cib(..) => return self.heard_of_cib(request, waiting, exchange),
            Daemon::Attributes => attributes::heard(request),
            Daemon::Controller => {
                // Compat: that it was heard is the answer, and what comes of it is told later.
                if waiting.is_some() {
                    exchange.say(waiting, ack(0));
                }
                let heard = controller::heard(request, node);
                return if !matches!(heard, Heard::Nothing) {
                    self.go_on(heard, None, exchange)
                };
            }
            Daemon::Fencer(name) => fencer::heard(request, exchange.session, name),
        };
        self.go_on(heard, waiting, exchange);
    }

    fn go_on(&mut self, heard: Heard, waiting: Option<i64>, exchange: &mut Exchange) {
        match heard {
            Heard::Answer(element) => exchange.say(waiting, element),
            Heard::Nothing if waiting.is_some() => exchange.say(waiting, ack(0)),
            Heard::Nothing => {}
            Heard::Ask(body, then) => {
                let id = self.next;
                self.next += 1;
                self.waiting.insert(id, (waiting, Some(then)));
                let client = match &self.daemon {
                    Daemon::Fencer(name) => name.clone(),
                    _ => exchange.name.clone(),
                };
                exchange.ask(ClientRequest { id, client, body });
            }
        }
    }

    fn heard_of_cib(&mut self, request: &Element, waiting: Option<i64>, exchange: &mut Exchange) {
        let Daemon::Cib(talk, may_write) = &mut self.daemon else { return };
        let outputs = talk.heard(request);
        if request.attribute("cib_op") == Some("register") {
            return exchange.say(waiting, cib_words::welcome(exchange.session));
        }
        // A client that waits is answered in any case, if only that it was heard.
        if waiting.is_some() && !outputs.iter().any(is_answered) {
            exchange.say(waiting, ack(0));
        }
        for output in outputs {
            match output {
                talk::Output::Say(element) => exchange.say(waiting, element),
                talk::Output::Ask(request) if !*may_write && matches!(request.body, ClientBody::CibEdit { .. }) => {
                    let refused = ClientError { exit_code: 4, message: "this connection is for reading only".to_owned() };
                    let answer = talk.answered(ClientReply { id: request.id, result: Err(refused) });
                    answer.into_iter().for_each(|element| exchange.say(waiting, element));
                }
                talk::Output::Ask(request) => {
                    // Who wants to hear of changes has been told so.
                    let waiting = waiting.filter(|_| !matches!(request.body, ClientBody::FollowCib));
                    self.waiting.extend(waiting.map(|number| (request.id, (Some(number), None))));
                    exchange.ask(request);
                }
            }
        }
    }

    fn answered(&mut self, reply: ClientReply, exchange: &mut Exchange) {
        if let Daemon::Cib(talk, _) = &mut self.daemon {
            let is_news = matches!(reply.result, Ok(ReplyBody::CibChange(_)));
            let waiting = if is_news { None } else { self.waiting.remove(&reply.id).and_then(|(waiting, _)| waiting) };
            if let Some(element) = talk.answered(reply) {
                exchange.say(waiting, element);
            }
        } else if let Some((waiting, Some(then))) = self.waiting.remove(&reply.id) {
            self.go_on(then(reply.result), waiting, exchange);
        }
    }
}

/// Returns whether an answer will come of it.
fn is_answered(output: &talk::Output) -> bool {
    match output {
        talk::Output::Say(_) => true,
        talk::Output::Ask(request) => !matches!(request.body, ClientBody::FollowCib),
    }
}

/// Returns the word that something was heard. `status` is an exit code.
fn ack(status: i32) -> Element {
    Element::new("ack").with("function", "systole").with("line", "0").with("status", status.to_string())
}

/// Returns whose access rules apply. Compat: root and the cluster's own user have none.
fn account(user: Option<&str>) -> Option<Account> {
    let name = user.filter(|user| !matches!(*user, "" | "root" | "hacluster"))?;
    Some(Account { name: name.to_owned(), groups: Vec::new() })
}

#[cfg(test)]
mod tests;
