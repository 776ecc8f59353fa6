//! One resource from its role now to its role planned, by way of a restart where one is needed.

use super::{ActionIndex, Draft, Flags, Relation};
use model::Role;
use status::{MultipleActive, NodeIndex, Requires, ResourceIndex};

/// One step from a role towards another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// Nothing needs to be done to be there.
    Nothing,
    Start,
    Stop,
    Promote,
    Demote,
    /// There is no way.
    Impossible,
}

/// Returns the next role on the way from one role to another, and the step that leads there.
fn step_towards(from: Role, to: Role) -> (Role, Step) {
    use Role::{Promoted, Started, Stopped, Unknown, Unpromoted};
    let next = match (from, to) {
        (Unknown, Unknown) => Unknown,
        (Unknown, _) | (_, Unknown) => Stopped,
        (Stopped, Promoted) => Unpromoted,
        (Stopped, to) => to,
        (Started, to) => to,
        (Unpromoted, Started) => Stopped,
        (Unpromoted, to) => to,
        (Promoted, Stopped | Started) => Unpromoted,
        (Promoted, to) => to,
    };
    let step = match (from, next) {
        (Unknown, Stopped) => Step::Stop,
        (Unknown, _) | (_, Unknown) => Step::Impossible,
        (Stopped, Started | Unpromoted) => Step::Start,
        (Stopped, Promoted) => Step::Impossible,
        (Started | Unpromoted, Stopped) => Step::Stop,
        (Unpromoted, Started) => Step::Stop,
        (Started | Unpromoted, Promoted) => Step::Promote,
        (Promoted, Stopped | Started | Unpromoted) => Step::Demote,
        (Stopped, Stopped) | (Started, Started | Unpromoted) | (Unpromoted, Unpromoted) | (Promoted, Promoted) => Step::Nothing,
    };
    (next, step)
}

impl Draft<'_> {
    /// Makes the actions that take a resource from where and what it is to where and what it is to be.
    pub(super) fn create_primitive_actions(&mut self, resource: ResourceIndex) {
        if self.r(resource).next_role == Role::Unknown {
            let runs = self.r(resource).assigned.is_some();
            self.r_mut(resource).next_role = if runs { Role::Started } else { Role::Stopped };
        }
        let (current, all_active, clean_active) = self.active_node(resource);
        for source in self.fact(resource).dangling_sources.clone() {
            self.abort_dangling_migration(resource, source);
        }
        let assigned = self.r(resource).assigned;
        let moves = current.is_some() && assigned.is_some() && current != assigned && self.r(resource).next_role >= Role::Started;
        let mut migrates = moves && self.can_migrate(resource, current);
        let mut needs_stop = moves;
        let multiply_active = self.settle_migration_under_way(resource, current, all_active, clean_active, &mut migrates, &mut needs_stop);
        if multiply_active {
            needs_stop |= self.plan_for_multiply_active(resource, all_active);
        } else {
            self.r_mut(resource).stop_unexpected = false;
        }
        if self.r(resource).start_pending {
            let start = self.operation(resource, "start", assigned, true);
            self.a_mut(start).flags.set(Flags::ALWAYS_IN_GRAPH);
        }
        let mut needs_promote = false;
        let state = self.r(resource);
        if moves {
            // The stop is needed already.
        } else if state.failed {
            needs_stop |= state.stop_if_failed;
            needs_promote = !state.stop_if_failed && state.next_role == Role::Promoted;
        } else if state.blocked {
            needs_stop = true;
        } else if state.role > Role::Started && current.is_some() && assigned.is_some() {
            // The start may have been required before: a restart is due then.
            let start = self.operation(resource, "start", assigned, true);
            needs_stop |= !self.a(start).has(Flags::OPTIONAL);
        }
        self.create_restart(resource, needs_stop, needs_promote);
        self.create_role_transition(resource);
        self.create_recurring_actions(resource);
        if let Some(current) = current.filter(|_| migrates) {
            self.create_migration(resource, current);
        }
    }

    /// Continues a migration that is under way or gives it up; returns whether the resource is active too often.
    fn settle_migration_under_way(
        &mut self,
        resource: ResourceIndex,
        current: Option<NodeIndex>,
        all_active: usize,
        clean_active: usize,
        migrates: &mut bool,
        needs_stop: &mut bool,
    ) -> bool {
        let (source, target) = (self.r(resource).migrating_from, self.r(resource).migrating_to);
        let continues = source.is_some() && target.is_some() && *migrates && all_active == 2;
        if continues && current == source && self.r(resource).assigned == target {
            return false;
        }
        if source.is_some() || target.is_some() {
            *needs_stop = true;
            *migrates = false;
            let state = self.r_mut(resource);
            state.migrating_from = None;
            state.migrating_to = None;
            return false;
        }
        if self.fact(resource).requires >= Requires::Fencing { all_active > 1 } else { clean_active > 1 }
    }

    fn plan_for_multiply_active(&mut self, resource: ResourceIndex, active: usize) -> bool {
        let fact = self.fact(resource);
        let recovery = match fact.multiple_active {
            MultipleActive::StopStart => "attempting recovery",
            MultipleActive::StopUnexpected => "stopping unexpected instances",
            MultipleActive::StopOnly => "stopping all instances",
            MultipleActive::Block => "waiting for an administrator",
        };
        let class = fact.xml.attribute("class").unwrap_or("Untyped");
        let text = format!("{class} resource {} might be active on {active} nodes ({recovery})", fact.id);
        self.problems.push(transition::Problem { is_error: true, text });
        match fact.multiple_active {
            MultipleActive::StopStart => true,
            MultipleActive::StopUnexpected => {
                self.r_mut(resource).stop_unexpected = true;
                true
            }
            _ => false,
        }
    }

    /// Takes the resource down and up to its present role again; not required unless a stop is.
    fn create_restart(&mut self, resource: ResourceIndex, needs_stop: bool, needs_promote: bool) {
        self.r_mut(resource).restarting = true;
        let mut role = self.r(resource).role;
        while role != Role::Stopped {
            let (next, step) = step_towards(role, Role::Stopped);
            if !self.take_step(resource, step, !needs_stop) {
                break;
            }
            role = next;
        }
        let original = self.r(resource).role;
        while original <= self.r(resource).next_role && role != original && !self.r(resource).blocked {
            let (next, step) = step_towards(role, original);
            let required = needs_stop || (next == Role::Promoted && needs_promote);
            if !self.take_step(resource, step, !required) {
                break;
            }
            role = next;
        }
        self.r_mut(resource).restarting = false;
    }

    /// Takes the resource from its present role to the planned one.
    fn create_role_transition(&mut self, resource: ResourceIndex) {
        let mut role = self.r(resource).role;
        while role != self.r(resource).next_role {
            let (next, step) = step_towards(role, self.r(resource).next_role);
            if !self.take_step(resource, step, false) {
                break;
            }
            role = next;
        }
    }

    /// Makes the actions of one step; returns whether there was one.
    fn take_step(&mut self, resource: ResourceIndex, step: Step, optional: bool) -> bool {
        match step {
            Step::Nothing => return false,
            Step::Impossible => {}
            Step::Start => self.plan_start(resource, optional),
            Step::Stop => self.plan_stop(resource, optional),
            Step::Promote => self.plan_promote(resource, optional),
            Step::Demote => self.plan_demote(resource, optional),
        }
        step != Step::Impossible
    }

    /// Returns whether the instance on this node is the one that stays while unexpected ones are stopped.
    fn is_expected_on(&self, resource: ResourceIndex, node: Option<NodeIndex>) -> bool {
        let state = self.r(resource);
        state.stop_unexpected && state.restarting && state.next_role > Role::Stopped && node.is_some() && state.assigned == node
    }

    fn plan_stop(&mut self, resource: ResourceIndex, optional: bool) {
        let mut optional = optional;
        for &node in &self.fact(resource).active_nodes {
            if self.is_expected_on(resource, Some(node)) {
                continue;
            }
            if let Some(target) = self.r(resource).migrating_to {
                if node == target && self.r(resource).assigned == Some(node) {
                    // The migration continues: its target stays.
                    continue;
                }
                optional = false;
            }
            let stop = self.operation(resource, "stop", Some(node), optional);
            let state = self.r(resource);
            if state.assigned.is_none() {
                self.a_mut(stop).set_reason("node availability", true);
            } else if state.restarting && state.stop_unexpected {
                self.a_mut(stop).set_reason("being multiply active", true);
            }
            if !self.r(resource).managed {
                self.a_mut(stop).flags.clear(Flags::RUNNABLE);
            }
            if self.fact(resource).requires == Requires::Unfencing {
                let unfencing = self.fence(node, Some("on"), true, None, false);
                self.order(stop, unfencing, Relation::THEN_IMPLIES_FIRST);
                if !self.is_unfenced(node) {
                    let text = format!("Stopping {} until {} can be unfenced", self.fact(resource).id, self.facts.node(node).name);
                    self.problems.push(transition::Problem { is_error: true, text });
                }
            }
        }
    }

    fn plan_start(&mut self, resource: ResourceIndex, optional: bool) {
        let node = self.r(resource).assigned;
        let start = self.operation(resource, "start", node, true);
        if let Some(node) = node {
            self.order_after_unfencing(resource, node, start, Relation::FIRST_IMPLIES_THEN);
        }
        if self.a(start).has(Flags::RUNNABLE) && !optional {
            self.a_mut(start).flags.clear(Flags::OPTIONAL);
        }
        if self.is_expected_on(resource, node) {
            self.a_mut(start).flags.set(Flags::PSEUDO);
        }
    }

    fn plan_promote(&mut self, resource: ResourceIndex, optional: bool) {
        let node = self.r(resource).assigned;
        let key = self.key(resource, "start", 0);
        let starts = self.find_actions_exact(resource, &key, node);
        if starts.iter().all(|&start| self.a(start).has(Flags::RUNNABLE)) {
            let promote = self.operation(resource, "promote", node, optional);
            if self.is_expected_on(resource, node) {
                self.a_mut(promote).flags.set(Flags::PSEUDO);
            }
            return;
        }
        let key = self.key(resource, "promote", 0);
        for promote in self.find_actions_exact(resource, &key, node) {
            self.a_mut(promote).flags.clear(Flags::RUNNABLE);
        }
    }

    fn plan_demote(&mut self, resource: ResourceIndex, optional: bool) {
        for &node in &self.fact(resource).active_nodes {
            if !self.is_expected_on(resource, Some(node)) {
                self.operation(resource, "demote", Some(node), optional);
            }
        }
    }

    /// Schedules the deletion of a resource's history on a node.
    pub(crate) fn schedule_cleanup(&mut self, resource: ResourceIndex, node: NodeIndex) -> Option<ActionIndex> {
        if self.r(resource).failed || self.n(node).unclean || !self.n(node).online {
            return None;
        }
        let delete = self.operation(resource, "delete", Some(node), false);
        self.order_operations(resource, "stop", resource, "delete", Relation::ORDERED);
        self.order_operations(resource, "delete", resource, "start", Relation::ORDERED);
        Some(delete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_leads_through_every_role_between() {
        let way = |mut from: Role, to: Role| {
            let mut steps = Vec::new();
            while from != to {
                let (next, step) = step_towards(from, to);
                steps.push(step);
                if step == Step::Nothing || step == Step::Impossible {
                    break;
                }
                from = next;
            }
            steps
        };
        assert_eq!(way(Role::Stopped, Role::Promoted), [Step::Start, Step::Promote]);
        assert_eq!(way(Role::Promoted, Role::Stopped), [Step::Demote, Step::Stop]);
        assert_eq!(way(Role::Promoted, Role::Unpromoted), [Step::Demote]);
        assert_eq!(way(Role::Started, Role::Stopped), [Step::Stop]);
        assert_eq!(way(Role::Unpromoted, Role::Started), [Step::Stop, Step::Start]);
        assert_eq!(way(Role::Started, Role::Unpromoted), [Step::Nothing]);
    }
}
