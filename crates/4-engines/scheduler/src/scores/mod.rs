//! What each resource thinks of each node before anything is placed.
//!
//! From the facts' starting scores, the constraints, stickiness, migration thresholds, shutdown locks and exclusive
//! discovery; for `placement` and for probes. Colocations and capacity are placement's; nothing is placed here.

use model::{Score, Timestamp};
use status::{AllowedNodes, NodeIndex, ResourceIndex};

/// One term of a score: where a part of it came from.
#[derive(Clone, Debug)]
pub struct Term {
    /// Of which resource.
    pub resource: ResourceIndex,
    /// On which node.
    pub node: NodeIndex,
    /// What it adds.
    pub score: Score,
    /// What kind of thing it came from: `location`, `stickiness`, `failure`, `lock`, `discovery`, …
    pub source: &'static str,
    /// The id of what it came from.
    pub id: compact_str::CompactString,
}

/// A resource that is kept for a node that shut down.
#[derive(Clone, Copy, Debug)]
pub struct ShutdownLock {
    /// Which resource.
    pub resource: ResourceIndex,
    /// For which node.
    pub node: NodeIndex,
    /// Since when.
    pub since: Timestamp,
}

/// The scores before placement.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    /// For each resource its nodes.
    pub allowed: Vec<AllowedNodes>,
    /// For each resource whether it is probed only on nodes so designated.
    pub exclusive_discovery: Vec<bool>,
    /// Shutdown locks in force.
    pub locks: Vec<ShutdownLock>,
    /// Locks of the facts that do not hold because the resource is active elsewhere: their history is to be deleted.
    pub broken_locks: Vec<(ResourceIndex, NodeIndex)>,
    /// Every term, in the order of application.
    pub terms: Vec<Term>,
    /// When a lock ends.
    pub recheck_by: Option<Timestamp>,
}
