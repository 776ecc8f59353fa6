//! The other side of the protocol, on the remote node itself: who is connected, what runs, what recurs. Pure: what is done about a
//! message comes back as [`Output`].
//!
//! It serves members of a cluster of either kind: the product's own, which ask for each run, and Pacemaker's, which ask once for what
//! is to recur. Runs of one resource follow each other; what a connection asked for goes on when the connection has ended.

use crate::protocol::{self, CHANGES_ONLY, ORIGIN_ONLY, number};
use messages::agent::{AgentCall, AgentName, AgentResult};
use messages::client::{Account, ClientError, ClientReply, ClientRequest};
use model::{CallId, ResourceId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use xml::Element;

/// Codes of refusals, in the words of C: no such thing, nothing that can be done, no protocol.
const ENODEV: i64 = -19;
const EOPNOTSUPP: i64 = -95;
/// How long a member may take to answer that this node wants to go down. Compat: Pacemaker's 20 s.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(20);

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Sends a message to a member.
    Send {
        member: u64,
        message: Element,
    },
    Run(AgentCall),
    Kill(CallId),
    /// Answers a client of this host.
    Reply {
        client: u64,
        reply: ClientReply,
    },
    /// The wish to go down is fulfilled, or nobody is there to fulfil it.
    Exit,
}

/// Something to run, once or again and again.
#[derive(Clone, Debug)]
struct Operation {
    member: u64,
    call_id: i64,
    resource: ResourceId,
    action: String,
    mark: Option<String>,
    interval: Duration,
    timeout: Duration,
    start_delay: Duration,
    options: i64,
    parameters: BTreeMap<String, String>,
    /// When it is due.
    due: Duration,
    /// What was told last.
    told: Option<(i32, i32)>,
}

/// One resource.
#[derive(Debug, Default)]
struct Queue {
    agent: Option<AgentName>,
    waiting: VecDeque<Operation>,
    active: Option<(CallId, Operation)>,
    /// It was asked to end while at work.
    is_cancelled: bool,
}

/// A member that is connected.
#[derive(Debug, Default)]
struct Peer {
    /// It passes requests of this host's clients on to the cluster.
    is_provider: bool,
}

/// A remote node's side of every connection.
#[derive(Debug)]
pub struct Serving {
    next_call: CallId,
    requests: i64,
    peers: BTreeMap<u64, Peer>,
    resources: BTreeMap<ResourceId, Queue>,
    /// Clients of this host: the member each is served by, and its requests without an answer.
    clients: BTreeMap<u64, (u64, BTreeSet<u64>)>,
    /// When the wish to go down is given up waiting for an answer; `MAX` once it was granted.
    leaving: Option<Duration>,
}

impl Serving {
    /// Returns the state of a host to which nobody is connected. `next_call` is an id that no run had so far.
    pub fn new(next_call: CallId) -> Self {
        Self { next_call, requests: 0, peers: BTreeMap::new(), resources: BTreeMap::new(), clients: BTreeMap::new(), leaving: None }
    }

    /// A member has connected under the key.
    pub fn connected(&mut self, member: u64) -> Vec<Output> {
        let others: Vec<u64> = self.peers.keys().copied().collect();
        self.peers.insert(member, Peer::default());
        // Compat: an earlier connection learns that there is a newer one.
        let notice = Element::new("lrmd_notify").with("lrmd_op", "lrmd_rsc_new_client");
        others.into_iter().map(|other| notify(other, notice.clone())).collect()
    }

    /// A member's connection has ended.
    pub fn gone(&mut self, member: u64) -> Vec<Output> {
        self.peers.remove(&member);
        let mut outputs = Vec::new();
        let ended: Vec<u64> = self.clients.iter().filter(|(_, (by, _))| *by == member).map(|(client, _)| *client).collect();
        ended.into_iter().for_each(|client| self.end_client(client, &mut outputs));
        if self.peers.is_empty() {
            // What recurs is some member's business, and none is left. What is at work ends by itself.
            for queue in self.resources.values_mut() {
                queue.waiting.retain(|operation| operation.interval.is_zero());
            }
            if self.leaving.is_some() {
                outputs.push(Output::Exit);
            }
        }
        outputs
    }

    /// This host is asked to go down: a member is asked to see to it first.
    pub fn terminate(&mut self, now: Duration) -> Vec<Output> {
        let provider = self.provider();
        match (provider, self.leaving) {
            (Some(member), None) => {
                self.leaving = Some(now + SHUTDOWN_PATIENCE);
                let wish = Element::new("lrmd_ipc_proxy").with("lrmd_ipc_op", "shutdown_req");
                vec![notify(member, wish.with("lrmd_ipc_session", "0"))]
            }
            // Asked twice, or nobody there who could do anything about it.
            _ => vec![Output::Exit],
        }
    }

    /// Returns when `time_passed` is to be called.
    pub fn wake_at(&self) -> Option<Duration> {
        let idle = self.resources.values().filter(|queue| queue.active.is_none());
        let due = idle.flat_map(|queue| queue.waiting.iter().map(|operation| operation.due));
        due.chain(self.leaving.filter(|until| *until != Duration::MAX)).min()
    }

    /// Begins what is due.
    pub fn time_passed(&mut self, now: Duration) -> Vec<Output> {
        if self.leaving.is_some_and(|until| until <= now) {
            return vec![Output::Exit];
        }
        let mut outputs = Vec::new();
        let ids: Vec<ResourceId> = self.resources.keys().cloned().collect();
        ids.iter().for_each(|id| self.begin(now, id, &mut outputs));
        outputs
    }

    /// A member said something.
    pub fn heard(&mut self, now: Duration, member: u64, message: &Element) -> Vec<Output> {
        let mut outputs = Vec::new();
        self.requests += 1;
        let operation = message.attribute("lrmd_op").unwrap_or_default();
        let data = message.descend(&["lrmd_calldata", "lrmd_rsc"]);
        let resource = data.and_then(|data| data.attribute("lrmd_rsc_id")).map(ResourceId::new);
        let mut reply = Element::new("lrmd_reply").with("lrmd_origin", "systole");
        let mut is_told = false;
        let code = match (operation, data, resource) {
            ("register", ..) => {
                let is_provider = message.attribute("lrmd_is_ipc_provider") == Some("true");
                self.peers.entry(member).or_default().is_provider = is_provider;
                reply.set("lrmd_op", "register");
                reply.set("lrmd_clientid", format!("systole-{member}"));
                reply.set("lrmd_protocol_version", protocol::VERSION);
                0
            }
            ("ipc_fwd", ..) => {
                self.forwarded(now, message, &mut outputs);
                0
            }
            ("lrmd_rsc_poke", ..) => {
                is_told = true;
                0
            }
            // Compat: asked without waiting for an answer; there is no watchdog here to check.
            ("lrmd_check", ..) => return outputs,
            ("lrmd_rsc_register", Some(data), Some(resource)) => {
                is_told = true;
                self.register(resource, data)
            }
            ("lrmd_rsc_info", _, Some(resource)) => self.describe(&resource, &mut reply),
            ("lrmd_rsc_unregister", _, Some(resource)) => {
                is_told = true;
                self.unregister(&resource)
            }
            ("lrmd_rsc_exec", Some(data), Some(resource)) => self.order(now, member, message, data, resource, &mut outputs),
            ("lrmd_rsc_cancel", Some(data), Some(resource)) => self.cancel(data, &resource, &mut outputs),
            ("lrmd_get_recurring", _, resource) => self.list_recurring(resource.as_ref(), &mut reply),
            _ => EOPNOTSUPP,
        };
        reply.set("lrmd_rc", code.to_string());
        reply.set("lrmd_callid", self.requests.to_string());
        reply.set("lrmd_remote_msg_id", message.attribute("lrmd_remote_msg_id").unwrap_or("0"));
        reply.set("lrmd_remote_msg_type", "reply");
        // The answer first: what follows from the request refers to it.
        outputs.insert(0, Output::Send { member, message: reply });
        if is_told {
            let mut notice = Element::new("lrmd_notify").with("lrmd_rc", code.to_string()).with("lrmd_callid", self.requests.to_string());
            notice.set("lrmd_op", operation);
            if let Some(id) = data.and_then(|data| data.attribute("lrmd_rsc_id")) {
                notice.set("lrmd_rsc_id", id);
            }
            outputs.extend(self.peers.keys().map(|peer| notify(*peer, notice.clone())));
        }
        outputs
    }

    fn register(&mut self, resource: ResourceId, data: &Element) -> i64 {
        let text = |name: &str| data.attribute(name).map(str::to_owned);
        let (Some(class), Some(kind)) = (text("lrmd_class"), text("lrmd_type")) else { return EOPNOTSUPP };
        self.resources.entry(resource).or_default().agent = Some(AgentName { class, provider: text("lrmd_provider"), kind });
        0
    }

    fn describe(&self, resource: &ResourceId, reply: &mut Element) -> i64 {
        let Some(agent) = self.resources.get(resource).and_then(|queue| queue.agent.as_ref()) else { return ENODEV };
        reply.set("lrmd_rsc_id", resource.as_str());
        reply.set("lrmd_class", &agent.class);
        if let Some(provider) = &agent.provider {
            reply.set("lrmd_provider", provider);
        }
        reply.set("lrmd_type", &agent.kind);
        0
    }

    fn unregister(&mut self, resource: &ResourceId) -> i64 {
        if let Some(queue) = self.resources.get_mut(resource) {
            queue.waiting.clear();
            queue.is_cancelled |= queue.active.as_ref().is_some_and(|(_, operation)| !operation.interval.is_zero());
            if queue.active.is_none() {
                self.resources.remove(resource);
            }
        }
        0
    }

    /// Takes something to run; returns the id it is known by.
    fn order(
        &mut self,
        now: Duration,
        member: u64,
        message: &Element,
        data: &Element,
        resource: ResourceId,
        outputs: &mut Vec<Output>,
    ) -> i64 {
        let Some(queue) = self.resources.get_mut(&resource).filter(|queue| queue.agent.is_some()) else { return ENODEV };
        let ms = |name: &str| Duration::from_millis(number(data, name).and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0));
        let operation = Operation {
            member,
            call_id: self.requests,
            resource: resource.clone(),
            action: data.attribute("lrmd_rsc_action").unwrap_or_default().to_owned(),
            mark: data.attribute("lrmd_rsc_userdata_str").map(str::to_owned),
            interval: ms("lrmd_rsc_interval"),
            timeout: ms("lrmd_timeout"),
            start_delay: ms("lrmd_rsc_start_delay"),
            options: number(message, "lrmd_callopt").unwrap_or(0),
            parameters: data.child("attributes").map(protocol::parameters).unwrap_or_default(),
            due: now + ms("lrmd_rsc_start_delay"),
            told: None,
        };
        // The same watch asked for again takes the place of the earlier one.
        if !operation.interval.is_zero() {
            queue.waiting.retain(|other| other.action != operation.action || other.interval != operation.interval);
        }
        queue.waiting.push_back(operation);
        self.begin(now, &resource, outputs);
        self.requests
    }

    /// Begins what is due of a resource that is not at work: what waits for its turn before what recurs.
    fn begin(&mut self, now: Duration, resource: &ResourceId, outputs: &mut Vec<Output>) {
        let Some(queue) = self.resources.get_mut(resource).filter(|queue| queue.active.is_none()) else { return };
        let due = |once: bool| move |operation: &Operation| operation.due <= now && operation.interval.is_zero() == once;
        let place = queue.waiting.iter().position(due(true)).or_else(|| queue.waiting.iter().position(due(false)));
        let Some(operation) = place.and_then(|place| queue.waiting.remove(place)) else { return };
        let Some(agent) = queue.agent.clone() else { return };
        let id = self.next_call;
        self.next_call = CallId(id.0 + 1);
        // The word for a look at an init script is another than that of OCF.
        let is_look = operation.action == "monitor" && matches!(agent.class.as_str(), "lsb" | "service");
        outputs.push(Output::Run(AgentCall {
            id,
            agent,
            action: if is_look { "status".to_owned() } else { operation.action.clone() },
            resource: Some(resource.clone()),
            parameters: operation.parameters.clone(),
            timeout: operation.timeout,
            unprivileged: false,
        }));
        queue.active = Some((id, operation));
        queue.is_cancelled = false;
    }

    /// A run has ended.
    pub fn finished(&mut self, now: Duration, result: &AgentResult) -> Vec<Output> {
        let mut outputs = Vec::new();
        let is_it = |queue: &&mut Queue| queue.active.as_ref().is_some_and(|(id, _)| *id == result.id);
        let Some(queue) = self.resources.values_mut().find(is_it) else { return outputs };
        let Some((_, mut operation)) = queue.active.take() else { return outputs };
        let is_over = queue.is_cancelled || operation.interval.is_zero();
        let (exit, status, reason) = protocol::ending(result);
        let status = if queue.is_cancelled { model::ExecutionStatus::Cancelled } else { status };
        let ended = (exit, status.code());
        let is_news = operation.told != Some(ended) || operation.options & CHANGES_ONLY == 0;
        operation.told = Some(ended);
        let resource = operation.resource.clone();
        if is_news {
            let notice = notice(&operation, result, ended, reason);
            let only = (operation.options & ORIGIN_ONLY != 0).then_some(operation.member);
            outputs
                .extend(self.peers.keys().filter(|peer| only.is_none_or(|only| only == **peer)).map(|peer| notify(*peer, notice.clone())));
        }
        if !is_over && !self.peers.is_empty() {
            operation.due = now + operation.interval;
            if let Some(queue) = self.resources.get_mut(&resource) {
                queue.waiting.push_back(operation);
            }
        }
        self.begin(now, &resource, &mut outputs);
        outputs
    }

    fn cancel(&mut self, data: &Element, resource: &ResourceId, outputs: &mut Vec<Output>) -> i64 {
        let Some(queue) = self.resources.get_mut(resource) else { return ENODEV };
        let interval = Duration::from_millis(number(data, "lrmd_rsc_interval").and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0));
        let (action, mark) = (data.attribute("lrmd_rsc_action").unwrap_or_default(), data.attribute("lrmd_rsc_userdata_str"));
        // A mark names one run; without one it is the watch that has this action and interval.
        let is_it = |operation: &Operation| match mark {
            Some(_) => operation.mark.as_deref() == mark,
            None => operation.interval == interval && (operation.action == action || (operation.action == "status" && action == "monitor")),
        };
        if let Some(place) = queue.waiting.iter().position(is_it)
            && let Some(operation) = queue.waiting.remove(place)
        {
            let cancelled = (0, model::ExecutionStatus::Cancelled.code());
            let result = protocol::not_run(CallId(0), messages::agent::AgentOutcome::Cancelled);
            outputs.push(notify(operation.member, notice(&operation, &result, cancelled, None)));
            return 0;
        }
        match &queue.active {
            Some((id, operation)) if is_it(operation) => {
                outputs.push(Output::Kill(*id));
                queue.is_cancelled = true;
                0
            }
            _ => EOPNOTSUPP,
        }
    }

    fn list_recurring(&self, only: Option<&ResourceId>, reply: &mut Element) -> i64 {
        if only.is_some_and(|id| !self.resources.contains_key(id)) {
            return ENODEV;
        }
        for (id, queue) in self.resources.iter().filter(|(id, _)| only.is_none_or(|only| only == *id)) {
            let operations = queue.waiting.iter().chain(queue.active.iter().map(|(_, operation)| operation));
            let recurring = operations.filter(|operation| !operation.interval.is_zero()).map(|operation| {
                Element::new("lrmd_rsc_op")
                    .with("lrmd_rsc_action", &operation.action)
                    .with("lrmd_rsc_interval", operation.interval.as_millis().to_string())
                    .with("lrmd_timeout", operation.timeout.as_millis().to_string())
            });
            reply.push(Element::new("lrmd_rsc").with("lrmd_rsc_id", id.as_str()).with_children(recurring));
        }
        0
    }

    fn provider(&self) -> Option<u64> {
        // The newest: an older one may be about to go.
        self.peers.iter().rev().find(|(_, peer)| peer.is_provider).map(|(member, _)| *member)
    }

    /// A client of this host asks the cluster.
    pub fn client_asked(&mut self, client: u64, user: Option<Account>, request: ClientRequest) -> Vec<Output> {
        let mut outputs = Vec::new();
        let known = self.clients.get(&client).map(|(member, _)| *member);
        let Some(member) = known.or_else(|| self.provider()) else {
            let error = ClientError { exit_code: 102, message: "this remote node is not connected to a cluster".to_owned() };
            return vec![Output::Reply { client, reply: ClientReply { id: request.id, result: Err(error) } }];
        };
        let about = |operation: &str| {
            Element::new("lrmd_ipc_proxy").with("lrmd_ipc_op", operation).with("lrmd_ipc_session", format!("client-{client}"))
        };
        if known.is_none() {
            outputs.push(notify(member, about("new").with("lrmd_ipc_server", protocol::OWN_SERVER)));
        }
        self.clients.entry(client).or_insert_with(|| (member, BTreeSet::new())).1.insert(request.id);
        let message = about("request").with("lrmd_ipc_client", &request.client);
        let text = Element::new("lrmd_ipc_msg").with_text(protocol::text_of(&(user, request)));
        outputs.push(notify(member, message.with_child(text)));
        outputs
    }

    /// A client of this host has gone.
    pub fn client_gone(&mut self, client: u64) -> Vec<Output> {
        let Some((member, _)) = self.clients.remove(&client) else { return Vec::new() };
        let farewell = Element::new("lrmd_ipc_proxy").with("lrmd_ipc_op", "destroy");
        vec![notify(member, farewell.with("lrmd_ipc_session", format!("client-{client}")))]
    }

    /// A member has something for a client of this host, or about its wish to go down.
    fn forwarded(&mut self, now: Duration, message: &Element, outputs: &mut Vec<Output>) {
        let session = message.attribute("lrmd_ipc_session").and_then(|session| session.strip_prefix("client-")?.parse::<u64>().ok());
        match (message.attribute("lrmd_ipc_op").unwrap_or_default(), session) {
            ("shutdown_ack", _) if self.leaving.is_some() => self.leaving = Some(Duration::MAX),
            ("shutdown_nack", _) if self.leaving.is_some() => self.leaving = Some(now),
            ("response" | "event", Some(client)) => {
                let Some(reply) = protocol::client_reply(message) else { return };
                if let Some((_, open)) = self.clients.get_mut(&client) {
                    open.remove(&reply.id);
                    outputs.push(Output::Reply { client, reply });
                }
            }
            ("destroy", Some(client)) => self.end_client(client, outputs),
            _ => {}
        }
    }

    /// Whoever waits is told that there will be no answer.
    fn end_client(&mut self, client: u64, outputs: &mut Vec<Output>) {
        let Some((_, open)) = self.clients.remove(&client) else { return };
        for id in open {
            let error = ClientError { exit_code: 102, message: "the connection to the cluster is lost".to_owned() };
            outputs.push(Output::Reply { client, reply: ClientReply { id, result: Err(error) } });
        }
    }
}

fn notify(member: u64, message: Element) -> Output {
    Output::Send { member, message: message.with("lrmd_remote_msg_id", "0").with("lrmd_remote_msg_type", "notify") }
}

/// Returns the notice of how a run ended.
fn notice(operation: &Operation, result: &AgentResult, (exit, status): (i32, i32), reason: Option<String>) -> Element {
    let ms = |time: Duration| time.as_millis().to_string();
    let mut notice = Element::new("lrmd_notify")
        .with("lrmd_origin", "systole")
        .with("lrmd_timeout", ms(operation.timeout))
        .with("lrmd_rsc_interval", ms(operation.interval))
        .with("lrmd_rsc_start_delay", ms(operation.start_delay))
        .with("lrmd_exec_rc", exit.to_string())
        .with("lrmd_exec_op_status", status.to_string())
        .with("lrmd_callid", operation.call_id.to_string())
        .with("lrmd_rsc_deleted", "0")
        .with("lrmd_run_time", result.started.seconds().to_string())
        .with("lrmd_rcchange_time", result.started.seconds().to_string())
        .with("lrmd_exec_time", ms(result.run_time))
        .with("lrmd_queue_time", ms(result.queue_time))
        .with("lrmd_op", "lrmd_rsc_exec")
        .with("lrmd_rsc_id", operation.resource.as_str())
        .with("lrmd_rsc_action", &operation.action);
    let said = if result.stderr.is_empty() { &result.stdout } else { &result.stderr };
    for (name, value) in [
        ("lrmd_rsc_userdata_str", operation.mark.as_deref()),
        ("lrmd_rsc_exit_reason", reason.as_deref()),
        ("lrmd_rsc_output", Some(said.as_str()).filter(|said| !said.is_empty())),
    ] {
        if let Some(value) = value {
            // What an agent printed may hold what XML cannot.
            notice.set(name, value.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect::<String>());
        }
    }
    notice.with_child(protocol::attributes(&operation.parameters))
}

#[cfg(test)]
mod tests;
