//! Promotion and demotion of a clone's instances: the points before and after them.

use super::{Draft, Flags};
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
        let demote = self.resource_pseudo(clone, "demote", !demoting, true);
        let demoted = self.resource_pseudo(clone, "demoted", !demoting, true);
        self.a_mut(demoted).priority = infinity;
        self.create_demotion_notifications(clone, demote, demoted);
        let priority = self.r(clone).priority;
        for instance in self.r(clone).children.clone() {
            self.r_mut(instance).priority = priority;
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
