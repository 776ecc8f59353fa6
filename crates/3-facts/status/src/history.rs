//! The recorded operations of a node (`lrm_resources`), typed, with what was deduced from each.

use crate::{Agent, NodeIndex, ResourceIndex};
use compact_str::CompactString;
use model::{AgentExit, ExecutionStatus, Timestamp};

/// Names one recorded operation: `nodes[node].history[resource].operations[operation]`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HistoryReference {
    /// Whose history.
    pub node: NodeIndex,
    /// Position in `Node::history`.
    pub resource: u32,
    /// Position in `ResourceHistory::operations`.
    pub operation: u32,
}

/// One `lrm_resource`: what a node did with a resource.
#[derive(Clone, Debug)]
pub struct ResourceHistory {
    /// Its id as recorded.
    pub id: CompactString,
    /// The agent as recorded.
    pub agent: Agent,
    /// The `container` attribute.
    pub container: Option<CompactString>,
    /// The resource that it belongs to (an orphan made for it, too); `None`: it was ignored.
    pub resource: Option<ResourceIndex>,
    /// `shutdown-lock`: since when the resource is locked to this node.
    pub shutdown_lock: Option<Timestamp>,
    /// Its operations, oldest call first (pending ones last), as the incumbent sorts them.
    pub operations: Vec<OperationRecord>,
}

/// One `lrm_rsc_op`.
#[derive(Clone, Debug)]
pub struct OperationRecord {
    /// `id`.
    pub id: CompactString,
    /// `operation_key`, or the id where that is missing.
    pub key: CompactString,
    /// `operation`.
    pub operation: CompactString,
    /// `interval`.
    pub interval_ms: u64,
    /// `call-id`.
    pub call: i32,
    /// `rc-code` as recorded.
    pub exit: AgentExit,
    /// `op-status` as recorded.
    pub status: ExecutionStatus,
    /// The exit code that counts as success, from the transition key.
    pub expected_exit: Option<AgentExit>,
    /// The exit code after the incumbent's re-interpretation (expected results, masked probes, expiry).
    pub effective_exit: AgentExit,
    /// The status after re-interpretation.
    pub effective_status: ExecutionStatus,
    /// The failure is past its `failure-timeout`.
    pub expired: bool,
    /// What its failure requires, where it counts as one.
    pub on_fail: Option<crate::OnFail>,
    /// `exit-reason`.
    pub exit_reason: CompactString,
    /// `transition-key`.
    pub transition_key: CompactString,
    /// `transition-magic`.
    pub transition_magic: CompactString,
    /// `last-rc-change`.
    pub last_change: Option<Timestamp>,
    /// `last-run`.
    pub last_run: Option<Timestamp>,
    /// `exec-time`.
    pub exec_time_ms: Option<u64>,
    /// `queue-time`.
    pub queue_time_ms: Option<u64>,
    /// `on_node`.
    pub on_node: Option<CompactString>,
    /// `migrate_source`.
    pub migrate_source: Option<CompactString>,
    /// `migrate_target`.
    pub migrate_target: Option<CompactString>,
    /// `op-digest`.
    pub digest: Option<CompactString>,
    /// `op-restart-digest`.
    pub restart_digest: Option<CompactString>,
    /// `op-force-restart`.
    pub restart_parameters: Option<CompactString>,
    /// `op-secure-digest`.
    pub secure_digest: Option<CompactString>,
    /// `op-secure-params`.
    pub secure_parameters: Option<CompactString>,
    /// `crm_feature_set`.
    pub feature_set: Option<CompactString>,
    /// `crm-debug-origin`.
    pub origin: Option<CompactString>,
}
