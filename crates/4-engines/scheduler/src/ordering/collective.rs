//! Orders that groups, clones and bundles bring with them.

use crate::actions::{Draft, Relation};
use status::{Kind, ResourceIndex};

/// What is remembered while a group's members are gone through.
struct GroupWalk {
    ordered: bool,
    promotable: bool,
    last_active: Option<ResourceIndex>,
    previous: Option<ResourceIndex>,
}

impl Draft<'_> {
    /// Orders a group's members relative to the group and to each other.
    pub(super) fn order_group(&mut self, group: ResourceIndex) {
        self.order_operations(group, "stop", group, "stopped", Relation::UNRUNNABLE_FIRST_BLOCKS);
        self.order_operations(group, "stopped", group, "start", Relation::ORDERED);
        self.order_operations(group, "start", group, "running", Relation::UNRUNNABLE_FIRST_BLOCKS);
        let ordered = matches!(&self.fact(group).kind, Kind::Group(group) if group.ordered);
        let promotable = self.fact(self.top(group)).promotable;
        let mut walk = GroupWalk { ordered, promotable, last_active: None, previous: None };
        for member in self.r(group).children.clone() {
            self.order_member(group, member, &mut walk);
        }
    }

    fn order_member(&mut self, group: ResourceIndex, member: ResourceIndex, walk: &mut GroupWalk) {
        self.order_internally(member);
        let mut down = Relation::THEN_IMPLIES_FIRST_GRAPHED;
        let mut post_down = Relation::FIRST_IMPLIES_THEN_GRAPHED;
        if walk.previous.is_none() && walk.ordered {
            down |= Relation::ORDERED;
            post_down = Relation::FIRST_IMPLIES_THEN;
        }
        let up_done = Relation::UNRUNNABLE_FIRST_BLOCKS | Relation::FIRST_IMPLIES_THEN | Relation::FIRST_IMPLIES_THEN_GRAPHED;
        if walk.promotable {
            self.order_operations(group, "demote", member, "demote", down);
            self.order_operations(member, "demote", group, "demoted", post_down);
            self.order_operations(member, "promote", group, "promoted", up_done);
            self.order_operations(group, "promote", member, "promote", Relation::THEN_IMPLIES_FIRST_GRAPHED);
        }
        self.order_stops(group, member, down);
        self.order_operations(member, "stop", group, "stopped", post_down);
        self.order_starts(group, member, Relation::THEN_IMPLIES_FIRST_GRAPHED);
        self.order_operations(member, "start", group, "running", up_done);
        self.order_member_after_previous(group, member, walk);
        if !self.fact(member).active_nodes.is_empty() {
            let is_active = |draft: &Self, other: ResourceIndex| !draft.fact(other).active_nodes.is_empty();
            let previous_inactive = walk.previous.is_some_and(|previous| !is_active(self, previous));
            if let Some(last) = walk.last_active.filter(|&last| walk.ordered && previous_inactive && is_active(self, last)) {
                self.order_stops(member, last, Relation::ORDERED);
            }
            walk.last_active = Some(member);
        }
        walk.previous = Some(member);
    }

    fn order_member_after_previous(&mut self, group: ResourceIndex, member: ResourceIndex, walk: &GroupWalk) {
        let follows = Relation::FIRST_IMPLIES_THEN | Relation::UNRUNNABLE_FIRST_BLOCKS;
        if !walk.ordered {
            let with_group = follows | Relation::THEN_IMPLIES_FIRST_GRAPHED;
            self.order_starts(group, member, with_group);
            if walk.promotable {
                self.order_operations(group, "promote", member, "promote", with_group);
            }
            return;
        }
        let Some(previous) = walk.previous else {
            self.order_starts(group, member, Relation::NONE);
            if walk.promotable {
                self.order_operations(group, "promote", member, "promote", Relation::NONE);
            }
            return;
        };
        self.order_starts(previous, member, follows);
        self.order_stops(member, previous, Relation::ORDERED | Relation::INTERMEDIATE_STOP);
        if !self.fact(member).active_nodes.is_empty() && self.fact(previous).active_nodes.is_empty() {
            // A member that runs without the one before it stops before that one starts.
            let relation = Relation::THEN_IMPLIES_FIRST | Relation::UNRUNNABLE_FIRST_BLOCKS;
            self.order_operations(member, "stop", previous, "start", relation);
        }
        if walk.promotable {
            self.order_operations(previous, "promote", member, "promote", follows);
            self.order_operations(member, "demote", previous, "demote", Relation::ORDERED);
        }
    }

    /// Orders a clone's instances relative to the clone and, where it is ordered, to each other.
    pub(super) fn order_clone(&mut self, clone: ResourceIndex) {
        let fact = self.fact(clone);
        self.order_operations(clone, "stopped", clone, "start", Relation::ORDERED);
        self.order_operations(clone, "start", clone, "running", Relation::UNRUNNABLE_FIRST_BLOCKS);
        self.order_operations(clone, "stop", clone, "stopped", Relation::UNRUNNABLE_FIRST_BLOCKS);
        if fact.promotable {
            self.order_operations(clone, "demoted", clone, "stop", Relation::ORDERED);
            self.order_operations(clone, "running", clone, "promote", Relation::UNRUNNABLE_FIRST_BLOCKS);
        }
        let ordered = matches!(&fact.kind, Kind::Clone(kind) if kind.ordered);
        let instances = self.r(clone).children.clone();
        for (position, &instance) in instances.iter().enumerate() {
            self.order_internally(instance);
            let up = Relation::UNRUNNABLE_FIRST_BLOCKS | Relation::THEN_IMPLIES_FIRST_GRAPHED;
            self.order_starts(clone, instance, up);
            self.order_operations(instance, "start", clone, "running", Relation::FIRST_IMPLIES_THEN_GRAPHED);
            self.order_stops(clone, instance, Relation::THEN_IMPLIES_FIRST_GRAPHED);
            self.order_operations(instance, "stop", clone, "stopped", Relation::FIRST_IMPLIES_THEN_GRAPHED);
            if ordered {
                for &later in &instances[position + 1..] {
                    self.order_starts(instance, later, Relation::ORDERED);
                    self.order_stops(later, instance, Relation::ORDERED);
                }
            }
        }
        if fact.promotable {
            self.order_promotions(clone, ordered, &instances);
        }
    }

    fn order_promotions(&mut self, clone: ResourceIndex, ordered: bool, instances: &[ResourceIndex]) {
        self.order_promotable_restart(clone);
        let mut previous: Option<ResourceIndex> = None;
        for &instance in instances {
            let last = previous.filter(|_| ordered);
            self.order_operations(instance, "demote", instance, "promote", Relation::ORDERED);
            self.order_operations(clone, "promote", instance, "promote", Relation::ORDERED);
            self.order_operations(instance, "promote", clone, "promoted", Relation::ORDERED);
            if let Some(last) = last {
                self.order_operations(last, "promote", instance, "promote", Relation::ORDERED);
            }
            self.order_operations(clone, "demote", instance, "demote", Relation::THEN_IMPLIES_FIRST_GRAPHED);
            self.order_operations(instance, "demote", clone, "demoted", Relation::FIRST_IMPLIES_THEN_GRAPHED);
            if let Some(last) = last {
                self.order_operations(instance, "demote", last, "demote", Relation::ORDERED);
            }
            previous = Some(instance);
        }
    }

    /// Orders the phases of a promotable clone or bundle.
    fn order_promotable_restart(&mut self, resource: ResourceIndex) {
        for (first, then) in [
            ("stopped", "start"),
            ("stopped", "promote"),
            ("demoted", "stop"),
            ("demoted", "start"),
            ("demoted", "promote"),
            ("running", "promote"),
            ("demote", "demoted"),
        ] {
            self.order_operations(resource, first, resource, then, Relation::ORDERED);
        }
    }

    /// Orders a bundle's replicas, their addresses, containers and connections, and what runs inside.
    pub(super) fn order_bundle(&mut self, bundle: ResourceIndex) {
        let Kind::Bundle(kind) = &self.fact(bundle).kind else { return };
        let (first_graphed, then_graphed) = (Relation::THEN_IMPLIES_FIRST_GRAPHED, Relation::FIRST_IMPLIES_THEN_GRAPHED);
        for replica in &kind.replicas {
            let container = replica.container;
            self.order_internally(container);
            self.order_starts(bundle, container, Relation::UNRUNNABLE_FIRST_BLOCKS | first_graphed);
            if let Some(child) = replica.child {
                self.order_stops(bundle, child, first_graphed);
            }
            self.order_stops(bundle, container, first_graphed);
            self.order_operations(container, "start", bundle, "running", then_graphed);
            self.order_operations(container, "stop", bundle, "stopped", then_graphed);
            if let Some(ip) = replica.ip {
                self.order_internally(ip);
                self.order_starts(ip, container, Relation::UNRUNNABLE_FIRST_BLOCKS | Relation::GUEST_ALLOWED);
                self.order_stops(container, ip, Relation::THEN_IMPLIES_FIRST | Relation::GUEST_ALLOWED);
            }
            if let Some(remote) = replica.remote {
                self.order_internally(remote);
            }
        }
        let Some(child) = kind.child else { return };
        self.order_operations(bundle, "start", child, "start", first_graphed);
        self.order_operations(child, "running", bundle, "running", then_graphed);
        self.order_operations(bundle, "stop", child, "stop", first_graphed);
        self.order_operations(child, "stopped", bundle, "stopped", then_graphed);
        self.order_internally(child);
        if !self.fact(child).promotable {
            return;
        }
        self.order_promotable_restart(bundle);
        self.order_operations(bundle, "demote", child, "demote", first_graphed);
        self.order_operations(child, "demoted", bundle, "demoted", then_graphed);
        self.order_operations(bundle, "promote", child, "promote", first_graphed);
        self.order_operations(child, "promoted", bundle, "promoted", then_graphed);
    }
}
