//! What failures and states require by the configured rules, in the order in which it was found.
//!
//! Compat: the incumbent makes actions while it reads the status; their numbers, and so the order of its graph,
//! follow from that. The list keeps the order; the scheduler turns each entry into an action before anything else.

use crate::{HistoryReference, NodeIndex, ResourceIndex};
use compact_str::CompactString;
use model::Score;

/// One requirement found while the status was read.
#[derive(Clone, Debug)]
pub enum Effect {
    /// The node has to be fenced.
    Fence {
        /// Which node.
        node: NodeIndex,
        /// Why, in the incumbent's words (they are in the output that people and programs read).
        reason: String,
        /// `priority-fencing-delay` applies.
        priority_delay: bool,
    },
    /// The resource must be stopped on the node.
    Stop {
        /// Which resource.
        resource: ResourceIndex,
        /// Where.
        node: NodeIndex,
    },
    /// The resource must be demoted on the node.
    Demote {
        /// Which resource.
        resource: ResourceIndex,
        /// Where.
        node: NodeIndex,
    },
    /// Stops of the resource on the node that were required before are not any more.
    StopNotNeeded {
        /// Which resource.
        resource: ResourceIndex,
        /// Where.
        node: NodeIndex,
    },
    /// A recurring operation is under way there already.
    Recurring {
        /// Which resource.
        resource: ResourceIndex,
        /// Where.
        node: NodeIndex,
        /// Its key, made with the present id of the resource.
        key: CompactString,
        /// Its operation.
        operation: CompactString,
        /// How often, in milliseconds.
        interval_ms: u64,
    },
    /// The fail count has to be cleared.
    ClearFailCount {
        /// Which resource.
        resource: ResourceIndex,
        /// Where.
        node: NodeIndex,
        /// Why.
        reason: &'static str,
        /// Which failure.
        history: HistoryReference,
        /// Fencing of this remote node, if it is to be fenced, comes first.
        after_fencing: Option<NodeIndex>,
    },
    /// The resource's history on the node is no longer of use (an expired shutdown lock).
    DeleteHistory {
        /// Which resource.
        resource: ResourceIndex,
        /// Where.
        node: NodeIndex,
    },
}

/// A score that follows from the status: an implied location constraint. It is in `Resource::allowed` already (of the
/// resource and of everything below it); the list says why.
#[derive(Clone, Debug)]
pub struct Ban {
    /// Which resource.
    pub resource: ResourceIndex,
    /// Where; `None`: on every node.
    pub node: Option<NodeIndex>,
    /// How much (not always −INFINITY).
    pub score: Score,
    /// The incumbent's name for the implied constraint, which is also the reason.
    pub name: &'static str,
}
