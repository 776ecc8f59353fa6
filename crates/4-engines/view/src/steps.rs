//! What a rehearsal did, step by step, in the words of `crm_simulate`.

use crate::Lines;
use std::fmt;

/// Whether a node comes, goes or fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NodeChange {
    Online,
    Offline,
    Failing,
}

/// What is done to a ticket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TicketChange {
    Granting,
    Revoking,
    Standby,
    Activating,
}

/// One step of a rehearsal: a change that was asked for, or an action carried out on paper.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    Quorum(String),
    Watchdog(String),
    Node {
        change: NodeChange,
        node: String,
    },
    Ticket {
        change: TicketChange,
        ticket: String,
    },
    /// An operation's result was put into the history, as this specification says.
    Operation(String),
    /// A node attribute was set.
    Attribute {
        name: String,
        value: String,
        node_id: String,
    },
    /// An action that nobody carries out was passed.
    Pseudo {
        key: String,
        node: Option<String>,
    },
    /// A resource's agent would have been called.
    Resource {
        resource: String,
        operation: String,
        interval_ms: u64,
        node: String,
    },
    /// The cluster itself would have acted.
    Cluster {
        operation: String,
        resource: Option<String>,
        node: String,
    },
    Fencing {
        target: String,
        action: String,
    },
    /// An action was said to fail; a remark outside the list.
    PretendedFailure {
        action: u32,
        rc: i32,
    },
    /// Something could not be done as asked; belongs on standard error.
    Fault(String),
}

impl Step {
    /// Returns the text for standard error, where the step belongs there.
    pub fn fault(&self) -> Option<&str> {
        if let Step::Fault(text) = self { Some(text) } else { None }
    }

    /// Prints the step, unless it is a fault.
    pub fn print(&self, out: &mut Lines) {
        match self {
            Step::Fault(_) => {}
            Step::PretendedFailure { .. } => out.raw(self),
            _ => out.item(self),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Quorum(value) => write!(f, "Setting quorum: {value}"),
            Step::Watchdog(value) => write!(f, "Setting watchdog: {value}"),
            Step::Node { change: NodeChange::Online, node } => write!(f, "Bringing node {node} online"),
            Step::Node { change: NodeChange::Offline, node } => write!(f, "Taking node {node} offline"),
            Step::Node { change: NodeChange::Failing, node } => write!(f, "Failing node {node}"),
            Step::Ticket { change: TicketChange::Standby, ticket } => write!(f, "Making ticket {ticket} standby"),
            Step::Ticket { change, ticket } => write!(f, "{change:?} ticket {ticket}"),
            Step::Operation(specification) => write!(f, "Injecting {specification} into the configuration"),
            Step::Attribute { name, value, node_id } => {
                write!(f, "Injecting attribute {name}={value} into /node_state '{node_id}'")
            }
            Step::Pseudo { key, node: None } => write!(f, "Pseudo action:   {key}"),
            Step::Pseudo { key, node: Some(node) } => write!(f, "Pseudo action:   {key} on {node}"),
            Step::Resource { resource, operation, interval_ms: 0, node } => {
                write!(f, "Resource action: {resource:<15} {operation} on {node}")
            }
            Step::Resource { resource, operation, interval_ms, node } => {
                write!(f, "Resource action: {resource:<15} {operation}={interval_ms} on {node}")
            }
            Step::Cluster { operation, resource: Some(resource), node } => {
                write!(f, "Cluster action:  {operation} for {resource} on {node}")
            }
            Step::Cluster { operation, resource: None, node } => write!(f, "Cluster action:  {operation} on {node}"),
            Step::Fencing { target, action } => write!(f, "Fencing {target} ({action})"),
            Step::PretendedFailure { action, rc } => write!(f, "Pretending action {action} failed with rc={rc}"),
            Step::Fault(text) => f.write_str(text),
        }
    }
}
