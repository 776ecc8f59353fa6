//! Promotion and demotion of a clone's instances: the points before and after them.

use super::{ActionIndex, Draft, End, Flags, Relation};
use model::Score;
use status::ResourceIndex;

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
