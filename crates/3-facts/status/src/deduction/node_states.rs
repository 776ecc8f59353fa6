//! The status section, in as many rounds as it takes: first who is there, then what each node did.
//!
//! Compat: a guest's history can be read only once its machine is known to run, which another node's history tells;
//! and which history is read first decides the numbers of anonymous instances.

use super::Deduction;
use crate::document::{shared_child, shared_children};
use crate::{Effect, NoQuorumPolicy, NodeIndex, NodeKind, ResourceIndex, Ticket, numbers};
use compact_str::CompactString;
use model::{Role, Score, Timestamp, parse_boolean};
use std::sync::Arc;
use xml::Element;

/// Since when a node is a member of the cluster layer, and its daemon of the process group; 0: it is not.
struct Membership {
    /// −1: nothing is recorded.
    member_since: i64,
    online_since: i64,
    join: CompactString,
    expected: Option<CompactString>,
}

impl Deduction {
    /// Reads the status section.
    pub(super) fn read_status(&mut self) {
        let status = shared_child(self.facts.cib(), "status").cloned().unwrap_or_default();
        for element in shared_children(&status) {
            match element.name.as_str() {
                "tickets" => element.elements_named("ticket_state").for_each(|ticket| self.read_ticket(ticket)),
                "node_state" => self.read_node_state(element),
                _ => {}
            }
        }
        while self.read_histories(&status, false) {}
        // What is left are nodes that are not up; their resources may be active all the same where nodes are fenced.
        self.read_histories(&status, self.facts.options.fencing_enabled);
        for container in std::mem::take(&mut self.stop_needed).into_iter().rev() {
            if let Some(node) = self.facts.active_node(container).node {
                self.require_stop(container, node);
            }
        }
        for node in self.facts.node_order.clone() {
            let entry = self.facts.node(node);
            if entry.kind == NodeKind::Member {
                continue;
            }
            let (remote, read) = (entry.remote, entry.history_read);
            let asks_to_go = self.asks_to_go(node);
            let entry = &mut self.facts.nodes[node.position()];
            entry.shutting_down |= asks_to_go;
            if let Some(remote) = remote.filter(|_| entry.shutting_down) {
                self.set_next_role(remote, Role::Stopped, "remote shutdown");
            }
            if !read {
                self.judge_remote_node(node);
            }
        }
        self.judge_health();
    }

    fn read_ticket(&mut self, element: &Element) {
        let Some(id) = element.id().filter(|id| !id.is_empty()) else { return };
        let ticket = self.facts.tickets.entry(id.into()).or_insert_with(|| Ticket { id: id.into(), ..Ticket::default() });
        for (name, value) in element.attributes.iter().filter(|(name, _)| name != "id") {
            ticket.attributes.insert(name.clone(), value.clone());
        }
        let is_true = |name: &str| ticket.attributes.get(name).and_then(|value| parse_boolean(value)) == Some(true);
        (ticket.granted, ticket.standby) = (is_true("granted"), is_true("standby"));
        let last_granted = ticket.attributes.get("last-granted").map(|value| numbers::integer(value).unwrap_or(0));
        ticket.last_granted = last_granted.map(Timestamp::from_seconds).or(ticket.last_granted);
    }

    /// Finds a node by id, else by name.
    fn node_of_state(&self, state: &Element) -> Option<NodeIndex> {
        let id = state.id()?;
        let by_id = || self.facts.nodes_in_order().find(|(_, node)| node.id.eq_ignore_ascii_case(id)).map(|(index, _)| index);
        by_id().or_else(|| self.facts.find_node(state.attribute("uname")?))
    }

    fn read_node_state(&mut self, state: &Element) {
        let Some(index) = self.node_of_state(state) else {
            let name = state.attribute("uname").or(state.id()).unwrap_or_default();
            self.facts
                .problems
                .push(crate::Problem::notice(format!("the state of node {name} is ignored, since there is no such node any more")));
            return;
        };
        if self.facts.node(index).kind != NodeKind::Member {
            // Whether it is up is known once the history of its connection is; that it was fenced matters before.
            let fenced = numbers::integer_at_least(state.attribute("node_fenced"), 0) != 0;
            let node = &mut self.facts.nodes[index.position()];
            node.remote_fenced = fenced;
            node.remote_recorded = state.attribute("in_ccm").and_then(parse_boolean);
            return;
        }
        self.add_node_attributes(index, state.child("transient_attributes"), true);
        let node = &mut self.facts.nodes[index.position()];
        node.standby |= is_true_attribute(node, "standby");
        node.maintenance |= is_true_attribute(node, "maintenance");
        // It was seen in this cluster's life, so it is clean until something says otherwise.
        node.unclean = false;
        node.seen = true;
        self.judge_member(index, state);
        let inquorate = !self.facts.have_quorum && self.facts.options.no_quorum_policy == NoQuorumPolicy::Fence;
        if inquorate && self.facts.node(index).online {
            self.fence_node(index, "cluster does not have quorum", false);
        }
    }

    /// Decides whether a full member is online, shutting down, pending or unclean.
    fn judge_member(&mut self, index: NodeIndex, state: &Element) {
        let membership = self.membership(state);
        let node = &mut self.facts.nodes[index.position()];
        let requested = node.attributes.get("shutdown").filter(|value| value.as_str() != "0");
        node.shutting_down = requested.is_some();
        node.shutdown_requested = requested.and_then(|value| numbers::integer(value)).map(Timestamp::from_seconds);
        if !node.shutting_down && membership.expected.as_deref().is_some_and(|expected| expected.eq_ignore_ascii_case("member")) {
            node.expected_up = true;
        }
        let online = match self.facts.options.fencing_enabled {
            true => self.is_online_with_fencing(index, &membership),
            false => self.is_online_without_fencing(index, &membership),
        };
        let node = &mut self.facts.nodes[index.position()];
        node.online |= online;
        if !online || node.shutting_down {
            node.score = Score::MINUS_INFINITY;
        }
    }

    fn membership(&self, state: &Element) -> Membership {
        let member_since = match state.attribute("in_ccm") {
            None => -1,
            Some(text) => match parse_boolean(text) {
                Some(true) => self.facts.now.seconds(),
                Some(false) => 0,
                None => numbers::integer(text).filter(|&since| since >= 0).unwrap_or(-1),
            },
        };
        let online_since = match state.attribute("crmd") {
            None => 0,
            Some(text) if text.eq_ignore_ascii_case("offline") => 0,
            Some(text) if text.eq_ignore_ascii_case("online") => 1,
            Some(text) => numbers::integer(text).filter(|&since| since >= 0).unwrap_or(0),
        };
        Membership {
            member_since,
            online_since,
            join: state.attribute("join").unwrap_or_default().into(),
            expected: state.attribute("expected").map(CompactString::new),
        }
    }

    fn is_online_without_fencing(&mut self, index: NodeIndex, membership: &Membership) -> bool {
        if membership.member_since <= 0 {
            return false;
        }
        if membership.online_since > 0 {
            return membership.join.eq_ignore_ascii_case("member");
        }
        if self.facts.node(index).expected_up {
            self.fence_node(index, "peer is unexpectedly down", false);
        }
        false
    }

    fn is_online_with_fencing(&mut self, index: NodeIndex, membership: &Membership) -> bool {
        let (member, online) = (membership.member_since > 0, membership.online_since > 0);
        if self.facts.node(index).shutting_down {
            return online;
        }
        if membership.member_since < 0 {
            self.fence_node(index, "peer has not been seen by the cluster", false);
            return false;
        }
        let expected_down = membership.expected.as_deref().is_none_or(|expected| expected == "down");
        let make_pending = |this: &mut Self| {
            let node = &mut this.facts.nodes[index.position()];
            (node.standby, node.pending) = (true, true);
        };
        match membership.join.as_str() {
            "banned" => self.fence_node(index, "peer failed Pacemaker membership criteria", false),
            join if self.is_termination_requested(index) => {
                if !member && !online && join == "down" {
                    return false;
                }
                self.fence_node(index, "fencing was requested", false);
            }
            _ if expected_down && self.pending_too_long(membership) => {
                self.fence_node(index, "peer pending timed out on joining the process group", false);
            }
            _ if expected_down && (member || online) => make_pending(self),
            _ if expected_down => {}
            _ if !member => self.fence_node(index, "peer is no longer part of the cluster", true),
            _ if !online => self.fence_node(index, "peer process is no longer available", false),
            "member" => {}
            "pending" | "down" => make_pending(self),
            _ => self.fence_node(index, "peer was in an unknown state", false),
        }
        member
    }

    fn is_termination_requested(&self, index: NodeIndex) -> bool {
        let Some(value) = self.facts.node(index).attributes.get("terminate") else { return false };
        parse_boolean(value).unwrap_or_else(|| numbers::integer(value).unwrap_or(0) > 0)
    }

    fn pending_too_long(&self, membership: &Membership) -> bool {
        let timeout = self.facts.options.node_pending_timeout.as_millis() as u64;
        if timeout == 0 || membership.member_since <= 0 || membership.online_since > 0 {
            return false;
        }
        let limit = membership.member_since.saturating_add(numbers::seconds(timeout));
        if self.facts.now.seconds() >= limit {
            return true;
        }
        self.facts.note_recheck(Timestamp::from_seconds(limit));
        false
    }

    /// Reads the histories of nodes whose turn has come; returns whether there was one.
    fn read_histories(&mut self, status: &Arc<Element>, all: bool) -> bool {
        let mut any = false;
        for state in shared_children(status).filter(|e| e.name == "node_state") {
            if state.attribute("uname").is_none() {
                continue;
            }
            let Some(index) = self.node_of_state(state) else { continue };
            if self.facts.node(index).history_read || !(all || self.is_history_due(index)) {
                continue;
            }
            if self.facts.node(index).kind != NodeKind::Member {
                self.judge_remote_node(index);
                self.read_remote_state(index, state);
            }
            self.facts.nodes[index.position()].history_read = true;
            self.read_history(index, state);
            any = true;
        }
        any
    }

    /// Returns whether enough is known to read a node's history.
    pub(super) fn is_history_due(&self, index: NodeIndex) -> bool {
        let options = &self.facts.options;
        let node = self.facts.node(index);
        let is_started = |resource: ResourceIndex| self.facts.resource(resource).role == Role::Started;
        match (node.kind, node.remote) {
            (NodeKind::Guest { launcher }, Some(remote)) => is_started(remote) && is_started(launcher),
            (NodeKind::Guest { .. }, None) => false,
            (NodeKind::Remote, Some(remote)) => options.shutdown_lock || is_started(remote),
            (NodeKind::Remote, None) => false,
            // Online nodes first, so that active instances get the lower numbers.
            (NodeKind::Member, _) => options.fencing_enabled || options.shutdown_lock || node.online,
        }
    }

    /// Decides whether a remote or guest node is online: as its connection is.
    pub(super) fn judge_remote_node(&mut self, index: NodeIndex) {
        let Some(remote) = self.facts.node(index).remote else {
            self.facts.nodes[index.position()].online = false;
            return;
        };
        let connection = self.facts.resource(remote);
        let launcher = connection.launcher.map(|launcher| self.facts.resource(launcher));
        let host = match connection.active_nodes[..] {
            [host] if launcher.is_some() => Some(self.facts.node(host)),
            _ => None,
        };
        let host_is_lost = host.is_some_and(|host| !host.online && host.unclean);
        let launcher_failed = launcher.is_some_and(|launcher| launcher.failed);
        let launcher_stopped = launcher.is_some_and(|launcher| launcher.role == Role::Stopped);
        let (role, next_role, failed) = (connection.role, connection.next_role, connection.failed);
        let node = &mut self.facts.nodes[index.position()];
        node.online |= role == Role::Started;
        node.shutting_down |= role == Role::Started && next_role == Role::Stopped;
        if launcher_failed {
            (node.online, node.remote_reset) = (false, true);
        } else if failed {
            node.online = false;
        } else if role == Role::Stopped || launcher_stopped {
            (node.online, node.remote_reset) = (false, false);
        } else if host_is_lost {
            (node.online, node.remote_reset) = (false, true);
        }
    }

    fn read_remote_state(&mut self, index: NodeIndex, state: &Element) {
        let node = &mut self.facts.nodes[index.position()];
        node.remote_maintenance = numbers::integer_at_least(state.attribute("node_in_maintenance"), 0) != 0;
        if !node.remote_reset {
            (node.unclean, node.seen) = (false, true);
        }
        let remote_is_unmanaged = self.facts.node(index).remote.is_some_and(|remote| !self.facts.resource(remote).managed);
        self.add_node_attributes(index, state.child("transient_attributes"), true);
        let fencing_enabled = self.facts.options.fencing_enabled;
        let node = &mut self.facts.nodes[index.position()];
        node.standby |= is_true_attribute(node, "standby");
        node.maintenance |= is_true_attribute(node, "maintenance") || remote_is_unmanaged;
        let is_discovered = node.attributes.get("resource-discovery-enabled").is_none_or(|value| parse_boolean(value) == Some(true));
        // Compat: without fencing a remote node that is never probed could hide what runs there.
        if !is_discovered && (node.kind != NodeKind::Remote || fencing_enabled) {
            node.probes_allowed = false;
        }
    }

    /// Returns whether a remote or guest node wishes to go and is not let go yet.
    ///
    /// Compat (C-514): with Pacemaker the wish counts after the connection has ended as well, where nodes are fenced: where nobody deleted it then,
    /// nobody is connected to the node any more. (Found by the simulator: seed 1826, half an hour.)
    fn asks_to_go(&self, index: NodeIndex) -> bool {
        let node = self.facts.node(index);
        let is_connected = |remote| {
            let connection = self.facts.resource(remote);
            connection.role >= Role::Started && !connection.start_pending
        };
        node.attributes.get("shutdown").is_some_and(|value| value != "0") && node.remote.is_some_and(is_connected)
    }

    /// Marks a node as one that must be fenced (or, for a guest, whose machine must be recovered).
    pub(super) fn fence_node(&mut self, index: NodeIndex, reason: &str, priority_delay: bool) {
        let node = self.facts.node(index);
        let dangling = node.remote.filter(|&remote| {
            let connection = self.facts.resource(remote);
            connection.launcher.is_none() && connection.orphan_launched
        });
        match (node.kind, dangling) {
            (NodeKind::Guest { launcher }, _) => {
                let machine = &mut self.facts.resources[launcher.position()];
                if !machine.failed && machine.managed {
                    // Its node stays clean, so that it may run resources again in this very transition.
                    (machine.failed, machine.stop_if_failed) = (true, true);
                    self.facts.nodes[index.position()].remote_reset = true;
                }
            }
            (NodeKind::Remote, Some(remote)) => self.mark_failed(remote),
            (NodeKind::Remote, None) => {
                let unmanaged = node.remote.is_some_and(|remote| !self.facts.resource(remote).managed);
                let node = &mut self.facts.nodes[index.position()];
                node.remote_reset |= !unmanaged;
                node.unclean = true;
                self.facts.effects.push(Effect::Fence { node: index, reason: reason.into(), priority_delay: false });
            }
            (NodeKind::Member, _) if node.unclean => {}
            (NodeKind::Member, _) => {
                self.facts.nodes[index.position()].unclean = true;
                self.facts.effects.push(Effect::Fence { node: index, reason: reason.into(), priority_delay });
            }
        }
    }
}

fn is_true_attribute(node: &crate::Node, name: &str) -> bool {
    node.attributes.get(name).and_then(|value| parse_boolean(value)) == Some(true)
}
