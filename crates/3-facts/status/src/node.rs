//! One node: what it is, in what state, and what is known of it.
//!
//! Filled from the `nodes` section, from resources that make nodes (remote connections, guests, bundles) and from
//! `node_state`. Never decides whether a node is fenced: `unclean` says that it must be, `Effect::Fence` why.

use crate::{Attributes, ProbeMode, ResourceHistory, ResourceIndex};
use compact_str::CompactString;
use model::{NodeName, Score, Timestamp};

/// What kind of machine a node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NodeKind {
    /// Runs the whole stack and votes.
    Member,
    /// Reached by an `ocf:pacemaker:remote` connection (or left over from one that was removed).
    Remote,
    /// A virtual machine or container that a resource of the cluster launches.
    Guest {
        /// The resource that is the machine (a bundle's container, a primitive with `remote-node`).
        launcher: ResourceIndex,
    },
}

/// The colour or number of one `#health-…` attribute.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum HealthColor {
    /// Broken.
    Red,
    /// Degraded.
    Yellow,
    /// Healthy (also where no attribute says otherwise).
    Green,
}

/// One node and its state.
#[derive(Clone, Debug)]
pub struct Node {
    /// The id of the `node` element; the name for remote and guest nodes.
    pub id: CompactString,
    /// The name people use.
    pub name: NodeName,
    /// What it is.
    pub kind: NodeKind,
    /// The connection resource of a remote or guest node.
    pub remote: Option<ResourceIndex>,
    /// What every resource's score on it begins with: the configured `score`, −INFINITY where nothing may run.
    pub score: Score,
    /// Whether resources are probed on it unless their own tables say otherwise (never on a bundle's nodes).
    pub probe: ProbeMode,
    /// A full member (or a connected remote node).
    pub online: bool,
    /// It is coming up and not ready yet.
    pub pending: bool,
    /// Its state is not known to be safe: it has to be fenced before its resources are recovered.
    pub unclean: bool,
    /// It asked to leave (or its connection is being stopped).
    pub shutting_down: bool,
    /// The value of its `shutdown` attribute, where that is a time.
    pub shutdown_requested: Option<Timestamp>,
    /// Its resources are not to be touched.
    pub maintenance: bool,
    /// Nothing may run on it.
    pub standby: bool,
    /// It is in standby because of a failure with `on-fail=standby`.
    pub standby_on_fail: bool,
    /// It was expected to be up.
    pub expected_up: bool,
    /// It has (had) a `node_state` in this cluster's life.
    /// Compat: cleared for remote nodes whose fencing is revoked once their connection can be re-established.
    pub seen: bool,
    /// Its history was read.
    pub history_read: bool,
    /// It is the coordinator.
    pub is_dc: bool,
    /// Resources may be probed on it (`resource-discovery-enabled`).
    pub probes_allowed: bool,
    /// A remote node that must be fenced, or a guest whose machine must be recovered.
    pub remote_reset: bool,
    /// A remote node that was fenced since it was last connected.
    pub remote_fenced: bool,
    /// Whether the status says that a remote or guest node is up, whatever is known of its connection; nothing where it never was up in this
    /// cluster's life.
    pub remote_recorded: Option<bool>,
    /// `node_in_maintenance` as recorded for a remote node.
    pub remote_maintenance: bool,
    /// All attributes: configured, transient and the implied `#…` ones.
    pub attributes: Attributes,
    /// Configured capacity.
    pub utilization: Attributes,
    /// Sum of the priorities of what runs on it (and on its guests), one more for each promoted instance.
    pub priority: i32,
    /// Active primitives in the order in which they were found.
    pub running: Vec<ResourceIndex>,
    /// `lrm_resources` as recorded; `Facts` refers to its entries by `HistoryReference`.
    pub history: Vec<ResourceHistory>,
    /// The sum of its health scores under the configured strategy (placement adds it).
    pub health_score: Score,
    /// Its worst health.
    pub health: HealthColor,
}
