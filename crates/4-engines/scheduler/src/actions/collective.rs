//! Actions of groups and clones: those of their parts, and the points between which the parts move.

use super::{Draft, Flags};
use model::Score;
use status::ResourceIndex;

/// What the instances of a collection do, summed up.
#[derive(Clone, Copy, Default, Debug)]
struct Movement {
    starting: bool,
    stopping: bool,
    restarting: bool,
    active: bool,
}

impl Draft<'_> {
    /// Makes the actions of a resource and everything below it.
    pub(crate) fn create_actions(&mut self, resource: ResourceIndex) {
        let fact = self.fact(resource);
        if fact.is_primitive() {
            self.create_primitive_actions(resource);
        } else if fact.is_group() {
            self.create_group_actions(resource);
        } else if fact.is_clone() {
            let instances = self.r(resource).children.clone();
            self.create_instance_actions(resource, &instances);
            if fact.promotable {
                self.create_promotable_actions(resource);
            }
        } else {
            self.create_bundle_actions(resource);
        }
    }

    fn create_group_actions(&mut self, group: ResourceIndex) {
        for member in self.r(group).children.clone() {
            self.create_actions(member);
        }
        let mut points = vec!["start", "running", "stop", "stopped"];
        let promotable = self.fact(group).meta.get("promotable");
        if promotable.is_some_and(|value| model::parse_boolean(value) == Some(true)) {
            points.extend(["demote", "demoted", "promote", "promoted"]);
        }
        for task in points {
            self.resource_pseudo(group, task, true, true);
        }
    }

    /// Makes the actions of instances, and the points before and after they start and stop.
    pub(super) fn create_instance_actions(&mut self, collective: ResourceIndex, instances: &[ResourceIndex]) {
        let mut movement = Movement::default();
        for &instance in instances {
            self.create_actions(instance);
            self.add_movement(instance, &mut movement);
        }
        let infinity = Score::INFINITY.value();
        let start = self.resource_pseudo(collective, "start", !movement.starting, true);
        let started = self.resource_pseudo(collective, "running", !movement.starting, false);
        self.a_mut(started).priority = infinity;
        if movement.active || movement.starting {
            self.a_mut(started).flags.set(Flags::RUNNABLE);
        }
        let stop = self.resource_pseudo(collective, "stop", !movement.stopping, true);
        let stopped = self.resource_pseudo(collective, "stopped", !movement.stopping, true);
        self.a_mut(stopped).priority = infinity;
        if !movement.restarting {
            self.a_mut(stop).flags.set(Flags::MIGRATABLE);
        }
        if self.fact(collective).is_clone() {
            self.create_notification_points(collective, start, started, stop, stopped);
        }
    }

    fn add_movement(&self, instance: ResourceIndex, movement: &mut Movement) {
        if !self.is_primitive(instance) {
            for &child in &self.r(instance).children {
                self.add_movement(child, movement);
            }
            return;
        }
        movement.active |= !self.fact(instance).active_nodes.is_empty();
        let (mut starting, mut stopping) = (false, false);
        for &index in self.r(instance).actions.iter().rev() {
            let action = self.a(index);
            if action.has(Flags::OPTIONAL) {
                continue;
            }
            match action.task.as_str() {
                "start" => starting |= action.has(Flags::RUNNABLE),
                "stop" => stopping |= action.flags.has_any(Flags::PSEUDO | Flags::RUNNABLE),
                _ => {}
            }
        }
        movement.starting |= starting;
        movement.stopping |= stopping;
        movement.restarting |= starting && stopping;
    }
}
