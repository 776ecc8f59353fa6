//! Orders between a remote or guest node's connection and what is done on that node.

use crate::actions::{ActionIndex, Draft, End, Flags, Relation};
use model::Role;
use status::{NodeIndex, NodeKind, ResourceIndex};

/// What becomes of a remote node's connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Connection {
    Unknown,
    Alive,
    /// Its host is gone, it moves elsewhere.
    Resting,
    Failed,
    Stopped,
}

impl Draft<'_> {
    /// Orders every action on a remote or guest node relative to the node's connection (and machine).
    pub(crate) fn order_remote_connections(&mut self) {
        if !self.facts.have_remote_nodes {
            return;
        }
        for position in (0..self.actions.len()).rev() {
            let index = ActionIndex(position as u32);
            let Some(resource) = self.a(index).resource else { continue };
            if self.fact(resource).remote_connection && self.a(index).task == "clear_failcount" {
                self.order_operation_after(index, resource, "start", Relation::ORDERED);
                continue;
            }
            let Some(node) = self.a(index).node.filter(|&node| self.is_remote_or_guest(node)) else { continue };
            if self.a(index).has(Flags::PSEUDO) {
                continue;
            }
            let Some(connection) = self.facts.node(node).remote else { continue };
            if self.a(index).task == "start" {
                self.order_connection_before_stops_elsewhere(resource, node, connection);
            }
            if self.a(index).task == "migrate_from" {
                self.order_connection_before_migration(resource, connection);
            }
            match self.fact(connection).launcher {
                Some(launcher) => self.order_with_guest(index, node, connection, launcher),
                None => self.order_with_connection(index, node, connection),
            }
        }
    }

    /// A resource that moves to a remote node stops elsewhere only once the connection is there.
    fn order_connection_before_stops_elsewhere(&mut self, resource: ResourceIndex, node: NodeIndex, connection: ResourceIndex) {
        for position in (0..self.r(resource).actions.len()).rev() {
            let other = self.r(resource).actions[position];
            if self.a(other).node != Some(node) && self.a(other).task == "stop" {
                self.order_operation_before(connection, "start", other, Relation::ORDERED);
            }
        }
    }

    /// What migrates to a remote node leaves only once the connection is there.
    ///
    /// Safety: where it went while nobody was connected, nobody knows of it. Compat (C-501): Pacemaker lets it leave at once. (Found by the
    /// simulator: seed 910140 with two remote nodes and a guest, half an hour.)
    fn order_connection_before_migration(&mut self, resource: ResourceIndex, connection: ResourceIndex) {
        for migrate_to in self.operations(resource, "migrate_to", None) {
            self.start_before(connection, migrate_to, Relation::NONE);
        }
    }

    fn start_before(&mut self, first: ResourceIndex, then: ActionIndex, extra: Relation) {
        let relation = Relation::GUEST_ALLOWED | Relation::UNRUNNABLE_FIRST_BLOCKS | extra;
        self.order_ends(End::Operation(first, "start".into()), End::Action(then), relation);
    }

    fn before_stop(&mut self, first: ActionIndex, then: ResourceIndex, extra: Relation) {
        self.order_ends(End::Action(first), End::Operation(then, "stop".into()), Relation::GUEST_ALLOWED | extra);
    }

    /// Returns whether a remote node cannot be reached any more, and its connection will not come back by itself.
    pub(crate) fn is_failed_remote(&self, node: NodeIndex) -> bool {
        let connection = self.facts.node(node).remote.filter(|_| matches!(self.facts.node(node).kind, NodeKind::Remote));
        connection.is_some_and(|connection| self.connection_state(node, connection) == Connection::Failed)
    }

    fn connection_state(&self, node: NodeIndex, connection: ResourceIndex) -> Connection {
        let state = self.r(connection);
        let host = self.current_node(connection);
        if state.next_role == Role::Stopped || state.assigned.is_none() {
            if host.is_some_and(|host| self.n(host).unclean) {
                return Connection::Failed;
            }
            if !state.failed {
                return Connection::Stopped;
            }
            let reconnects = self.fact(connection).reconnect_interval.is_some_and(|interval| !interval.is_zero());
            let shutting_down = self.facts.node(node).attributes.get("shutdown").is_some_and(|value| value != "0");
            if state.next_role == Role::Stopped && reconnects && self.facts.node(node).remote_fenced && !shutting_down {
                return Connection::Unknown;
            }
            return Connection::Failed;
        }
        let Some(host) = host else { return Connection::Unknown };
        if self.n(host).unclean || !self.n(host).online {
            return Connection::Resting;
        }
        let moves = state.migrating_from.is_some() && state.migrating_to.is_some();
        if self.fact(connection).active_nodes.len() > 1 && moves { Connection::Resting } else { Connection::Alive }
    }

    fn order_with_connection(&mut self, index: ActionIndex, node: NodeIndex, connection: ResourceIndex) {
        let state = self.connection_state(node, connection);
        let stops = self.r(connection).next_role == Role::Stopped;
        let task = self.a(index).task.clone();
        match task.as_str() {
            "start" | "promote" => {
                let extra = if state == Connection::Failed { Relation::FIRST_IMPLIES_THEN } else { Relation::NONE };
                self.start_before(connection, index, extra);
            }
            // Compat (C-504): with Pacemaker the end of a connection waits for what may migrate, although it has to be stopped: a migration that
            // does not take place. The stop that follows one that does is waited for anyway.
            "migrate_to" if state == Connection::Alive || (stops && state != Connection::Failed) => {
                self.order_ends(End::Action(index), End::Operation(connection, "stop".into()), Relation::ORDERED);
            }
            "stop" | "migrate_to" | "migrate_from" => match state {
                Connection::Alive => self.before_stop(index, connection, Relation::THEN_IMPLIES_FIRST),
                Connection::Failed => {
                    self.require_fencing(node, "resources are active but connection is unrecoverable", false);
                }
                _ if stops => self.before_stop(index, connection, Relation::THEN_IMPLIES_FIRST),
                _ => self.start_before(connection, index, Relation::NONE),
            },
            "demote" => {
                if matches!(state, Connection::Resting | Connection::Unknown) {
                    self.start_before(connection, index, Relation::NONE);
                }
            }
            _ if self.is_recurring(index) => self.start_before(connection, index, Relation::FIRST_IMPLIES_THEN),
            _ => {
                if task == "monitor" && state == Connection::Failed {
                    let reason = "resources are in unknown state and connection is unrecoverable";
                    self.require_fencing(node, reason, false);
                }
                if self.is_probed_before_end(index, connection) {
                    // Compat (C-502): Pacemaker probes over the new connection, for whose predecessor's end what is stopped there may wait,
                    // and that for the probe.
                    self.before_stop(index, connection, Relation::NONE);
                    self.order_ends(End::Action(index), End::Operation(connection, "migrate_to".into()), Relation::ORDERED);
                } else if self.current_node(connection).is_some() && state == Connection::Stopped {
                    self.before_stop(index, connection, Relation::UNRUNNABLE_FIRST_BLOCKS);
                } else {
                    self.start_before(connection, index, Relation::NONE);
                }
            }
        }
    }

    fn order_with_guest(&mut self, index: ActionIndex, node: NodeIndex, connection: ResourceIndex, launcher: ResourceIndex) {
        if self.r(launcher).failed {
            self.require_fencing(node, "container failed", false);
        }
        match self.a(index).task.as_str() {
            "start" | "promote" => {
                self.start_before(launcher, index, Relation::FIRST_IMPLIES_THEN);
                self.start_before(connection, index, Relation::NONE);
            }
            // Compat (C-403): Pacemaker has what arrives wait for the end of the earlier connection, and that for what arrives.
            "migrate_from" if self.moves(connection) => self.start_before(connection, index, Relation::NONE),
            "stop" | "demote" | "migrate_to" | "migrate_from" => {
                if !self.r(launcher).failed {
                    self.before_stop(index, connection, Relation::NONE);
                }
            }
            task if self.is_recurring(index) => {
                if task != "cancel" {
                    self.start_before(connection, index, Relation::FIRST_IMPLIES_THEN);
                }
            }
            // Compat (C-518): Pacemaker probes over the new connection, of which the machine's end comes first, for which what stops there waits, and
            // that for the probe. (Found by the simulator: seed 92069, half an hour.)
            _ if self.is_probed_before_restart(index, connection, launcher) => self.before_stop(index, connection, Relation::NONE),
            _ => self.start_before(connection, index, Relation::NONE),
        }
    }

    /// Returns whether an action is a probe on a guest that can be reached, and whose machine is about to be started anew.
    fn is_probed_before_restart(&self, index: ActionIndex, connection: ResourceIndex, launcher: ResourceIndex) -> bool {
        let Some(node) = self.a(index).node.filter(|_| self.a(index).task == "monitor" && !self.is_recurring(index)) else { return false };
        self.n(node).online
            && !self.r(connection).failed
            && !self.r(launcher).failed
            && !self.is_bundled(connection)
            && self.restarts(launcher)
            && self.connection_state(node, connection) == Connection::Alive
    }

    /// Returns whether an action is a probe on a remote node that can be reached, over a connection that is about to move or to be made anew.
    fn is_probed_before_end(&self, index: ActionIndex, connection: ResourceIndex) -> bool {
        let Some(node) = self.a(index).node.filter(|_| self.a(index).task == "monitor" && !self.is_recurring(index)) else { return false };
        let state = self.r(connection);
        self.fact(connection).launcher.is_none()
            && self.n(node).online
            && !state.failed
            && state.migrating_to.is_none()
            && (self.moves(connection) || self.restarts(connection))
            && self.connection_state(node, connection) == Connection::Alive
    }

    /// Returns whether a connection is to be held by another member than now.
    fn moves(&self, connection: ResourceIndex) -> bool {
        let (began, ended) = (self.current_node(connection), self.r(connection).assigned);
        began.is_some() && ended.is_some() && began != ended
    }

    /// Returns whether a connection is to be made anew where it is: its definition has changed.
    fn restarts(&self, connection: ResourceIndex) -> bool {
        // The orders, which are made later, bring the stop about.
        let begins_anew =
            |&index: &ActionIndex| matches!(self.a(index).task.as_str(), "start" | "stop") && !self.a(index).has(Flags::OPTIONAL);
        self.r(connection).role >= Role::Started && self.r(connection).actions.iter().any(begins_anew)
    }

    /// Returns whether an action is repeated (or cancels one that is).
    pub(crate) fn is_recurring(&self, index: ActionIndex) -> bool {
        self.a(index).meta("interval").and_then(|interval| interval.parse::<u64>().ok()).is_some_and(|interval| interval > 0)
    }

    /// Returns the member that carries out an action on a remote or guest node.
    pub(crate) fn router(&self, index: ActionIndex) -> Option<NodeIndex> {
        let action = self.a(index);
        let node = action.node.filter(|&node| action.task != "stonith" && self.is_remote_or_guest(node))?;
        let connection = self.facts.node(node).remote?;
        let (Some(began), Some(ended)) = (self.current_node(connection), self.r(connection).assigned) else {
            return self.r(connection).assigned.or(self.current_node(connection));
        };
        if began == ended {
            return Some(began);
        }
        let partly_moved = self.fact(connection).launcher.is_none() && self.r(connection).migrating_to.is_some();
        let task = if action.task == "notify" { action.meta("notify_operation").unwrap_or_default() } else { &action.task };
        let is_guest = self.fact(connection).launcher.is_some();
        let before_the_move = matches!(task, "cancel" | "stop" | "demote" | "migrate_to") || (task == "migrate_from" && !is_guest);
        let launcher = self.fact(connection).launcher;
        let before_the_move = before_the_move
            || self.is_probed_before_end(index, connection)
            || launcher.is_some_and(|launcher| self.is_probed_before_restart(index, connection, launcher));
        Some(if before_the_move && !partly_moved { began } else { ended })
    }
}
