//! One action of a plan.

use model::{NodeName, ResourceId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Numbers an action inside one plan: its creation number in the incumbent's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActionId(pub u32);

/// Who carries an action out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ActionKind {
    /// A resource's agent on a node (`rsc_op`).
    Resource,
    /// The cluster itself: fencing, clean shutdown of a node, clearing a fail count, … (`crm_event`).
    Cluster,
    /// Nobody: a point in the order (`pseudo_event`).
    Pseudo,
}

/// The node an action is for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ActionNode {
    pub name: NodeName,
    /// The id in the CIB (`on_node_uuid`).
    pub id: String,
}

/// The resource of an action, as the graph writes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ActionResource {
    pub id: ResourceId,
    /// The instance (`web:1`) where it differs from `id`, or the other way round (`long-id`).
    pub long_id: Option<ResourceId>,
    pub class: String,
    pub provider: Option<String>,
    pub kind: String,
}

/// One action: what, where, and after which others.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Action {
    pub id: ActionId,
    pub kind: ActionKind,
    /// `start`, `monitor`, `stonith`, `do_shutdown`, `clear_failcount`, …
    pub operation: String,
    pub operation_key: String,
    /// The key of the operation that a notification is about.
    pub internal_operation_key: Option<String>,
    pub node: Option<ActionNode>,
    /// The cluster node that carries out an action of a remote or guest node.
    pub router_node: Option<NodeName>,
    pub resource: Option<ActionResource>,
    /// Parameters and `CRM_meta_*`, sorted by name.
    pub attributes: BTreeMap<String, String>,
    /// Parameters whose names begin with a digit (no attribute of XML can), sorted by name.
    pub numbered_parameters: BTreeMap<String, String>,
    /// The resource is locked to the node since this time (seconds since 1970).
    pub locked_since: Option<i64>,
    /// Ids of the nodes that are down once this (fencing, shutdown, the end of a connection) succeeded.
    pub downed: Vec<String>,
    /// Nodes and whether they are to be in maintenance (only of `maintenance_nodes`).
    pub maintenance: Vec<(ActionNode, bool)>,
    /// The actions that must have succeeded before this one starts, ascending, without duplicates.
    pub after: Vec<ActionId>,
    pub priority: i32,
    /// Why it is done, in a sentence's part a person can read; empty for mere order.
    pub reason: String,
}

impl Action {
    /// Returns whether it says that guest nodes are down because their machine is: nobody is asked to fence them.
    pub fn is_guest_fencing(&self) -> bool {
        self.kind == ActionKind::Pseudo && self.operation == "stonith"
    }

    /// Returns a `CRM_meta_` value by its plain name.
    pub fn meta(&self, name: &str) -> Option<&str> {
        const PREFIX: &str = "CRM_meta_";
        // Asked many times of each action: the key is put together without memory of its own.
        let mut key = [0; 80];
        let end = PREFIX.len() + name.len();
        if end > key.len() {
            return self.attributes.get(&format!("{PREFIX}{name}")).map(String::as_str);
        }
        key[..PREFIX.len()].copy_from_slice(PREFIX.as_bytes());
        key[PREFIX.len()..end].copy_from_slice(name.as_bytes());
        let key = std::str::from_utf8(&key[..end]).ok()?;
        self.attributes.get(key).map(String::as_str)
    }
}
