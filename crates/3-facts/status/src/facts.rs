//! Everything known of a cluster at one moment.

use crate::{Ban, ClusterOptions, Effect, FailedOperation, Node, NodeIndex, ParameterCheck, Problem, Resource, ResourceIndex};
use compact_str::CompactString;
use model::Timestamp;
use std::collections::BTreeMap;

/// A ticket and its state.
#[derive(Clone, Debug, Default)]
pub struct Ticket {
    /// Its id.
    pub id: CompactString,
    /// It is granted.
    pub granted: bool,
    /// It is in standby.
    pub standby: bool,
    /// When it was granted last.
    pub last_granted: Option<Timestamp>,
    /// Its other attributes.
    pub attributes: crate::Attributes,
}

/// A tag or a template: a name for several resources.
#[derive(Clone, Debug, Default)]
pub struct Tag {
    /// The ids that it names, in order, each once.
    pub references: Vec<CompactString>,
}

/// Everything known of a cluster at one moment.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The moment.
    pub now: Timestamp,
    /// The cluster options.
    pub options: ClusterOptions,
    /// The partition has quorum.
    pub have_quorum: bool,
    /// The coordinator.
    pub dc: Option<NodeIndex>,
    /// A fence device is configured (or a watchdog takes the place of one).
    pub have_fencing: bool,
    /// Something provides or requires unfencing.
    pub enable_unfencing: bool,
    /// There are remote or guest nodes.
    pub have_remote_nodes: bool,
    /// All nodes, in the order of creation; see `node_order`.
    pub nodes: Vec<Node>,
    /// The nodes in the order of their names (numbers by value), in which the incumbent goes through them.
    pub node_order: Vec<NodeIndex>,
    /// All resources: parents before their children, orphans last.
    pub resources: Vec<Resource>,
    /// The top-level resources by descending priority, else in configuration order; orphans at the end.
    pub roots: Vec<ResourceIndex>,
    /// Tickets by id.
    pub tickets: BTreeMap<CompactString, Ticket>,
    /// Templates and the resources made from them.
    pub templates: BTreeMap<CompactString, Tag>,
    /// Tags.
    pub tags: BTreeMap<CompactString, Tag>,
    /// Failed operations, in the order in which they were found.
    pub failures: Vec<FailedOperation>,
    /// Recorded operations whose parameters are to be compared, in order.
    pub parameter_checks: Vec<ParameterCheck>,
    /// What the status requires, in the order in which it was found.
    pub effects: Vec<Effect>,
    /// Scores that follow from the status.
    pub bans: Vec<Ban>,
    /// When a result may change by the passing of time alone.
    pub recheck_by: Option<Timestamp>,
    /// How many primitive instances there are.
    pub instance_count: u32,
    /// How many of them are disabled by `target-role`.
    pub disabled_count: u32,
    /// How many of them are blocked.
    pub blocked_count: u32,
    /// Remarks on the configuration and the status.
    pub problems: Vec<Problem>,
}

impl Facts {
    /// Returns the node of this index.
    pub fn node(&self, node: NodeIndex) -> &Node {
        &self.nodes[node.position()]
    }

    /// Returns the resource of this index.
    pub fn resource(&self, resource: ResourceIndex) -> &Resource {
        &self.resources[resource.position()]
    }

    /// Returns every node in the order of their names.
    pub fn nodes_in_order(&self) -> impl Iterator<Item = (NodeIndex, &Node)> {
        self.node_order.iter().map(|&index| (index, self.node(index)))
    }
}
