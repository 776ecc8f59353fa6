//! The nodes that a resource may be placed on, with the scores that it starts with.
//!
//! A node that is absent here was never considered (an asymmetric cluster, a guest node made later); that differs
//! from a node with score −INFINITY, which was considered and is forbidden.

use crate::{NodeIndex, NodeMap};
use model::Score;

/// Whether a resource is probed on a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ProbeMode {
    /// Always.
    #[default]
    Always,
    /// Never.
    Never,
    /// Only on nodes so designated.
    Exclusive,
}

/// What a resource thinks of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AllowedNode {
    /// How much it wants it.
    pub score: Score,
    /// Whether it is probed there.
    pub probe: ProbeMode,
}

/// A table from nodes to what a resource thinks of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AllowedNodes(NodeMap<AllowedNode>);

impl AllowedNodes {
    /// Returns the entry of a node, if the node was considered.
    pub fn get(&self, node: NodeIndex) -> Option<AllowedNode> {
        self.0.get(node).copied()
    }

    /// Sets the entry of a node.
    pub fn set(&mut self, node: NodeIndex, entry: AllowedNode) {
        self.0.set(node, entry);
    }

    /// Removes the entry of a node.
    pub fn remove(&mut self, node: NodeIndex) {
        self.0.remove(node);
    }

    /// Returns the considered nodes in the order of their indices.
    pub fn iter(&self) -> impl Iterator<Item = (NodeIndex, AllowedNode)> + '_ {
        self.0.iter().map(|(node, entry)| (node, *entry))
    }

    /// Returns whether no node was considered.
    pub fn is_empty(&self) -> bool {
        self.0.iter().next().is_none()
    }
}
