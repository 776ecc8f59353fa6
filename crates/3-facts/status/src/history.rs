//! The recorded operations of a node (`lrm_resources`), typed, with what was deduced from each.

use crate::{Agent, NodeIndex, OnFail, ResourceIndex};
use compact_str::CompactString;
use model::{AgentExit, ExecutionStatus, Timestamp};
use std::sync::Arc;
use xml::Element;

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

/// One `lrm_rsc_op`: what decisions need often as fields, the rest by name from the element.
#[derive(Clone, Debug)]
pub struct OperationRecord {
    /// The element itself.
    pub xml: Arc<Element>,
    /// `id`.
    pub id: CompactString,
    /// `operation_key`, or the id where that is missing.
    pub key: CompactString,
    /// `operation`.
    pub operation: CompactString,
    /// `interval`.
    pub interval_ms: u64,
    /// `call-id`; −1 where it is pending or missing.
    pub call: i32,
    /// `rc-code` as recorded.
    pub exit: AgentExit,
    /// `op-status` as recorded.
    pub status: ExecutionStatus,
    /// The exit code that counts as success, from the transition key.
    pub expected_exit: Option<AgentExit>,
    /// The exit code after the incumbent's re-interpretation (expected results, degraded results, masked probes).
    pub effective_exit: AgentExit,
    /// The status after re-interpretation.
    pub effective_status: ExecutionStatus,
    /// The failure is past its `failure-timeout`.
    pub expired: bool,
    /// It counts as a failure: what that requires, and which of the configured consequences apply.
    pub on_fail: Option<OnFail>,
    /// `last-rc-change`.
    pub last_change: Option<Timestamp>,
    /// Its failure expired, so the recurring operation is to be scheduled anew (whatever its digests are).
    pub reschedule: bool,
}

impl OperationRecord {
    /// Returns an attribute of the element.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.xml.attribute(name)
    }

    /// Returns `exit-reason`; empty where there is none.
    pub fn exit_reason(&self) -> &str {
        self.attribute("exit-reason").unwrap_or_default()
    }

    /// Returns `exec-time`.
    pub fn exec_time_ms(&self) -> Option<u64> {
        self.attribute("exec-time")?.trim().parse().ok()
    }

    /// Returns `queue-time`.
    pub fn queue_time_ms(&self) -> Option<u64> {
        self.attribute("queue-time")?.trim().parse().ok()
    }

    /// Returns `transition-key`.
    pub fn transition_key(&self) -> Option<&str> {
        self.attribute("transition-key")
    }

    /// Returns `transition-magic`.
    pub fn transition_magic(&self) -> Option<&str> {
        self.attribute("transition-magic")
    }

    /// Returns `op-digest`, the digest of all parameters.
    pub fn digest(&self) -> Option<&str> {
        self.attribute("op-digest")
    }

    /// Returns `op-restart-digest`. Compat: an expired failure of a recurring operation replaces it by a text that no
    /// digest equals, which has the operation scheduled anew.
    pub fn restart_digest(&self) -> Option<&str> {
        if self.reschedule { Some("calculated-failure-timeout") } else { self.attribute("op-restart-digest") }
    }

    /// Returns `op-force-restart`, the parameters whose change needs a restart.
    pub fn restart_parameters(&self) -> Option<&str> {
        self.attribute("op-force-restart")
    }

    /// Returns `op-secure-digest`, the digest without the private parameters.
    pub fn secure_digest(&self) -> Option<&str> {
        self.attribute("op-secure-digest")
    }

    /// Returns `op-secure-params`, the private parameters.
    pub fn secure_parameters(&self) -> Option<&str> {
        self.attribute("op-secure-params")
    }

    /// Returns `migrate_source`.
    pub fn migrate_source(&self) -> Option<&str> {
        self.attribute("migrate_source")
    }

    /// Returns `migrate_target`.
    pub fn migrate_target(&self) -> Option<&str> {
        self.attribute("migrate_target")
    }

    /// Returns `on_node`.
    pub fn on_node(&self) -> Option<&str> {
        self.attribute("on_node")
    }

    /// Returns `crm_feature_set`.
    pub fn feature_set(&self) -> Option<&str> {
        self.attribute("crm_feature_set")
    }

    /// Returns whether it is a probe: a monitor that is run once.
    pub fn is_probe(&self) -> bool {
        self.operation == "monitor" && self.interval_ms == 0
    }

    /// Returns whether it is a failed probe that says "this cannot run here" rather than "it is broken".
    /// Compat: such a failure is shown and bans the node, and counts as "not running".
    pub fn is_masked_probe_failure(&self) -> bool {
        self.is_probe()
            && (self.exit == AgentExit::NOT_INSTALLED
                || self.exit == AgentExit::INVALID_PARAMETER
                || self.status == ExecutionStatus::NotInstalled)
    }
}
