//! One resource: configuration after templates, defaults and rules, and where it is, in which role, since what.
//!
//! A resource is a top-level one, a member, an instance, an implied part of a bundle or of a guest node, or an orphan.

use crate::{AllowedNodes, Attributes, Kind, NodeIndex, ResourceIndex};
use compact_str::CompactString;
use model::{ResourceId, Role, Score, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use xml::Element;

/// What a failure of an operation requires, from the least to the most: of several failures the greatest counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum OnFail {
    /// Nothing.
    Ignore,
    /// Demote it.
    Demote,
    /// Restart it (here or elsewhere).
    Restart,
    /// Drop and re-make the remote connection (fencing the remote node).
    ResetRemote,
    /// Restart the container it runs in.
    RestartContainer,
    /// Move it away and never come back on its own.
    Ban,
    /// Touch nothing until a person has looked.
    Block,
    /// Stop it and leave it stopped.
    Stop,
    /// Move everything off the node.
    Standby,
    /// Fence the node.
    Fence,
}

/// What to do with a resource that is active on several nodes though it may run once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MultipleActive {
    /// Stop all, start one.
    StopStart,
    /// Stop all but the one that stays.
    StopUnexpected,
    /// Stop all, start none.
    StopOnly,
    /// Touch nothing.
    Block,
}

/// What must be true before a resource may start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Requires {
    /// Nothing.
    Nothing,
    /// Quorum.
    Quorum,
    /// Quorum, and unclean nodes fenced.
    Fencing,
    /// As `Fencing`, and the node unfenced.
    Unfencing,
}

/// An operation recorded as under way.
#[derive(Clone, Debug)]
pub struct PendingOperation {
    /// `start`, `stop`, `monitor`, `migrate_to`, …
    pub operation: CompactString,
    /// Where.
    pub node: NodeIndex,
}

/// A configured operation (`op`), from the resource or its template.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its id.
    pub id: CompactString,
    /// `monitor`, `start`, …
    pub name: CompactString,
    /// How often, in milliseconds.
    pub interval_ms: u64,
    /// The interval as written.
    pub interval: CompactString,
    /// The role it is for, where one is configured.
    pub role: Option<Role>,
    /// `enabled`.
    pub enabled: bool,
    /// The element itself: attributes, meta attributes with their rules.
    pub xml: Arc<Element>,
}

/// One resource.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its id; `NAME:N` for the instances of a clone.
    pub id: ResourceId,
    /// The id in the configuration (without instance number).
    pub configured_id: ResourceId,
    /// The id under which a node recorded it, where that differs.
    pub history_id: Option<ResourceId>,
    /// What it is made of.
    pub kind: Kind,
    /// The group, clone or bundle that it is part of.
    pub parent: Option<ResourceIndex>,
    /// Its members or instances, in order; for a bundle its parts as the incumbent lists them.
    pub children: Vec<ResourceIndex>,
    /// Which instance of a clone it is, or is in.
    pub instance: Option<u32>,
    /// The effective element: template merged in, parameters with their rules.
    pub xml: Arc<Element>,
    /// Effective parameters where no node is known; `Facts::parameters` gives those on a node.
    pub parameters: Arc<Attributes>,
    /// Its parameters can differ from node to node.
    pub parameters_vary: bool,
    /// Its configured operations.
    pub operations: Arc<Vec<Operation>>,
    /// Effective meta attributes: own, template's, parents', defaults', rules applied.
    pub meta: Attributes,
    /// Effective utilization.
    pub utilization: Attributes,

    /// `priority`.
    pub priority: i32,
    /// `resource-stickiness` (for clones of anonymous instances 1 where nothing is configured).
    pub stickiness: Score,
    /// `failure-timeout`.
    pub failure_timeout: Option<Duration>,
    /// `migration-threshold`; 1,000,000 is none.
    pub migration_threshold: i32,
    /// `multiple-active`.
    pub multiple_active: MultipleActive,
    /// `requires`, after the incumbent's rules.
    pub requires: Requires,
    /// `target-role`, if it is one that counts.
    pub target_role: Option<Role>,
    /// `reconnect_interval` of a remote connection.
    pub reconnect_interval: Option<Duration>,

    /// May be started, stopped and so on now (configured, minus blocking failures).
    pub managed: bool,
    /// In maintenance: its own, its node's or the cluster's.
    pub maintenance: bool,
    /// Nothing may be done with it.
    pub blocked: bool,
    /// Not in the configuration any more.
    pub orphan: bool,
    /// Not in the configuration any more, and was launched by another resource.
    pub orphan_launched: bool,
    /// Probed only on nodes so designated (what runs inside a bundle).
    pub exclusive_probes: bool,
    /// Wants clone notifications.
    pub notify: bool,
    /// Not an anonymous instance.
    pub unique: bool,
    /// A fence device.
    pub fence_device: bool,
    /// `provides=unfencing`.
    pub provides_unfencing: bool,
    /// Can be promoted.
    pub promotable: bool,
    /// Failed and must be recovered.
    pub failed: bool,
    /// Its failure needs a stop (not only a demote).
    pub stop_if_failed: bool,
    /// `critical`.
    pub critical: bool,
    /// `allow-migrate`.
    pub migratable: bool,
    /// `allow-unhealthy-nodes`.
    pub allow_unhealthy_nodes: bool,
    /// A Pacemaker Remote connection.
    pub remote_connection: bool,
    /// A connection that may run on a remote node.
    pub remote_nesting_allowed: bool,
    /// The container of a bundle's replica.
    pub replica_container: bool,
    /// A start is recorded as under way.
    pub start_pending: bool,
    /// Active more than once with `stop_unexpected`.
    pub stop_unexpected: bool,
    /// Its failures are to be ignored.
    pub ignore_failure: bool,

    /// The nodes that it may be placed on with the scores it starts with (defaults of the cluster, what failures and
    /// states add: see `Facts::bans`), before any configured constraint.
    pub allowed: AllowedNodes,
    /// Its role at this moment.
    pub role: Role,
    /// The role that status alone demands (`Unknown`: none).
    pub next_role: Role,
    /// Why.
    pub next_role_reason: Option<String>,
    /// Where it is, or may be, active; in the order in which it was found.
    pub active_nodes: Vec<NodeIndex>,
    /// Where its state is known.
    pub known_on: BTreeSet<NodeIndex>,
    /// An operation that is under way.
    pub pending: Option<PendingOperation>,
    /// Migration completed at the source, not yet at the target: the source.
    pub migrating_from: Option<NodeIndex>,
    /// Migration completed at the source, not yet at the target: the target.
    pub migrating_to: Option<NodeIndex>,
    /// The other end of a migration is on a node that is lost and not confirmed to be off: it may run there, whatever is known of it here.
    pub maybe_out_of_sight: bool,
    /// Sources of completed migrations that need a stop.
    pub dangling_sources: Vec<NodeIndex>,
    /// It is locked to this node, which shut down.
    pub lock_node: Option<NodeIndex>,
    /// Since when.
    pub lock_since: Option<Timestamp>,
    /// What launches it (a guest's connection: the guest; `container` meta attribute).
    pub launcher: Option<ResourceIndex>,
    /// What it launches.
    pub launched: Vec<ResourceIndex>,
    /// Its histories, one per node that has one: node and position in `Node::history`.
    pub histories: Vec<(NodeIndex, u32)>,
}

impl Resource {
    /// Returns whether it runs an agent of its own.
    pub fn is_primitive(&self) -> bool {
        matches!(self.kind, Kind::Primitive(_))
    }

    /// Returns whether it is a clone.
    pub fn is_clone(&self) -> bool {
        matches!(self.kind, Kind::Clone(_))
    }

    /// Returns whether it is a group.
    pub fn is_group(&self) -> bool {
        matches!(self.kind, Kind::Group(_))
    }

    /// Returns whether it is a bundle.
    pub fn is_bundle(&self) -> bool {
        matches!(self.kind, Kind::Bundle(_))
    }
}
