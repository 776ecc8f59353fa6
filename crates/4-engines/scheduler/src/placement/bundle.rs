//! Placing a bundle: its containers like instances, then address, connection and primitive of each replica.
//!
//! Colocations with a bundle are colocations with its containers.

use super::board::{Board, Change, Link, Origin};
use super::table::{INFINITY, merge_sort, sum};
use crate::constraints::Colocation;
use compact_str::CompactString;
use model::{Role, Score};
use status::{Bundle, Kind, NodeIndex, NodeKind, Replica, ResourceIndex};

impl<'a> Board<'a> {
    fn bundle(&self, resource: ResourceIndex) -> Option<&'a Bundle> {
        match &self.resource(resource).kind {
            Kind::Bundle(bundle) => Some(bundle),
            _ => None,
        }
    }

    /// Returns the clone of the primitive inside a bundle.
    pub fn bundled_child(&self, resource: ResourceIndex) -> Option<ResourceIndex> {
        self.bundle(resource)?.child
    }

    /// Returns the instance inside a container.
    pub fn child_in_container(&self, container: ResourceIndex) -> Option<ResourceIndex> {
        let bundle = self.bundle(self.parent(container)?)?;
        bundle.replicas.iter().find(|replica| replica.container == container)?.child
    }

    pub fn place_bundle(&mut self, resource: ResourceIndex, prefer: Option<NodeIndex>, last_word: bool) {
        let Some(bundle) = self.bundle(resource) else { return };
        self.seat_mut(resource).placing = true;
        self.show_scores(resource, "pcmk__bundle_assign");
        let containers = bundle.replicas.iter().map(|replica| replica.container).collect();
        let containers = merge_sort(containers, &mut |a, b| self.compare_instances(a, b));
        self.place_instances(resource, containers, bundle.replicas_max, bundle.replicas_per_host);
        for replica in &bundle.replicas {
            self.place_replica(replica, prefer, last_word);
        }
        if let Some(child) = bundle.child {
            self.open_only(child, |node| bundle.replicas.iter().any(|replica| replica.node == Some(node)));
            self.place(child, prefer, last_word);
        }
        let seat = self.seat_mut(resource);
        seat.placing = false;
        seat.placed = true;
    }

    fn open_only(&mut self, child: ResourceIndex, is_replica: impl Fn(NodeIndex) -> bool) {
        for (node, entry) in self.seats[child.position()].table.iter_mut() {
            entry.score = if is_replica(node) { 0 } else { -INFINITY };
        }
    }

    fn place_replica(&mut self, replica: &Replica, prefer: Option<NodeIndex>, last_word: bool) {
        if let Some(ip) = replica.ip {
            self.place(ip, prefer, last_word);
        }
        if let Some(remote) = replica.remote {
            self.keep_with_nested_connection(replica.container, remote);
            self.place(remote, prefer, last_word);
        }
        let Some(child) = replica.child else { return };
        self.bind_to_replica(child, replica.node);
        let parent = self.parent(child).unwrap_or(child);
        self.seat_mut(parent).placing = true;
        self.place(child, replica.node, last_word);
        self.seat_mut(parent).placing = false;
    }

    /// Keeps a connection with the connection of the remote node that its container is on.
    ///
    /// Compat: a remote node serves one connection at a time, so that nested ones must come from the same host.
    fn keep_with_nested_connection(&mut self, container: ResourceIndex, remote: ResourceIndex) {
        let Some(host) = self.seat(container).node else { return };
        if self.facts.node(host).kind == NodeKind::Member {
            return;
        }
        let Some(primary) = self.facts.node(host).remote else { return };
        self.add_colocation(Colocation {
            id: CompactString::const_new("#replica-remote-with-host-remote"),
            dependent: remote,
            primary,
            score: Score::INFINITY,
            dependent_role: None,
            primary_role: None,
            attribute: CompactString::const_new("#uname"),
            influence: true,
            explicit: false,
        });
    }

    fn bind_to_replica(&mut self, child: ResourceIndex, own: Option<NodeIndex>) {
        let nodes: Vec<NodeIndex> = self.seat(child).table.iter().map(|(node, _)| node).collect();
        for node in nodes {
            let score = if Some(node) != own {
                -INFINITY
            } else if !self.is_threshold_reached(child, node) {
                INFINITY
            } else {
                continue;
            };
            let seat = self.seat_mut(child);
            if let Some(entry) = seat.table.get_mut(node) {
                entry.score = score;
                let origin = Origin::Rule("bundle", "replica");
                seat.terms.push(Change { node, delta: score, origin, replaces: true });
            }
        }
    }

    fn is_threshold_reached(&self, resource: ResourceIndex, node: NodeIndex) -> bool {
        crate::scores::reached_threshold(self.facts, resource, node)
    }

    /// Returns the host of a bundle's node, or the node itself.
    fn host(&self, node: NodeIndex) -> Option<NodeIndex> {
        match self.facts.node(node).kind {
            NodeKind::Guest { launcher } if self.is_bundle_node(node) => self.planned_node(launcher),
            _ => Some(node),
        }
    }

    fn container_at(&self, bundle: &Bundle, node: NodeIndex) -> Option<ResourceIndex> {
        let mut containers = bundle.replicas.iter().map(|replica| replica.container);
        containers.find(|&container| self.is_instance_at(container, node, Role::Unknown, None))
    }

    /// Returns a container where the dependent is, or could be.
    fn compatible_container(&self, dependent: ResourceIndex, bundle: &Bundle) -> Option<ResourceIndex> {
        if let Some(host) = self.planned_node(dependent).and_then(|node| self.host(node)) {
            return self.container_at(bundle, host);
        }
        let nodes = self.sorted(dependent, None);
        nodes.into_iter().filter_map(|(node, _)| self.host(node)).find_map(|host| self.container_at(bundle, host))
    }

    /// Applies a colocation with a bundle, on behalf of a primitive.
    pub fn colocate_with_bundle(&mut self, dependent: ResourceIndex, resource: ResourceIndex, link: Link) -> i32 {
        let Some(bundle) = self.bundle(resource) else { return 0 };
        if !self.seat(resource).placed {
            return 0;
        }
        let configured = self.resource(link.dependent);
        if configured.is_clone() || configured.is_bundle() {
            match self.compatible_container(dependent, bundle) {
                Some(container) => return self.apply_for_dependent(dependent, container, link),
                None if link.score >= INFINITY => self.settle(dependent, None, true, true),
                None => {}
            }
            return 0;
        }
        let mut delta = 0;
        let mut hosts = Vec::new();
        for replica in &bundle.replicas {
            if link.score < INFINITY {
                delta = sum(delta, self.apply_with_primitive(dependent, replica.container, link));
            } else if let Some(host) = self.planned_node(replica.container)
                && !self.is_any_blocked(replica.container)
                && (link.primary_role < Role::Promoted
                    || replica.child.is_some_and(|child| self.seat(child).role_planned >= Role::Promoted))
            {
                hosts.insert(0, (host, None));
            }
        }
        if link.score >= INFINITY {
            self.keep_to(dependent, &hosts, link);
        }
        delta
    }
}
