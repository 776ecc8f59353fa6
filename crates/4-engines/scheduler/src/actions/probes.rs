//! Probes: finding out what runs where nothing is known.

use super::{ActionIndex, Draft, Flags, Relation};
use model::{AgentExit, Role};
use status::{Kind, NodeIndex, NodeMap, ProbeMode, Replica, ResourceIndex};

/// The roots that a probe of each node asks for, in their order. Where resources are looked for on nodes so designated alone, each of a thousand
/// nodes has a few, not all.
struct ProbedRoots {
    everywhere: Vec<(usize, ResourceIndex)>,
    designated: NodeMap<Vec<(usize, ResourceIndex)>>,
}

impl ProbedRoots {
    fn of(draft: &Draft<'_>) -> Self {
        let mut this = Self { everywhere: Vec::new(), designated: NodeMap::default() };
        for (position, &root) in draft.roots.iter().enumerate() {
            let is_plain = draft.is_primitive(root) && draft.r(root).children.is_empty();
            if !is_plain || !draft.values.has_exclusive_discovery(root) {
                this.everywhere.push((position, root));
                continue;
            }
            let designated = draft.r(root).allowed.iter().filter(|(_, entry)| entry.probe == ProbeMode::Exclusive);
            designated.for_each(|(node, _)| this.designated.entry(node, Vec::new).push((position, root)));
        }
        this
    }

    fn on(&self, node: NodeIndex) -> Vec<ResourceIndex> {
        let mut roots: Vec<(usize, ResourceIndex)> = self.everywhere.clone();
        roots.extend(self.designated.get(node).into_iter().flatten());
        // Two rows, each in order.
        roots.sort();
        roots.into_iter().map(|(_, root)| root).collect()
    }
}

impl Draft<'_> {
    /// Schedules probes of every resource on every node where its state is unknown.
    pub(crate) fn schedule_probes(&mut self) {
        let roots = ProbedRoots::of(self);
        for node in self.facts.node_order.clone() {
            if !self.n(node).online {
                if self.is_failed_remote(node) {
                    self.require_fencing(node, "the connection is unrecoverable", false);
                }
                continue;
            }
            if self.n(node).unclean || !self.facts.node(node).probes_allowed {
                continue;
            }
            for root in roots.on(node) {
                self.probe(root, node);
            }
        }
        for node in self.facts.node_order.clone() {
            self.order_after_what_leads_to(node);
        }
    }

    /// What may run on a remote or guest node that was up starts elsewhere only once it is known what leads there, and has ended where it ends.
    ///
    /// Safety: after a clean-up nothing may be known of a guest's machine, or of a connection, and of what runs behind it; the node then
    /// counts as stopped, though nobody stopped it. Compat (C-516): Pacemaker waits for a machine's probe only where
    /// it would start the machine. (Found by the simulator: seed 810047 with two remote nodes and a guest.)
    fn order_after_what_leads_to(&mut self, node: NodeIndex) {
        let (remote, launcher) = (self.facts.node(node).remote, self.launcher_of_node(node));
        // A guest that is recorded as down lives on where somebody fenced it in vain (seed 60012 with two remote nodes and a guest, half an hour), or
        // where its machine would not stop (seeds 3616 and 50062, half an hour).
        let may_be_up = self.facts.node(node).remote_recorded.is_some() || self.is_connected(node);
        if !may_be_up || remote.is_some_and(|remote| self.is_bundled(remote)) {
            return;
        }
        let is_unknown = |resource: &ResourceIndex| self.r(*resource).role == Role::Stopped;
        let way = launcher.into_iter().chain(remote).filter(is_unknown);
        let unknown: Vec<ActionIndex> = way.flat_map(|resource| self.probes_on_members(resource)).collect();
        // Where the connection has ended already, the machine may still be about to. (Seed 70005, half an hour.)
        let ending = launcher.filter(|&machine| self.r(machine).role > Role::Stopped && !self.n(node).online);
        if unknown.is_empty() && ending.is_none() {
            return;
        }
        for resource in self.unknown_on(node) {
            for task in ["start", "promote"] {
                unknown.iter().for_each(|&probe| self.order_operation_after(probe, resource, task, Relation::ORDERED));
                if let Some(machine) = ending {
                    self.order_operations(machine, "stop", resource, task, Relation::ORDERED);
                }
            }
        }
    }

    /// Returns what may run on a remote or guest node without anybody's knowing.
    fn unknown_on(&self, node: NodeIndex) -> Vec<ResourceIndex> {
        let is_guest = self.is_guest(node);
        let may_run_there = |&resource: &ResourceIndex| {
            let fact = self.fact(resource);
            let is_machine = is_guest && self.guest_connection_in(resource).is_some();
            // Of machines, only a bundle's container runs on a guest; what is in it waits for it anyway.
            let is_of_that_kind =
                self.is_primitive(resource) && !fact.fence_device && !fact.remote_connection && is_machine == self.is_bundled(resource);
            is_of_that_kind && !fact.known_on.contains(&node)
        };
        (0..self.resources.len()).map(|position| ResourceIndex(position as u32)).filter(may_run_there).collect()
    }

    /// Returns the probes of a resource on full members.
    pub(crate) fn probes_on_members(&self, resource: ResourceIndex) -> Vec<ActionIndex> {
        let key = self.key(resource, "monitor", 0);
        let members = self.facts.node_order.iter().copied().filter(|&node| !self.is_remote_or_guest(node));
        members.flat_map(|node| self.find_actions_exact(resource, &key, Some(node))).collect()
    }

    /// Probes a resource, or what it is made of, on a node; returns whether a probe was made.
    fn probe(&mut self, resource: ResourceIndex, node: NodeIndex) -> bool {
        match &self.fact(resource).kind {
            Kind::Clone(_) => self.probe_clone(resource, node),
            Kind::Bundle(_) => self.probe_bundle(resource, node),
            _ => self.probe_on(resource, node),
        }
    }

    fn probe_all(&mut self, resources: &[ResourceIndex], node: NodeIndex) -> bool {
        let mut any = false;
        for &resource in resources {
            any |= self.probe(resource, node);
        }
        any
    }

    fn probe_clone(&mut self, clone: ResourceIndex, node: NodeIndex) -> bool {
        if self.values.has_exclusive_discovery(clone) {
            let probe = self.r(clone).allowed.get(node).map(|entry| entry.probe);
            if probe != Some(ProbeMode::Exclusive) {
                self.r_mut(clone).allowed.remove(node);
                return false;
            }
        }
        let mut instances = self.r(clone).children.clone();
        instances.sort_by_key(|&instance| instance_number(self.fact(instance).id.as_str()));
        self.r_mut(clone).children.clone_from(&instances);
        if self.fact(clone).unique {
            return self.probe_all(&instances, node);
        }
        // Of an anonymous clone one instance is probed: the one known or placed there, else any.
        let known = instances.iter().copied().find(|&instance| self.is_probed_on(instance, node));
        let placed = || instances.iter().copied().find(|&instance| self.location(instance, false) == Some(node));
        let instance = known.or_else(placed).or_else(|| instances.first().copied());
        instance.is_some_and(|instance| self.probe(instance, node))
    }

    fn is_probed_on(&self, resource: ResourceIndex, node: NodeIndex) -> bool {
        let children = &self.r(resource).children;
        if children.is_empty() {
            return self.fact(resource).known_on.contains(&node);
        }
        children.iter().any(|&child| self.is_probed_on(child, node))
    }

    fn probe_on(&mut self, resource: ResourceIndex, node: NodeIndex) -> bool {
        let fact = self.fact(resource);
        if self.is_remote_or_guest(node) {
            let holds_guest = self.facts.have_remote_nodes && self.guest_connection_in(resource).is_some();
            let may_be_nested = self.is_bundled(resource) && self.is_fenced_in_vain(node);
            if fact.fence_device || (self.is_guest(node) && holds_guest && !may_be_nested) || fact.remote_connection {
                return false;
            }
        }
        if !self.r(resource).children.is_empty() {
            let children = self.r(resource).children.clone();
            return self.probe_all(&children, node);
        }
        let in_container = fact.launcher.is_some() && !fact.remote_connection;
        if in_container || fact.orphan || fact.known_on.contains(&node) {
            return false;
        }
        let top = self.top(resource);
        let allowed = self.r(resource).allowed.get(node);
        let exclusive = self.values.has_exclusive_discovery(resource) || self.values.has_exclusive_discovery(top);
        if exclusive && allowed.map(|entry| entry.probe) != Some(ProbeMode::Exclusive) {
            return false;
        }
        if allowed.map_or(self.facts.node(node).probe, |entry| entry.probe) == ProbeMode::Never {
            return false;
        }
        if self.is_guest(node) && !self.order_instead_of_guest_probe(top, node) {
            return false;
        }
        self.make_probe(resource, top, node);
        true
    }

    /// Returns whether a guest is recorded as down although somebody is connected to it: a container of a bundle may be there (Compat: nobody looks
    /// for other machines on a guest), and was forgotten. (Found by the simulator: seed 9189, half an hour.)
    fn is_fenced_in_vain(&self, node: NodeIndex) -> bool {
        self.facts.node(node).remote_recorded != Some(true) && self.is_connected(node)
    }

    fn is_connected(&self, node: NodeIndex) -> bool {
        self.facts.node(node).remote.is_some_and(|remote| self.r(remote).role >= Role::Started)
    }

    /// Returns whether a guest is up and will be, so that it can be probed; else orders what stands for that.
    fn order_instead_of_guest_probe(&mut self, top: ResourceIndex, node: NodeIndex) -> bool {
        let Some(launcher) = self.launcher_of_node(node) else { return true };
        if self.r(launcher).role == Role::Stopped {
            let assigned = self.r(launcher).assigned;
            if assigned.is_some_and(|assigned| !self.fact(launcher).known_on.contains(&assigned)) {
                self.order_operations(launcher, "monitor", top, "start", Relation::ORDERED);
            }
            return false;
        }
        if self.guest_will_stop(node, launcher) {
            self.order_operations(launcher, "stop", top, "start", Relation::ORDERED);
            // Safety: what a clean-up forgot may be promoted there. (Found by the simulator: seed 2340, half an hour. Pacemaker promotes another
            // instance at once.)
            self.order_operations(launcher, "stop", top, "promote", Relation::ORDERED);
            return false;
        }
        true
    }

    fn guest_will_stop(&self, node: NodeIndex, launcher: ResourceIndex) -> bool {
        let state = self.r(launcher);
        let moves = state.assigned.is_some_and(|assigned| !self.fact(launcher).active_nodes.contains(&assigned));
        self.n(node).remote_reset
            || self.n(node).unclean
            || state.failed
            || state.next_role == Role::Stopped
            || (state.role > Role::Stopped && moves)
    }

    fn make_probe(&mut self, resource: ResourceIndex, top: ResourceIndex, node: NodeIndex) -> ActionIndex {
        let probe = self.operation(resource, "monitor", Some(node), false);
        self.a_mut(probe).flags.clear(Flags::OPTIONAL);
        self.order_after_unfencing(resource, node, probe, Relation::ORDERED);
        if !self.fact(resource).active_nodes.contains(&node) {
            self.expect(probe, AgentExit::NOT_RUNNING);
        } else if self.r(resource).role == Role::Promoted {
            self.expect(probe, AgentExit::RUNNING_PROMOTED);
        }
        let then = if self.fact(top).is_clone() { top } else { resource };
        let mut relation = Relation::ORDERED;
        if !self.a(probe).has(Flags::RUNNABLE) && self.fact(then).active_nodes.is_empty() {
            relation |= Relation::UNRUNNABLE_FIRST_BLOCKS;
        }
        self.order_operation_after(probe, then, "start", relation);
        self.order_ends(
            super::End::Action(probe),
            // Compat: the reload is the resource's own, its order is looked for among the clone's actions.
            if then == resource {
                super::End::Operation(resource, "reload-agent".into())
            } else {
                super::End::Operation(then, "reload-agent".into())
            },
            Relation::ORDERED,
        );
        probe
    }

    fn probe_bundle(&mut self, bundle: ResourceIndex, node: NodeIndex) -> bool {
        let Kind::Bundle(kind) = &self.fact(bundle).kind else { return false };
        let mut any = false;
        for replica in &kind.replicas {
            if let Some(ip) = replica.ip {
                any |= self.probe(ip, node);
            }
            if let Some(child) = replica.child.filter(|_| replica.node == Some(node)) {
                any |= self.probe(child, node);
            }
            if self.probe(replica.container, node) {
                any = true;
                if kind.replicas_per_host == 1 {
                    self.order_other_replicas_after(&kind.replicas, replica);
                }
            }
            if let Some(remote) = replica.remote.filter(|&remote| self.probe(remote, node)) {
                any = true;
                let key = self.key(remote, "monitor", 0);
                if let Some(&probe) = self.find_actions_exact(remote, &key, Some(node)).last() {
                    self.order_operation_before(replica.container, "start", probe, Relation::NESTED_REMOTE_PROBE);
                }
            }
        }
        any
    }

    fn order_other_replicas_after(&mut self, replicas: &[Replica], probed: &Replica) {
        let relation = Relation::ORDERED | Relation::IF_ON_SAME_NODE;
        for other in replicas.iter().filter(|other| other.offset != probed.offset) {
            self.order_operations(probed.container, "monitor", other.container, "start", relation);
        }
    }
}

/// Returns the number at the end of an instance's id.
pub(crate) fn instance_number(id: &str) -> i64 {
    let digits = id.rsplit_once(':').or_else(|| id.rsplit_once('-')).map_or("", |(_, number)| number);
    digits.parse().unwrap_or(0)
}
