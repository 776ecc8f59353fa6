//! One node's history: which resource each part of it belongs to, and what state that leaves it in.

use super::Deduction;
use super::operations::Reading;
use super::resources::{Origin, is_remote_connection};
use crate::document::{shared_child, shared_children};
use crate::recorded::RecordedHistory;
use crate::{Effect, NodeIndex, NodeKind, OperationRecord, Requires, ResourceHistory, ResourceIndex, numbers};
use compact_str::format_compact;
use model::{AgentExit, ExecutionStatus, ResourceId, Role, Score, Timestamp};
use std::sync::Arc;
use xml::Element;

impl Deduction {
    /// Reads everything that a node did.
    pub(super) fn read_history(&mut self, node: NodeIndex, state: &Element) {
        let Some(section) = shared_child(state, "lrm").and_then(|lrm| shared_child(lrm, "lrm_resources")) else { return };
        let mut launched_orphans = false;
        let mut cursor = 0;
        for element in shared_children(section).filter(|e| e.name == "lrm_resource") {
            let recorded = self.recorded_history(node, element, &mut cursor);
            if let Some(resource) = self.read_resource_history(node, element, recorded) {
                launched_orphans |= self.facts.resource(resource).orphan_launched;
            }
        }
        if launched_orphans {
            self.link_launched_orphans(section);
        }
    }

    /// Returns what is recorded in an element, without reading it where the facts before know it. Both histories are in the
    /// order of the document, so the cursor moves along the earlier one.
    fn recorded_history(&self, node: NodeIndex, element: &Arc<Element>, cursor: &mut usize) -> Arc<RecordedHistory> {
        let earlier = self.earlier.get(node.position()).map_or(&[][..], |histories| &histories[(*cursor).min(histories.len())..]);
        // A few may have been removed between the one found last and this one.
        match earlier.iter().take(8).position(|history| Arc::ptr_eq(&history.element, element)) {
            Some(at) => {
                *cursor += at + 1;
                earlier[at].clone()
            }
            None => Arc::new(RecordedHistory::read(element)),
        }
    }

    /// Deduces from what a node did with one resource the resource's state there.
    fn read_resource_history(&mut self, node: NodeIndex, element: &Element, recorded: Arc<RecordedHistory>) -> Option<ResourceIndex> {
        let id = element.id()?;
        let mut operations: Vec<_> = recorded.operations.iter().cloned().map(OperationRecord::new).collect();
        let nothing_to_do = operations.is_empty() && !self.facts.options.shutdown_lock;
        let position = self.facts.node(node).history.len() as u32;
        let history = ResourceHistory { recorded, resource: None, shutdown_lock: None, operations: Vec::new() };
        self.facts.nodes[node.position()].history.push(history);
        let keep = |this: &mut Self, operations| this.facts.nodes[node.position()].history[position as usize].operations = operations;
        if nothing_to_do {
            return None;
        }
        let found = self.find_recorded_resource(node, id);
        let found = found.or_else(|| if operations.is_empty() { None } else { self.add_orphan(node, element, id) });
        let Some(resource) = found else {
            keep(self, operations);
            return None;
        };
        self.facts.resources[resource.position()].histories.push((node, position));
        self.facts.nodes[node.position()].history[position as usize].resource = Some(resource);
        if self.facts.options.shutdown_lock {
            self.read_shutdown_lock(node, position, resource, element);
        }
        let saved_role = std::mem::replace(&mut self.facts.resources[resource.position()].role, Role::Unknown);
        let mut reading = Reading { resource, node, history: position, last_failure: None, on_fail: crate::OnFail::Ignore };
        for at in 0..operations.len() {
            self.read_operation(&mut reading, &mut operations, at);
        }
        self.note_recurring(node, resource, &operations);
        keep(self, operations);
        self.apply_state(resource, node, reading.on_fail);
        if let Some(target) = self.facts.resource(resource).target_role {
            let next = self.facts.resource(resource).next_role;
            if next == Role::Unknown || target < next {
                self.set_next_role(resource, target, "target-role");
            }
        }
        let entry = &mut self.facts.resources[resource.position()];
        entry.role = entry.role.max(saved_role);
        Some(resource)
    }

    /// Finds the resource that a node recorded under this id; for anonymous clones, the instance to use.
    fn find_recorded_resource(&mut self, node: NodeIndex, id: &str) -> Option<ResourceIndex> {
        let found = match self.facts.find_resource(id) {
            Some(found) if !self.facts.resource(found).is_primitive() => return None,
            Some(found) => Some(found),
            None => {
                let first = self.facts.find_resource(&format_compact!("{}:0", without_instance(id)));
                first.filter(|&first| !self.facts.resource(first).unique)
            }
        }?;
        let top = self.facts.top_of(found, false);
        let mut resource = found;
        if self.facts.is_anonymous_clone(top) {
            resource = match self.facts.resource(top).parent {
                Some(bundle) => self.facts.instance_on_bundle_node(bundle, node)?,
                None => self.anonymous_instance(node, top, without_instance(id))?,
            };
        }
        let entry = &mut self.facts.resources[resource.position()];
        if entry.id != id && entry.history_id.as_ref().is_none_or(|known| known != id) {
            let previous = entry.history_id.replace(ResourceId::new(id));
            self.forget_history_id(resource, previous);
            self.facts.resources_by_history_id.entry(id.into()).or_default().push(resource);
        }
        Some(resource)
    }

    pub(super) fn forget_history_id(&mut self, resource: ResourceIndex, id: Option<ResourceId>) {
        if let Some(known) = id.and_then(|id| self.facts.resources_by_history_id.get_mut(id.as_str())) {
            known.retain(|&other| other != resource);
        }
    }

    /// Chooses an instance of an anonymous clone for what a node recorded: the one that is there already, else one
    /// that is nowhere, else one more.
    fn anonymous_instance(&mut self, node: NodeIndex, clone: ResourceIndex, base: &str) -> Option<ResourceIndex> {
        let mut found = None;
        let mut inactive = None;
        let mut skip_inactive = false;
        for &child in &self.facts.resource(clone).children {
            match self.facts.first_location(child) {
                Some(location) if location == node => {
                    found = self.facts.find_in_instance(child, base);
                    // The node has several histories of the clone (it was unique once): all but one are orphans.
                    if found.is_some_and(|found| !self.facts.resource(found).active_nodes.is_empty()) {
                        skip_inactive = true;
                        found = None;
                    }
                }
                Some(_) => {}
                None if !skip_inactive && inactive.is_none() && !self.facts.resource(child).blocked => {
                    inactive = self.facts.find_in_instance(child, base);
                    let pending = inactive.and_then(|at| self.facts.resource(at).pending.as_ref().map(|pending| pending.node));
                    if pending.is_some_and(|pending| pending != node) {
                        inactive = None;
                    }
                }
                None => {}
            }
            if found.is_some() {
                break;
            }
        }
        if found.is_none() && !skip_inactive {
            found = inactive;
        }
        // An instance that seems active on a node which is lost, and need not be fenced, must not use up a number that
        // another node could use. A clone with an instance for each node has numbers enough.
        let state = self.facts.node(node);
        let is_lost = (!state.online || state.unclean) && !matches!(state.kind, NodeKind::Guest { .. });
        if is_lost
            && let Some(at) = found
            && self.facts.resource(at).requires < Requires::Fencing
            && !self.facts.is_universal_clone(clone)
        {
            found = None;
        }
        found.or_else(|| {
            let instance = self.add_instance(clone)?;
            self.register(instance);
            self.facts.find_in_instance(instance, base)
        })
    }

    /// Makes a resource for a history that belongs to nothing configured.
    fn add_orphan(&mut self, node: NodeIndex, element: &Element, id: &str) -> Option<ResourceIndex> {
        let mut primitive = Element::new("primitive");
        primitive.attributes = element.attributes.clone();
        primitive.set("id", id);
        let primitive = Arc::new(primitive);
        let resource = self.add_resource(&primitive, Origin::default())?;
        if is_remote_connection(&primitive) {
            let remote = self.facts.find_node(id).unwrap_or_else(|| self.add_node(id, id, true, Score::ZERO));
            self.link_remote_node(resource);
            self.facts.nodes[remote.position()].shutting_down |= self.facts.node(remote).kind != NodeKind::Member;
        }
        let entry = &mut self.facts.resources[resource.position()];
        entry.orphan_launched = element.has("container");
        entry.orphan = true;
        self.add_root(resource);
        let name = self.facts.node(node).name.clone();
        self.facts.problems.push(crate::Problem::notice(format!("{id} on {name} is not in the configuration any more")));
        if self.facts.options.stop_removed_resources {
            self.ban(resource, None, Score::MINUS_INFINITY, "__removed_do_not_run__");
        } else {
            self.facts.resources[resource.position()].managed = false;
        }
        Some(resource)
    }

    /// Finds the launchers of orphans that were launched by another resource.
    fn link_launched_orphans(&mut self, section: &Element) {
        for element in section.elements_named("lrm_resource") {
            let (Some(container), Some(id)) = (element.attribute("container"), element.id()) else { continue };
            let (Some(launcher), Some(resource)) = (self.facts.find_resource(container), self.facts.find_resource(id)) else { continue };
            let entry = self.facts.resource(resource);
            if entry.launcher.is_none() && entry.orphan_launched && !self.is_launched_by(launcher, resource) {
                self.set_launcher(resource, launcher);
            }
        }
    }

    fn read_shutdown_lock(&mut self, node: NodeIndex, position: u32, resource: ResourceIndex, element: &Element) {
        let since = element.attribute("shutdown-lock").and_then(numbers::integer).unwrap_or(0);
        if since == 0 {
            return;
        }
        let limit = self.facts.options.shutdown_lock_limit.as_millis() as u64;
        if limit > 0 && self.facts.now.seconds() > since.saturating_add(numbers::seconds(limit)) {
            self.facts.effects.push(Effect::DeleteHistory { resource, node });
            return;
        }
        let since = Some(Timestamp::from_seconds(since));
        self.facts.nodes[node.position()].history[position as usize].shutdown_lock = since;
        let entry = &mut self.facts.resources[resource.position()];
        (entry.lock_node, entry.lock_since) = (Some(node), since);
    }

    /// Notes the recurring operations that are under way.
    fn note_recurring(&mut self, node: NodeIndex, resource: ResourceIndex, operations: &[OperationRecord]) {
        if !self.facts.node(node).online {
            return;
        }
        let (start, stop) = active_range(operations);
        let id = self.facts.resource(resource).id.clone();
        for (at, operation) in operations.iter().enumerate().map(|(at, operation)| (at as i64, operation)) {
            let is_old = (start < stop && at <= stop) || at < start;
            if !is_old && operation.interval_ms > 0 && operation.status != ExecutionStatus::Pending {
                let key = format_compact!("{id}_{}_{}", operation.operation, operation.interval_ms);
                let (operation, interval_ms) = (operation.operation.clone(), operation.interval_ms);
                self.facts.effects.push(Effect::Recurring { resource, node, key, operation, interval_ms });
            }
        }
    }
}

/// Returns where the resource's present life begins among its operations, and where it ended last; −1: nowhere.
pub(crate) fn active_range(operations: &[OperationRecord]) -> (i64, i64) {
    let (mut start, mut stop, mut implied_by_monitor, mut implied_by_role) = (-1, -1, -1, -1);
    for (at, operation) in operations.iter().enumerate().map(|(at, operation)| (at as i64, operation)) {
        match operation.operation.as_str() {
            "stop" if operation.status == ExecutionStatus::Done => stop = at,
            "start" | "migrate_from" => start = at,
            "monitor" if implied_by_monitor <= stop => {
                if matches!(operation.exit, AgentExit::OK | AgentExit::RUNNING_PROMOTED) {
                    implied_by_monitor = at;
                }
            }
            "promote" | "demote" => implied_by_role = at,
            _ => {}
        }
    }
    if start == -1 {
        start = if implied_by_role != -1 { implied_by_role } else { implied_by_monitor };
    }
    (start, stop)
}

/// Returns an id without its instance number.
pub(crate) fn without_instance(id: &str) -> &str {
    match id.rsplit_once(':') {
        Some((base, number)) if !base.is_empty() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => id,
    }
}
