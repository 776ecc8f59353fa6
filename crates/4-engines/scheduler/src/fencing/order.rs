//! What waits for a node to be fenced: starts that need it, and stops that it makes unnecessary.

use crate::actions::{ActionIndex, Draft, Flags, Needs, Relation};
use status::{NodeIndex, Requires, ResourceIndex};

impl Draft<'_> {
    /// Orders every resource's actions relative to the fencing of a node.
    pub(crate) fn order_versus_fencing(&mut self, fencing: ActionIndex) {
        for root in self.roots.clone() {
            self.order_resource_versus_fencing(root, fencing);
        }
    }

    fn order_resource_versus_fencing(&mut self, resource: ResourceIndex, fencing: ActionIndex) {
        let children = self.r(resource).children.clone();
        if !children.is_empty() {
            for child in children {
                self.order_resource_versus_fencing(child, fencing);
            }
        } else if self.r(resource).managed {
            self.order_starts_after_fencing(resource, fencing);
            self.imply_stops_by_fencing(resource, fencing);
        }
    }

    fn order_starts_after_fencing(&mut self, resource: ResourceIndex, fencing: ActionIndex) {
        let Some(target) = self.a(fencing).node else { return };
        for position in (0..self.r(resource).actions.len()).rev() {
            let index = self.r(resource).actions[position];
            match self.a(index).needs {
                Needs::Nothing => {}
                Needs::Fencing => {
                    self.order(fencing, index, Relation::ORDERED);
                }
                Needs::Quorum => {
                    let never_there = self.is_guest(target) && self.is_awaited_by_probes(resource);
                    let considered = !never_there && self.r(resource).allowed.get(target).is_some();
                    if self.a(index).task == "start" && considered && !self.is_known_on(resource, target) {
                        self.order(fencing, index, Relation::ORDERED | Relation::UNRUNNABLE_FIRST_BLOCKS);
                    }
                }
            }
        }
    }

    /// Returns whether it is the connection to a remote node that is to be probed.
    ///
    /// Compat (C-500): Pacemaker has it wait for the end of a guest, on which it never runs. That end may wait for a probe, for what it finds
    /// may restart the guest, and the probe waits for the connection.
    fn is_awaited_by_probes(&self, resource: ResourceIndex) -> bool {
        let fact = self.fact(resource);
        let Some(node) = self.facts.find_node(fact.id.as_str()) else { return false };
        let is_probe = |action: &crate::actions::Action| {
            action.task == "monitor" && action.node == Some(node) && action.meta("interval").is_none() && !action.has(Flags::OPTIONAL)
        };
        fact.remote_connection && fact.launcher.is_none() && self.actions.iter().any(is_probe)
    }

    /// Returns whether a resource's state on a node is known, by itself or by its anonymous clone.
    fn is_known_on(&self, resource: ResourceIndex, node: NodeIndex) -> bool {
        let fact = self.fact(resource);
        if fact.known_on.contains(&node) {
            return true;
        }
        let Some(parent) = fact.parent.map(|parent| self.fact(parent)) else { return false };
        fact.is_primitive() && parent.is_clone() && !parent.unique && parent.known_on.contains(&node)
    }

    fn imply_stops_by_fencing(&mut self, resource: ResourceIndex, fencing: ActionIndex) {
        let Some(target) = self.a(fencing).node else { return };
        let top = self.top(resource);
        let stops = self.operations(resource, "stop", Some(target));
        let implicit_order = self.fact(resource).requires >= Requires::Fencing || self.is_guest(target);
        let parent_stop = if implicit_order && !stops.is_empty() { self.newest(top, "stop", None) } else { None };
        let bundled = self.is_bundled(resource);
        for stop in stops {
            self.a_mut(stop).flags.set(Flags::PSEUDO | Flags::RUNNABLE);
            if implicit_order {
                if !bundled {
                    self.order(fencing, stop, Relation::GUEST_ALLOWED);
                }
                if let Some(parent_stop) = parent_stop {
                    self.order(fencing, parent_stop, Relation::GUEST_ALLOWED);
                }
            }
            if self.fact(resource).notify {
                self.notify_after_fencing(stop, resource, fencing);
            }
        }
        for demote in self.operations(resource, "demote", Some(target)) {
            let Some(node) = self.a(demote).node else { continue };
            if self.n(node).online && !self.n(node).unclean && !self.r(resource).failed {
                continue;
            }
            self.a_mut(demote).flags.set(Flags::PSEUDO | Flags::RUNNABLE);
            if !bundled && implicit_order {
                self.order(fencing, demote, Relation::GUEST_ALLOWED | Relation::ORDERED);
            }
        }
    }
}
