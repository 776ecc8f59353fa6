//! Between the coordinator and the nodes: do this operation, this is how it ended; run this fence device,
//! this is what it said. They travel as group messages; the member wraps them with the coordinator's term.
//!
//! Orders are idempotent by their key: a node that has carried an order out, or is at it, answers a
//! repetition with the same report.

use crate::agent::{AgentName, AgentOutcome};
use crate::group::Incarnation;
use model::{AgentExit, CallId, ExecutionStatus, NodeName, OperationKey, ResourceId, Timestamp, TransitionKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// What the coordinator asks of one node.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum NodeOrder {
    /// Run an operation of a resource, once or from now on at an interval.
    Operation(OperationOrder),
    /// End a recurring operation, or a one-time operation that is not done yet.
    Cancel(CancelOrder),
    /// Forget a resource: its recurring operations end and its history is dropped.
    Forget {
        resource: ResourceId,
        /// The remote node it is to be forgotten on; absent: the node itself.
        #[serde(default)]
        on_node: Option<NodeName>,
    },
    /// Run a fence device's agent.
    Device(DeviceOrder),
    /// The named reports are in the status section and need not be sent again.
    Acknowledge {
        reports: Vec<ReportId>,
        /// The remote node they were of, which numbers its own; absent: the node itself.
        #[serde(default)]
        on_node: Option<NodeName>,
    },
}

/// What a node tells the coordinator.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum NodeReport {
    /// An operation ended (or, of recurring ones, its result changed).
    Operation(Box<OperationReport>),
    /// A fence device's agent ended.
    Device(DeviceReport),
    /// What this node is at, told to a coordinator that is new to it.
    AtWork {
        incarnation: Incarnation,
        /// Orders that are carried out now or wait for their turn.
        orders: Vec<OperationOrder>,
        /// The last known result of each operation, so that a lost history can be written again.
        history: Vec<OperationReport>,
    },
}

/// Numbers the reports of one node during a life of its host; grows with each report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReportId(pub u64);

/// One operation of one resource, with everything its agent gets to see.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OperationOrder {
    /// The id under which the history is kept (`web`, `web:1` of a unique clone).
    pub resource: ResourceId,
    pub agent: AgentName,
    /// `start`, `monitor`, `notify`, `migrate_to`, `reload-agent`, …
    pub operation: String,
    /// The key in the CIB; differs from resource, operation and interval only for notifications.
    pub operation_key: String,
    /// Zero for an operation that is run once.
    pub interval: Duration,
    /// The wait before the (first) run.
    #[serde(default)]
    pub start_delay: Duration,
    /// The time one run may take.
    pub timeout: Duration,
    /// Instance parameters and `CRM_meta_*` values as the plan lists them.
    pub parameters: BTreeMap<String, String>,
    /// The plan's action this belongs to; its `target_rc` is the exit code that counts as success.
    pub transition_key: TransitionKey,
    /// The node the resource is on: the node itself, or a remote node it is the router of.
    pub on_node: NodeName,
    /// The resource is locked to the node since this time (seconds since 1970); given back in the report.
    #[serde(default)]
    pub locked_since: Option<i64>,
    /// What is known of the resource on other nodes is from before this operation, the latest of it from this time: the result must not
    /// look earlier, whatever calendar the node has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub later_than: Option<Timestamp>,
}

impl OperationOrder {
    /// Returns the key of resource, operation and interval.
    pub fn key(&self) -> OperationKey {
        OperationKey::new(self.resource.clone(), self.operation.clone(), self.interval.as_millis() as u64)
    }

    /// Returns when a result came to be, as it is recorded: in whole seconds it is later than what the order followed.
    pub fn recorded_at(&self, time: Timestamp) -> Timestamp {
        match self.later_than {
            Some(before) if time.seconds() <= before.seconds() => Timestamp::from_seconds(before.seconds() + 1),
            _ => time,
        }
    }

    /// Returns a `CRM_meta_` value by its plain name.
    pub fn meta(&self, name: &str) -> Option<&str> {
        self.parameters.get(&format!("CRM_meta_{name}")).map(String::as_str)
    }
}

/// Which operation is to end.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CancelOrder {
    pub resource: ResourceId,
    pub operation: String,
    pub interval: Duration,
    /// The plan's action this belongs to; absent when no plan asked.
    #[serde(default)]
    pub transition_key: Option<TransitionKey>,
    pub on_node: NodeName,
}

/// How an operation ended, with everything its record in the CIB needs (`lrm_rsc_op`).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OperationReport {
    pub id: ReportId,
    /// This life of the host that ran it.
    pub incarnation: Incarnation,
    pub on_node: NodeName,
    pub resource: ResourceId,
    pub agent: AgentName,
    pub operation: String,
    pub operation_key: String,
    pub interval: Duration,
    pub call: CallId,
    /// The order's key.
    pub transition_key: TransitionKey,
    pub status: ExecutionStatus,
    pub exit: AgentExit,
    #[serde(default)]
    pub exit_reason: Option<String>,
    /// When the result became what it is; repetitions with the same result leave it.
    pub last_change: Timestamp,
    /// How long the agent ran.
    pub run_time: Duration,
    /// How long the operation waited for its turn.
    pub queue_time: Duration,
    /// Digests of the parameters it ran with; absent where Pacemaker writes none.
    #[serde(default)]
    pub digests: Option<OperationDigests>,
    /// The feature set the parameters were digested under (`crm_feature_set`).
    pub feature_set: String,
    #[serde(default)]
    pub migrate_source: Option<String>,
    #[serde(default)]
    pub migrate_target: Option<String>,
    /// `CRM_meta_on_fail` of the order: `ignore` keeps the failure out of the fail count.
    #[serde(default)]
    pub on_fail: Option<String>,
    /// The container's resource id, for resources inside one.
    #[serde(default)]
    pub container: Option<String>,
    /// The order's `locked_since`.
    #[serde(default)]
    pub locked_since: Option<i64>,
    /// Only tells the coordinator how it went, and is never recorded: notifications, cancellations, far postponed monitors.
    #[serde(default)]
    pub direct: bool,
}

impl OperationReport {
    /// Returns the key of resource, operation and interval.
    pub fn key(&self) -> OperationKey {
        OperationKey::new(self.resource.clone(), self.operation.clone(), self.interval.as_millis() as u64)
    }

    /// Returns whether the exit code is the one the plan expected.
    pub fn is_expected(&self) -> bool {
        self.status == ExecutionStatus::Done && self.exit.0 == self.transition_key.target_rc
    }
}

/// What tells later whether a parameter changed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct OperationDigests {
    /// Of all parameters (`op-digest`).
    pub all: String,
    /// Of the parameters that need a restart (`op-restart-digest`), with their names (`op-force-restart`).
    #[serde(default)]
    pub restart: Option<ListedDigest>,
    /// Of the parameters that are no secrets (`op-secure-digest`), with the secret names (`op-secure-params`).
    #[serde(default)]
    pub secure: Option<ListedDigest>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ListedDigest {
    /// Names between blanks, blanks also at both ends.
    pub names: String,
    pub digest: String,
}

/// One run of a fence device's agent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DeviceOrder {
    /// Given back in the report.
    pub ticket: DeviceTicket,
    /// The device's resource id.
    pub device: ResourceId,
    pub agent: AgentName,
    /// As the agent gets it: `off`, `on`, `reboot`, `status`, `list`, `monitor`, `metadata`.
    pub action: String,
    /// What the agent reads on stdin, without `action`.
    pub parameters: BTreeMap<String, String>,
    pub timeout: Duration,
}

/// Numbers the device runs a coordinator ordered; unique with its term, also among coordinators of one term in several partitions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct DeviceTicket {
    pub term: u64,
    pub number: u64,
}

/// How a run of a device ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DeviceReport {
    pub ticket: DeviceTicket,
    pub device: ResourceId,
    pub outcome: AgentOutcome,
    pub stdout: String,
    pub stderr: String,
    pub run_time: Duration,
}
