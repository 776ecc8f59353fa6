//! What waits for a probe: the starts and restarts that would follow from what it finds.

use crate::actions::{ActionIndex, Draft, End, Flags, Relation};
use model::Role;
use status::ResourceIndex;

impl Draft<'_> {
    /// Orders starts, restarts and whatever waits for a stop after the probes that may call for that stop.
    pub(super) fn order_probes(&mut self) {
        self.marks.resize(self.actions.len(), 0);
        for root in self.roots.clone() {
            self.order_after_probes_of(root);
        }
        self.order_probes_like_stops();
    }

    fn order_after_probes_of(&mut self, resource: ResourceIndex) {
        if !self.is_primitive(resource) {
            for child in self.r(resource).children.clone() {
                self.order_after_probes_of(child);
            }
            return;
        }
        for probe in self.operations(resource, "monitor", None) {
            // Orders that are added meanwhile are not looked at.
            for place in (0..self.a(probe).after.len()).rev() {
                let edge = self.a(probe).after[place];
                self.order_instances_after_probe(probe, edge);
                self.generation += 1;
                let after = self.edges[edge.0 as usize].then;
                self.order_restarts_after_probe(probe, after);
            }
        }
    }

    /// A probe that cannot run holds up the start of every instance of its clone, not only the clone's own.
    fn order_instances_after_probe(&mut self, probe: ActionIndex, edge: crate::actions::EdgeIndex) {
        let edge = self.edges[edge.0 as usize];
        let Some(after_resource) = self.a(edge.then).resource else { return };
        let Some(resource) = self.a(probe).resource else { return };
        if !self.has_instances(after_resource)
            || self.a(probe).has(Flags::RUNNABLE)
            || edge.made.has(Relation::UNRUNNABLE_FIRST_BLOCKS)
            || self.top(resource) != after_resource
            || self.a(edge.then).task != "start"
        {
            return;
        }
        for place in (0..self.a(edge.then).after.len()).rev() {
            let next = self.edges[self.a(edge.then).after[place].0 as usize].then;
            let Some(next_resource) = self.a(next).resource else { continue };
            let inactive = self.fact(next_resource).active_nodes.is_empty();
            if inactive && self.top(next_resource) == after_resource && self.a(next).task == "start" {
                self.order(probe, next, Relation::ORDERED | Relation::UNRUNNABLE_FIRST_BLOCKS);
            }
        }
    }

    fn order_restarts_after_probe(&mut self, probe: ActionIndex, after: ActionIndex) {
        let Some(resource) = self.a(probe).resource else { return };
        // A walk along orders; every action once. The list is worked off newest first, as nested calls would.
        let mut open = vec![after];
        while let Some(after) = open.pop() {
            if self.marks[after.position()] == self.generation {
                continue;
            }
            self.marks[after.position()] = self.generation;
            self.order_restart_after_probe(probe, resource, after);
            let next = self.restarted_by(resource, after);
            open.extend(next);
        }
    }

    /// A restart that the probe may cause stops only when the probe is done.
    fn order_restart_after_probe(&mut self, probe: ActionIndex, resource: ResourceIndex, after: ActionIndex) {
        let Some(after_resource) = self.a(after).resource else { return };
        if !self.is_primitive(after_resource) || after_resource == resource {
            return;
        }
        let task = match self.a(after).task.as_str() {
            "start" => "stop",
            "promote" => "demote",
            _ => return,
        };
        for then in self.operations(after_resource, task, None) {
            if !self.a(then).has(Flags::PSEUDO) {
                self.order(probe, then, Relation::ORDERED);
            }
        }
    }

    /// Returns the actions that an action's being required would require, oldest first.
    fn restarted_by(&self, resource: ResourceIndex, after: ActionIndex) -> Vec<ActionIndex> {
        let after_resource = self.a(after).resource;
        let interleaves = after_resource.is_some_and(|of| self.has_instances(of) && self.interleaves(of));
        let compatible = after_resource.filter(|_| interleaves).and_then(|of| self.compatible_instance(resource, of, Role::Unknown, false));
        let mut next = Vec::new();
        for &edge in &self.a(after).after {
            let edge = &self.edges[edge.0 as usize];
            if !edge.made.has(Relation::FIRST_IMPLIES_THEN) {
                // Members and instances restart with their collection, although no order says so.
                let (Some(of), Some(chained)) = (after_resource, self.a(edge.then).resource) else { continue };
                if self.is_primitive(of) || self.fact(resource).parent == Some(of) {
                    continue;
                }
                if self.has_instances(chained) || self.fact(chained).parent != Some(of) {
                    continue;
                }
                if interleaves && compatible != Some(chained) {
                    continue;
                }
            }
            next.push(edge.then);
        }
        next
    }

    /// What waits for a stop waits for the probe that may find that a stop is needed.
    fn order_probes_like_stops(&mut self) {
        for position in 0..self.orderings.len() {
            let ordering = self.orderings[position].clone();
            if ordering.relation == Relation::NONE || self.task_of(&ordering.first) != "stop" {
                continue;
            }
            let (first, then) = (self.resource_of(&ordering.first), self.resource_of(&ordering.then));
            let Some(first) = first.filter(|_| first != then) else { continue };
            if then.is_some() && self.fact(first).launcher == then && self.task_of(&ordering.then) == "stop" {
                // A probe inside a machine need not be done before the machine stops.
                continue;
            }
            let mut relation = Relation::ORDERED;
            for inherited in [Relation::IF_FIRST_UNMIGRATABLE, Relation::IF_ON_SAME_NODE] {
                if ordering.relation.has(inherited) {
                    relation |= inherited;
                }
            }
            let conditional = [Relation::IF_REQUIRED_ON_SAME_NODE, Relation::IF_ON_SAME_NODE_OR_TARGET];
            if conditional.contains(&ordering.relation) {
                relation = ordering.relation;
            }
            self.order_probes_before(first, &ordering.then, relation);
        }
    }

    fn order_probes_before(&mut self, resource: ResourceIndex, then: &End, relation: Relation) {
        let probes = self.operations(resource, "monitor", None);
        if probes.is_empty() {
            return;
        }
        let thens = match then {
            End::Action(action) => vec![*action],
            End::Operation(resource, task) => self.operations(*resource, task, None),
        };
        for &probe in &probes {
            for &then in &thens {
                if self.waits_for_probe(probe, then) {
                    self.order(probe, then, relation);
                }
            }
        }
    }

    fn waits_for_probe(&self, probe: ActionIndex, then: ActionIndex) -> bool {
        let (probe, then) = (self.a(probe), self.a(then));
        let same_node = probe.node.is_some() && probe.node == then.node;
        match then.task.as_str() {
            // A probe may need its node unfenced first.
            "stonith" if same_node => then.meta("stonith_action").is_none_or(|how| !how.eq_ignore_ascii_case("on")),
            "do_shutdown" => same_node || probe.node.is_none() || then.node.is_none(),
            _ => true,
        }
    }
}
