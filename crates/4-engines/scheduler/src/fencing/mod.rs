//! Fencing and clean shutdown of nodes, unfencing, and what waits for them.
//!
//! Safety: what needs fencing is ordered after it here, and nothing else drops that order again.

mod order;
mod shutdown;
mod unfencing;

use crate::actions::{ActionIndex, Draft, Flags};
use status::{NoQuorumPolicy, NodeIndex, NodeKind};

impl Draft<'_> {
    /// Returns whether a node can be fenced now: fencing is on, possible, and permitted by quorum.
    pub(crate) fn can_fence(&self, node: Option<NodeIndex>) -> bool {
        let options = &self.facts.options;
        if let Some(launcher) = node.and_then(|node| self.launcher_of_node(node)) {
            // A guest is fenced by recovering its machine: its hosts must be up, or be fenced.
            let hosts = &self.fact(launcher).active_nodes;
            return hosts.iter().all(|&host| self.n(host).online || self.can_fence(Some(host)));
        }
        if !options.fencing_enabled || !self.facts.have_fencing {
            return false;
        }
        if self.facts.have_quorum || options.no_quorum_policy == NoQuorumPolicy::Ignore {
            return true;
        }
        let Some(node) = node.filter(|&node| self.n(node).online) else { return false };
        let connection = self.facts.node(node).remote.filter(|_| self.is_remote_or_guest(node));
        if let Some(connection) = connection.filter(|_| !options.fence_remote_without_quorum) {
            return self.r(connection).allowed.iter().all(|(host, _)| self.n(host).online);
        }
        true
    }

    /// Demands that a node be fenced; a guest by recovering its machine.
    pub(crate) fn require_fencing(&mut self, node: NodeIndex, reason: &str, priority_delay: bool) {
        let fact = self.facts.node(node);
        let name = &fact.name;
        match fact.kind {
            NodeKind::Guest { launcher } => {
                if self.r(launcher).failed {
                    return;
                }
                if !self.r(launcher).managed {
                    return;
                }
                let text =
                    format!("Guest node {name} will be fenced (by recovering its guest resource {}): {reason}", self.fact(launcher).id);
                self.warn(text);
                self.nodes[node.position()].remote_reset = true;
                let launcher = self.r_mut(launcher);
                launcher.failed = true;
                launcher.stop_if_failed = true;
            }
            NodeKind::Remote => self.require_remote_fencing(node, reason),
            NodeKind::Member if self.n(node).unclean => {}
            NodeKind::Member => {
                let verdict = if self.can_fence(Some(node)) { "will be fenced" } else { "is unclean" };
                self.warn(format!("Cluster node {name} {verdict}: {reason}"));
                self.nodes[node.position()].unclean = true;
                self.fence(node, None, true, Some(reason), priority_delay);
            }
        }
    }

    fn require_remote_fencing(&mut self, node: NodeIndex, reason: &str) {
        let fact = self.facts.node(node);
        let connection = fact.remote.map(|connection| (connection, self.fact(connection)));
        if let Some((connection, state)) = connection
            && state.launcher.is_none()
            && state.orphan_launched
        {
            // The machine is gone from the configuration: its connection only needs to be cleaned up.
            let state = self.r_mut(connection);
            state.failed = true;
            state.stop_if_failed = true;
            return;
        }
        let unmanaged = connection.is_some_and(|(connection, _)| !self.r(connection).managed);
        if !unmanaged && !self.n(node).remote_reset {
            self.nodes[node.position()].remote_reset = true;
            let verdict = if self.can_fence(Some(node)) { "will be fenced" } else { "is unclean" };
            self.warn(format!("Remote node {} {verdict}: {reason}", fact.name));
        }
        self.nodes[node.position()].unclean = true;
        self.fence(node, None, true, Some(reason), false);
    }

    /// Returns the fencing action of a node, made if there is none.
    pub(crate) fn fence(
        &mut self,
        node: NodeIndex,
        how: Option<&str>,
        optional: bool,
        reason: Option<&str>,
        priority_delay: bool,
    ) -> ActionIndex {
        let fact = self.facts.node(node);
        let how = how.unwrap_or(&self.facts.options.fencing_action).to_owned();
        let key = format!("stonith-{}-{how}", fact.name);
        let mut optional = optional;
        let index = match self.singletons.get(key.as_str()) {
            Some(&index) => index,
            None => {
                let index = self.singleton(&key, "stonith", Some(node), true);
                let action = self.a_mut(index);
                action.set_meta("on_node", &fact.name);
                action.set_meta("on_node_uuid", &fact.id);
                action.set_meta("stonith_action", &how);
                if self.facts.enable_unfencing {
                    optional &= !self.add_device_digests(index, node);
                }
                index
            }
        };
        let delay = self.facts.options.priority_fencing_delay;
        if !delay.is_zero() && (priority_delay || self.a(index).meta("priority-fencing-delay").is_some()) {
            let seconds = if self.gets_priority_delay(node) { delay.as_secs() } else { 0 };
            self.a_mut(index).set_meta("priority-fencing-delay", seconds.to_string());
        }
        if !optional && self.can_fence(Some(node)) {
            let action = self.a_mut(index);
            action.flags.clear(Flags::OPTIONAL);
            if let Some(reason) = reason {
                action.set_reason(reason, false);
            }
        } else if let Some(reason) = reason {
            self.a_mut(index).set_reason(reason, false);
        }
        index
    }

    /// Returns whether fencing of this node waits, so that the more important side of a split wins.
    fn gets_priority_delay(&self, node: NodeIndex) -> bool {
        let is_member = |node: NodeIndex| matches!(self.facts.node(node).kind, NodeKind::Member);
        if !is_member(node) || self.n(node).online {
            return false;
        }
        let members: Vec<NodeIndex> = self.facts.node_order.iter().copied().filter(|&node| is_member(node)).collect();
        let online = members.iter().filter(|&&node| self.n(node).online).count();
        let priorities = members.iter().map(|&node| self.facts.node(node).priority);
        let (Some(top), Some(lowest)) = (priorities.clone().max(), priorities.min()) else { return false };
        online <= members.len() / 2 && lowest != top && self.facts.node(node).priority >= top
    }
}
