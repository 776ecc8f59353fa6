//! What follows for a resource on a node once its history there was read: where it is active, and what its failures
//! require.

use super::Deduction;
use crate::{Effect, MultipleActive, NodeIndex, NodeKind, OnFail, ResourceIndex};
use model::{Role, Score};

impl Deduction {
    /// Applies the role that was found, and what the failures require.
    pub(super) fn apply_state(&mut self, resource: ResourceIndex, node: NodeIndex, on_fail: OnFail) {
        let known_active = self.facts.resource(resource).role.is_active();
        if self.facts.resource(resource).role != Role::Unknown {
            self.note_known(resource, node);
        }
        if known_active {
            self.fence_if_lost(resource, node);
        }
        let failed = on_fail != OnFail::Ignore;
        // What was active on a lost node is free to start elsewhere once the node is fenced.
        let on_fail = if self.facts.node(node).unclean { OnFail::Ignore } else { on_fail };
        self.apply_failure(resource, node, on_fail, known_active);
        let entry = self.facts.resource(resource);
        if entry.failed && entry.remote_connection {
            // A failed connection has its node fenced even where another connection attempt could revoke that.
            if let Some(remote) = self.facts.find_node(entry.id.as_str()).filter(|&remote| self.facts.node(remote).unclean) {
                self.facts.nodes[remote.position()].seen = true;
            }
        }
        if known_active {
            self.add_active(resource, node, failed);
            match on_fail {
                OnFail::Ignore => {}
                OnFail::Demote | OnFail::Block => self.facts.resources[resource.position()].failed = true,
                _ => self.mark_failed(resource),
            }
        } else if self.facts.resource(resource).history_id.as_ref().is_some_and(|id| id.as_str().contains(':')) {
            // Compat: very old histories named instances by number; stopped ones must not look like orphans.
            let previous = self.facts.resources[resource.position()].history_id.take();
            self.forget_history_id(resource, previous);
        } else if self.stops.contains(&(resource, node)) {
            self.facts.effects.push(Effect::StopNotNeeded { resource, node });
        }
        // A stop at the source does not mean that a half migrated resource is stopped at the target.
        let entry = &mut self.facts.resources[resource.position()];
        let half_migrated = entry.migrating_to.is_some() && entry.migrating_from == Some(node);
        if entry.role == Role::Stopped && !entry.active_nodes.is_empty() && half_migrated {
            entry.role = Role::Started;
        }
    }

    /// The state is known there: of the resource, and for anonymous instances of what contains it.
    fn note_known(&mut self, resource: ResourceIndex, node: NodeIndex) {
        let mut next = Some(resource);
        while let Some(at) = next {
            let entry = &mut self.facts.resources[at.position()];
            entry.known_on.insert(node);
            next = if entry.unique { None } else { entry.parent };
        }
    }

    /// A managed resource that is active on a node which is not there makes the node one to be fenced.
    fn fence_if_lost(&mut self, resource: ResourceIndex, node: NodeIndex) {
        let state = self.facts.node(node);
        let entry = self.facts.resource(resource);
        if state.online || state.maintenance || !entry.managed {
            return;
        }
        let id = entry.id.clone();
        match state.kind {
            NodeKind::Guest { .. } => self.mark_failed(resource),
            _ if !self.facts.options.fencing_enabled => return,
            NodeKind::Remote if state.remote.is_some_and(|remote| !self.facts.resource(remote).failed) => {
                // It is fenced only if its connection cannot be re-established anywhere.
                self.facts.nodes[node.position()].seen = false;
                let reason = format!("{id} is active there (fencing will be revoked if remote connection can be re-established elsewhere)");
                return self.fence_node(node, &reason, false);
            }
            _ => {}
        }
        self.fence_node(node, &format!("{id} is thought to be active there"), false);
    }

    fn apply_failure(&mut self, resource: ResourceIndex, node: NodeIndex, on_fail: OnFail, known_active: bool) {
        match on_fail {
            OnFail::Ignore => {}
            OnFail::Demote => {
                self.facts.resources[resource.position()].failed = true;
                self.facts.effects.push(Effect::Demote { resource, node });
            }
            OnFail::Fence => {
                let reason = format!("{} failed there", self.facts.resource(resource).id);
                self.fence_node(node, &reason, false);
            }
            OnFail::Standby => {
                let state = &mut self.facts.nodes[node.position()];
                (state.standby, state.standby_on_fail) = (true, true);
            }
            OnFail::Block => {
                let entry = &mut self.facts.resources[resource.position()];
                (entry.managed, entry.blocked) = (false, true);
            }
            OnFail::Ban => self.ban(resource, Some(node), Score::MINUS_INFINITY, "__action_migration_auto__"),
            OnFail::Stop => self.set_next_role(resource, Role::Stopped, "on-fail=stop"),
            OnFail::Restart => {
                if known_active {
                    self.mark_failed(resource);
                    self.require_stop(resource, node);
                }
            }
            OnFail::RestartContainer => self.restart_container(resource, node, known_active),
            OnFail::ResetRemote => self.reset_remote(resource, node, known_active),
        }
    }

    fn restart_container(&mut self, resource: ResourceIndex, node: NodeIndex, known_active: bool) {
        self.mark_failed(resource);
        match self.facts.resource(resource).launcher {
            // A bundle's connection can be on another node than its container, which may not have been found yet.
            Some(launcher) if self.facts.is_bundled(resource) => self.stop_needed.push(launcher),
            Some(launcher) => self.require_stop(launcher, node),
            None if known_active => self.require_stop(resource, node),
            None => {}
        }
    }

    fn reset_remote(&mut self, resource: ResourceIndex, node: NodeIndex, known_active: bool) {
        self.mark_failed(resource);
        let entry = self.facts.resource(resource);
        let has_interval = entry.reconnect_interval.is_some();
        if self.facts.options.fencing_enabled && entry.remote_connection {
            let remote = self.facts.find_node(entry.id.as_str());
            let remote =
                remote.filter(|&remote| self.facts.node(remote).kind == NodeKind::Remote && !self.facts.node(remote).remote_fenced);
            if let Some(remote) = remote {
                self.fence_node(remote, "remote connection is unrecoverable", false);
            }
        }
        if known_active {
            self.require_stop(resource, node);
        }
        if has_interval {
            self.set_next_role(resource, Role::Stopped, "remote reset");
        }
    }

    /// A resource is (or may be) active on a node; so is what contains it.
    pub(super) fn add_active(&mut self, resource: ResourceIndex, node: NodeIndex, failed: bool) {
        if self.facts.resource(resource).active_nodes.contains(&node) {
            return;
        }
        self.facts.resources[resource.position()].active_nodes.push(node);
        if self.facts.resource(resource).is_primitive() {
            self.facts.nodes[node.position()].running.push(resource);
            self.add_priority(resource, node, failed);
            if self.facts.node(node).maintenance {
                let entry = &mut self.facts.resources[resource.position()];
                (entry.managed, entry.maintenance) = (false, true);
            }
        }
        let parent = self.facts.resource(resource).parent;
        if !self.facts.resource(resource).managed {
            self.ban(resource, Some(node), Score::INFINITY, "not_managed_default");
            let mut next = parent;
            while let Some(at) = next {
                let entry = &mut self.facts.resources[at.position()];
                entry.active_nodes.push(node);
                next = entry.parent;
            }
            return;
        }
        if self.facts.is_active_too_often(resource) {
            self.apply_multiple_active(resource, parent);
        }
        if let Some(parent) = parent {
            self.add_active(parent, node, false);
        }
    }

    fn apply_multiple_active(&mut self, resource: ResourceIndex, parent: Option<ResourceIndex>) {
        match self.facts.resource(resource).multiple_active {
            MultipleActive::StopOnly => self.forbid_everywhere(resource),
            MultipleActive::Block => {
                let block = |this: &mut Self, at: ResourceIndex| {
                    let entry = &mut this.facts.resources[at.position()];
                    (entry.managed, entry.blocked) = (false, true);
                };
                block(self, resource);
                let Some(parent) = parent else { return };
                let entry = self.facts.resource(parent);
                if (entry.is_group() || entry.is_bundle()) && entry.multiple_active == MultipleActive::Block {
                    for child in entry.children.clone() {
                        block(self, child);
                    }
                }
            }
            MultipleActive::StopStart | MultipleActive::StopUnexpected => {}
        }
    }

    /// A node is worth what runs on it, and on its guests; `priority-fencing-delay` spares the more valuable.
    fn add_priority(&mut self, resource: ResourceIndex, node: NodeIndex, failed: bool) {
        let entry = self.facts.resource(resource);
        if entry.priority == 0 || failed {
            return;
        }
        let priority = entry.priority + i32::from(entry.role == Role::Promoted);
        let hosts = match self.facts.node(node).kind {
            NodeKind::Guest { launcher } => self.facts.resource(launcher).active_nodes.clone(),
            _ => Vec::new(),
        };
        for at in hosts.into_iter().chain([node]) {
            let total = &mut self.facts.nodes[at.position()].priority;
            *total = total.saturating_add(priority);
        }
    }
}
