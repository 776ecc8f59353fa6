//! What the controller is told and what it asks for.

use crate::StatusEdit;
use messages::event::Fact;
use messages::group::Incarnation;
use messages::operation::{NodeOrder, OperationOrder, OperationReport};
use model::{NodeName, ResourceId};
use std::collections::BTreeMap;
use std::time::Duration;
use transition::{ActionNode, Plan};

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// There is no quorum, and the policy is to stop: nobody is waited for, since nothing will be started.
    Hurry,
    /// This node became the coordinator: plans are made from now on, under keys with this id.
    Elected { uuid: String, term: u64 },
    /// How often in a row fencings of these nodes failed under earlier coordinators; told after an election.
    FencingsFailed(BTreeMap<NodeName, u32>),
    /// This node is no longer the coordinator: everything is dropped.
    Deposed,
    /// The cluster options changed (also told once at the beginning).
    SettingsChanged(Settings),
    /// The members and what is known of them changed.
    NodesChanged(BTreeMap<NodeName, Node>),
    /// A node is a member and has told what it is at (`NodeReport::AtWork`); also told of every member after an election. What is adrift: of
    /// what was migrating from there by the status it is not known whether it arrived (`status::adrift`).
    NodeJoined {
        node: NodeName,
        incarnation: Incarnation,
        at_work: Vec<OperationOrder>,
        history: Vec<OperationReport>,
        adrift: Vec<(ResourceId, NodeName)>,
    },
    /// A host is gone from the cluster (not merely its daemon).
    NodeLost { node: NodeName },
    /// A host is there but its daemon did not come back within its grace.
    DaemonLost { node: NodeName },
    /// Something worth planning for changed in the CIB or in an attribute; the text says what.
    InputChanged { cause: String },
    /// All that `Command::SetAttribute` asked for has been heard by everyone, and what it changed is in the CIB.
    AttributesSet,
    /// What is adrift by the status (`status::adrift`) from guest nodes whose machine the next plan takes for ended.
    GuestsAdrift(BTreeMap<NodeName, Vec<(ResourceId, NodeName)>>),
    /// The calculation of this number ended.
    PlanMade { calculation: u64, plan: Box<Plan>, input: Option<String> },
    /// The calculation of this number gave no plan.
    PlanFailed { calculation: u64, error: String },
    /// A node reported an operation's result.
    Reported { from: NodeName, report: Box<OperationReport> },
    /// A fencing that `Command::Fence` asked for (or anyone else) ended.
    FencingEnded(FencingEnd),
    /// A node asked to be shut down cleanly.
    ShutdownRequested { node: NodeName },
    /// A node that was told to end its daemon has left.
    ShutdownDone { node: NodeName },
    /// The time asked for by `WakeAt` has come (or any other).
    TimePassed,
}

/// How a fencing ended.
#[derive(Clone, PartialEq, Debug)]
pub struct FencingEnd {
    pub target: NodeName,
    /// `off`, `reboot` or `on`.
    pub action: String,
    /// The life of the host that was ended, where it was known.
    pub incarnation: Option<Incarnation>,
    /// Why it failed; `None` when the target is confirmed fenced (or unfenced, with `on`).
    pub error: Option<String>,
    /// What was migrating from there by the status, and where to, of which it is not known whether it arrived (`status::adrift`).
    pub adrift: Vec<(ResourceId, NodeName)>,
    /// Whether the target was reset just now for certain (false for `on` and for tolerated earlier fencings).
    pub by: Option<NodeName>,
}

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Makes a plan of the CIB through `Controller::planning_input`, once every change of the status and of attributes that was asked
    /// for before is in it, and comes back with `PlanMade` or `PlanFailed`.
    /// Invariant: never asked while an earlier calculation is not answered.
    Calculate { calculation: u64, cause: String },
    /// Sends this to a node.
    Order { node: NodeName, order: NodeOrder },
    /// Asks the fencer; `FencingEnded` is the answer.
    Fence(FenceWish),
    /// Changes the status section, in this order and in one write.
    EditStatus(Vec<StatusEdit>),
    /// Sets (or with no value deletes) a transient attribute through the attribute engine.
    SetAttribute { node: NodeName, name: String, value: AttributeChange },
    /// Forgets the failures of a resource on a node: every `fail-count-R#…` and `last-failure-R#…`, or those of one operation and interval
    /// in milliseconds.
    ClearFailures { node: NodeName, resource: ResourceId, operation: Option<(String, u64)> },
    /// Forgets the transient attributes of a remote node: it is up anew, or down.
    ForgetAttributes { node: NodeName },
    /// Tells a node that nothing runs on it any more and its daemon may end.
    ShutDown { node: NodeName },
    /// Calls again at this time of the monotonic clock; replaces an earlier wish.
    WakeAt(Duration),
    /// Tells people.
    Tell(Fact),
    /// Says that no transition is running and none is due (`WaitIdle` is answered now).
    Idle,
}

/// What the plan wants of the fencer.
#[derive(Clone, PartialEq, Debug)]
pub struct FenceWish {
    pub target: ActionNode,
    /// `off`, `reboot` or `on`.
    pub action: String,
    /// The whole budget of it.
    pub timeout: Duration,
    /// An extra wait because the other side may be more important (`priority-fencing-delay`).
    pub delay: Option<Duration>,
    pub reason: String,
}

/// What becomes of an attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AttributeChange {
    Set(String),
    /// Counts one up from what is there (`value++`).
    Increment,
    Delete,
}

/// A node as far as carrying out plans is concerned.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// The id in the CIB.
    pub id: String,
    /// Absent while the host is not in the cluster.
    pub incarnation: Option<Incarnation>,
    /// Whether its daemon can be given orders now.
    pub reachable: bool,
    /// How many operations it is given at once (`node-action-limit`, twice its cores by default); zero sets no limit.
    pub jobs_max: usize,
}

/// The cluster options that matter here.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// `cluster-recheck-interval`; zero never.
    pub recheck_interval: Duration,
    /// `transition-delay`: how long a change waits for more of them.
    pub transition_delay: Duration,
    /// `start-failure-is-fatal`.
    pub start_failure_is_fatal: bool,
    /// `shutdown-lock`.
    pub shutdown_lock: bool,
    /// Written as `crm_feature_set` where a record is made here.
    pub feature_set: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            recheck_interval: Duration::from_secs(15 * 60),
            transition_delay: Duration::ZERO,
            start_failure_is_fatal: true,
            shutdown_lock: false,
            feature_set: "3.16.1".to_owned(),
        }
    }
}

/// An action that has been ordered and has not ended.
#[derive(Clone, PartialEq, Debug)]
pub struct InFlight {
    pub node: NodeName,
    pub resource: Option<ResourceId>,
    pub operation: String,
    pub operation_key: String,
    pub since: Duration,
}
