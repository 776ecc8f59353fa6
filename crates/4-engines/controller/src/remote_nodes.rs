//! Remote and guest nodes: no members, but nodes all the same. What becomes of their connection says whether they are up.
//!
//! Compat: what is written of them and when is what Pacemaker writes, so that the scheduler's facts are the same.

use crate::controller::{Controller, push_edit};
use crate::record::has_failed;
use crate::{Command, NodeState, StatusEdit};
use messages::operation::OperationReport;
use messages::remote::LOST_BEFORE;
use model::{AgentExit, ExecutionStatus, NodeName, Now};

impl Controller {
    /// Returns the node that holds the connection to a remote node: whoever has an order for the one gives it to the other.
    pub fn connection_holder(&self, remote: &NodeName) -> Option<&NodeName> {
        self.connections.get(remote)
    }

    /// A connection began, moved or ended where a node says so.
    pub(crate) fn connection_reported(&mut self, now: Now, from: &NodeName, report: &OperationReport, commands: &mut Vec<Command>) {
        if !is_done(report) {
            return;
        }
        let remote = NodeName::new(report.resource.as_str());
        match report.operation.as_str() {
            "start" => {
                self.connections.insert(remote.clone(), from.clone());
                self.in_unknown_life(now, &remote, commands);
            }
            // It was up before, and what is known of it stays true; but nobody watches any more: the plan is to order that anew.
            "migrate_from" => {
                self.connections.insert(remote.clone(), from.clone());
                self.forget_watches(&remote, commands);
                self.want_plan(now, format!("the connection to {remote} has moved"));
            }
            // Once it has moved, the end of the earlier connection says nothing about the node.
            "stop" if self.connections.get(&remote).is_none_or(|holder| holder == from) => {
                self.connections.remove(&remote);
                self.connection_ended(&remote, commands);
            }
            // The new connection may have reached another life than the earlier one. (Found by the simulator: seed 40020, half an hour.)
            "stop" if report.exit_reason.as_deref() == Some(LOST_BEFORE) => self.in_unknown_life(now, &remote, commands),
            _ => {}
        }
    }

    /// A remote node is up, and nothing is known of what runs there: it may have booted since. It is probed, and what runs is found to run.
    fn in_unknown_life(&mut self, now: Now, remote: &NodeName, commands: &mut Vec<Command>) {
        self.recorded.retain(|(node, _), _| node != remote);
        self.write_remote_node(remote, true, Some(false), true, commands);
        self.want_plan(now, format!("{remote} is up"));
    }

    /// A connection ended as it was planned.
    pub(crate) fn connection_ended(&self, remote: &NodeName, commands: &mut Vec<Command>) {
        self.write_remote_node(remote, false, None, false, commands);
    }

    /// Drops the records of what recurs on a remote node.
    pub(crate) fn forget_watches(&mut self, remote: &NodeName, commands: &mut Vec<Command>) {
        let node = self.action_node(remote);
        for ((_, resource), records) in self.recorded.iter_mut().filter(|((of, _), _)| of == remote) {
            let failure = format!("{resource}_last_failure_0");
            let watches = records.iter().filter(|(id, report)| !report.interval.is_zero() && **id != failure);
            let watches: Vec<String> = watches.map(|(id, _)| id.clone()).collect();
            for record in watches {
                records.remove(&record);
                push_edit(commands, StatusEdit::DropRecord { node: node.clone(), resource: resource.clone(), record });
            }
        }
    }

    /// What a member that joins says of a connection, in its history: the status may be new and know nothing of the node.
    pub(crate) fn connection_known(
        &mut self,
        from: &NodeName,
        report: &OperationReport,
        history: &[OperationReport],
        commands: &mut Vec<Command>,
    ) {
        // After a clean-up all that is told of a connection is that a probe has found it. (Found by the simulator: seed 40127, half an hour; a new
        // status did not know that the node is a remote one, and no clean-up reached it.)
        let is_found = is_of_connection(report) && report.operation == "monitor" && report.exit == AgentExit::OK;
        let is_told = report.operation != "monitor" && is_done(report);
        if !is_told && !is_found {
            return;
        }
        let remote = NodeName::new(report.resource.as_str());
        // Whoever has let it go does not know better than whoever took it, whichever of them is heard last. (Found by the simulator: seed 40020,
        // half an hour, after what a probe tells had come to count.)
        let let_go = |later: &OperationReport| later.resource == report.resource && later.operation == "migrate_to" && is_done(later);
        let has_let_go = history.iter().any(|later| let_go(later) && later.call > report.call);
        let is_elsewhere = self.connections.get(&remote).is_some_and(|holder| holder != from);
        match report.operation.as_str() {
            "start" | "migrate_from" | "monitor" if has_let_go && is_elsewhere => {}
            "start" | "migrate_from" | "monitor" => {
                self.connections.insert(remote.clone(), from.clone());
                let state = NodeState { in_membership: Some(true), is_remote: true, origin: "remote_node_up", ..NodeState::default() };
                push_edit(commands, StatusEdit::NodeState { node: self.action_node(&remote), state });
            }
            "stop" => self.connections.retain(|of, holder| *of != remote || holder != from),
            _ => {}
        }
    }

    /// A remote node is confirmed to be off: nothing runs there.
    pub(crate) fn remote_node_fenced(&mut self, remote: &NodeName, commands: &mut Vec<Command>) {
        self.write_remote_node(remote, false, Some(true), true, commands);
    }

    /// A guest node's machine has ended, and all that ran in it.
    pub(crate) fn guest_node_down(&mut self, guest: &NodeName, commands: &mut Vec<Command>) {
        // (Found by the simulator: seed 101, half an hour, where the machine ended with its host after a partition without quorum had stopped on the
        // guest what had left it.)
        let adrift = self.adrift_from_guests.remove(guest).unwrap_or_default();
        self.source_forgotten(guest, adrift);
        self.recorded.retain(|(node, _), _| node != guest);
        self.write_remote_node(guest, false, None, true, commands);
    }

    fn write_remote_node(&self, remote: &NodeName, is_up: bool, fenced: Option<bool>, forget: bool, commands: &mut Vec<Command>) {
        let node = self.action_node(remote);
        let origin = if is_up { "remote_node_up" } else { "remote_node_down" };
        let state = NodeState { in_membership: Some(is_up), is_remote: true, fenced, origin, ..NodeState::default() };
        push_edit(commands, StatusEdit::NodeState { node: node.clone(), state });
        if forget && is_up {
            push_edit(commands, self.forget_history(&node));
        } else if forget {
            push_edit(commands, StatusEdit::DropHistory { node: node.clone() });
        }
        push_edit(commands, StatusEdit::DropAttributes { node });
        commands.push(Command::ForgetAttributes { node: remote.clone() });
    }
}

/// Returns whether something was done to a connection.
fn is_done(report: &OperationReport) -> bool {
    is_of_connection(report) && !has_failed(report)
}

/// Returns whether something was done to a connection once, and has ended, well or not.
fn is_of_connection(report: &OperationReport) -> bool {
    report.interval.is_zero() && report.agent.is_remote_connection() && report.status == ExecutionStatus::Done
}
