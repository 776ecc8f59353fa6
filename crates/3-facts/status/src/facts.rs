//! Everything known of a cluster at one moment.

use crate::document::Document;
use crate::{
    Attributes, Ban, ClusterOptions, Effect, FailedOperation, HistoryReference, Node, NodeIndex, OperationRecord, ParameterCheck, Problem,
    Resource, ResourceIndex,
};
use compact_str::CompactString;
use model::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use xml::Element;

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
    /// Its recorded attributes, `granted` and the others above included.
    pub attributes: Attributes,
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
    /// Seconds by which clocks are east of UTC; rules on the time of day need it.
    pub utc_offset: i32,
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
    /// Private parameters (passwords) have their real values, so that a change of them counts. In saved inputs they may
    /// be blanked, and a difference of nothing else is overlooked.
    pub has_private_values: bool,
    /// There are remote or guest nodes.
    pub have_remote_nodes: bool,
    /// All nodes, in the order of creation; see `node_order`.
    pub nodes: Vec<Node>,
    /// The nodes in the order of their names (numbers by value), in which the incumbent goes through them.
    pub node_order: Vec<NodeIndex>,
    /// All resources: parents before their children. Walk from `roots` where order matters.
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
    /// How many primitive instances there are.
    pub instance_count: u32,
    /// How many of them are disabled by `target-role`.
    pub disabled_count: u32,
    /// How many of them are blocked.
    pub blocked_count: u32,
    /// Remarks on the configuration and the status.
    pub problems: Vec<Problem>,
    pub(crate) document: Document,
    pub(crate) resource_defaults: Option<Arc<Element>>,
    pub(crate) operation_defaults: Option<Arc<Element>>,
    /// Nodes by lower-case name.
    pub(crate) nodes_by_name: BTreeMap<CompactString, NodeIndex>,
    pub(crate) resources_by_id: BTreeMap<CompactString, ResourceIndex>,
    pub(crate) resources_by_history_id: BTreeMap<CompactString, Vec<ResourceIndex>>,
    pub(crate) recheck: Recheck,
}

/// The earliest moment at which something may change by the passing of time alone; 0: none is known.
///
/// Judging a rule is a question, and yet it may bring the moment forward: hence a cell. A minimum does not depend on
/// the order of the questions.
#[derive(Debug, Default)]
pub(crate) struct Recheck(AtomicI64);

impl Clone for Recheck {
    fn clone(&self) -> Self {
        Self(AtomicI64::new(self.0.load(Ordering::Relaxed)))
    }
}

impl Facts {
    /// Returns the document that the facts were deduced from.
    pub fn cib(&self) -> &Arc<Element> {
        self.document.root()
    }

    /// Returns when a result may change by the passing of time alone (rules, expiry of failures, pending nodes).
    pub fn recheck_by(&self) -> Option<Timestamp> {
        match self.recheck.0.load(Ordering::Relaxed) {
            0 => None,
            seconds => Some(Timestamp::from_seconds(seconds)),
        }
    }

    /// Remembers that something may change at this time.
    pub fn note_recheck(&self, when: Timestamp) {
        let seconds = when.seconds();
        if seconds > self.now.seconds() {
            let known = self.recheck.0.load(Ordering::Relaxed);
            if known == 0 || known > seconds {
                self.recheck.0.store(seconds, Ordering::Relaxed);
            }
        }
    }

    /// Returns the node of this index.
    pub fn node(&self, node: NodeIndex) -> &Node {
        &self.nodes[node.position()]
    }

    /// Returns the resource of this index.
    pub fn resource(&self, resource: ResourceIndex) -> &Resource {
        &self.resources[resource.position()]
    }

    /// Returns a recorded operation.
    pub fn operation(&self, reference: HistoryReference) -> &OperationRecord {
        &self.node(reference.node).history[reference.resource as usize].operations[reference.operation as usize]
    }

    /// Returns every node in the order of their names.
    pub fn nodes_in_order(&self) -> impl Iterator<Item = (NodeIndex, &Node)> {
        self.node_order.iter().map(|&index| (index, self.node(index)))
    }

    /// Returns the node of this name, without regard to case.
    pub fn find_node(&self, name: &str) -> Option<NodeIndex> {
        if name.bytes().any(|b| b.is_ascii_uppercase()) {
            return self.nodes_by_name.get(name.to_ascii_lowercase().as_str()).copied();
        }
        self.nodes_by_name.get(name).copied()
    }

    /// Returns the resource that has this id, or that some node recorded under it.
    pub fn find_resource(&self, id: &str) -> Option<ResourceIndex> {
        let by_history = || self.resources_by_history_id.get(id).and_then(|found| found.first());
        self.resources_by_id.get(id).or_else(by_history).copied()
    }
}
