//! What local clients ask: answered from this node's copy, or passed to whoever can serve it.

use crate::event::ClientId;
use crate::member::{Asker, Forwarded, Member, Sleeper};
use attributes::{AttributesEvent, Update};
use cib::edit::{Section, Target, query};
use messages::client::{Account, CONFIGURATION_BYTES_MAX, ClientBody, ClientError, ClientRequest, KnownNode, NodeInfo, ReplyBody};
use messages::peer::{CibChange, CibWish, MembershipMessage, PeerMessage};
use model::{NodeName, Timestamp};
use replica::ReplicaEvent;
use std::time::Duration;

/// How long a forwarded request may wait for its answer unless it says so itself.
const FORWARD_PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn refusal(exit_code: i32, message: impl Into<String>) -> ClientError {
    ClientError { exit_code, message: message.into() }
}

impl Member {
    pub(crate) fn client(&mut self, client: ClientId, user: Option<Account>, request: ClientRequest) {
        let asker = Asker::Client(client, request.id);
        let restricted = self.restricted(user.as_ref()).cloned();
        if let Some(user) = &restricted {
            if let Err(error) = self.check_access(user, &request.body) {
                return self.answer(asker, Err(error));
            }
            if let ClientBody::CibQuery { section, xpath, without_children } = &request.body {
                let seen = self.visible(user);
                let found = seen.and_then(|seen| query_cib(&seen, section.as_deref(), xpath.as_deref(), !without_children));
                return self.answer(asker, found.map(ReplyBody::Xml));
            }
        }
        match request.body {
            ClientBody::Subscribe => {
                self.subscribers.insert(client, request.id);
            }
            ClientBody::FollowCib => self.follow(client, request.id, user),
            ClientBody::CibEdit { edit, .. } if edit.xml.as_ref().is_some_and(|xml| xml.len() > 2 * CONFIGURATION_BYTES_MAX) => {
                let (length, limit) = (edit.xml.map_or(0, |xml| xml.len()), 2 * CONFIGURATION_BYTES_MAX);
                self.answer(asker, Err(refusal(65, format!("the change is {length} bytes long; at most {limit} are taken"))));
            }
            ClientBody::CibEdit { request: key, edit } => {
                // A retry after a reconnect: the first asker is gone, the answer goes to this one.
                let key = if key.is_empty() { self.new_request() } else { key };
                self.askers.insert(key.clone(), asker);
                self.give_replica(ReplicaEvent::Wish(CibWish {
                    request: key,
                    client: request.client,
                    user: user.as_ref().map(|user| user.name.clone()),
                    groups: user.map(|user| user.groups).unwrap_or_default(),
                    origin: self.config.node.clone(),
                    change: CibChange::Edit(edit),
                }));
            }
            body => self.serve(asker, &request.client, body),
        }
    }

    /// Serves what any node can serve, and passes on what the coordinator has to.
    fn serve(&mut self, asker: Asker, client: &str, body: ClientBody) {
        match body {
            ClientBody::Info => {
                let info = ReplyBody::Info(self.info());
                self.answer(asker, Ok(info));
            }
            ClientBody::InfoOf { node } if node == self.config.node => self.serve(asker, client, ClientBody::Info),
            ClientBody::InfoOf { node } => match self.membership.peers().get(&node).is_some_and(membership::Peer::is_member) {
                true => self.ask(asker, Some(node), client, ClientBody::Info),
                false => self.answer(asker, Err(refusal(105, format!("no member is named {node}")))),
            },
            ClientBody::CibQuery { section, xpath, without_children } => {
                let found = query_cib(self.replica.cib(), section.as_deref(), xpath.as_deref(), !without_children);
                self.answer(asker, found.map(ReplyBody::Xml));
            }
            ClientBody::AttributeUpdate { node, name, pattern, value, dampening, only_dampening, private } => {
                let node = node.unwrap_or_else(|| self.config.node.clone());
                match self.attribute_names(&name, pattern) {
                    Err(error) => self.answer(asker, Err(error)),
                    Ok(names) => {
                        let request = self.new_request();
                        self.askers.insert(request.clone(), asker);
                        let update = Update { request, node, names, value, dampening, only_dampening, private };
                        self.give_attributes(AttributesEvent::Update(update));
                    }
                }
            }
            ClientBody::AttributeQuery { node, name } => {
                let values = self.attributes.query(node.as_ref(), &name);
                self.answer(asker, Ok(ReplyBody::Attributes(values)));
            }
            ClientBody::FenceHistory { target } => {
                let records = self.fencer.history(target.as_ref());
                self.answer(asker, Ok(ReplyBody::FenceHistory(records)));
            }
            ClientBody::ClearFenceHistory { target } => {
                self.send(PeerMessage::FenceHistoryCleared { target });
                self.answer(asker, Ok(ReplyBody::Done));
            }
            ClientBody::Shutdown { node } => {
                let node = node.unwrap_or_else(|| self.config.node.clone());
                match node == self.config.node {
                    true => self.shut_down_this_node(),
                    false => self.request_shutdown(node),
                }
                self.answer(asker, Ok(ReplyBody::Done));
            }
            body if self.in_charge => self.serve_as_coordinator(asker, self.config.node.clone(), client, body),
            body => self.ask(asker, None, client, body),
        }
    }

    /// Passes a request on to a member; without one, to the coordinator.
    fn ask(&mut self, asker: Asker, to: Option<NodeName>, client: &str, body: ClientBody) {
        let patience = match &body {
            ClientBody::WaitIdle { timeout } => *timeout,
            ClientBody::Fence { timeout: Some(timeout), .. } => *timeout + Duration::from_secs(30),
            ClientBody::Fence { .. } => Duration::from_secs(600),
            _ => FORWARD_PATIENCE,
        };
        self.counter += 1;
        let request = self.counter;
        let (until, client) = (self.now.monotonic + patience, client.to_owned());
        self.forwarded.insert(request, Forwarded { asker, until, client: client.clone(), body: body.clone() });
        self.wakes.insert(Sleeper::Waiters, self.now.monotonic);
        self.send(PeerMessage::Ask { origin: self.config.node.clone(), request, to, client, body });
    }

    /// The coordinator changed: what it was asked and has not answered is asked of the new one. Fencing and waiting may be asked twice.
    pub(crate) fn ask_again(&mut self) {
        if self.membership.is_coordinator() {
            return;
        }
        let repeatable =
            |body: &ClientBody| matches!(body, ClientBody::WaitIdle { .. } | ClientBody::Fence { .. } | ClientBody::Cleanup { .. });
        let again = self.forwarded.iter().filter(|(_, waiting)| repeatable(&waiting.body));
        let again: Vec<_> = again.map(|(request, waiting)| (*request, waiting.client.clone(), waiting.body.clone())).collect();
        for (request, client, body) in again {
            self.send(PeerMessage::Ask { origin: self.config.node.clone(), request, to: None, client, body });
        }
    }

    pub(crate) fn asked_by_peer(&mut self, origin: &NodeName, request: u64, to: Option<&NodeName>, client: &str, body: &ClientBody) {
        let is_meant = to.map_or(self.in_charge, |to| *to == self.config.node);
        if is_meant {
            let asker = Asker::Peer(origin.clone(), request);
            let client = if client.is_empty() { "peer" } else { client };
            self.serve_as_coordinator(asker, origin.clone(), client, body.clone());
        } else if to.is_none() && self.membership.is_coordinator() && !matches!(body, ClientBody::WaitIdle { .. }) {
            // What another member was asked is for that one to answer.
            let message = "the cluster is still starting".to_owned();
            self.answer(Asker::Peer(origin.clone(), request), Err(refusal(114, message)));
        }
    }

    /// Serves what only the coordinator can.
    fn serve_as_coordinator(&mut self, asker: Asker, origin: NodeName, client: &str, body: ClientBody) {
        match body {
            ClientBody::Cleanup { resource, node, operation, interval_ms, refresh } => {
                let done = self.clean_up(resource.as_deref(), node.as_ref(), operation.as_deref(), interval_ms, refresh);
                self.answer(asker, done.map(|()| ReplyBody::Done));
            }
            ClientBody::FailResource { resource, node } => {
                let done = self.fail_resource(&resource, &node);
                self.answer(asker, done.map(|()| ReplyBody::Done));
            }
            ClientBody::Fence { target, action, timeout, tolerance } => {
                let timeout = timeout.or_else(|| crate::options::interval(self.replica.cib(), "stonith-timeout"));
                let request = fencer::Request {
                    ticket: 0,
                    target,
                    action,
                    origin,
                    client: client.to_owned(),
                    timeout: timeout.unwrap_or(Duration::from_secs(60)),
                    delay: None,
                    tolerance: tolerance.unwrap_or_default(),
                };
                self.fence(request, asker);
            }
            ClientBody::ConfirmFenced { target } => {
                self.give_fencer(fencer::Event::ManuallyConfirmed { target, client: client.to_owned() });
                self.answer(asker, Ok(ReplyBody::Done));
            }
            ClientBody::WaitIdle { timeout } => {
                self.idle_waiters.push((asker, self.now.monotonic + timeout));
                self.wakes.insert(Sleeper::Waiters, self.now.monotonic);
            }
            ClientBody::ForgetNode { node } => {
                let done = self.forget_node(node);
                self.answer(asker, done.map(|()| ReplyBody::Done));
            }
            other => self.serve(asker, client, other),
        }
    }

    /// Answers who waited long enough, and who waited for quiet when it is quiet.
    pub(crate) fn check_waiters(&mut self) {
        let now = self.now.monotonic;
        let late: Vec<u64> = self.forwarded.iter().filter(|(_, waiting)| waiting.until <= now).map(|(request, _)| *request).collect();
        for request in late {
            if let Some(Forwarded { asker, .. }) = self.forwarded.remove(&request) {
                self.answer(asker, Err(refusal(124, "no coordinator answered in time")));
            }
        }
        // A change that was just made reaches the controller first.
        let is_idle = self.is_idle();
        for (asker, until) in std::mem::take(&mut self.idle_waiters) {
            if is_idle {
                self.answer(asker, Ok(ReplyBody::Done));
            } else if until <= now {
                self.answer(asker, Err(refusal(124, "the cluster did not come to rest in time")));
            } else {
                self.idle_waiters.push((asker, until));
            }
        }
        let waiting = self.idle_waiters.iter().map(|(_, until)| *until);
        let next = self.forwarded.values().map(|waiting| waiting.until).chain(waiting).min();
        // Quiet may come about without anything that is told here: it is looked for now and then.
        let often = (!self.idle_waiters.is_empty()).then_some(now + Duration::from_millis(100));
        if let Some(at) = next.into_iter().chain(often).min() {
            self.wakes.insert(Sleeper::Waiters, at);
        }
    }

    pub(crate) fn request_shutdown(&mut self, node: NodeName) {
        let seconds = self.now.wall.seconds().to_string();
        self.set_attribute(node, "shutdown".to_owned(), Some(seconds));
    }

    fn forget_node(&mut self, node: NodeName) -> Result<(), ClientError> {
        if self.membership.peers().get(&node).is_some_and(|peer| {
            !matches!(peer.state, membership::PeerState::Unseen | membership::PeerState::HostLost | membership::PeerState::Left)
        }) {
            return Err(refusal(1, format!("{node} is present: stop the cluster on it first")));
        }
        let section = |section: &str, xml: xml::Element| messages::client::CibEdit {
            operation: "delete".to_owned(),
            section: Some(section.to_owned()),
            xml: Some(xml.to_compact()),
            ..Default::default()
        };
        let element = |name: &str| xml::Element::new(name).with("uname", node.as_str());
        let edits = vec![section("nodes", element("node")), section("status", element("node_state"))];
        self.send(PeerMessage::Membership(MembershipMessage::Forget { node }));
        self.wish_status(edits, "forget-node");
        Ok(())
    }

    /// Returns the names an update is for.
    fn attribute_names(&self, name: &str, pattern: bool) -> Result<Vec<String>, ClientError> {
        if !pattern {
            return Ok(vec![name.to_owned()]);
        }
        let expression = regex::Regex::new(name).map_err(|error| refusal(64, error.to_string()))?;
        Ok(self.attributes.names().into_iter().filter(|known| expression.is_match(known)).collect())
    }

    pub(crate) fn info(&self) -> NodeInfo {
        let is_member = |node: &NodeName| self.membership.peers().get(node).is_some_and(membership::Peer::is_member);
        let mut nodes: std::collections::BTreeMap<NodeName, u32> = self.nodes_of_cib();
        for name in self.membership.peers().keys() {
            if let Some(id) = self.membership.id_of(name) {
                nodes.entry(name.clone()).or_insert(id);
            }
        }
        nodes.entry(self.config.node.clone()).or_insert(self.config.id);
        let state = match () {
            () if self.membership.coordinator().is_none() => "S_PENDING",
            () if !self.membership.is_coordinator() => "S_NOT_DC",
            () if !self.in_charge => "S_INTEGRATION",
            () if self.planning.is_some() => "S_POLICY_ENGINE",
            () if !self.controller.is_idle() => "S_TRANSITION_ENGINE",
            () => "S_IDLE",
        };
        NodeInfo {
            node: self.config.node.clone(),
            id: self.id_of(&self.config.node).parse().unwrap_or(self.config.id),
            version: self.config.version.clone(),
            feature_set: crate::member::FEATURE_SET.to_owned(),
            coordinator: self.membership.coordinator().cloned(),
            term: self.membership.term(),
            quorate: self.membership.is_quorate(),
            state: state.to_owned(),
            nodes: nodes.into_iter().map(|(name, id)| (name.clone(), KnownNode { id, member: is_member(&name) })).collect(),
        }
    }

    /// Returns the present time for records made here.
    pub(crate) fn wall(&self) -> Timestamp {
        self.now.wall
    }
}

fn query_cib(cib: &xml::Element, section: Option<&str>, xpath: Option<&str>, with_children: bool) -> Result<String, ClientError> {
    let target = match (section, xpath) {
        (_, Some(xpath)) => Target::xpath(xpath).map_err(|error| refusal(error.exit_status(), error.to_string()))?,
        (None, None) => Target::Section(Section::Cib),
        (Some(name), None) => Target::Section(Section::named(name).ok_or_else(|| refusal(105, format!("there is no section {name}")))?),
    };
    let found = query(cib, &target, with_children).map_err(|error| refusal(error.exit_status(), error.to_string()))?;
    Ok(found.to_text())
}
