//! In which order actions are carried out, and what each means for the others.
//!
//! First orders between *operations* are collected (configured ones, those of groups, clones, bundles, remote nodes, …);
//! once all actions exist they become orders between *actions*, and these are followed to a fixed point: what is
//! required, what cannot run, what a migration replaces. Nothing here makes an action except the first of an order.

mod collective;
mod configured;
mod instances;
mod internal;
mod migration;
mod probes;
mod remote;
mod update;
mod utilization;
mod validity;

use crate::actions::{ActionIndex, Draft, End, Flags, Ordering, Relation};
use model::Role;
use status::ResourceIndex;

impl Draft<'_> {
    /// Orders two operations that are run once.
    pub(crate) fn order_operations(
        &mut self,
        first: ResourceIndex,
        first_task: &str,
        then: ResourceIndex,
        then_task: &str,
        relation: Relation,
    ) {
        self.order_ends(End::Operation(first, first_task.into()), End::Operation(then, then_task.into()), relation);
    }

    /// Orders the starts of two resources.
    pub(crate) fn order_starts(&mut self, first: ResourceIndex, then: ResourceIndex, relation: Relation) {
        self.order_operations(first, "start", then, "start", relation);
    }

    /// Orders the stops of two resources.
    pub(crate) fn order_stops(&mut self, first: ResourceIndex, then: ResourceIndex, relation: Relation) {
        self.order_operations(first, "stop", then, "stop", relation);
    }

    /// Orders an operation of a resource before an action.
    pub(crate) fn order_operation_before(&mut self, first: ResourceIndex, task: &str, then: ActionIndex, relation: Relation) {
        self.order_ends(End::Operation(first, task.into()), End::Action(then), relation);
    }

    /// Orders an operation of a resource after an action.
    pub(crate) fn order_operation_after(&mut self, first: ActionIndex, then: ResourceIndex, task: &str, relation: Relation) {
        self.order_ends(End::Action(first), End::Operation(then, task.into()), relation);
    }

    /// Orders two operations or actions, with what that means for migrations in their place.
    pub(crate) fn order_ends(&mut self, first: End, then: End, relation: Relation) {
        self.orderings.push(Ordering { first: first.clone(), then: then.clone(), relation });
        self.order_migration_equivalents(&first, &then);
    }

    /// Returns the resource of one side of an order.
    pub(crate) fn resource_of(&self, end: &End) -> Option<ResourceIndex> {
        match end {
            End::Operation(resource, _) => Some(*resource),
            End::Action(action) => self.a(*action).resource,
        }
    }

    /// Returns the task of one side of an order.
    pub(crate) fn task_of<'e>(&'e self, end: &'e End) -> &'e str {
        match end {
            End::Operation(_, task) => task,
            End::Action(action) => &self.a(*action).task,
        }
    }

    /// Turns orders of operations into orders of actions and follows them until nothing changes any more.
    pub(crate) fn apply_orderings(&mut self, colocations: &crate::ordering::Companions) {
        for position in 0..self.orderings.len() {
            let ordering = self.orderings[position].clone();
            self.apply_ordering(&ordering);
        }
        for position in (0..self.actions.len()).rev() {
            self.block_companions(ActionIndex(position as u32), colocations);
        }
        self.order_probes();
        for position in (0..self.actions.len()).rev() {
            self.update(ActionIndex(position as u32), colocations);
        }
        self.drop_invalid_orders();
    }

    fn apply_ordering(&mut self, ordering: &Ordering) {
        let then_resource = self.resource_of(&ordering.then);
        let firsts = match &ordering.first {
            End::Action(action) => vec![*action],
            End::Operation(resource, task) => self.first_actions(*resource, task, then_resource),
        };
        for first in firsts {
            self.order_after(first, ordering);
        }
    }

    /// Returns the actions of an order's first operation; one that nobody planned is made, but not required.
    fn first_actions(&mut self, resource: ResourceIndex, task: &str, then: Option<ResourceIndex>) -> Vec<ActionIndex> {
        let mut found = self.operations(resource, task, None);
        if found.is_empty() && task == "lrm_delete" {
            // Compat: what deletes the history in whatever way counts, so that a probe takes its place as well.
            found = self.operations(resource, "delete", None);
        }
        if !found.is_empty() || Some(resource) == then {
            return found;
        }
        match (self.role(resource, true), task) {
            // What is stopped need not stop first.
            (Role::Stopped, "stop") | (Role::Unpromoted, "demote") => Vec::new(),
            _ => vec![self.operation(resource, task, None, true)],
        }
    }

    fn order_after(&mut self, first: ActionIndex, ordering: &Ordering) {
        let then_resource = self.resource_of(&ordering.then);
        let thens = match &ordering.then {
            End::Action(action) => vec![*action],
            End::Operation(resource, task) => self.operations(*resource, task, None),
        };
        let mut relation = ordering.relation;
        if then_resource.is_some() && self.a(first).resource == then_resource && self.a(first).has(Flags::MIGRATION_ABORT) {
            // The stop that cleans up a failed migration does not force a restart of what goes on running.
            relation = relation.without(Relation::FIRST_IMPLIES_THEN);
        }
        for then in thens {
            self.order(first, then, relation);
        }
    }
}

/// For each resource: what must be where it is, and cannot start or be promoted unless it can.
#[derive(Clone, Debug, Default)]
pub(crate) struct Companions(pub Vec<Vec<Companion>>);

/// A resource with a mandatory colocation with another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Companion {
    pub dependent: ResourceIndex,
    pub dependent_role: Role,
    pub primary_role: Role,
}
