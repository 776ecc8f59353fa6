//! What one action's state means for the next: followed from action to action until nothing changes.
//!
//! Marks are only ever taken away here (required stays required, blocked stays blocked), except that an action which
//! needs *some* of its firsts becomes able to run again; so the walk ends.

use super::Companions;
use crate::actions::{Action, ActionIndex, Draft, EdgeIndex, Flags, Relation};
use model::Role;
use status::{NodeIndex, ResourceIndex};

/// Beyond this depth updates wait in a queue instead of nesting, so that long chains cannot exhaust the stack.
const NESTING_MAX: u32 = 400;

/// What an update changed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Changed {
    pub first: bool,
    pub then: bool,
}

impl Changed {
    pub(crate) fn add(&mut self, other: Changed) {
        self.first |= other.first;
        self.then |= other.then;
    }
}

impl Draft<'_> {
    /// Follows all orders of which this action is the second, and then those of which it is the first if it changed.
    pub(crate) fn update(&mut self, then: ActionIndex, companions: &Companions) {
        if self.update_depth >= NESTING_MAX {
            self.updates_waiting.push(then);
            return;
        }
        self.update_depth += 1;
        self.update_nested(then, companions);
        self.update_depth -= 1;
        while self.update_depth == 0 {
            let Some(next) = self.updates_waiting.pop() else { break };
            self.update_depth += 1;
            self.update_nested(next, companions);
            self.update_depth -= 1;
        }
    }

    fn update_nested(&mut self, then: ActionIndex, companions: &Companions) {
        let before_flags = self.a(then).flags;
        let mut changed = Changed::default();
        if self.a(then).runnable_required > 0 {
            let action = self.a_mut(then);
            action.runnable_before = 0;
            action.flags.clear(Flags::RUNNABLE);
        }
        for position in (0..self.a(then).before.len()).rev() {
            let edge = self.a(then).before[position];
            changed.first = false;
            let Some(first) = self.update_edge(edge, then, &mut changed, companions) else { continue };
            if changed.first {
                for position in (0..self.a(first).after.len()).rev() {
                    let next = self.edges[self.a(first).after[position].0 as usize].then;
                    self.update(next, companions);
                }
                self.update(first, companions);
            }
        }
        if self.a(then).runnable_required > 0 {
            changed.then = before_flags != self.a(then).flags;
        }
        if changed.then {
            if before_flags.has(Flags::RUNNABLE) && !self.a(then).has(Flags::RUNNABLE) {
                self.block_companions(then, companions);
            }
            self.update(then, companions);
            for position in (0..self.a(then).after.len()).rev() {
                let next = self.edges[self.a(then).after[position].0 as usize].then;
                self.update(next, companions);
            }
        }
    }

    /// Follows one order; returns the action that counted as its first, or nothing if the order does not apply.
    fn update_edge(&mut self, edge: EdgeIndex, then: ActionIndex, changed: &mut Changed, companions: &Companions) -> Option<ActionIndex> {
        let original = self.edges[edge.0 as usize].first;
        let first_node = self.node_for_ordering(original);
        let then_node = self.node_for_ordering(then);
        let relation = self.edges[edge.0 as usize].now;
        if relation.has(Relation::IF_ON_SAME_NODE) && first_node.is_some() && then_node.is_some() && first_node != then_node {
            self.edges[edge.0 as usize].now = Relation::NONE;
            return None;
        }
        let first_resource = self.a(original).resource;
        if first_resource.is_some() && relation.has(Relation::THEN_CANCELS_FIRST) && !self.a(then).has(Flags::OPTIONAL) {
            self.a_mut(original).flags.set(Flags::OPTIONAL);
            if let Some(resource) = first_resource.filter(|_| self.a(original).task == "reload-agent") {
                self.r_mut(resource).reload = false;
            }
        }
        let mut first = original;
        if let (Some(first_resource), Some(then_resource)) = (first_resource, self.a(then).resource)
            && first_resource != then_resource
            && !self.is_ancestor(first_resource, then_resource)
        {
            first = self.completion_of(original);
        }
        if first == original {
            let first_flags = self.flags_for_ordering(first, then_node);
            let then_flags = self.flags_for_ordering(then, first_node);
            let result = self.follow(first, then, first_flags, then_flags, edge, companions);
            changed.add(result);
        } else if self.order(first, then, self.edges[edge.0 as usize].now) {
            // The order holds relative to when the whole of the first is done.
            changed.then = true;
            self.edges[edge.0 as usize].now = Relation::NONE;
        }
        Some(first)
    }

    /// Returns the node of an action; of a group's start the node of the group, if it is one.
    fn node_for_ordering(&self, action: ActionIndex) -> Option<NodeIndex> {
        let action = self.a(action);
        match action.resource {
            Some(resource) if action.task == "start" && self.fact(resource).is_group() => self.location(resource, false),
            _ => action.node,
        }
    }

    /// Returns whether `ancestor` is above `resource`.
    pub(crate) fn is_ancestor(&self, ancestor: ResourceIndex, resource: ResourceIndex) -> bool {
        let mut parent = self.fact(resource).parent;
        while let Some(above) = parent {
            if above == ancestor {
                return true;
            }
            parent = self.fact(above).parent;
        }
        false
    }

    /// Returns the action that tells that all of a collective resource did this: `started` for `start`, …
    fn completion_of(&self, index: ActionIndex) -> ActionIndex {
        let action = self.a(index);
        let Some(resource) = action.resource.filter(|&resource| self.is_collective(resource)) else { return index };
        if action.key.contains("notify") || action.interval_ms > 0 {
            return self.newest_by_key(resource, &action.key).unwrap_or(index);
        }
        let done = match action.task.as_str() {
            "stop" | "stopped" => "stopped",
            "start" | "running" => "running",
            "promote" | "promoted" => "promoted",
            "demote" | "demoted" => "demoted",
            _ => return self.newest_by_key(resource, &action.key).unwrap_or(index),
        };
        let fact = self.fact(resource);
        let key = if fact.notify && (fact.is_clone() || self.is_bundled(resource)) {
            compact_str::format_compact!("{}_confirmed-post_notify_{done}_0", fact.id)
        } else {
            self.key(resource, done, 0)
        };
        self.newest_by_key(resource, &key).unwrap_or(index)
    }

    fn flags_for_ordering(&mut self, index: ActionIndex, node: Option<NodeIndex>) -> Flags {
        let Some(resource) = self.a(index).resource else { return self.a(index).flags };
        let flags = self.summary_flags(index, None);
        if node.is_none() || !self.fact(resource).is_clone() {
            return flags;
        }
        let mut on_node = self.summary_flags(index, node);
        // Whether an instance can run anywhere counts, not whether it can on this node.
        if flags.has(Flags::RUNNABLE) {
            on_node.set(Flags::RUNNABLE);
        }
        on_node
    }

    /// Applies each meaning of an order to its two actions.
    fn follow(
        &mut self,
        first: ActionIndex,
        then: ActionIndex,
        first_flags: Flags,
        then_flags: Flags,
        edge: EdgeIndex,
        companions: &Companions,
    ) -> Changed {
        let mut changed = Changed::default();
        let mut node = self.a(then).node;
        let mut relation = self.edges[edge.0 as usize].now;
        if relation.has(Relation::FIRST_IMPLIES_SAME_NODE_THEN) {
            relation = relation.without(Relation::FIRST_IMPLIES_SAME_NODE_THEN) | Relation::FIRST_IMPLIES_THEN;
            self.edges[edge.0 as usize].now = relation;
            node = self.a(first).node;
        }
        let then_has_resource = self.a(then).resource.is_some();
        let optional_flag = first_flags & Flags::OPTIONAL;
        if relation.has(Relation::FIRST_IMPLIES_THEN) {
            if then_has_resource {
                changed.add(self.follow_one(
                    false,
                    first,
                    then,
                    node,
                    optional_flag,
                    Flags::OPTIONAL,
                    Relation::FIRST_IMPLIES_THEN,
                    companions,
                ));
            } else if !first_flags.has(Flags::OPTIONAL) && self.a(then).has(Flags::OPTIONAL) {
                self.a_mut(then).flags.clear(Flags::OPTIONAL);
                changed.then = true;
            }
        }
        if relation.has(Relation::INTERMEDIATE_STOP) && then_has_resource {
            let filter = Flags::OPTIONAL | Flags::RUNNABLE;
            changed.add(self.follow_one(false, first, then, node, first_flags, filter, Relation::INTERMEDIATE_STOP, companions));
        }
        if relation.has(Relation::THEN_IMPLIES_FIRST) {
            if self.a(first).resource.is_some() {
                changed.add(self.follow_one(
                    true,
                    first,
                    then,
                    node,
                    first_flags,
                    Flags::OPTIONAL,
                    Relation::THEN_IMPLIES_FIRST,
                    companions,
                ));
            } else if !first_flags.has(Flags::OPTIONAL) && self.a(first).has(Flags::RUNNABLE) {
                self.a_mut(first).flags.clear(Flags::RUNNABLE);
                changed.first = true;
            }
        }
        if relation.has(Relation::PROMOTED_THEN_IMPLIES_FIRST) && then_has_resource {
            let kind = Relation::PROMOTED_THEN_IMPLIES_FIRST;
            changed.add(self.follow_one(false, first, then, node, optional_flag, Flags::OPTIONAL, kind, companions));
        }
        changed.add(self.follow_runnable(first, then, node, first_flags, edge, companions));
        self.mark_for_graph(first, then, first_flags, then_flags, edge);
        changed.add(self.block_after_unmanaged_stop(first, then, edge));
        changed
    }

    /// The meanings that concern what can run, and migrations.
    fn follow_runnable(
        &mut self,
        first: ActionIndex,
        then: ActionIndex,
        node: Option<NodeIndex>,
        first_flags: Flags,
        edge: EdgeIndex,
        companions: &Companions,
    ) -> Changed {
        let mut changed = Changed::default();
        let then_has_resource = self.a(then).resource.is_some();
        let relation = self.edges[edge.0 as usize].now;
        if relation.has(Relation::MIN_RUNNABLE) {
            if then_has_resource {
                changed.add(self.follow_one(false, first, then, node, first_flags, Flags::RUNNABLE, Relation::MIN_RUNNABLE, companions));
            } else if first_flags.has(Flags::RUNNABLE) {
                let action = self.a_mut(then);
                action.runnable_before += 1;
                if action.runnable_before >= action.runnable_required && !action.has(Flags::RUNNABLE) {
                    action.flags.set(Flags::RUNNABLE);
                    changed.then = true;
                }
            }
        }
        if relation.has(Relation::NESTED_REMOTE_PROBE) && then_has_resource {
            let first_active = self.a(first).resource.is_some_and(|resource| !self.fact(resource).active_nodes.is_empty());
            if !first_flags.has(Flags::RUNNABLE) && first_active {
                // The machine is stopping: the probe does not wait for its start.
                self.edges[edge.0 as usize].now = Relation::NONE;
                return changed;
            }
            let kind = Relation::UNRUNNABLE_FIRST_BLOCKS;
            changed.add(self.follow_one(false, first, then, node, first_flags, Flags::RUNNABLE, kind, companions));
        }
        if relation.has(Relation::UNRUNNABLE_FIRST_BLOCKS) {
            if then_has_resource {
                let kind = Relation::UNRUNNABLE_FIRST_BLOCKS;
                changed.add(self.follow_one(false, first, then, node, first_flags, Flags::RUNNABLE, kind, companions));
            } else if !first_flags.has(Flags::RUNNABLE) && self.a(then).has(Flags::RUNNABLE) {
                self.a_mut(then).flags.clear(Flags::RUNNABLE);
                changed.then = true;
            }
        }
        if !then_has_resource {
            return changed;
        }
        for (kind, filter) in [
            (Relation::UNMIGRATABLE_THEN_BLOCKS, Flags::OPTIONAL),
            (Relation::FIRST_ELSE_THEN, Flags::OPTIONAL),
            (Relation::ORDERED, Flags::RUNNABLE),
            (Relation::ASYMMETRIC, Flags::RUNNABLE),
        ] {
            if relation.has(kind) {
                changed.add(self.follow_one(false, first, then, node, first_flags, filter, kind, companions));
            }
        }
        changed
    }

    fn mark_for_graph(&mut self, first: ActionIndex, then: ActionIndex, first_flags: Flags, then_flags: Flags, edge: EdgeIndex) {
        let relation = self.edges[edge.0 as usize].now;
        let required = !first_flags.has(Flags::OPTIONAL);
        if self.a(first).has(Flags::RUNNABLE) && relation.has(Relation::FIRST_IMPLIES_THEN_GRAPHED) && required {
            self.a_mut(then).flags.set(Flags::ALWAYS_IN_GRAPH);
        }
        if relation.has(Relation::THEN_IMPLIES_FIRST_GRAPHED) && !then_flags.has(Flags::OPTIONAL) {
            self.a_mut(first).flags.set(Flags::ALWAYS_IN_GRAPH);
        }
    }

    /// What must follow the stop of a blocked resource cannot run.
    fn block_after_unmanaged_stop(&mut self, first: ActionIndex, then: ActionIndex, edge: EdgeIndex) -> Changed {
        let strong = Relation::FIRST_IMPLIES_THEN | Relation::THEN_IMPLIES_FIRST | Relation::INTERMEDIATE_STOP;
        let action = self.a(first);
        let stuck = action.resource.is_some_and(|resource| !self.r(resource).managed && self.r(resource).blocked);
        let applies = self.edges[edge.0 as usize].now.has_any(strong) && stuck && !action.has(Flags::RUNNABLE) && action.task == "stop";
        if applies && self.a(then).has(Flags::RUNNABLE) {
            self.a_mut(then).flags.clear(Flags::RUNNABLE);
            return Changed { first: false, then: true };
        }
        Changed::default()
    }

    /// Applies one meaning, by the kind of the resource of the second (or, where said so, the first) action.
    #[expect(clippy::too_many_arguments, reason = "the two actions, the scope, and what is to be applied")]
    pub(crate) fn follow_one(
        &mut self,
        by_first: bool,
        first: ActionIndex,
        then: ActionIndex,
        node: Option<NodeIndex>,
        flags: Flags,
        filter: Flags,
        kind: Relation,
        companions: &Companions,
    ) -> Changed {
        let decisive = if by_first { first } else { then };
        let Some(resource) = self.a(decisive).resource else { return Changed::default() };
        if self.is_primitive(resource) {
            return self.follow_actions(first, then, flags, filter, kind, companions);
        }
        if self.has_instances(resource) {
            return self.follow_instances(first, then, node, flags, filter, kind, companions);
        }
        let mut changed = self.follow_actions(first, then, flags, filter, kind, companions);
        let Some(group) = self.a(then).resource else { return changed };
        for member in self.r(group).children.clone() {
            let task = self.a(then).task.clone();
            if let Some(action) = self.newest(member, &task, node) {
                changed.add(self.follow_one_of(member, first, action, node, flags, filter, kind, companions));
            }
        }
        changed
    }

    /// Applies one meaning by the kind of this resource.
    #[expect(clippy::too_many_arguments, reason = "the two actions, the scope, and what is to be applied")]
    pub(crate) fn follow_one_of(
        &mut self,
        resource: ResourceIndex,
        first: ActionIndex,
        then: ActionIndex,
        node: Option<NodeIndex>,
        flags: Flags,
        filter: Flags,
        kind: Relation,
        companions: &Companions,
    ) -> Changed {
        debug_assert_eq!(self.a(then).resource, Some(resource));
        self.follow_one(false, first, then, node, flags, filter, kind, companions)
    }

    /// Applies one meaning to two actions.
    pub(crate) fn follow_actions(
        &mut self,
        first: ActionIndex,
        then: ActionIndex,
        flags: Flags,
        filter: Flags,
        kind: Relation,
        companions: &Companions,
    ) -> Changed {
        let (first_was, then_was) = (self.a(first).flags, self.a(then).flags);
        let by_optional = filter.has(Flags::OPTIONAL);
        match kind {
            Relation::ASYMMETRIC => self.follow_asymmetric(first, then),
            Relation::THEN_IMPLIES_FIRST if !then_was.has(Flags::OPTIONAL) => {
                if by_optional && !flags.has(Flags::OPTIONAL) && first_was.has(Flags::OPTIONAL) {
                    self.clear_because(first, Flags::OPTIONAL, then);
                }
                if flags.has(Flags::MIGRATABLE) && !self.a(then).has(Flags::MIGRATABLE) {
                    self.clear_because(first, Flags::MIGRATABLE, then);
                }
            }
            Relation::PROMOTED_THEN_IMPLIES_FIRST => {
                let promoted = self.a(then).resource.is_some_and(|resource| self.r(resource).role == Role::Promoted);
                if promoted && by_optional && !then_was.has(Flags::OPTIONAL) {
                    self.clear_because(first, Flags::OPTIONAL, then);
                    if self.a(first).has(Flags::MIGRATABLE) && !self.a(then).has(Flags::MIGRATABLE) {
                        self.clear_because(first, Flags::MIGRATABLE, then);
                    }
                }
            }
            Relation::UNMIGRATABLE_THEN_BLOCKS if by_optional => {
                if !self.a(then).has(Flags::MIGRATABLE | Flags::RUNNABLE) {
                    self.clear_because(first, Flags::RUNNABLE, then);
                }
                if !self.a(then).has(Flags::OPTIONAL) {
                    self.clear_because(first, Flags::OPTIONAL, then);
                }
            }
            Relation::FIRST_ELSE_THEN if by_optional && !self.a(first).has(Flags::RUNNABLE) => {
                self.clear_because(then, Flags::MIGRATABLE, first);
                self.a_mut(then).flags.clear(Flags::PSEUDO);
            }
            Relation::UNRUNNABLE_FIRST_BLOCKS
                if filter.has(Flags::RUNNABLE) && then_was.has(Flags::RUNNABLE) && !flags.has(Flags::RUNNABLE) =>
            {
                self.clear_because(then, Flags::RUNNABLE, first);
                self.clear_because(then, Flags::MIGRATABLE, first);
            }
            Relation::FIRST_IMPLIES_THEN if by_optional => {
                let required = !flags.has(Flags::OPTIONAL) && !self.a(first).has(Flags::MIGRATABLE);
                if then_was.has(Flags::OPTIONAL) && required {
                    self.clear_because(then, Flags::OPTIONAL, first);
                }
            }
            Relation::INTERMEDIATE_STOP => self.follow_restart(first, then, filter),
            _ => {}
        }
        let changed = Changed { first: first_was != self.a(first).flags, then: then_was != self.a(then).flags };
        let has_parent = self.a(then).resource.is_some_and(|resource| self.fact(resource).parent.is_some());
        if changed.then && has_parent {
            self.update(then, companions);
        }
        changed
    }

    fn follow_asymmetric(&mut self, first: ActionIndex, then: ActionIndex) {
        let Some(resource) = self.a(then).resource else { return };
        if self.a(first).has(Flags::RUNNABLE) {
            return;
        }
        let action = self.a(then);
        if action.has(Flags::OPTIONAL) {
            let role = self.role(resource, true);
            let stays_stopped = role == Role::Stopped && action.task == "stop";
            let runs_there = self.fact(resource).active_nodes.as_slice() == action.node.as_slice() && action.node.is_some();
            if stays_stopped || (role >= Role::Started && action.task == "start" && runs_there) {
                return;
            }
        }
        self.clear_because(then, Flags::OPTIONAL, first);
        self.clear_because(then, Flags::RUNNABLE, first);
    }

    /// A restart of the second needs the first: the stop between the two.
    fn follow_restart(&mut self, first: ActionIndex, then: ActionIndex, filter: Flags) {
        let action = self.a(then);
        let restarts = filter.has(Flags::OPTIONAL) && !action.has(Flags::OPTIONAL);
        let managed = action.resource.is_some_and(|resource| self.r(resource).managed);
        let stops = filter.has(Flags::RUNNABLE) && !action.has(Flags::RUNNABLE) && managed && self.a(first).resource == action.resource;
        if !restarts && !stops {
            return;
        }
        if self.a(first).has(Flags::RUNNABLE) {
            self.clear_because(first, Flags::OPTIONAL, then);
        }
        if !self.a(then).has(Flags::OPTIONAL) {
            self.clear_because(first, Flags::OPTIONAL, then);
        }
        if !self.a(then).has(Flags::MIGRATABLE) {
            self.clear_because(first, Flags::MIGRATABLE, then);
        }
        if !self.a(first).has(Flags::OPTIONAL) && !self.a(first).has(Flags::RUNNABLE) {
            self.clear_because(then, Flags::RUNNABLE, first);
        }
    }

    /// Takes a mark away and notes which action of another resource is the reason.
    fn clear_because(&mut self, action: ActionIndex, flag: Flags, because: ActionIndex) {
        if !self.a(action).has(flag) {
            return;
        }
        self.a_mut(action).flags.clear(flag);
        if self.a(action).resource != self.a(because).resource {
            let reason = self.reason_text(self.a(because), flag);
            self.a_mut(action).set_reason(&reason, false);
        }
    }

    fn reason_text(&self, because: &Action, flag: Flags) -> String {
        let change = match flag {
            Flags::RUNNABLE => "unrunnable",
            Flags::MIGRATABLE => "unmigrateable",
            _ => "required",
        };
        match because.resource {
            Some(resource) => format!("{change} {} {}", self.fact(resource).id, because.task),
            None => format!("{change} {}", because.task),
        }
    }

    /// What must be where this resource is cannot start if it cannot.
    pub(crate) fn block_companions(&mut self, index: ActionIndex, companions: &Companions) {
        let action = self.a(index);
        let is_start = action.task == "start";
        if action.has(Flags::RUNNABLE) || (!is_start && action.task != "promote") {
            return;
        }
        let Some(resource) = action.resource else { return };
        let task = action.task.clone();
        let mut top = self.top(resource);
        if let Some(bundle) = self.fact(top).parent {
            top = bundle;
        }
        for child in self.r(top).children.clone() {
            let blocked = self.newest(child, &task, None).is_some_and(|child| !self.a(child).has(Flags::RUNNABLE));
            if !blocked {
                return;
            }
        }
        let reason = format!("colocation with {}", self.fact(resource).id);
        let Some(list) = companions.0.get(top.position()) else { return };
        for companion in list {
            if !is_start && companion.primary_role != Role::Promoted {
                continue;
            }
            let task = if companion.dependent_role == Role::Promoted { "promote" } else { "start" };
            self.block_task(companion.dependent, task, &reason, companions);
        }
    }

    fn block_task(&mut self, resource: ResourceIndex, task: &str, reason: &str, companions: &Companions) {
        for position in (0..self.r(resource).actions.len()).rev() {
            let index = self.r(resource).actions[position];
            if self.a(index).has(Flags::RUNNABLE) && self.a(index).task == task {
                self.a_mut(index).flags.clear(Flags::RUNNABLE);
                self.a_mut(index).set_reason(reason, false);
                self.block_companions(index, companions);
                self.update(index, companions);
            }
        }
        for child in self.r(resource).children.clone() {
            self.block_task(child, task, reason, companions);
        }
    }
}
