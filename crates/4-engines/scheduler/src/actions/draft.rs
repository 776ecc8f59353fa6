//! The working set of the passes that plan actions: facts, what was decided, and the actions and orders so far.
//!
//! A draft lives within one call of the scheduler and is thrown away; only the plan made from it leaves.
//! Actions are numbered in the order of their creation, which is the incumbent's.

use super::lookup::SameKey;
use super::{Action, ActionIndex, Edge, EdgeIndex, Flags, Needs, Relation};
use crate::constraints::Constraints;
use crate::placement::Placement;
use crate::scores::Scores;
use crate::values::Values;
use compact_str::{CompactString, format_compact};
use model::{Role, Timestamp};
use status::{AllowedNodes, Attributes, Facts, Kind, NodeIndex, NodeKind, Resource, ResourceIndex};
use std::collections::HashMap;
use std::sync::Arc;
use transition::Problem;

/// What changes of a resource while actions are planned.
#[derive(Clone, Debug)]
pub(crate) struct ResourceDraft {
    pub assigned: Option<NodeIndex>,
    pub role: Role,
    pub next_role: Role,
    pub children: Vec<ResourceIndex>,
    pub allowed: AllowedNodes,
    pub managed: bool,
    pub blocked: bool,
    pub failed: bool,
    pub stop_if_failed: bool,
    pub start_pending: bool,
    pub stop_unexpected: bool,
    pub restarting: bool,
    pub reload: bool,
    pub priority: i32,
    pub migrating_from: Option<NodeIndex>,
    pub migrating_to: Option<NodeIndex>,
    pub lock_node: Option<NodeIndex>,
    pub lock_since: Option<Timestamp>,
    /// Oldest first.
    pub actions: Vec<ActionIndex>,
    /// The same actions by key, in the order of each key's first action.
    pub(super) by_key: Vec<SameKey>,
}

/// What changes of a node while actions are planned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeDraft {
    pub online: bool,
    pub unclean: bool,
    pub shutting_down: bool,
    pub remote_reset: bool,
    /// How many resources were placed on it.
    pub resource_count: u32,
}

/// One side of an [`Ordering`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// Every action of a resource's operation that is run once, on whatever node.
    Operation(ResourceIndex, CompactString),
    /// This action.
    Action(ActionIndex),
}

/// An order between operations; applied once all actions exist.
#[derive(Clone, Debug)]
pub(crate) struct Ordering {
    pub first: End,
    pub then: End,
    pub relation: Relation,
}

/// See the module.
pub(crate) struct Draft<'a> {
    pub facts: &'a Facts,
    pub values: Values<'a>,
    pub resources: Vec<ResourceDraft>,
    pub nodes: Vec<NodeDraft>,
    pub roots: Vec<ResourceIndex>,
    pub actions: Vec<Action>,
    pub edges: Vec<Edge>,
    pub orderings: Vec<Ordering>,
    /// Actions that belong to no resource, by key.
    pub singletons: HashMap<CompactString, ActionIndex>,
    pub notifications: HashMap<ResourceIndex, crate::actions::CloneNotifications>,
    pub deferred_checks: Vec<status::ParameterCheck>,
    pub problems: Vec<Problem>,
    /// Remarks that the field's tools print before the transition summary.
    pub remarks: Vec<String>,
    no_meta: Arc<Attributes>,
    /// Depth of nested updates, see `ordering::update`.
    pub update_depth: u32,
    pub updates_waiting: Vec<ActionIndex>,
    /// Marks of the probe pass: an action is marked if its number equals the present generation.
    pub marks: Vec<u32>,
    pub generation: u32,
    /// Whose orders were merged already, by action.
    pub merged: Vec<bool>,
}

impl<'a> Draft<'a> {
    /// Returns a draft without actions: the state as it is.
    pub(crate) fn new(facts: &'a Facts, values: Values<'a>) -> Self {
        let resources = facts.resources.iter().map(ResourceDraft::new).collect();
        let node = |node: &status::Node| NodeDraft {
            online: node.online,
            unclean: node.unclean,
            shutting_down: node.shutting_down,
            remote_reset: node.remote_reset,
            resource_count: 0,
        };
        Self {
            facts,
            values,
            resources,
            nodes: facts.nodes.iter().map(node).collect(),
            roots: facts.roots.clone(),
            actions: Vec::new(),
            edges: Vec::new(),
            orderings: Vec::new(),
            singletons: HashMap::new(),
            notifications: HashMap::new(),
            deferred_checks: Vec::new(),
            problems: Vec::new(),
            remarks: Vec::new(),
            no_meta: Arc::default(),
            update_depth: 0,
            updates_waiting: Vec::new(),
            marks: Vec::new(),
            generation: 0,
            merged: Vec::new(),
        }
    }

    /// Takes over what constraints and scores change of resources before they are placed: which nodes each considers;
    /// and what loses its ticket may have to be left alone.
    pub(crate) fn revise(&mut self, constraints: &Constraints, scores: &Scores) {
        for (draft, allowed) in self.resources.iter_mut().zip(&scores.allowed) {
            draft.allowed = allowed.clone();
        }
        for revision in &constraints.revisions {
            let state = self.r_mut(revision.resource);
            state.managed = revision.managed;
            state.blocked = revision.blocked;
        }
    }

    /// Makes the orders that every resource brings with it.
    pub(crate) fn order_everything_internally(&mut self) {
        for root in self.roots.clone() {
            self.order_internally(root);
        }
    }

    /// Makes the actions of every resource.
    pub(crate) fn create_all_actions(&mut self) {
        for root in self.roots.clone() {
            self.create_actions(root);
        }
    }

    /// Takes over what placement decided.
    pub(crate) fn adopt(&mut self, placement: &Placement, scores: &Scores) {
        for (position, draft) in self.resources.iter_mut().enumerate() {
            draft.assigned = placement.node.get(position).copied().flatten();
            draft.role = placement.role_now.get(position).copied().unwrap_or(draft.role);
            draft.next_role = placement.role_planned.get(position).copied().unwrap_or(draft.next_role);
            draft.priority = placement.priority.get(position).copied().unwrap_or(draft.priority);
            draft.managed = placement.managed.get(position).copied().unwrap_or(draft.managed);
            draft.blocked = placement.blocked.get(position).copied().unwrap_or(draft.blocked);
            if let Some(children) = placement.children.get(position) {
                draft.children.clone_from(children);
            }
            if let Some(allowed) = placement.allowed.get(position) {
                draft.allowed = allowed.clone();
            }
        }
        for (draft, placed) in self.nodes.iter_mut().zip(&placement.nodes) {
            draft.online = placed.online;
            draft.unclean = placed.unclean;
            draft.shutting_down = placed.shutting_down;
            draft.resource_count = placed.resource_count;
        }
        for lock in &scores.locks {
            let state = self.r_mut(lock.resource);
            state.lock_node = Some(lock.node);
            state.lock_since = Some(lock.since);
        }
        self.roots.clone_from(&placement.roots);
        for position in 0..self.resources.len() {
            let resource = ResourceIndex(position as u32);
            if self.is_primitive(resource) && self.r(resource).assigned.is_none() {
                self.require_stop(resource);
            }
        }
    }

    /// Returns the facts of a resource.
    pub(crate) fn fact(&self, resource: ResourceIndex) -> &'a Resource {
        self.facts.resource(resource)
    }

    /// Returns the working state of a resource.
    pub(crate) fn r(&self, resource: ResourceIndex) -> &ResourceDraft {
        &self.resources[resource.position()]
    }

    /// Returns the working state of a resource, for changing it.
    pub(crate) fn r_mut(&mut self, resource: ResourceIndex) -> &mut ResourceDraft {
        &mut self.resources[resource.position()]
    }

    /// Returns the working state of a node.
    pub(crate) fn n(&self, node: NodeIndex) -> &NodeDraft {
        &self.nodes[node.position()]
    }

    /// Returns an action.
    pub(crate) fn a(&self, action: ActionIndex) -> &Action {
        &self.actions[action.position()]
    }

    /// Returns an action, for changing it.
    pub(crate) fn a_mut(&mut self, action: ActionIndex) -> &mut Action {
        &mut self.actions[action.position()]
    }

    /// Returns the key of a resource's operation.
    pub(crate) fn key(&self, resource: ResourceIndex, task: &str, interval_ms: u64) -> CompactString {
        format_compact!("{}_{}_{}", self.fact(resource).id, task, interval_ms)
    }

    /// Returns the launcher of a guest node.
    pub(crate) fn launcher_of_node(&self, node: NodeIndex) -> Option<ResourceIndex> {
        match self.facts.node(node).kind {
            NodeKind::Guest { launcher } => Some(launcher),
            _ => None,
        }
    }

    /// Returns whether a node is a guest (or a bundle's replica).
    pub(crate) fn is_guest(&self, node: NodeIndex) -> bool {
        matches!(self.facts.node(node).kind, NodeKind::Guest { .. })
    }

    /// Returns whether a node is reached by a connection resource.
    pub(crate) fn is_remote_or_guest(&self, node: NodeIndex) -> bool {
        !matches!(self.facts.node(node).kind, NodeKind::Member)
    }

    /// Returns the outermost resource around one, bundles excepted.
    pub(crate) fn top(&self, resource: ResourceIndex) -> ResourceIndex {
        let mut top = resource;
        while let Some(parent) = self.fact(top).parent {
            if self.fact(parent).is_bundle() {
                break;
            }
            top = parent;
        }
        top
    }

    /// Returns whether a resource is part of a bundle: its outermost parent is one.
    pub(crate) fn is_bundled(&self, resource: ResourceIndex) -> bool {
        let mut top = resource;
        while let Some(parent) = self.fact(top).parent {
            top = parent;
        }
        self.fact(top).is_bundle()
    }

    /// Returns whether a resource runs an agent of its own.
    pub(crate) fn is_primitive(&self, resource: ResourceIndex) -> bool {
        self.fact(resource).is_primitive()
    }

    /// Returns whether a resource is a clone or bundle.
    pub(crate) fn has_instances(&self, resource: ResourceIndex) -> bool {
        matches!(self.fact(resource).kind, Kind::Clone(_) | Kind::Bundle(_))
    }

    /// Returns whether a resource is anything but a primitive.
    pub(crate) fn is_collective(&self, resource: ResourceIndex) -> bool {
        !self.is_primitive(resource)
    }

    /// Returns the node that a resource counts as running on: of several, a migration's source or the first usable one.
    pub(crate) fn current_node(&self, resource: ResourceIndex) -> Option<NodeIndex> {
        self.active_node(resource).0
    }

    /// Returns the node that counts as the present one, how many there are, and how many of them are online and clean.
    pub(crate) fn active_node(&self, resource: ResourceIndex) -> (Option<NodeIndex>, usize, usize) {
        let fact = self.fact(resource);
        let (mut active, mut all, mut clean) = (None::<NodeIndex>, 0, 0);
        let is_happy = |node: NodeIndex| self.n(node).online && !self.n(node).unclean;
        for &node in &fact.active_nodes {
            all += 1;
            clean += usize::from(is_happy(node));
            if let Some(source) = self.r(resource).migrating_from {
                // The source of a migration that is under way comes before all others.
                if node == source {
                    active = Some(node);
                }
            } else if fact.requires < status::Requires::Fencing && is_happy(node) && !active.is_some_and(is_happy) {
                active = Some(node);
            }
            active = active.or(Some(node));
        }
        (active, all, clean)
    }

    /// Returns the index of the next action.
    fn next_index(&self) -> ActionIndex {
        ActionIndex(self.actions.len() as u32)
    }

    /// Returns the action of this key, made if there is none: of a resource, on a node or on any.
    pub(crate) fn action(
        &mut self,
        resource: ResourceIndex,
        key: CompactString,
        task: &str,
        interval_ms: u64,
        node: Option<NodeIndex>,
        optional: bool,
    ) -> ActionIndex {
        let index = match self.find_actions(resource, &key, node).first() {
            Some(&index) => index,
            None => self.new_resource_action(resource, key, task, interval_ms, node, optional),
        };
        self.update_optional(index, optional);
        self.update_runnable(index);
        index
    }

    /// Returns the action of an operation that is run once.
    pub(crate) fn operation(&mut self, resource: ResourceIndex, task: &str, node: Option<NodeIndex>, optional: bool) -> ActionIndex {
        let key = self.key(resource, task, 0);
        self.action(resource, key, task, 0, node, optional)
    }

    fn new_resource_action(
        &mut self,
        resource: ResourceIndex,
        key: CompactString,
        task: &str,
        interval_ms: u64,
        node: Option<NodeIndex>,
        optional: bool,
    ) -> ActionIndex {
        let index = self.next_index();
        let fact = self.fact(resource);
        let mut operation = self.values.find_operation(resource, task, interval_ms);
        if operation.is_none() && key.contains("_notify_") {
            operation = self.values.find_operation(resource, "notify", 0);
        }
        let configured = self.values.operation_meta(resource, node, task, interval_ms, operation);
        let needs = match task {
            "start" | "promote" if fact.requires >= status::Requires::Fencing => Needs::Fencing,
            "start" | "promote" if fact.requires == status::Requires::Quorum => Needs::Quorum,
            _ => Needs::Nothing,
        };
        let mut flags = Flags::RUNNABLE;
        if optional {
            flags.set(Flags::OPTIONAL);
        }
        if task == "lrm_delete" {
            flags.set(Flags::ON_COORDINATOR);
        }
        self.remember_key(resource, &key, task, node, index);
        self.actions.push(Action {
            resource: Some(resource),
            task: task.into(),
            cancelled: None,
            key,
            interval_ms,
            node,
            flags,
            needs,
            priority: 0,
            reason: None,
            configured,
            meta: Attributes::new(),
            operation,
            before: Vec::new(),
            after: Vec::new(),
            runnable_required: 0,
            runnable_before: 0,
        });
        self.r_mut(resource).actions.push(index);
        index
    }

    /// Returns the action of this key that belongs to no resource, made if there is none.
    pub(crate) fn singleton(&mut self, key: &str, task: &str, node: Option<NodeIndex>, optional: bool) -> ActionIndex {
        if let Some(&index) = self.singletons.get(key) {
            self.update_optional(index, optional);
            return index;
        }
        let index = self.next_index();
        self.actions.push(Action {
            resource: None,
            task: task.into(),
            cancelled: None,
            key: key.into(),
            interval_ms: 0,
            node,
            flags: if optional { Flags::RUNNABLE | Flags::OPTIONAL } else { Flags::RUNNABLE },
            needs: Needs::Nothing,
            priority: 0,
            reason: None,
            configured: Arc::clone(&self.no_meta),
            meta: Attributes::new(),
            operation: None,
            before: Vec::new(),
            after: Vec::new(),
            runnable_required: 0,
            runnable_before: 0,
        });
        self.singletons.insert(key.into(), index);
        index
    }

    /// Returns a point in the order that belongs to no resource, made if there is none.
    pub(crate) fn pseudo(&mut self, name: &str) -> ActionIndex {
        if let Some(&index) = self.singletons.get(name) {
            return index;
        }
        let index = self.singleton(name, name, None, true);
        self.a_mut(index).flags.set(Flags::PSEUDO | Flags::RUNNABLE);
        index
    }

    /// Returns a resource's point in the order: `started`, `stopped`, …
    pub(crate) fn resource_pseudo(&mut self, resource: ResourceIndex, task: &str, optional: bool, runnable: bool) -> ActionIndex {
        let index = self.operation(resource, task, None, optional);
        self.a_mut(index).flags.set(Flags::PSEUDO);
        if runnable {
            self.a_mut(index).flags.set(Flags::RUNNABLE);
        }
        index
    }

    fn update_optional(&mut self, index: ActionIndex, optional: bool) {
        let action = self.a(index);
        let unmanaged = action.resource.is_some_and(|resource| !self.r(resource).managed);
        if unmanaged && action.node.is_some() && !action.has(Flags::PSEUDO) && action.meta("interval").is_none() {
            self.a_mut(index).flags.set(Flags::OPTIONAL);
        } else if !optional {
            self.a_mut(index).flags.clear(Flags::OPTIONAL);
        }
    }

    /// Orders two actions, unless they are ordered like that already; returns whether it was new.
    pub(crate) fn order(&mut self, first: ActionIndex, then: ActionIndex, relation: Relation) -> bool {
        if relation == Relation::NONE {
            return false;
        }
        // The shorter of the two lists: fencing is ordered before nearly everything.
        let (list, other) = if self.a(first).after.len() <= self.a(then).before.len() {
            (&self.a(first).after, then)
        } else {
            (&self.a(then).before, first)
        };
        let is_same = |edge: &EdgeIndex| {
            let edge = &self.edges[edge.0 as usize];
            (edge.then == other || edge.first == other) && edge.first == first && edge.then == then && edge.made.has_any(relation)
        };
        if list.iter().any(is_same) {
            return false;
        }
        let index = EdgeIndex(self.edges.len() as u32);
        self.edges.push(Edge { first, then, made: relation, now: relation, graphed: false });
        self.a_mut(first).after.push(index);
        self.a_mut(then).before.push(index);
        true
    }

    /// Adds a remark of the kind that tools print and logs keep.
    pub(crate) fn warn(&mut self, text: String) {
        self.problems.push(Problem { is_error: false, text });
    }
}

impl ResourceDraft {
    fn new(resource: &Resource) -> Self {
        Self {
            assigned: None,
            role: resource.role,
            next_role: resource.next_role,
            children: resource.children.clone(),
            allowed: resource.allowed.clone(),
            managed: resource.managed,
            blocked: resource.blocked,
            failed: resource.failed,
            stop_if_failed: resource.stop_if_failed,
            start_pending: resource.start_pending,
            stop_unexpected: resource.stop_unexpected,
            restarting: false,
            reload: false,
            priority: resource.priority,
            migrating_from: resource.migrating_from,
            migrating_to: resource.migrating_to,
            lock_node: resource.lock_node,
            lock_since: resource.lock_since,
            actions: Vec::new(),
            by_key: Vec::new(),
        }
    }
}
