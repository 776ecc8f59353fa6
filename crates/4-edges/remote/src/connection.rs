//! One connection to a remote node, from its first attempt to its end: a task of its own.

use crate::credentials::NodeCredentials;
use crate::gnutls::Side;
use crate::protocol;
use crate::proxied::{Output, ProxiedClients};
use crate::stream::Stream;
use messages::agent::{AgentCall, AgentName, AgentOutcome, AgentResult};
use messages::client::ClientReply;
use messages::remote::RemoteEvent;
use model::{CallId, NodeName, ResourceId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use xml::Element;

/// The wait before another attempt to connect.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// How long one attempt may take: an address that answers nothing must not use up the time in which it may come up.
const ATTEMPT: Duration = Duration::from_secs(10);

/// What a connection is told to do.
pub(crate) enum Task {
    Run(AgentCall),
    Kill(CallId),
    Poke(Duration),
    AnswerShutdown(bool),
    Reply { session: String, reply: ClientReply },
}

/// Whom to reach, and until when to try.
pub(crate) struct Target {
    pub node: NodeName,
    pub address: String,
    pub port: u16,
    pub timeout: Duration,
    pub root: PathBuf,
    /// Marks the runs of this connection among those of others.
    pub mark: String,
}

/// Connects and serves until the tasks end (the connection is not wanted any more) or it is lost.
pub(crate) async fn run(target: Target, mut tasks: UnboundedReceiver<Task>, tell: UnboundedSender<RemoteEvent>) {
    let node = target.node.clone();
    let opened = tokio::select! {
        opened = connect(&target) => opened,
        // Nothing is asked of a connection before it is there: this is its end.
        _ = tasks.recv() => return,
    };
    // A send fails only when the loop that would hear of it has ended.
    let (stream, token) = match opened {
        Ok(opened) => opened,
        Err(reason) => return drop(tell.send(RemoteEvent::Refused { node, reason })),
    };
    let _ = tell.send(RemoteEvent::Connected { node: node.clone() });
    let mut connection = Connection {
        proxied: ProxiedClients::new(node.clone()),
        target,
        stream,
        token,
        tell,
        requests: 1,
        runs: BTreeMap::new(),
        registered: BTreeMap::new(),
        asked: BTreeMap::new(),
        alive_by: None,
        sessions: BTreeSet::new(),
    };
    if let Some(reason) = connection.serve(&mut tasks).await {
        let _ = connection.tell.send(RemoteEvent::Lost { node, reason });
    }
}

/// Tries until the time is over.
async fn connect(target: &Target) -> Result<(Stream, String), String> {
    let until = Instant::now() + target.timeout;
    let mut reason = "no time was given".to_owned();
    while Instant::now() < until {
        match timeout_at(until.min(Instant::now() + ATTEMPT), attempt(target)).await {
            Ok(Ok(opened)) => return Ok(opened),
            Ok(Err(error)) => reason = error,
            Err(_) => reason = "no answer".to_owned(),
        }
        sleep(AGAIN_AFTER.min(until.saturating_duration_since(Instant::now()))).await;
    }
    Err(format!("{} port {}: {reason}", target.address, target.port))
}

async fn attempt(target: &Target) -> Result<(Stream, String), String> {
    // Read anew each time: whoever has just been given a key needs not restart anything.
    let ours = NodeCredentials::read(&target.root)?;
    let socket = TcpStream::connect((target.address.as_str(), target.port)).await.map_err(|error| error.to_string())?;
    let mut stream = Stream::open(Side::Client, socket, ours.proof()).await?;
    stream.send(&protocol::hello(&target.mark).with("lrmd_remote_msg_id", "1").with("lrmd_remote_msg_type", "request"));
    loop {
        let answer = stream.receive().await?;
        if answer.attribute("lrmd_op") != Some("register") {
            continue;
        }
        return match (protocol::number(&answer, "lrmd_rc"), answer.attribute("lrmd_clientid")) {
            (Some(0), Some(token)) => Ok((stream, token.to_owned())),
            (code, _) => Err(format!("the other side refused (code {})", code.unwrap_or(-1))),
        };
    }
}

struct Connection {
    target: Target,
    stream: Stream,
    token: String,
    tell: UnboundedSender<RemoteEvent>,
    requests: u64,
    runs: BTreeMap<CallId, AgentCall>,
    /// What the other side knows of resources.
    registered: BTreeMap<ResourceId, AgentName>,
    /// Requests whose reply matters: runs that may be refused.
    asked: BTreeMap<u64, CallId>,
    alive_by: Option<Instant>,
    /// Clients of the other side: the product's own, and those of Pacemaker's tools.
    sessions: BTreeSet<String>,
    proxied: ProxiedClients,
}

impl Connection {
    /// Returns why the connection is lost; `None` when it is not wanted any more.
    async fn serve(&mut self, tasks: &mut UnboundedReceiver<Task>) -> Option<String> {
        loop {
            let overdue = async {
                match self.alive_by {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                message = self.stream.receive() => match message {
                    Ok(message) => self.heard(&message),
                    Err(reason) => return Some(reason),
                },
                task = tasks.recv() => match task {
                    Some(task) => self.carry_out(task),
                    None => {
                        self.stream.close();
                        return None;
                    }
                },
                () = overdue => return Some("it gave no sign of life in time".to_owned()),
            }
        }
    }

    fn carry_out(&mut self, task: Task) {
        match task {
            Task::Run(call) => self.run(call),
            Task::Kill(id) => {
                if let Some(call) = self.runs.get(&id) {
                    let request = protocol::cancel(&self.token, call, &self.mark(id));
                    self.request(request);
                }
            }
            Task::Poke(patience) => {
                let by = Instant::now() + patience;
                self.alive_by = Some(self.alive_by.map_or(by, |earlier| earlier.min(by)));
                self.request(protocol::poke(&self.token));
            }
            Task::AnswerShutdown(granted) => {
                self.say(protocol::to_client(if granted { "shutdown_ack" } else { "shutdown_nack" }, None));
            }
            Task::Reply { session, reply } if self.proxied.has(&session) => {
                let outputs = self.proxied.answered(&session, reply);
                self.put_out(outputs);
            }
            Task::Reply { session, reply } => {
                let text = Element::new("lrmd_ipc_msg").with_text(protocol::text_of(&reply));
                self.say(protocol::to_client("response", Some(&session)).with_child(text));
            }
        }
    }

    fn run(&mut self, call: AgentCall) {
        let resource = call.resource.clone().unwrap_or_else(|| ResourceId::new(call.agent.kind.as_str()));
        if self.registered.get(&resource) != Some(&call.agent) {
            self.request(protocol::register(&self.token, &resource, &call.agent));
            self.registered.insert(resource, call.agent.clone());
        }
        let request = protocol::execute(&self.token, &call, &self.mark(call.id));
        let number = self.request(request);
        self.asked.insert(number, call.id);
        self.runs.insert(call.id, call);
    }

    fn mark(&self, id: CallId) -> String {
        format!("{}/{id}", self.target.mark)
    }

    fn request(&mut self, request: Element) -> u64 {
        self.requests += 1;
        let number = self.requests.to_string();
        self.stream.send(&request.with("lrmd_remote_msg_id", number).with("lrmd_remote_msg_type", "request"));
        self.requests
    }

    fn heard(&mut self, message: &Element) {
        // Whatever is said is a sign of life.
        if self.alive_by.take().is_some() {
            self.tell(RemoteEvent::Alive { node: self.target.node.clone() });
        }
        if message.has("lrmd_ipc_op") {
            return self.of_client(message);
        }
        if message.attribute("lrmd_remote_msg_type") == Some("reply") {
            let number = protocol::number(message, "lrmd_remote_msg_id").and_then(|id| u64::try_from(id).ok());
            let Some(id) = number.and_then(|number| self.asked.remove(&number)) else { return };
            let code = protocol::number(message, "lrmd_rc").unwrap_or(0);
            if code < 0 && self.runs.remove(&id).is_some() {
                let why = AgentOutcome::FailedToStart(format!("the remote side refused to run it (code {code})"));
                self.finished(protocol::not_run(id, why));
            }
        } else if message.attribute("lrmd_op") == Some("lrmd_rsc_exec") {
            let mark = message.attribute("lrmd_rsc_userdata_str").and_then(|mark| mark.strip_prefix(self.target.mark.as_str()));
            let id = mark.and_then(|rest| rest.strip_prefix('/')?.parse().ok()).map(CallId);
            // What others asked for is theirs.
            if let Some(id) = id.filter(|id| self.runs.remove(id).is_some()) {
                self.finished(protocol::result(message, id));
            }
        }
    }

    /// A message of a client on the other side.
    fn of_client(&mut self, message: &Element) {
        let node = self.target.node.clone();
        let session = message.attribute("lrmd_ipc_session").unwrap_or_default().to_owned();
        match message.attribute("lrmd_ipc_op").unwrap_or_default() {
            "shutdown_req" => self.tell(RemoteEvent::ShutdownAsked { node }),
            "new"
                if message.attribute("lrmd_ipc_server") == Some(protocol::OWN_SERVER)
                    && self.sessions.len() < crate::proxied::CLIENTS_MAX =>
            {
                self.sessions.insert(session);
            }
            "new" if self.proxied.opened(&session, message.attribute("lrmd_ipc_server").unwrap_or_default()) => {}
            "request" if self.proxied.has(&session) => {
                let outputs = self.proxied.asked(message);
                self.put_out(outputs);
            }
            "request" if self.sessions.contains(&session) => {
                if let Some((user, request)) = protocol::client_request(message) {
                    self.tell(RemoteEvent::Asked { node, session, user, request });
                }
            }
            "destroy" => {
                if self.sessions.remove(&session) | self.proxied.closed(&session) {
                    self.tell(RemoteEvent::ClientGone { node, session });
                }
            }
            // Whoever is not served is told so at once.
            _ => self.say(protocol::to_client("destroy", Some(&session))),
        }
    }

    /// Does what is to be done about a message of a tool of Pacemaker's, or for one.
    fn put_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Say(message) => self.say(message),
                Output::Ask { session, user, request } => {
                    self.tell(RemoteEvent::Asked { node: self.target.node.clone(), session, user, request });
                }
            }
        }
    }

    /// Says something to a client of the other side, or about one.
    fn say(&mut self, message: Element) {
        let message = message.with("lrmd_async_id", &self.token);
        self.request(message);
    }

    fn finished(&self, result: AgentResult) {
        self.tell(RemoteEvent::Finished { node: self.target.node.clone(), result });
    }

    fn tell(&self, event: RemoteEvent) {
        let _ = self.tell.send(event);
    }
}
