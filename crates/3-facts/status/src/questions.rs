//! Questions about resources and nodes that more than one reader asks.

use crate::deduction::histories::without_instance;
use crate::{Facts, Kind, NoQuorumPolicy, NodeIndex, NodeKind, Requires, Resource, ResourceIndex};
use model::Role;

/// Where a resource is active, as far as one node can say it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ActiveNode {
    /// The one that counts: the source of a half done migration, else a clean one where fencing is not required, else
    /// the first.
    pub node: Option<NodeIndex>,
    /// On how many nodes it is active.
    pub count: u32,
    /// On how many of them that are online and clean.
    pub clean_count: u32,
}

impl Facts {
    /// Returns the outermost resource that contains this one, or the resource itself; a bundle only where asked for.
    pub fn top_of(&self, resource: ResourceIndex, include_bundle: bool) -> ResourceIndex {
        let mut at = resource;
        while let Some(parent) = self.resource(at).parent {
            if !include_bundle && self.resource(parent).is_bundle() {
                break;
            }
            at = parent;
        }
        at
    }

    /// Returns whether a resource is part of a bundle, or is one.
    pub fn is_bundled(&self, resource: ResourceIndex) -> bool {
        self.resource(self.top_of(resource, true)).is_bundle()
    }

    /// Returns whether it is a clone whose instances cannot be told apart.
    pub fn is_anonymous_clone(&self, resource: ResourceIndex) -> bool {
        let resource = self.resource(resource);
        resource.is_clone() && !resource.unique
    }

    /// Returns whether it is a clone with an instance for each node.
    pub fn is_universal_clone(&self, resource: ResourceIndex) -> bool {
        matches!(&self.resource(resource).kind, Kind::Clone(clone) if clone.max == self.nodes.len() as i32)
    }

    /// Returns the instance inside of a bundle that runs on one of its nodes.
    pub fn instance_on_bundle_node(&self, bundle: ResourceIndex, node: NodeIndex) -> Option<ResourceIndex> {
        let Kind::Bundle(bundle) = &self.resource(bundle).kind else { return None };
        bundle.replicas.iter().find(|replica| replica.node == Some(node))?.child
    }

    /// Returns whether `target-role` forbids the resource to run as it could.
    pub fn is_disabled(&self, resource: ResourceIndex) -> bool {
        match self.resource(resource).meta.get("target-role").and_then(|role| Role::parse(role)) {
            Some(Role::Stopped) => true,
            Some(Role::Unpromoted) => self.resource(self.top_of(resource, false)).promotable,
            _ => false,
        }
    }

    /// Returns a resource's role now: of what contains others, the most active of theirs; of a bundle, none.
    pub fn role_now(&self, resource: ResourceIndex) -> Role {
        let resource = self.resource(resource);
        match &resource.kind {
            Kind::Primitive(_) => resource.role,
            Kind::Bundle(_) => Role::Unknown,
            _ => resource.children.iter().map(|&child| self.role_now(child)).max().unwrap_or(Role::Unknown),
        }
    }

    /// Returns whether a resource is active; `all`: every one of its members and instances.
    pub fn is_active(&self, resource: ResourceIndex, all: bool) -> bool {
        let entry = self.resource(resource);
        let mut children = entry.children.iter();
        match &entry.kind {
            Kind::Primitive(_) => entry.active_nodes.iter().any(|&node| {
                let node = self.node(node);
                node.unclean || node.online || !entry.managed
            }),
            Kind::Group(_) => {
                let active = entry.children.iter().filter(|&&child| self.is_active(child, all)).count();
                active > 0 && (!all || active == entry.children.len())
            }
            Kind::Clone(_) if all => children.all(|&child| self.is_active(child, true)),
            Kind::Clone(_) => children.any(|&child| self.is_active(child, false)),
            Kind::Bundle(bundle) => {
                let mut parts = bundle
                    .replicas
                    .iter()
                    .flat_map(|replica| [replica.ip, replica.child, Some(replica.container), replica.remote])
                    .flatten();
                if all { parts.all(|part| self.is_active(part, true)) } else { parts.any(|part| self.is_active(part, false)) }
            }
        }
    }

    /// Returns where a resource is active, or has an operation under way where `or_pending`; each node once, in the
    /// order of its members.
    pub fn locations(&self, resource: ResourceIndex, or_pending: bool) -> Vec<NodeIndex> {
        let mut found = Vec::new();
        self.add_locations(resource, or_pending, &mut found);
        found
    }

    fn add_locations(&self, resource: ResourceIndex, or_pending: bool, found: &mut Vec<NodeIndex>) {
        let entry = self.resource(resource);
        if entry.children.is_empty() {
            let pending = entry.pending.as_ref().filter(|_| or_pending).map(|pending| pending.node);
            for node in entry.active_nodes.iter().copied().chain(pending) {
                if !found.contains(&node) {
                    found.push(node);
                }
            }
        }
        for &child in &entry.children {
            self.add_locations(child, or_pending, found);
        }
    }

    /// Returns the first node where a resource is active or has an operation under way.
    pub(crate) fn first_location(&self, resource: ResourceIndex) -> Option<NodeIndex> {
        let entry = self.resource(resource);
        if entry.children.is_empty() {
            return entry.active_nodes.first().copied().or_else(|| entry.pending.as_ref().map(|pending| pending.node));
        }
        entry.children.iter().find_map(|&child| self.first_location(child))
    }

    /// Finds the resource of this configured id within an instance of a clone.
    pub fn find_in_instance(&self, instance: ResourceIndex, configured_id: &str) -> Option<ResourceIndex> {
        let entry = self.resource(instance);
        if entry.configured_id == configured_id || entry.id == configured_id {
            return Some(instance);
        }
        entry.children.iter().find_map(|&child| self.find_in_instance(child, configured_id))
    }

    /// Returns where a resource is active, and the node that counts.
    pub fn active_node(&self, resource: ResourceIndex) -> ActiveNode {
        let entry = self.resource(resource);
        let mut active = ActiveNode::default();
        if let Kind::Bundle(bundle) = &entry.kind {
            let containers: Vec<_> =
                bundle.replicas.iter().map(|replica| replica.container).filter(|&at| !self.resource(at).active_nodes.is_empty()).collect();
            if let [container] = containers[..] {
                return self.active_node(container);
            }
            let mut seen = Vec::new();
            for &node in containers.iter().flat_map(|&container| &self.resource(container).active_nodes) {
                if !seen.contains(&node) {
                    seen.push(node);
                    self.count_active(entry, node, &mut active);
                }
            }
            return active;
        }
        for &node in &entry.active_nodes {
            self.count_active(entry, node, &mut active);
        }
        active
    }

    fn count_active(&self, resource: &Resource, index: NodeIndex, active: &mut ActiveNode) {
        let is_happy = |index: NodeIndex| self.node(index).online && !self.node(index).unclean;
        active.count += 1;
        active.clean_count += u32::from(is_happy(index));
        let is_better = match resource.migrating_from {
            Some(source) => index == source,
            None => resource.requires < Requires::Fencing && is_happy(index) && active.node.is_none_or(|known| !is_happy(known)),
        };
        if is_better || active.node.is_none() {
            active.node = Some(index);
        }
    }

    /// Returns where a resource is active, and on how many nodes as far as they count: lost nodes do only where they
    /// are to be fenced first.
    pub fn active_where_required(&self, resource: ResourceIndex) -> (Option<NodeIndex>, u32) {
        let active = self.active_node(resource);
        let count = if self.resource(resource).requires >= Requires::Fencing { active.count } else { active.clean_count };
        (active.node, count)
    }

    /// Returns whether a primitive is active on more than one node.
    pub fn is_active_too_often(&self, resource: ResourceIndex) -> bool {
        self.resource(resource).is_primitive() && self.active_where_required(resource).1 > 1
    }

    /// Returns whether a node is a guest: a machine or container that a resource of the cluster launches.
    pub fn is_guest(&self, node: NodeIndex) -> bool {
        matches!(self.node(node).kind, NodeKind::Guest { .. })
    }

    /// Returns whether a node is a container of a bundle.
    pub fn is_bundle_node(&self, node: NodeIndex) -> bool {
        self.is_guest(node) && self.node(node).remote.is_some_and(|remote| self.is_bundled(remote))
    }

    /// Returns whether fencing of a node is possible now.
    pub fn can_fence(&self, index: NodeIndex) -> bool {
        self.can_fence_within(index, self.nodes.len())
    }

    fn can_fence_within(&self, index: NodeIndex, hosts_left: usize) -> bool {
        let node = self.node(index);
        if let NodeKind::Guest { launcher } = node.kind {
            // A guest is fenced by stopping its machine, which takes a host that answers or can be fenced. Histories
            // can claim that guests host each other; then neither can be.
            let can_fence = |host| hosts_left > 0 && self.can_fence_within(host, hosts_left - 1);
            return self.resource(launcher).active_nodes.iter().all(|&host| self.node(host).online || can_fence(host));
        }
        if !self.options.fencing_enabled || !self.have_fencing {
            return false;
        }
        if self.have_quorum || self.options.no_quorum_policy == NoQuorumPolicy::Ignore {
            return true;
        }
        if !node.online {
            return false;
        }
        // Without quorum only what is in this partition; a remote node may have been taken over by another one.
        let may_be_elsewhere = || {
            let remote = node.remote.filter(|_| !self.options.fence_remote_without_quorum);
            remote.is_some_and(|remote| self.resource(remote).allowed.iter().any(|(other, _)| !self.node(other).online))
        };
        node.kind == NodeKind::Member || !may_be_elsewhere()
    }

    /// Returns the resource's name as people know it: instances of anonymous clones have no number.
    pub fn printable_id(&self, resource: ResourceIndex) -> &str {
        let entry = self.resource(resource);
        if entry.unique { entry.id.as_str() } else { entry.configured_id.as_str() }
    }

    /// Returns the name under which fail counts and promotion scores of a resource are kept.
    pub(crate) fn failure_name(&self, resource: ResourceIndex) -> &str {
        let entry = self.resource(resource);
        let name = entry.history_id.as_ref().unwrap_or(&entry.id).as_str();
        if entry.unique { name } else { without_instance(name) }
    }

    /// Returns the connection of the guest that a resource launches, if it does.
    pub fn guest_connection(&self, resource: ResourceIndex) -> Option<ResourceIndex> {
        self.resource(resource).launched.iter().copied().find(|&launched| self.resource(launched).remote_connection)
    }

    /// Resolves an id of a constraint: a resource, else what a tag or a template stands for, in order.
    /// Instances and members are not resources of their own here, only configured ids are.
    pub fn resolve(&self, id: &str) -> Vec<ResourceIndex> {
        if let Some(found) = self.find_configured(id) {
            return vec![found];
        }
        let names = self.templates.get(id).or_else(|| self.tags.get(id));
        names.iter().flat_map(|tag| &tag.references).filter_map(|id| self.find_configured(id)).collect()
    }

    /// Finds a resource by id; for a cloned primitive or group its clone.
    pub fn find_configured(&self, id: &str) -> Option<ResourceIndex> {
        let found = self.resources_by_id.get(id).copied();
        found.or_else(|| self.resources_by_id.get(format!("{id}:0").as_str()).map(|&instance| self.top_of(instance, false)))
    }

    /// Returns the names of the primitives that a resource consists of, a bundle's implied ones included; instances of an anonymous
    /// clone share one.
    pub fn primitive_names(&self, resource: ResourceIndex) -> Vec<String> {
        let children = &self.resource(resource).children;
        if children.is_empty() {
            return vec![self.printable_id(resource).to_owned()];
        }
        let mut names: Vec<String> = Vec::new();
        for name in children.iter().flat_map(|child| self.primitive_names(*child)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Returns the top-level resources and everything below each, parents first, in order.
    pub fn walk(&self) -> Vec<ResourceIndex> {
        let mut found = Vec::with_capacity(self.resources.len());
        let mut pending: Vec<_> = self.roots.iter().rev().copied().collect();
        while let Some(index) = pending.pop() {
            found.push(index);
            pending.extend(self.resource(index).children.iter().rev());
        }
        found
    }
}
