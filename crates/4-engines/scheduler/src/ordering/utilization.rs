//! Load orders: where capacity counts, what leaves a node goes before anything new comes.

use crate::actions::{ActionIndex, Draft, Flags, Relation};
use status::{NodeIndex, ResourceIndex};

impl Draft<'_> {
    pub(super) fn order_by_load(&mut self, resource: ResourceIndex, nodes: &[NodeIndex]) {
        for &node in &self.fact(resource).active_nodes {
            let stopped = self.load_stopped(node);
            self.order_operation_before(resource, "stop", stopped, Relation::IF_ON_SAME_NODE_OR_TARGET);
        }
        for &node in nodes {
            let stopped = self.load_stopped(node);
            self.order_operation_after(stopped, resource, "start", Relation::IF_ON_SAME_NODE_OR_TARGET);
            self.order_operation_after(stopped, resource, "migrate_to", Relation::IF_ON_SAME_NODE_OR_TARGET);
        }
    }

    /// Returns the point in the order where everything that leaves a node has left it.
    fn load_stopped(&mut self, node: NodeIndex) -> ActionIndex {
        let name = format!("load_stopped_{}", self.facts.node(node).name);
        let index = self.pseudo(&name);
        let action = self.a_mut(index);
        if action.node.is_none() {
            action.node = Some(node);
            action.flags.clear(Flags::OPTIONAL);
        }
        index
    }
}
