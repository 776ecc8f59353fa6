//! Which nodes are fenced, which leave cleanly, and in which order: the coordinator last.

use crate::actions::{ActionIndex, Draft, End, Flags, Relation};
use status::{NodeIndex, ResourceIndex};

impl Draft<'_> {
    /// Schedules the fencing of unclean nodes and the shutdown of those that asked for it.
    pub(crate) fn schedule_fencing_and_shutdowns(&mut self) {
        let managed = self.roots.iter().any(|&root| self.is_managed(root));
        if !managed {
            self.warn("No fencing will be done until there are resources to manage".to_owned());
        }
        let (mut fencing_actions, mut shutdowns) = (Vec::new(), Vec::new());
        let mut coordinator_down = None;
        let mut integrity_lost = false;
        for node in self.facts.node_order.clone() {
            if self.is_guest(node) {
                if self.n(node).remote_reset && managed && self.can_fence(Some(node)) {
                    self.fence_guest(node);
                }
                continue;
            }
            let is_coordinator = self.facts.dc == Some(node);
            let mut fenced = false;
            if managed && self.n(node).unclean && self.can_fence(Some(node)) {
                fenced = true;
                let fencing = self.schedule_fencing(node);
                if is_coordinator {
                    coordinator_down = Some(fencing);
                } else {
                    self.add_fencing(&mut fencing_actions, fencing);
                }
            } else if !self.is_remote_or_guest(node) && self.n(node).online && self.n(node).shutting_down {
                let down = self.schedule_shutdown(node);
                if is_coordinator {
                    coordinator_down = Some(down);
                } else {
                    shutdowns.push(down);
                }
            }
            if !fenced && self.n(node).unclean {
                integrity_lost = true;
                self.warn(format!("Node {} is unclean but cannot be fenced", self.facts.node(node).name));
            }
        }
        self.warn_of_lost_integrity(integrity_lost);
        if let Some(down) = coordinator_down {
            self.order_coordinator_last(down, &fencing_actions, &shutdowns);
        }
    }

    fn warn_of_lost_integrity(&mut self, integrity_lost: bool) {
        if integrity_lost && !self.facts.options.fencing_enabled {
            let text =
                "Resource functionality and data integrity cannot be guaranteed (configure, enable, and test fencing to correct this)";
            self.warn(text.to_owned());
        } else if integrity_lost && !self.facts.have_quorum {
            let text = "Unclean nodes will not be fenced until quorum is attained or no-quorum-policy is set to ignore";
            self.warn(text.to_owned());
        }
    }

    fn order_coordinator_last(&mut self, down: ActionIndex, fencing: &[ActionIndex], shutdowns: &[ActionIndex]) {
        if self.a(down).task == "do_shutdown" {
            for &shutdown in shutdowns.iter().rev() {
                self.order(shutdown, down, Relation::ORDERED);
            }
        }
        if self.facts.options.concurrent_fencing {
            for &first in fencing.iter().rev() {
                self.order(first, down, Relation::ORDERED);
            }
        } else if let Some(&last) = fencing.last() {
            self.order(last, down, Relation::ORDERED);
        }
    }

    fn add_fencing(&mut self, list: &mut Vec<ActionIndex>, fencing: ActionIndex) {
        if let Some(&previous) = list.last().filter(|_| !self.facts.options.concurrent_fencing) {
            self.order(previous, fencing, Relation::ORDERED);
        }
        list.push(fencing);
    }

    fn schedule_fencing(&mut self, node: NodeIndex) -> ActionIndex {
        let fencing = self.fence(node, None, false, Some("node is unclean"), false);
        self.warn(format!("Scheduling node {} for fencing", self.facts.node(node).name));
        self.order_versus_fencing(fencing);
        // Safety: a clean-up may have forgotten where a connection is; it is not lost before its probes say so. Compat (C-517): Pacemaker
        // fences at once. (Found by the simulator: seed 81788, half an hour.)
        if let Some(connection) = self.facts.node(node).remote {
            for probe in self.probes_on_members(connection) {
                self.order(probe, fencing, Relation::ORDERED);
            }
        }
        fencing
    }

    fn schedule_shutdown(&mut self, node: NodeIndex) -> ActionIndex {
        let key = format!("do_shutdown-{}", self.facts.node(node).name);
        let down = self.singleton(&key, "do_shutdown", Some(node), false);
        self.order_stops_before_shutdown(node, down);
        self.a_mut(down).set_meta("op_no_wait", "true");
        down
    }

    fn order_stops_before_shutdown(&mut self, node: NodeIndex, down: ActionIndex) {
        for position in (0..self.actions.len()).rev() {
            let action = &self.actions[position];
            let (Some(resource), true) = (action.resource, action.node == Some(node) && action.task == "stop") else { continue };
            // Resources in maintenance stay as they are.
            if self.fact(resource).maintenance || self.facts.node(node).maintenance {
                continue;
            }
            if !self.r(resource).managed && !self.r(resource).blocked {
                continue;
            }
            self.actions[position].flags.clear(Flags::OPTIONAL);
            let stop = ActionIndex(position as u32);
            self.order_ends(End::Action(stop), End::Action(down), Relation::ORDERED | Relation::UNRUNNABLE_FIRST_BLOCKS);
        }
    }

    /// Fences a guest: its machine is stopped or recovered, which the fencing action only states.
    fn fence_guest(&mut self, node: NodeIndex) {
        let launcher = self.launcher_of_node(node);
        // Safety: a machine that seems to be active on several nodes has ended once it has on each of them. Pacemaker looks at one of its
        // stops. (Found by the simulator: seed 830018 with two remote nodes and a guest.)
        let stops = launcher.map(|launcher| self.operations(launcher, "stop", None)).unwrap_or_default();
        let is_started = launcher.is_some_and(|launcher| self.newest(launcher, "start", None).is_some());
        let how = if is_started { "reboot" } else { "off" };
        let fencing = self.fence(node, Some(how), false, Some("guest is unclean"), false);
        self.a_mut(fencing).flags.set(Flags::PSEUDO | Flags::RUNNABLE);
        let follows = Relation::UNRUNNABLE_FIRST_BLOCKS | Relation::FIRST_IMPLIES_THEN;
        for &stop in stops.iter().rev() {
            if !self.a(stop).has(Flags::PSEUDO) {
                self.order(stop, fencing, follows);
            } else if let Some(host) = self.a(stop).node {
                let host_fencing = self.fence(host, None, false, None, false);
                self.order(host_fencing, fencing, follows);
            }
        }
        if stops.is_empty() {
            let connection = self.facts.node(node).remote;
            if let Some(stop) = connection.and_then(|connection| self.newest(connection, "stop", None)) {
                self.order(stop, fencing, Relation::ORDERED);
            }
        }
        self.order_versus_fencing(fencing);
    }

    fn is_managed(&self, resource: ResourceIndex) -> bool {
        self.r(resource).managed || self.r(resource).children.iter().any(|&child| self.is_managed(child))
    }
}
