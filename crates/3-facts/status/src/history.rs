//! The recorded operations of a node (`lrm_resources`), with what was deduced from each.

use crate::recorded::{RecordedHistory, RecordedOperation};
use crate::{NodeIndex, OnFail, ResourceIndex};
use model::{AgentExit, ExecutionStatus, Timestamp};
use std::ops::Deref;
use std::sync::Arc;

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

/// One `lrm_resource`: what a node did with a resource. What is recorded is read through it as its own.
#[derive(Clone, Debug)]
pub struct ResourceHistory {
    /// What is recorded.
    pub recorded: Arc<RecordedHistory>,
    /// The resource that it belongs to (an orphan made for it, too); `None`: it was ignored.
    pub resource: Option<ResourceIndex>,
    /// `shutdown-lock`: since when the resource is locked to this node.
    pub shutdown_lock: Option<Timestamp>,
    /// Its operations, oldest call first (pending ones last), as the incumbent sorts them.
    pub operations: Vec<OperationRecord>,
}

/// One recorded operation, with what was deduced from it. What is recorded is read through it as its own.
#[derive(Clone, Debug)]
pub struct OperationRecord {
    /// What is recorded.
    pub recorded: Arc<RecordedOperation>,
    /// The exit code after the incumbent's re-interpretation (expected results, degraded results, masked probes).
    pub effective_exit: AgentExit,
    /// The status after re-interpretation.
    pub effective_status: ExecutionStatus,
    /// The failure is past its `failure-timeout`.
    pub expired: bool,
    /// It counts as a failure: what that requires, and which of the configured consequences apply.
    pub on_fail: Option<OnFail>,
    /// Its failure expired, so the recurring operation is to be scheduled anew (whatever its digests are).
    pub reschedule: bool,
}

impl Deref for ResourceHistory {
    type Target = RecordedHistory;

    fn deref(&self) -> &RecordedHistory {
        &self.recorded
    }
}

impl Deref for OperationRecord {
    type Target = RecordedOperation;

    fn deref(&self) -> &RecordedOperation {
        &self.recorded
    }
}

impl OperationRecord {
    /// Returns a record of which nothing was deduced yet.
    pub(crate) fn new(recorded: Arc<RecordedOperation>) -> Self {
        Self {
            effective_exit: recorded.exit,
            effective_status: recorded.status,
            expired: false,
            on_fail: None,
            reschedule: false,
            recorded,
        }
    }

    /// Returns `op-restart-digest`. Compat: an expired failure of a recurring operation replaces it by a text that no
    /// digest equals, which has the operation scheduled anew.
    pub fn restart_digest(&self) -> Option<&str> {
        if self.reschedule { Some("calculated-failure-timeout") } else { self.attribute("op-restart-digest") }
    }
}
