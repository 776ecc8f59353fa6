//! Promotion and demotion of a clone's instances: the points before and after them.

use super::{ActionIndex, Draft, End, Flags, Relation};
use model::{Role, Score};
use status::{NodeIndex, ResourceIndex};

impl Draft<'_> {
    pub(super) fn create_promotable_actions(&mut self, clone: ResourceIndex) {
        let (mut promoting, mut demoting) = (false, false);
        for instance in self.r(clone).children.clone() {
            self.create_actions(instance);
            self.add_role_changes(instance, &mut promoting, &mut demoting);
        }
        let infinity = Score::INFINITY.value();
        let promote = self.resource_pseudo(clone, "promote", !promoting, true);
        let promoted = self.resource_pseudo(clone, "promoted", !promoting, true);
        self.a_mut(promoted).priority = infinity;
        self.create_promotion_notifications(clone, promote, promoted);
        if promoting {
            self.promote_after_probes(clone, promote);
            self.promote_after_pending_nodes(clone, promote);
        }
        let demote = self.resource_pseudo(clone, "demote", !demoting, true);
        let demoted = self.resource_pseudo(clone, "demoted", !demoting, true);
        self.a_mut(demoted).priority = infinity;
        self.create_demotion_notifications(clone, demote, demoted);
        let priority = self.r(clone).priority;
        for instance in self.r(clone).children.clone() {
            self.r_mut(instance).priority = priority;
        }
    }

    /// Where nothing is known of a clone, an instance may be promoted: another one is only once that has been looked at.
    ///
    /// Safety: where an instance starts as well, the start waits for that. Compat (C-474): Pacemaker promotes at once where none starts; so is it
    /// done with unique instances. (Found by the simulator: seed 8478, half an hour; a clean-up had forgotten the promoted instance.)
    fn promote_after_probes(&mut self, clone: ResourceIndex, promote: ActionIndex) {
        let starts = |index: &ActionIndex| self.a(*index).task == "start" && !self.a(*index).has(Flags::OPTIONAL);
        if self.fact(clone).unique || self.r(clone).actions.iter().any(starts) {
            return;
        }
        let mut open = vec![clone];
        while let Some(resource) = open.pop() {
            open.extend(self.r(resource).children.iter().rev());
            if self.is_primitive(resource) {
                for probe in self.operations(resource, "monitor", None) {
                    self.order_ends(End::Action(probe), End::Action(promote), Relation::ORDERED);
                }
            }
        }
    }

    /// Nothing is promoted while an instance is promoted on a node that can neither demote it now nor is fenced: one that is about to join.
    ///
    /// Safety: Compat (C-519): Pacemaker promotes at once. (Found by the simulator: seed 101903, half an hour: a node that stood still came with its
    /// host into a partition that had been frozen.)
    fn promote_after_pending_nodes(&mut self, clone: ResourceIndex, promote: ActionIndex) {
        let mut open = vec![clone];
        while let Some(resource) = open.pop() {
            open.extend(self.r(resource).children.iter().rev());
            let is_out_of_reach = |&node: &NodeIndex| self.facts.node(node).pending && !self.n(node).unclean;
            let is_promoted = self.is_primitive(resource) && self.r(resource).role == Role::Promoted;
            if is_promoted && self.fact(resource).active_nodes.iter().any(is_out_of_reach) {
                for stop in self.operations(resource, "stop", None) {
                    self.order(stop, promote, Relation::ORDERED | Relation::UNRUNNABLE_FIRST_BLOCKS);
                }
            }
        }
    }

    fn add_role_changes(&self, resource: ResourceIndex, promoting: &mut bool, demoting: &mut bool) {
        let children = &self.r(resource).children;
        for &child in children {
            self.add_role_changes(child, promoting, demoting);
        }
        if !children.is_empty() {
            return;
        }
        for &index in &self.r(resource).actions {
            let action = self.a(index);
            if !action.has(Flags::OPTIONAL) {
                *demoting |= action.task == "demote";
                *promoting |= action.task == "promote";
            }
        }
    }
}
