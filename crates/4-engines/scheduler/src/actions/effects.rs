//! Actions that follow from the status before anything is placed, in the order in which they were found.

use super::{ActionIndex, Draft, Flags, Relation};
use crate::scores::Scores;
use status::{Effect, NodeIndex, NodeKind, ResourceIndex};

impl Draft<'_> {
    /// Makes the actions that the status requires.
    pub(crate) fn apply_effects(&mut self) {
        let facts = self.facts;
        for effect in &facts.effects {
            match effect {
                Effect::Fence { node, reason, priority_delay } => {
                    if !matches!(facts.node(*node).kind, NodeKind::Guest { .. }) {
                        self.fence(*node, None, true, Some(reason), *priority_delay);
                    }
                }
                Effect::Stop { resource, node } => {
                    self.operation(*resource, "stop", Some(*node), false);
                }
                Effect::Demote { resource, node } => {
                    self.operation(*resource, "demote", Some(*node), false);
                }
                Effect::StopNotNeeded { resource, node } => {
                    for stop in self.operations(*resource, "stop", Some(*node)) {
                        self.a_mut(stop).flags.set(Flags::OPTIONAL);
                    }
                }
                Effect::Recurring { resource, node, key, operation, interval_ms } => {
                    self.action(*resource, key.clone(), operation, *interval_ms, Some(*node), true);
                }
                Effect::ClearFailCount { resource, node, reason, after_fencing, .. } => {
                    let clear = self.clear_fail_count(*resource, *node, reason);
                    if let Some(remote) = after_fencing {
                        let fencing = self.fence(*remote, None, true, None, false);
                        self.order(fencing, clear, Relation::FIRST_IMPLIES_THEN);
                    }
                }
                Effect::DeleteHistory { resource, node } => {
                    self.operation(*resource, "lrm_delete", Some(*node), false);
                }
            }
        }
    }

    /// Deletes histories of resources whose shutdown lock ended because they run elsewhere.
    pub(crate) fn delete_histories_of_broken_locks(&mut self, scores: &Scores) {
        for &(resource, node) in &scores.broken_locks {
            self.operation(resource, "lrm_delete", Some(node), false);
            let state = self.r_mut(resource);
            state.lock_node = None;
            state.lock_since = None;
        }
    }

    /// Schedules the clearing of a fail count.
    pub(crate) fn clear_fail_count(&mut self, resource: ResourceIndex, node: NodeIndex, reason: &str) -> ActionIndex {
        let index = self.operation(resource, "clear_failcount", Some(node), false);
        self.a_mut(index).set_meta("op_no_wait", "true");
        let text = format!("Clearing failure of {} on {} because {reason}", self.fact(resource).id, self.facts.node(node).name);
        self.warn(text);
        index
    }
}
