//! Orders between the operations of one resource, and with what launches it.

use crate::actions::{Draft, Relation};
use model::Role;
use status::{NodeIndex, PlacementStrategy, Requires, ResourceIndex};

impl Draft<'_> {
    /// Makes the orders that a resource brings with it, and those of everything below it.
    pub(crate) fn order_internally(&mut self, resource: ResourceIndex) {
        let fact = self.fact(resource);
        if fact.is_group() {
            self.order_group(resource);
        } else if fact.is_clone() {
            self.order_clone(resource);
        } else if fact.is_bundle() {
            self.order_bundle(resource);
        } else {
            self.order_primitive(resource);
        }
    }

    fn order_primitive(&mut self, resource: ResourceIndex) {
        if !self.r(resource).managed {
            return;
        }
        let fact = self.fact(resource);
        let unfencing = !fact.fence_device && self.facts.enable_unfencing && fact.requires == Requires::Unfencing;
        let strategy = self.facts.options.placement_strategy;
        let utilization = !fact.utilization.is_empty() && strategy != PlacementStrategy::Default;
        let restart = Relation::ORDERED | Relation::FIRST_IMPLIES_THEN | Relation::INTERMEDIATE_STOP;
        self.order_operations(resource, "stop", resource, "start", restart);
        if self.fact(self.top(resource)).promotable || self.r(resource).role > Role::Unpromoted {
            self.order_operations(resource, "demote", resource, "stop", Relation::PROMOTED_THEN_IMPLIES_FIRST);
            self.order_operations(resource, "start", resource, "promote", Relation::UNRUNNABLE_FIRST_BLOCKS);
        }
        // A resource that is cleaned up need not be probed in the same plan.
        let cleaned = Relation::IF_ON_SAME_NODE | Relation::THEN_CANCELS_FIRST;
        self.order_operations(resource, "lrm_delete", resource, "monitor", cleaned);
        if unfencing || utilization {
            let nodes = self.allowed_by_name(resource);
            if unfencing {
                self.order_restart_and_unfencing(resource, &nodes);
            }
            if utilization {
                self.order_by_load(resource, &nodes);
            }
        }
        self.order_with_launcher(resource);
    }

    /// Returns the nodes that a resource may consider, by name.
    pub(crate) fn allowed_by_name(&self, resource: ResourceIndex) -> Vec<NodeIndex> {
        let allowed = &self.r(resource).allowed;
        self.facts.node_order.iter().copied().filter(|&node| allowed.get(node).is_some()).collect()
    }

    fn order_restart_and_unfencing(&mut self, resource: ResourceIndex, nodes: &[NodeIndex]) {
        for &node in nodes {
            let unfencing = self.fence(node, Some("on"), true, None, false);
            let stops = Relation::ORDERED | Relation::IF_ON_SAME_NODE;
            self.order_operation_before(resource, "stop", unfencing, stops);
            let starts = Relation::FIRST_IMPLIES_SAME_NODE_THEN | Relation::IF_ON_SAME_NODE;
            self.order_operation_after(unfencing, resource, "start", starts);
        }
    }

    fn order_with_launcher(&mut self, resource: ResourceIndex) {
        let fact = self.fact(resource);
        let Some(launcher) = fact.launcher else { return };
        if fact.remote_connection {
            self.order_operations(launcher, "monitor", resource, "stop", Relation::ORDERED);
        }
        let inside_guest = if fact.remote_connection {
            false
        } else {
            self.fact(launcher).remote_connection || self.guest_connection_in(launcher).is_some()
        };
        if inside_guest {
            return;
        }
        let follows = Relation::FIRST_IMPLIES_THEN | Relation::UNRUNNABLE_FIRST_BLOCKS;
        self.order_starts(launcher, resource, follows);
        self.order_stops(resource, launcher, Relation::THEN_IMPLIES_FIRST);
    }

    /// Returns the connection of a guest node among what a resource launches.
    pub(crate) fn guest_connection_in(&self, launcher: ResourceIndex) -> Option<ResourceIndex> {
        let launched = &self.fact(launcher).launched;
        launched.iter().copied().find(|&launched| self.fact(launched).remote_connection)
    }
}
