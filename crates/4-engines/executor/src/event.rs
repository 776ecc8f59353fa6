//! What the executor is told and what it asks for.

use messages::agent::{AgentCall, AgentOrder, AgentResult};
use messages::group::Incarnation;
use messages::operation::{CancelOrder, OperationOrder, OperationReport, ReportId};
use model::{CallId, NodeName, ResourceId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The root role said which life of the host this is, what an earlier daemon left running, and the first call id that is free.
    AgentsConnected { incarnation: Incarnation, running: Vec<AgentCall>, next_call: CallId },
    /// The root role is gone; calls in flight are of unknown outcome until it is back.
    AgentsLost,
    /// The coordinator ordered an operation.
    Ordered(OperationOrder),
    /// The coordinator ordered an operation's end.
    CancelOrdered(CancelOrder),
    /// The coordinator ordered a resource to be forgotten.
    ForgetOrdered { resource: ResourceId },
    /// A run of an agent ended. Results of calls this engine did not make are ignored.
    AgentFinished(AgentResult),
    /// The coordinator has these reports in the status section.
    ReportsAcknowledged(Vec<ReportId>),
    /// Another coordinator leads now, or this node joined: it is told what this node is at, and every unacknowledged report again.
    CoordinatorChanged,
    /// This node is to stop whatever the coordinator does not know any more: every recurring operation ends.
    RecurringDropped,
    /// What recurs of a resource is due at once: something happened to it.
    CheckNow { resource: ResourceId },
    /// The administrator put the node's local options anew (`node-action-limit`).
    LimitChanged { parallel_max: usize },
    /// The time asked for by `WakeAt` has come (or any other).
    TimePassed,
}

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Saves `history()` before the commands that follow are carried out, so that a restarted daemon knows what it was told.
    SaveHistory,
    /// Passes this to the root role.
    Agent(AgentOrder),
    /// Sends this to the coordinator; it is sent again until it is acknowledged.
    Report(Box<OperationReport>),
    /// Tells a new coordinator what this node is at (`NodeReport::AtWork`).
    ReportAtWork { orders: Vec<OperationOrder>, history: Vec<OperationReport> },
    /// Calls again at this time of the monotonic clock; replaces an earlier wish.
    WakeAt(Duration),
    /// Logs a line for people.
    Warn(String),
}

/// What an executor is made with.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    pub node: NodeName,
    /// How many agents run at once; twice the number of cores unless `node-action-limit` says otherwise.
    pub parallel_max: usize,
    /// Written as `crm_feature_set`.
    pub feature_set: String,
}

/// What survives a restart of the daemon: what is known, what recurs, what is in flight, what is not yet acknowledged.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct History {
    pub incarnation: Option<Incarnation>,
    pub next_report: ReportId,
    /// What was not touched between two histories is shared by both.
    #[serde(with = "crate::shared")]
    pub resources: BTreeMap<ResourceId, Arc<ResourceHistory>>,
    pub unacknowledged: Vec<OperationReport>,
}

/// One resource's part of the history.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct ResourceHistory {
    /// The last report for each record of the CIB (`last`, `last_failure`, `monitor_10000`, …).
    pub reports: BTreeMap<String, OperationReport>,
    /// Recurring operations in force, each with the call id of its first run, if it has run.
    pub recurring: Vec<(OperationOrder, Option<CallId>)>,
    /// The call in flight when the history was saved, with its order.
    pub in_flight: Option<(CallId, OperationOrder)>,
    /// Orders that wait for their turn.
    pub queued: Vec<OperationOrder>,
    /// The instance parameters it was started with: a stop must use them although the configuration may have changed.
    #[serde(default)]
    pub start_parameters: Option<BTreeMap<String, String>>,
    /// A fence device that was started here (fence agents know no such state).
    #[serde(default)]
    pub device_started: bool,
}
