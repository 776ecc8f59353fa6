//! What happened, for people: the time line of an incident, status, logs and metrics are made of these.
//!
//! Each event is one fact with its fields; `phase` sorts the facts of an incident into detect, fence,
//! decide, stop and start.

use model::{NodeName, ResourceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One fact, with the node that noticed it and when.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ClusterEvent {
    pub at: Timestamp,
    pub by: NodeName,
    pub fact: Fact,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Fact {
    /// A host and everything on it are gone; `cause` says how it is known.
    HostLost {
        node: NodeName,
        cause: String,
    },
    HostJoined {
        node: NodeName,
    },
    /// The daemon of a host that is still present is gone; it has a grace to come back.
    DaemonLost {
        node: NodeName,
        cause: String,
    },
    DaemonBack {
        node: NodeName,
    },
    CoordinatorElected {
        node: NodeName,
        term: u64,
    },
    QuorumGained,
    QuorumLost,
    /// The engine below us is gone or back.
    GroupLost {
        reason: String,
    },
    GroupBack,
    /// A configuration write was acknowledged.
    ConfigurationChanged {
        version: String,
        client: String,
    },
    /// An operation ended otherwise than planned.
    OperationFailed {
        resource: ResourceId,
        node: NodeName,
        operation: String,
        exit: i32,
        reason: String,
    },
    /// A plan was made; actions that only keep order are left out.
    Planned {
        plan: u64,
        actions: Vec<PlannedAction>,
        input: Option<String>,
    },
    ActionStarted {
        plan: u64,
        resource: Option<ResourceId>,
        node: NodeName,
        operation: String,
    },
    ActionFinished {
        plan: u64,
        resource: Option<ResourceId>,
        node: NodeName,
        operation: String,
        exit: i32,
        took: Duration,
    },
    FencingStarted {
        target: NodeName,
        action: String,
        device: String,
        by: NodeName,
    },
    FencingFinished {
        target: NodeName,
        action: String,
        device: Option<String>,
        by: Option<NodeName>,
        error: Option<String>,
        took: Duration,
    },
    /// Every action of the plan has ended; `complete` is false when it was given up for a newer one.
    PlanEnded {
        plan: u64,
        complete: bool,
    },
    /// Something is wrong that a person should know.
    Warning {
        text: String,
    },
}

/// One line of a plan: what, where and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PlannedAction {
    /// `Start`, `Stop`, `Move`, `Recover`, `Promote`, `Fence`, …
    pub verb: String,
    pub subject: String,
    /// The node, or `from -> to`.
    pub place: String,
    pub reason: String,
}

/// The part of a recovery that a fact belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Phase {
    Detect,
    Fence,
    Decide,
    Stop,
    Start,
}

impl Phase {
    /// Returns the word shown in time lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Detect => "detect",
            Phase::Fence => "fence",
            Phase::Decide => "decide",
            Phase::Stop => "stop",
            Phase::Start => "start",
        }
    }
}

impl Fact {
    /// Returns the phase of a recovery that the fact belongs to, if any.
    pub fn phase(&self) -> Option<Phase> {
        Some(match self {
            Fact::HostLost { .. } | Fact::DaemonLost { .. } | Fact::OperationFailed { .. } | Fact::QuorumLost => Phase::Detect,
            Fact::FencingStarted { .. } | Fact::FencingFinished { .. } => Phase::Fence,
            Fact::Planned { .. } => Phase::Decide,
            Fact::ActionStarted { operation, .. } | Fact::ActionFinished { operation, .. } => match operation.as_str() {
                "stop" | "demote" | "migrate_from" => Phase::Stop,
                "start" | "promote" | "migrate_to" => Phase::Start,
                _ => return None,
            },
            _ => return None,
        })
    }
}
