//! Whether an action can run: its node, quorum, and what the resource requires. Asked anew whenever an action is wanted.

use super::{ActionIndex, Draft, Flags, Needs};
use model::Role;
use status::{NoQuorumPolicy, NodeIndex, ResourceIndex};

impl Draft<'_> {
    /// Decides whether a resource's action can run as far as node, quorum and requirements go.
    pub(crate) fn update_runnable(&mut self, index: ActionIndex) {
        let action = self.a(index);
        let Some(resource) = action.resource else { return };
        if action.has(Flags::PSEUDO) {
            return;
        }
        let on_coordinator = action.has(Flags::ON_COORDINATOR);
        let (needs, is_stop) = (action.needs, action.task == "stop");
        let Some(node) = action.node else {
            self.a_mut(index).flags.clear(Flags::RUNNABLE);
            return;
        };
        let state = *self.n(node);
        if !on_coordinator && !state.online && (!self.is_guest(node) || state.remote_reset) {
            self.a_mut(index).flags.clear(Flags::RUNNABLE);
            let text = format!("{} on {} is unrunnable (node is offline)", self.a(index).key, self.facts.node(node).name);
            self.warn(text);
            if self.r(resource).managed && is_stop && !state.unclean {
                self.require_fencing(node, "stop is unrunnable", false);
            }
        } else if !on_coordinator && self.facts.node(node).pending {
            self.a_mut(index).flags.clear(Flags::RUNNABLE);
            let text = format!("Action {} on {} is unrunnable (node is pending)", self.a(index).key, self.facts.node(node).name);
            self.warn(text);
        } else if needs == Needs::Nothing {
            self.a_mut(index).reason = None;
            if self.is_guest(node) && !self.can_fence(Some(node)) {
                self.a_mut(index).flags.clear(Flags::RUNNABLE);
            } else {
                self.a_mut(index).flags.set(Flags::RUNNABLE);
            }
        } else {
            self.apply_quorum_policy(index, resource);
        }
    }

    fn apply_quorum_policy(&mut self, index: ActionIndex, resource: ResourceIndex) {
        match self.effective_quorum_policy(resource) {
            NoQuorumPolicy::Stop => {
                let action = self.a_mut(index);
                action.flags.clear(Flags::RUNNABLE);
                action.set_reason("no quorum", true);
            }
            NoQuorumPolicy::Freeze => {
                let rises = self.r(resource).next_role > self.r(resource).role;
                // Compat (C-400): Pacemaker starts here what may have migrated to a node that is not in this partition.
                if !self.is_active(resource, true) || rises || self.fact(resource).maybe_out_of_sight {
                    let action = self.a_mut(index);
                    action.flags.clear(Flags::RUNNABLE);
                    action.set_reason("quorum freeze", true);
                }
            }
            _ => self.a_mut(index).flags.set(Flags::RUNNABLE),
        }
    }

    fn effective_quorum_policy(&mut self, resource: ResourceIndex) -> NoQuorumPolicy {
        if self.facts.have_quorum {
            return NoQuorumPolicy::Ignore;
        }
        let policy = self.facts.options.no_quorum_policy;
        if policy != NoQuorumPolicy::Demote {
            return policy;
        }
        match self.r(resource).role {
            Role::Promoted | Role::Unpromoted => {
                if self.r(resource).next_role > Role::Unpromoted {
                    self.r_mut(resource).next_role = Role::Unpromoted;
                }
                NoQuorumPolicy::Ignore
            }
            _ => NoQuorumPolicy::Stop,
        }
    }

    /// Returns whether a resource is active: all of it, or any of it.
    pub(crate) fn is_active(&self, resource: ResourceIndex, all: bool) -> bool {
        let fact = self.fact(resource);
        if fact.is_primitive() {
            let counts = |node: &NodeIndex| self.n(*node).unclean || self.n(*node).online || !self.r(resource).managed;
            return fact.active_nodes.iter().any(counts);
        }
        let mut children = self.r(resource).children.iter();
        match (fact.is_group(), all) {
            (true, true) => !fact.children.is_empty() && children.all(|&child| self.is_active(child, all)),
            (false, true) => children.all(|&child| self.is_active(child, all)),
            (_, false) => children.any(|&child| self.is_active(child, all)),
        }
    }

    /// Returns the present or the planned role: of a collective resource the highest below it.
    pub(crate) fn role(&self, resource: ResourceIndex, present: bool) -> Role {
        let fact = self.fact(resource);
        if fact.is_primitive() {
            let state = self.r(resource);
            return if present { state.role } else { state.next_role };
        }
        if fact.is_bundle() {
            // Compat: a bundle as a whole has no role.
            return Role::Unknown;
        }
        self.r(resource).children.iter().map(|&child| self.role(child, present)).max().unwrap_or(Role::Unknown)
    }

    /// Returns the nodes where a resource is (or is to be), of all that it is made of.
    pub(crate) fn locations(&self, resource: ResourceIndex, present: bool) -> Vec<NodeIndex> {
        let mut nodes: Vec<NodeIndex> = Vec::new();
        let mut open = vec![resource];
        while let Some(resource) = open.pop() {
            let children = &self.r(resource).children;
            if !children.is_empty() {
                open.extend(children.iter().rev());
                continue;
            }
            let (active, assigned) = (&self.fact(resource).active_nodes, self.r(resource).assigned);
            let here: Vec<NodeIndex> = if present { active.clone() } else { assigned.into_iter().collect() };
            for node in here {
                if !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
        }
        nodes
    }

    /// Returns the node where a resource is (or is to be), if it is one only.
    pub(crate) fn location(&self, resource: ResourceIndex, present: bool) -> Option<NodeIndex> {
        match self.locations(resource, present).as_slice() {
            [node] => Some(*node),
            _ => None,
        }
    }

    /// Returns whether a resource or anything below it is blocked.
    pub(crate) fn any_blocked(&self, resource: ResourceIndex) -> bool {
        self.r(resource).blocked || self.r(resource).children.iter().any(|&child| self.any_blocked(child))
    }
}
