//! What recorded operations require: restarts, reloads and new monitors where parameters changed, cancellations, clean-up.

use super::{ActionIndex, Draft, Flags, Relation};
use model::{ExecutionStatus, NodeName};
use status::{
    DigestComparison, Facts, HistoryReference, NodeIndex, OperationRecord, ParameterCheck, ParameterCheckKind, ResourceHistory,
    ResourceIndex,
};
use std::collections::HashMap;

impl Draft<'_> {
    /// Compares what every usable node recorded with what is configured now.
    pub(crate) fn handle_changed_configuration(&mut self) {
        let facts = self.facts;
        let by_id = resources_by_id(facts);
        for &node in &facts.node_order {
            let fact = facts.node(node);
            let state = self.n(node);
            let usable = state.online && !state.shutting_down && !state.unclean && !fact.standby;
            if !usable && !fact.maintenance {
                continue;
            }
            for (position, history) in fact.history.iter().enumerate() {
                if history.operations.is_empty() {
                    continue;
                }
                let matching = by_id.get(history.id.as_str()).map_or(&[][..], Vec::as_slice);
                for &resource in matching.iter().rev() {
                    self.handle_history(resource, node, position as u32, history);
                }
            }
        }
    }

    fn handle_history(&mut self, resource: ResourceIndex, node: NodeIndex, position: u32, history: &ResourceHistory) {
        let fact = self.fact(resource);
        if fact.orphan {
            let top = self.fact(self.top(resource));
            if !top.is_clone() || top.unique {
                self.schedule_cleanup(resource, node);
            }
            return;
        }
        let active = fact.active_nodes.contains(&node);
        if self.agent_changed(resource, node, history, active) {
            self.schedule_cleanup(resource, node);
        }
        if !active {
            return;
        }
        let (start, stop) = last_start_and_stop(&history.operations);
        if start < stop {
            return;
        }
        for (at, record) in history.operations.iter().enumerate() {
            if (at as i64) < start {
                continue;
            }
            let recurring = record.interval_ms > 0;
            if recurring && (fact.maintenance || self.facts.node(node).maintenance) {
                self.schedule_cancel(resource, &record.operation, record.interval_ms, node, &record.call.to_string());
            } else if recurring || matches!(record.operation.as_str(), "monitor" | "start" | "promote" | "migrate_from") {
                if self.facts.needs_host_name(resource) {
                    // The address is known only once the container has a node.
                    let history = HistoryReference { node, resource: position, operation: at as u32 };
                    self.deferred_checks.push(ParameterCheck { resource, node, history, kind: ParameterCheckKind::Active });
                } else if self.check_operation(resource, node, record) && self.has_failed(resource, node) {
                    self.clear_fail_count(resource, node, "action definition changed");
                }
            }
        }
    }

    fn has_failed(&self, resource: ResourceIndex, node: NodeIndex) -> bool {
        self.facts.fail_count(node, resource, true, false).count != 0
    }

    /// Makes up for the comparisons that had to wait until containers had nodes.
    pub(crate) fn handle_deferred_checks(&mut self) {
        let mine = std::mem::take(&mut self.deferred_checks);
        let checks: Vec<ParameterCheck> = mine.into_iter().rev().chain(self.facts.parameter_checks.iter().rev().cloned()).collect();
        for check in checks {
            let record = self.facts.operation(check.history);
            match check.kind {
                ParameterCheckKind::Active => {
                    if self.check_operation(check.resource, check.node, record) && self.has_failed(check.resource, check.node) {
                        self.clear_fail_count(check.resource, check.node, "action definition changed");
                    }
                }
                ParameterCheckKind::LastFailure => {
                    if self.compare(check.resource, check.node, record).has_changed() {
                        self.clear_fail_count(check.resource, check.node, "resource parameters have changed");
                    }
                }
            }
        }
    }

    fn agent_changed(&mut self, resource: ResourceIndex, node: NodeIndex, history: &ResourceHistory, active: bool) -> bool {
        let xml = &self.fact(resource).xml;
        let recorded = &history.agent;
        // Asked of every history of every node: nothing is copied.
        let same = |name: &str, old: Option<&str>| xml.attribute(name) == old;
        let any = !same("type", Some(recorded.name.as_str()).filter(|name| !name.is_empty()))
            || !same("class", Some(recorded.class.as_str()).filter(|class| !class.is_empty()))
            || !same("provider", recorded.provider.as_deref());
        if any {
            self.trigger_unfencing(Some(resource), Some(node), "Device definition changed");
        }
        if any && active {
            self.operation(resource, "stop", Some(node), false);
            self.r_mut(resource).start_pending = true;
        }
        any
    }

    fn compare(&self, resource: ResourceIndex, node: NodeIndex, record: &OperationRecord) -> DigestComparison {
        let host = self.host_name(resource);
        let host = host.as_ref().map(NodeName::as_str);
        let digests = self.values.digests(resource, &record.operation, record.interval_ms, node, Some(record), host);
        Facts::compare_with(&digests, record)
    }

    /// Returns the address of a bundle's connection that has none of its own.
    pub(crate) fn host_name(&self, resource: ResourceIndex) -> Option<NodeName> {
        if !self.facts.needs_host_name(resource) {
            return None;
        }
        self.connection_host(resource).map(|host| self.facts.node(host).name.clone())
    }

    /// Plans what a recorded operation requires whose definition changed; returns whether it did.
    fn check_operation(&mut self, resource: ResourceIndex, node: NodeIndex, record: &OperationRecord) -> bool {
        let (task, interval_ms) = (record.operation.as_str(), record.interval_ms);
        if interval_ms > 0 && self.facts.find_operation(resource, task, interval_ms, false).is_none() {
            if self.facts.options.cancel_removed_actions {
                self.schedule_cancel(resource, task, interval_ms, node, &record.call.to_string());
            }
            return true;
        }
        let host = self.host_name(resource);
        let host = host.as_ref().map(NodeName::as_str);
        let digests = self.values.digests(resource, task, interval_ms, node, Some(record), host);
        let comparison = Facts::compare_with(&digests, record);
        if !self.facts.has_private_values
            && comparison != DigestComparison::Match
            && record.secure_digest() == Some(digests.secure.as_str())
        {
            self.note_private_change(resource, node, record);
            return false;
        }
        match comparison {
            DigestComparison::Match => false,
            DigestComparison::Restart => {
                self.force_restart(resource, node, record);
                true
            }
            DigestComparison::Unknown | DigestComparison::Mismatch => {
                if interval_ms > 0 {
                    self.reschedule(resource, node, task, interval_ms);
                } else if record.restart_digest().is_some() {
                    self.trigger_unfencing(Some(resource), Some(node), "Device parameters changed (reload)");
                    self.schedule_reload(resource, node);
                } else {
                    self.force_restart(resource, node, record);
                }
                true
            }
        }
    }

    fn note_private_change(&mut self, resource: ResourceIndex, node: NodeIndex, record: &OperationRecord) {
        let text = format!(
            "Only 'private' parameters to {}-interval {} for {} on {} changed: {}",
            readable_interval(record.interval_ms),
            task_for_digest(record),
            self.fact(resource).id,
            self.facts.node(node).name,
            record.transition_magic().unwrap_or_default()
        );
        self.remarks.push(text);
    }

    fn force_restart(&mut self, resource: ResourceIndex, node: NodeIndex, record: &OperationRecord) {
        let task = task_for_digest(record).to_owned();
        let key = self.key(resource, &task, record.interval_ms);
        let required = self.action(resource, key, &task, record.interval_ms, None, false);
        self.a_mut(required).set_reason("resource definition change", true);
        self.trigger_unfencing(Some(resource), Some(node), "Device parameters changed");
    }

    fn reschedule(&mut self, resource: ResourceIndex, node: NodeIndex, task: &str, interval_ms: u64) -> ActionIndex {
        self.trigger_unfencing(Some(resource), Some(node), "Device parameters changed (reschedule)");
        let key = self.key(resource, task, interval_ms);
        let index = self.action(resource, key, task, interval_ms, Some(node), true);
        self.a_mut(index).flags.set(Flags::RESCHEDULE);
        index
    }

    fn schedule_reload(&mut self, resource: ResourceIndex, node: NodeIndex) {
        let state = self.r(resource);
        if !state.managed || state.failed {
            return;
        }
        if state.start_pending {
            // A start that is under way used the old parameters: only a restart brings the new ones.
            self.operation(resource, "stop", Some(node), false);
            return;
        }
        self.r_mut(resource).reload = true;
        let reload = self.operation(resource, "reload-agent", Some(node), false);
        self.a_mut(reload).set_reason("resource definition change", false);
        let cancels = Relation::ORDERED | Relation::THEN_CANCELS_FIRST;
        self.order_operation_after(reload, resource, "stop", cancels);
        self.order_operation_after(reload, resource, "demote", cancels);
    }

    /// Clears the fail counts of resources that are not configured any more.
    pub(crate) fn clear_fail_counts_of_removed(&mut self) {
        if !self.facts.options.stop_removed_resources {
            return;
        }
        for resource in self.roots.clone() {
            if !self.fact(resource).orphan {
                continue;
            }
            for node in self.facts.node_order.clone() {
                if self.n(node).online && self.has_failed(resource, node) {
                    let clear = self.clear_fail_count(resource, node, "it is removed");
                    self.order_operation_after(clear, resource, "stop", Relation::ORDERED);
                }
            }
        }
    }

    /// Returns the digests of a device's parameters as unfencing records them.
    pub(crate) fn fencing_digests(&self, device: ResourceIndex, node: NodeIndex) -> status::Digests {
        self.values.digests(device, "stonith-on", 0, node, None, None)
    }
}

/// Compat: what ran once is compared as a start, since that is what a restart brings about.
fn task_for_digest(record: &OperationRecord) -> &str {
    match record.operation.as_str() {
        "monitor" | "migrate_from" | "promote" if record.interval_ms == 0 => "start",
        other => other,
    }
}

fn readable_interval(ms: u64) -> String {
    let (days, hours, minutes) = (ms / 86_400_000, ms / 3_600_000 % 24, ms / 60_000 % 60);
    let (seconds, rest) = (ms / 1000 % 60, ms % 1000);
    let mut text = String::new();
    for (count, unit) in [(days, "d"), (hours, "h"), (minutes, "m")] {
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
    }
    match (seconds, rest) {
        (0, 0) => {}
        (0, rest) => text.push_str(&format!("{rest}ms")),
        (seconds, 0) => text.push_str(&format!("{seconds}s")),
        (seconds, rest) => text.push_str(&format!("{seconds}.{rest:03}s")),
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Returns the positions of the last thing that started a resource and the last that stopped it; −1: none.
fn last_start_and_stop(operations: &[OperationRecord]) -> (i64, i64) {
    let (mut start, mut stop, mut by_monitor, mut by_promotion) = (-1, -1, -1, -1);
    for (at, record) in operations.iter().enumerate() {
        let at = at as i64;
        match record.operation.as_str() {
            "stop" if record.status == ExecutionStatus::Done => stop = at,
            "start" | "migrate_from" => start = at,
            "monitor" if by_monitor <= stop => {
                if matches!(record.exit.0, 0 | 8) {
                    by_monitor = at;
                }
            }
            "promote" | "demote" => by_promotion = at,
            _ => {}
        }
    }
    if start == -1 {
        start = if by_promotion != -1 { by_promotion } else { by_monitor };
    }
    (start, stop)
}

/// Returns the resources by id and by recorded id, in order.
fn resources_by_id(facts: &Facts) -> HashMap<&str, Vec<ResourceIndex>> {
    let mut by_id: HashMap<&str, Vec<ResourceIndex>> = HashMap::new();
    for resource in facts.walk() {
        let fact = facts.resource(resource);
        if !fact.is_primitive() {
            continue;
        }
        by_id.entry(fact.id.as_str()).or_default().push(resource);
        if let Some(history_id) = fact.history_id.as_ref().filter(|history_id| **history_id != fact.id) {
            by_id.entry(history_id.as_str()).or_default().push(resource);
        }
    }
    by_id
}

#[cfg(test)]
mod tests {
    use super::readable_interval;

    #[test]
    fn intervals_are_told_in_units() {
        for (ms, text) in [(0, "0s"), (10_000, "10s"), (1_500, "1.500s"), (200, "200ms"), (90_000, "1m30s"), (90_061_000, "1d1h1m1s")] {
            assert_eq!(readable_interval(ms), text);
        }
    }
}
