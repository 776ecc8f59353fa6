//! Orders between clones and bundles: instance by instance where they interleave, else each with the whole.

use super::Companions;
use super::update::Changed;
use crate::actions::{ActionIndex, Draft, Flags, Relation};
use model::{Role, Score};
use status::{Kind, NodeIndex, PlacementStrategy, ResourceIndex};

/// Returns the operation of a single instance that belongs to a collection's task: `start` to `running`, …
pub(crate) fn primitive_task(task: &str) -> &str {
    match task {
        "stopped" => "stop",
        "running" => "start",
        "demoted" => "demote",
        "promoted" => "promote",
        other => other,
    }
}

impl Draft<'_> {
    /// Returns a clone's instances or a bundle's containers.
    pub(crate) fn instances(&self, resource: ResourceIndex) -> Vec<ResourceIndex> {
        match &self.fact(resource).kind {
            Kind::Bundle(bundle) => bundle.replicas.iter().map(|replica| replica.container).collect(),
            _ => self.r(resource).children.clone(),
        }
    }

    /// Returns the instance that runs inside a bundle's container.
    pub(crate) fn inside_container(&self, container: ResourceIndex) -> Option<ResourceIndex> {
        let bundle = self.fact(container).parent?;
        match &self.fact(bundle).kind {
            Kind::Bundle(bundle) => bundle.replicas.iter().find(|replica| replica.container == container)?.child,
            _ => None,
        }
    }

    /// Returns an action's marks; of a collective resource summed over its parts. Takes marks away from the action that
    /// its parts do not have (that is how a group's points become required).
    pub(crate) fn summary_flags(&mut self, index: ActionIndex, node: Option<NodeIndex>) -> Flags {
        let Some(resource) = self.a(index).resource else { return self.a(index).flags };
        match &self.fact(resource).kind {
            Kind::Primitive(_) => self.a(index).flags,
            Kind::Group(_) => self.group_flags(index, resource, node),
            Kind::Clone(_) => self.instance_flags(index, &self.r(resource).children.clone(), node),
            Kind::Bundle(bundle) => {
                let task = self.a(index).task.clone();
                let inside = matches!(task.as_str(), "notify" | "notified" | "promote" | "promoted" | "demote" | "demoted");
                if let Some(child) = bundle.child.filter(|_| inside || !is_known_task(&task)) {
                    return self.instance_flags(index, &self.r(child).children.clone(), node);
                }
                self.instance_flags(index, &self.instances(resource), node)
            }
        }
    }

    fn group_flags(&mut self, index: ActionIndex, group: ResourceIndex, node: Option<NodeIndex>) -> Flags {
        let mut flags = Flags::OPTIONAL | Flags::RUNNABLE | Flags::PSEUDO;
        let task = self.a(index).task.clone();
        let member_task = primitive_task(&task);
        for member in self.r(group).children.clone() {
            let Some(action) = self.newest(member, member_task, node) else {
                if member_task != "stop" && member_task != "demote" {
                    flags.clear(Flags::RUNNABLE);
                }
                continue;
            };
            let of_member = self.summary_flags(action, node);
            if flags.has(Flags::OPTIONAL) && !of_member.has(Flags::OPTIONAL) {
                flags.clear(Flags::OPTIONAL);
                self.a_mut(index).flags.clear(Flags::OPTIONAL);
            }
            if member_task != task && flags.has(Flags::RUNNABLE) && !of_member.has(Flags::RUNNABLE) {
                flags.clear(Flags::RUNNABLE);
                self.a_mut(index).flags.clear(Flags::RUNNABLE);
            }
        }
        flags
    }

    fn instance_flags(&mut self, index: ActionIndex, instances: &[ResourceIndex], node: Option<NodeIndex>) -> Flags {
        let mut flags = Flags::OPTIONAL | Flags::RUNNABLE | Flags::PSEUDO;
        let mut any_runnable = false;
        let task = self.instance_task(index);
        for &instance in instances {
            let instance_node = if self.is_primitive(instance) { node } else { None };
            let Some(action) = self.newest(instance, &task, instance_node) else { continue };
            let of_instance = self.summary_flags(action, node);
            if flags.has(Flags::OPTIONAL) && !of_instance.has(Flags::OPTIONAL) {
                flags.clear(Flags::OPTIONAL);
                self.a_mut(index).flags.clear(Flags::OPTIONAL);
            }
            any_runnable |= of_instance.has(Flags::RUNNABLE);
        }
        if !any_runnable {
            flags.clear(Flags::RUNNABLE);
            if node.is_none() {
                self.a_mut(index).flags.clear(Flags::RUNNABLE);
            }
        }
        flags
    }

    /// Returns the operation of an instance that a collection's action is about.
    fn instance_task(&self, index: ActionIndex) -> compact_str::CompactString {
        let action = self.a(index);
        let mut task = action.task.as_str();
        if matches!(task, "notify" | "notified") {
            let about = action.key.rsplit_once("_notify_").map_or("", |(_, about)| about);
            task = about.rsplit_once('_').map_or(about, |(about, _)| about);
        }
        let first = action.resource.and_then(|resource| self.r(resource).children.first().copied());
        match first {
            Some(first) if self.is_primitive(first) => primitive_task(task).into(),
            _ => task.into(),
        }
    }

    /// Applies one meaning of an order whose second action belongs to a clone or bundle.
    #[expect(clippy::too_many_arguments, reason = "the two actions, the scope, and what is to be applied")]
    pub(crate) fn follow_instances(
        &mut self,
        first: ActionIndex,
        then: ActionIndex,
        node: Option<NodeIndex>,
        flags: Flags,
        filter: Flags,
        kind: Relation,
        companions: &Companions,
    ) -> Changed {
        let Some(resource) = self.a(then).resource else { return Changed::default() };
        if self.can_interleave(first, then) {
            return self.follow_interleaved(first, then, node, filter, kind, companions);
        }
        let mut changed = self.follow_actions(first, then, flags, filter, kind, companions);
        let task = self.a(then).task.clone();
        for instance in self.instances(resource) {
            let Some(action) = self.newest(instance, &task, node) else { continue };
            if !self.summary_flags(action, node).has(Flags::RUNNABLE) {
                continue;
            }
            let result = self.follow_one(false, first, action, node, flags, filter, kind, companions);
            if result.then {
                for position in (0..self.a(action).after.len()).rev() {
                    let next = self.edges[self.a(action).after[position].0 as usize].then;
                    self.update(next, companions);
                }
            }
            changed.add(result);
        }
        changed
    }

    fn can_interleave(&self, first: ActionIndex, then: ActionIndex) -> bool {
        let (Some(first_resource), Some(then_resource)) = (self.a(first).resource, self.a(then).resource) else { return false };
        if first_resource == then_resource || !self.has_instances(first_resource) || !self.has_instances(then_resource) {
            return false;
        }
        // For orders that take things down, the one that is behind decides.
        let goes_down = matches!(self.a(then).task.as_str(), "stop" | "demote");
        self.interleaves(if goes_down { first_resource } else { then_resource })
    }

    /// Returns whether a clone or bundle is configured to interleave.
    pub(crate) fn interleaves(&self, resource: ResourceIndex) -> bool {
        let value = self.fact(resource).meta.get("interleave");
        value.is_some_and(|value| model::parse_boolean(value) == Some(true))
    }

    fn follow_interleaved(
        &mut self,
        first: ActionIndex,
        then: ActionIndex,
        node: Option<NodeIndex>,
        filter: Flags,
        kind: Relation,
        companions: &Companions,
    ) -> Changed {
        let mut changed = Changed::default();
        let (Some(first_resource), Some(then_resource)) = (self.a(first).resource, self.a(then).resource) else { return changed };
        let first_task = self.instance_task(first);
        let then_task = self.a(then).task.clone();
        let (whole_first, whole_then) = (self.a(first).task.clone(), self.a(then).task.clone());
        let present = self.a(first).key.ends_with("_stopped_0") || self.a(first).key.ends_with("_demoted_0");
        for then_instance in self.instances(then_resource) {
            let Some(first_instance) = self.compatible_instance(then_instance, first_resource, Role::Unknown, present) else {
                let strong = Relation::UNRUNNABLE_FIRST_BLOCKS | Relation::FIRST_IMPLIES_THEN;
                if !present && kind.has_any(strong) && self.unassign(then_instance) {
                    changed.then = true;
                }
                continue;
            };
            let first_action = self.instance_action(&whole_first, first_instance, &first_task, node, true);
            let Some(first_action) = first_action else { continue };
            let then_action = self.instance_action(&whole_then, then_instance, &then_task, node, false);
            let Some(then_action) = then_action else { continue };
            if self.order(first_action, then_action, kind) {
                changed.add(Changed { first: true, then: true });
            }
            let flags = self.summary_flags(first_action, node);
            changed.add(self.follow_one(false, first_action, then_action, node, flags, filter, kind, companions));
        }
        changed
    }

    /// Returns the action of an instance that stands for its collection's; inside a container the resource there.
    fn instance_action(
        &self,
        whole_task: &str,
        instance: ResourceIndex,
        task: &str,
        node: Option<NodeIndex>,
        for_first: bool,
    ) -> Option<ActionIndex> {
        let looks_inside = if for_first {
            !matches!(whole_task, "stop" | "stopped")
        } else {
            matches!(whole_task, "promote" | "promoted" | "demote" | "demoted")
        };
        let inside = if looks_inside { self.inside_container(instance) } else { None };
        match inside {
            Some(inside) => self.newest(inside, task, None),
            None => self.newest(instance, task, node),
        }
    }

    /// Returns the instance of a clone or bundle that another instance goes with: the one on its node.
    pub(crate) fn compatible_instance(&self, with: ResourceIndex, of: ResourceIndex, role: Role, present: bool) -> Option<ResourceIndex> {
        let instances = self.instances(of);
        let on = |node: NodeIndex| instances.iter().copied().find(|&instance| self.instance_matches(instance, node, role, present));
        if let Some(node) = self.location(with, present) {
            return on(node);
        }
        let mut nodes: Vec<(NodeIndex, Score)> = self.r(with).allowed.iter().map(|(node, entry)| (node, entry.score)).collect();
        let few_nodes = self.facts.options.placement_strategy == PlacementStrategy::Minimal;
        nodes.sort_by(|&(a, a_score), &(b, b_score)| {
            let rank = |node: NodeIndex, score: Score| if self.is_available(node) { score } else { Score::MINUS_INFINITY };
            let load = |node: NodeIndex| if few_nodes { 0 } else { self.n(node).resource_count };
            let by_score = rank(b, b_score).cmp(&rank(a, a_score));
            by_score.then(load(a).cmp(&load(b))).then_with(|| self.node_name(a).cmp(self.node_name(b)))
        });
        nodes.into_iter().find_map(|(node, _)| on(node))
    }

    /// Returns whether resources may run on a node at all.
    fn is_available(&self, node: NodeIndex) -> bool {
        let (state, fact) = (self.n(node), self.facts.node(node));
        state.online && !state.unclean && !state.shutting_down && !fact.standby && !fact.maintenance
    }

    fn instance_matches(&self, instance: ResourceIndex, node: NodeIndex, role: Role, present: bool) -> bool {
        if role != Role::Unknown && role != self.role(instance, present) {
            return false;
        }
        !self.any_blocked(instance) && self.location(instance, present) == Some(node)
    }

    /// Takes a resource's node away: it goes with an instance that there is not. Returns whether it had one.
    fn unassign(&mut self, resource: ResourceIndex) -> bool {
        let children = self.r(resource).children.clone();
        if !children.is_empty() {
            let mut changed = false;
            for child in children {
                changed |= self.unassign(child);
            }
            return changed;
        }
        let state = self.r_mut(resource);
        let node = state.assigned.take();
        state.next_role = Role::Stopped;
        if let Some(node) = node {
            let state = &mut self.nodes[node.position()];
            state.resource_count = state.resource_count.saturating_sub(1);
        }
        self.require_stop(resource);
        node.is_some()
    }

    /// Makes the actions that exist already agree with a resource's being assigned nowhere.
    pub(crate) fn require_stop(&mut self, resource: ResourceIndex) {
        for position in 0..self.r(resource).actions.len() {
            let index = self.r(resource).actions[position];
            let action = self.a_mut(index);
            match action.task.as_str() {
                "stop" => action.flags.clear(Flags::OPTIONAL),
                "start" => action.flags.clear(Flags::RUNNABLE),
                _ => {
                    let recurring = action.meta("interval").is_some_and(|interval| interval != "0");
                    if recurring && action.meta("op_target_rc") != Some("7") {
                        action.flags.clear(Flags::RUNNABLE);
                    }
                }
            }
        }
    }
}

fn is_known_task(task: &str) -> bool {
    matches!(task, "stop" | "stopped" | "start" | "running" | "do_shutdown" | "stonith" | "monitor")
}
