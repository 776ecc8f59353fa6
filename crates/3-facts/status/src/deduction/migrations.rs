//! Live migrations: where a resource is while one is half done, or after one failed.
//!
//! A whole migration is `migrate_to` on the source, `migrate_from` on the target, `stop` on the source. Without
//! `migrate_from` it is partial, without the stop dangling. Either node's history may be cleared at any moment.

use super::Deduction;
use super::operations::Reading;
use crate::recorded::{compare_age, is_earlier};
use crate::{NodeIndex, NodeKind, OperationRecord, ResourceIndex};
use model::{AgentExit, ExecutionStatus, NodeName, Role};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Which remote and guest nodes are up, as far as a migration to or from them has to know before their turn.
///
/// The history that tells of a connection may come after the one that tells of the migration; then all is read again, with what was
/// found in the end. So the order of histories in the status decides nothing.
#[derive(Default)]
pub(super) struct Presence {
    /// Nodes that are up, as a first reading found in the end.
    up: BTreeSet<NodeName>,
    /// Nodes that were taken for not up before their turn.
    guessed_down: BTreeSet<NodeName>,
}

impl Presence {
    pub(super) fn is_empty(&self) -> bool {
        self.up.is_empty()
    }
}

impl Deduction {
    /// Returns what has to be known in advance when all is read again: the nodes that are up in the end and were not when a migration asked.
    pub(super) fn presence_found(&self) -> Presence {
        let is_up = |name: &&NodeName| self.facts.find_node(name.as_str()).is_some_and(|node| self.facts.node(node).online);
        Presence { up: self.presence.guessed_down.iter().filter(is_up).cloned().collect(), ..Presence::default() }
    }

    pub(super) fn read_migrate_to_success(&mut self, reading: &Reading, operation: &OperationRecord) {
        let resource = reading.resource;
        let Some((source, target)) = self.migration_nodes(operation, Some(reading.node), None) else { return };
        let id = self.facts.resource(resource).id.to_string();
        let source_is_newer = self.changed_after(&id, &source, operation);
        let migrate_from = self.second_half(&id, &source, &target, operation);
        if migrate_from.is_some() && source_is_newer {
            // Something else happened at the source since.
            return;
        }
        let target_is_newer = self.state_is_newer(&id, &target, Some(operation), migrate_from.as_ref());
        if source_is_newer && target_is_newer {
            return;
        }
        let from_status = migrate_from.as_ref().map_or(ExecutionStatus::Pending, |from| from.status);
        let from_exit = migrate_from.as_ref().map_or(AgentExit::OK, |from| from.exit);
        if from_exit == AgentExit::OK && from_status == ExecutionStatus::Done {
            // All but the stop at the source: it is stopped here, and there is something to clean up.
            let entry = &mut self.facts.resources[resource.position()];
            entry.role = Role::Stopped;
            entry.dangling_sources.insert(0, reading.node);
            return;
        }
        self.facts.resources[resource.position()].role = Role::Started;
        let target_node = self.facts.find_node(&target);
        let target_online = target_node.filter(|&node| self.is_up(node));
        let active_target = target_online.filter(|_| !target_is_newer);
        if from_status != ExecutionStatus::Pending {
            match active_target {
                Some(node) => self.add_active(resource, node, true),
                None => self.forbid_migration(resource, target_node),
            }
            return;
        }
        // Without any history on an online target, that was cleaned; a probe will tell.
        if target_online.is_some() && self.recorded.is_unknown(&id, &target) {
            return;
        }
        match active_target {
            Some(node) => {
                self.add_active(resource, node, false);
                let source_node = self.facts.find_node(&source).filter(|&source| self.is_up(source));
                if source_node.is_some() {
                    let entry = &mut self.facts.resources[resource.position()];
                    (entry.migrating_from, entry.migrating_to) = (source_node, Some(node));
                }
            }
            None if source_is_newer => {}
            // Compat (C-509): a connection to a remote node is whole where it came from until it is stopped there. With Pacemaker it has
            // failed, and the remote node is fenced. (Found by the simulator: seed 80397, half an hour.)
            None if self.is_connection_to_remote_node(resource) => self.note_out_of_sight(resource, target_node),
            None => self.forbid_migration(resource, target_node),
        }
    }

    pub(super) fn read_migrate_to_failure(&mut self, reading: &Reading, operation: &OperationRecord) {
        let resource = reading.resource;
        let Some((source, target)) = self.migration_nodes(operation, Some(reading.node), None) else { return };
        self.facts.resources[resource.position()].role = Role::Started;
        let id = self.facts.resource(resource).id.to_string();
        let migrate_from = self.second_half(&id, &source, &target, operation).filter(is_success);
        if !self.recorded.is_unknown(&id, &target) && !self.state_is_newer(&id, &target, Some(operation), migrate_from.as_ref()) {
            self.add_active_if_online(resource, &target, false);
        } else if !self.changed_after(&id, &source, operation) {
            self.facts.resources[resource.position()].dangling_sources.insert(0, reading.node);
        }
    }

    pub(super) fn read_migrate_from_failure(&mut self, reading: &Reading, operation: &OperationRecord) {
        let resource = reading.resource;
        let Some((source, target)) = self.migration_nodes(operation, None, Some(reading.node)) else { return };
        self.facts.resources[resource.position()].role = Role::Started;
        let id = self.facts.resource(resource).id.to_string();
        let migrate_to = self.recorded.find(&id, &source, "migrate_to", Some(&target)).filter(is_success);
        if !self.recorded.is_unknown(&id, &source) && !self.state_is_newer(&id, &source, migrate_to.as_ref(), Some(operation)) {
            self.add_active_if_online(resource, &source, true);
        }
    }

    /// Returns what was recorded at the target of the same migration.
    ///
    /// Compat (C-401): Pacemaker takes what is left of an earlier migration between the same nodes for it.
    fn second_half(&mut self, id: &str, source: &str, target: &str, migrate_to: &OperationRecord) -> Option<OperationRecord> {
        self.recorded.find(id, target, "migrate_from", Some(source)).filter(|from| !is_earlier(from, migrate_to))
    }

    fn add_active_if_online(&mut self, resource: ResourceIndex, node: &str, failed: bool) {
        match self.facts.find_node(node) {
            Some(node) if self.is_up(node) => self.add_active(resource, node, failed),
            other_end => self.note_out_of_sight(resource, other_end),
        }
    }

    /// Returns whether a node is up, also where that is told only by its connection and its turn has not come.
    ///
    /// Compat (C-405): Pacemaker takes a remote or guest node whose history, or whose connection's, comes later in the status for one that
    /// is not up. Safety: what may be there would be started again elsewhere. (Found by the simulator: seeds 40651 and 42006, half an hour.)
    fn is_up(&mut self, node: NodeIndex) -> bool {
        let state = self.facts.node(node);
        if state.kind == NodeKind::Member || state.history_read {
            return state.online;
        }
        let name = state.name.clone();
        if self.presence.up.contains(&name) {
            self.facts.nodes[node.position()].online = true;
        } else if self.is_history_due(node) {
            self.judge_remote_node(node);
        }
        let is_up = self.facts.node(node).online;
        if !is_up {
            self.presence.guessed_down.insert(name);
        }
        is_up
    }

    fn is_connection_to_remote_node(&self, resource: ResourceIndex) -> bool {
        let resource = self.facts.resource(resource);
        resource.remote_connection && resource.launcher.is_none()
    }

    fn forbid_migration(&mut self, resource: ResourceIndex, target: Option<NodeIndex>) {
        self.mark_failed(resource);
        self.facts.resources[resource.position()].migratable = false;
        self.note_out_of_sight(resource, target);
    }

    /// Safety: with quorum the lost node is fenced before the resource starts anywhere; without, only this keeps it from starting here.
    /// (Found by the simulator: seed 862.)
    fn note_out_of_sight(&mut self, resource: ResourceIndex, other_end: Option<NodeIndex>) {
        let is_lost = other_end.map(|node| self.facts.node(node)).is_some_and(|node| !node.online && node.unclean);
        self.facts.resources[resource.position()].maybe_out_of_sight |= is_lost;
    }

    /// Returns source and target of a migration; `None` where they are missing or contradict where it was recorded.
    fn migration_nodes(
        &mut self,
        operation: &OperationRecord,
        at_source: Option<NodeIndex>,
        at_target: Option<NodeIndex>,
    ) -> Option<(String, String)> {
        let names = operation.migrate_source().zip(operation.migrate_target());
        let matches =
            |name: &str, node: Option<NodeIndex>| node.is_none_or(|node| self.facts.node(node).name.as_str().eq_ignore_ascii_case(name));
        match names {
            Some((source, target)) if matches(source, at_source) && matches(target, at_target) => {
                Some((source.to_owned(), target.to_owned()))
            }
            _ => {
                self.error(format!("the recorded migration {} has no valid source and target; it is ignored", operation.id));
                None
            }
        }
    }

    /// Returns whether the resource's state on a node is newer than a migration.
    fn state_is_newer(&mut self, id: &str, node: &str, to: Option<&OperationRecord>, from: Option<&OperationRecord>) -> bool {
        let Some(mut event) = from.or(to) else { return false };
        // Compat: the event of the same node is compared with where there is one, since call ids say more than times.
        if let (Some(to), Some(from)) = (to, from)
            && from.migrate_source().is_some_and(|source| source.eq_ignore_ascii_case(node))
        {
            event = to;
        }
        self.changed_after(id, node, event) || self.found_stopped_after(id, node, event)
    }

    /// Returns whether anything but a monitor was done on a node after an event.
    fn changed_after(&mut self, id: &str, node: &str, event: &OperationRecord) -> bool {
        let changes = ["start", "stop", "migrate_to", "migrate_from"];
        let is_newer = |other: &OperationRecord| {
            !std::sync::Arc::ptr_eq(&other.xml, &event.xml)
                && changes.contains(&other.operation.as_str())
                && compare_age(other, event) == Ordering::Greater
        };
        self.recorded.operations(id, node).is_some_and(|operations| operations.iter().any(is_newer))
    }

    /// Returns whether a monitor found the resource stopped on a node after an event.
    fn found_stopped_after(&mut self, id: &str, node: &str, event: &OperationRecord) -> bool {
        let found = self.recorded.find(id, node, "monitor", None);
        let found = found.filter(|monitor| monitor.exit == AgentExit::NOT_RUNNING && monitor.status == ExecutionStatus::Done);
        found.is_some_and(|monitor| compare_age(&monitor, event) == Ordering::Greater)
    }
}

fn is_success(operation: &OperationRecord) -> bool {
    operation.exit == AgentExit::OK && operation.status == ExecutionStatus::Done
}
