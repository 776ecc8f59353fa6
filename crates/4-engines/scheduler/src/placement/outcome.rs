//! What placement decided, frozen: a node and a role for every resource, and how that changes what is known of nodes.
//!
//! Actions are planned from this and the facts alone. Nothing here says how it is brought about.

use model::{Role, Timestamp};
use status::{AllowedNodes, Effect, NodeIndex, ResourceIndex};
use transition::{Reason, ScoreLine};

/// What was decided for one resource.
#[derive(Clone, Debug)]
pub struct ResourcePlacement {
    /// Where it is to be; `None`: nowhere. Only of primitives.
    pub node: Option<NodeIndex>,
    /// Its present role as decisions see it (`Started` instances of promotable clones count as `Unpromoted`).
    pub role: Role,
    /// The role it is to have; `Unknown` where nothing demands one (then its node decides).
    pub next_role: Role,
    /// Members or instances in the order in which placement left them (it sorts instances).
    pub children: Vec<ResourceIndex>,
    /// The scores at the end: which nodes were considered, how it is probed there, and its score.
    pub allowed: AllowedNodes,
    /// It may be started, stopped and so on (lost tickets and missing fencing can take that away).
    pub managed: bool,
    /// Nothing may be done with it.
    pub blocked: bool,
    /// Failed and must be recovered (fencing of a guest fails its launcher).
    pub failed: bool,
    /// Its failure needs a stop.
    pub stop_if_failed: bool,
    /// Its priority in the end (colocations and promotion change it).
    pub priority: i32,
    /// Among instances of a promotable clone.
    pub promotion_priority: i32,
    /// No instance of it was promoted or placed because it was taken out of consideration with a demand to stop:
    /// placement assigned no node although it was asked to stop it then.
    pub unassigned_to_stop: bool,
    /// The node that a shutdown lock holds it to.
    pub lock_node: Option<NodeIndex>,
    /// Since when.
    pub lock_since: Option<Timestamp>,
    /// The lock ended because it runs again: its history on this node is to be deleted.
    pub lock_released_on: Option<NodeIndex>,
}

/// What placement changed of a node: remote and guest nodes come and go with their connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodePlacement {
    /// It can carry out operations (by the time they are due).
    pub online: bool,
    /// It must be fenced first.
    pub unclean: bool,
    /// It is to leave.
    pub shutting_down: bool,
}

/// Where everything is to be.
#[derive(Clone, Debug, Default)]
pub struct Placement {
    /// By `ResourceIndex`.
    pub resources: Vec<ResourcePlacement>,
    /// By `NodeIndex`.
    pub nodes: Vec<NodePlacement>,
    /// The top-level resources in the order in which they were placed (utilization sorts them anew).
    pub roots: Vec<ResourceIndex>,
    /// What constraints require besides scores (a lost `deadman` ticket), in the order in which it was found.
    pub effects: Vec<Effect>,
    /// The trace that people see with `crm_simulate -s`.
    pub scores: Vec<ScoreLine>,
    /// Why each score and each veto is as it is.
    pub reasons: Vec<Reason>,
}

impl Placement {
    /// Returns what was decided for a resource.
    pub fn resource(&self, resource: ResourceIndex) -> &ResourcePlacement {
        &self.resources[resource.position()]
    }
}
