//! What nodes did: recorded operations, fail counts, failures.

use crate::look::{Look, is_masked_probe};
use crate::primitive::agent;
use crate::times::{exit_text, readable_interval, text_time};
use crate::{Lines, StatusView};
use model::{AgentExit, ExecutionStatus, OperationKey, Score, Timestamp};
use status::{FailCount, Kind, Node, NodeIndex, OperationRecord, ResourceHistory, ResourceIndex};

impl Look<'_> {
    /// Returns how often a resource failed on a node, as the node's attributes count it; time-outs of failures aside.
    pub(crate) fn fail_count(&self, node: &Node, index: ResourceIndex) -> FailCount {
        let resource = self.resource(index);
        let name = resource.history_id.as_ref().unwrap_or(&resource.id).as_str();
        let name = if resource.unique { name } else { name.split(':').next().unwrap_or(name) };
        let is_ours = |attribute: &str, prefix: &str| {
            let Some(rest) = attribute.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(name)) else { return false };
            let rest = match rest.strip_prefix(':') {
                Some(instance) if !resource.unique => instance.trim_start_matches(|c: char| c.is_ascii_digit()),
                _ => rest,
            };
            rest.starts_with('#')
        };
        let mut found = FailCount::default();
        for (attribute, value) in &node.attributes {
            if is_ours(attribute, "fail-count-") {
                let count = Score::parse(value).unwrap_or_default();
                found.count = (Score::new(found.count) + count).value();
            } else if is_ours(attribute, "last-failure-") {
                let at = value.parse().ok().map(Timestamp::from_seconds);
                found.last_failure = found.last_failure.max(at);
            }
        }
        found
    }

    /// Returns whether the choice of resources has the resource of a history.
    pub(crate) fn has_history(&self, history: &ResourceHistory) -> Option<ResourceIndex> {
        let index = history.resource?;
        let top = self.top(index, false);
        let is_shown = match self.resource(top).kind {
            Kind::Group(_) => self.filter.has_resource(self.printable_id(index)) || self.filter.has_resource(self.printable_id(top)),
            _ => !self.is_filtered(index, true),
        };
        is_shown.then_some(index)
    }
}

/// Returns the operations of a history that people are shown: no notifications, no probes that found nothing.
pub(crate) fn shown_operations(history: &ResourceHistory) -> Vec<&OperationRecord> {
    let is_empty_probe = |r: &OperationRecord| r.operation == "monitor" && r.interval_ms == 0 && r.exit == AgentExit::NOT_RUNNING;
    history.operations.iter().filter(|r| r.operation != "notify" && !is_empty_probe(r)).collect()
}

/// Returns what a recorded operation is called: a monitor without interval is a probe.
pub(crate) fn task(record: &OperationRecord) -> &str {
    if record.operation == "monitor" && record.interval_ms == 0 { "probe" } else { &record.operation }
}

impl StatusView<'_> {
    /// Prints fail counts, or all operations, of the nodes that are up; returns whether there is such a node.
    pub(crate) fn node_histories(&self, with_spacer: bool, out: &mut Lines) -> bool {
        let look = self.look();
        let mut printed = false;
        for node in self.nodes_with_history() {
            if !std::mem::replace(&mut printed, true) {
                out.spacer_if(with_spacer);
                out.begin(if self.sections.operations { "Operations" } else { "Migration Summary" });
            }
            self.node_history(&look, node, out);
        }
        if printed {
            out.end();
        }
        printed
    }

    /// Returns the nodes of the status section that are up and shown, in the document's order.
    pub(crate) fn nodes_with_history(&self) -> Vec<NodeIndex> {
        let facts = self.facts;
        let states = self.cib.child("status").into_iter().flat_map(|status| status.elements_named("node_state"));
        states
            .filter_map(|state| facts.nodes.iter().position(|node| Some(node.id.as_str()) == state.id()))
            .filter(|&at| facts.nodes[at].online && self.filter.has_node(facts.nodes[at].name.as_str()))
            .map(|at| NodeIndex(at as u32))
            .collect()
    }

    fn node_history(&self, look: &Look<'_>, index: NodeIndex, out: &mut Lines) {
        let node = look.node(index);
        let mut opened = false;
        let mut header = |out: &mut Lines| {
            if !std::mem::replace(&mut opened, true) {
                out.begin(format_args!("Node: {}", look.display_name(index)));
            }
        };
        for history in &node.history {
            let Some(resource) = look.has_history(history) else { continue };
            let count = look.fail_count(node, resource);
            if !self.sections.operations {
                if count.count > 0 {
                    header(out);
                    out.item(self.history_heading(look, &history.id, resource, count));
                }
                continue;
            }
            let operations = shown_operations(history);
            if operations.is_empty() {
                continue;
            }
            header(out);
            out.begin(self.history_heading(look, look.printable_id(resource), resource, count));
            for record in operations {
                out.item(self.operation_text(record));
            }
            out.end();
        }
        if opened {
            out.end();
        }
    }

    fn history_heading(&self, look: &Look<'_>, id: &str, resource: ResourceIndex, count: FailCount) -> String {
        let mut text = format!("{id}: migration-threshold={}", look.resource(resource).migration_threshold);
        if count.count > 0 {
            text.push_str(&format!(" fail-count={}", count.count));
        }
        if let Some(at) = count.last_failure.filter(|at| at.seconds() > 0) {
            text.push_str(&format!(" last-failure='{}'", text_time(at, self.zone)));
        }
        text
    }

    fn operation_text(&self, record: &OperationRecord) -> String {
        let interval = if record.interval_ms > 0 { format!(" interval=\"{}ms\"", record.interval_ms) } else { String::new() };
        let mut text = format!("({}) {}", record.call, task(record));
        if !self.show.timing {
            if !interval.is_empty() {
                text.push_str(&format!(":{interval}"));
            }
            return text;
        }
        text.push_str(&format!(":{interval}"));
        if let Some(at) = record.last_change.filter(|at| at.seconds() > 0) {
            text.push_str(&format!(" last-rc-change=\"{}\"", text_time(at, self.zone)));
        }
        for (name, value) in [("exec-time", record.exec_time_ms()), ("queue-time", record.queue_time_ms())] {
            if let Some(ms) = value {
                text.push_str(&format!(" {name}=\"{ms}ms\""));
            }
        }
        text.push_str(&format!(" rc={} ({})", record.exit.0, exit_text(record.exit, self.show.new_words)));
        text
    }

    /// Returns the failures that are shown, with where they happened.
    pub(crate) fn shown_failures(&self) -> Vec<(NodeIndex, &OperationRecord)> {
        let look = self.look();
        let mut failures = Vec::new();
        for failure in &self.facts.failures {
            let Some((_, record)) = look.operation(failure.history) else { continue };
            let Some(key) = OperationKey::parse(&record.key) else { continue };
            let is_chosen = self.filter.has_node(look.name(failure.node).as_str()) && self.filter.has_resource(key.resource.as_str());
            if is_chosen && !is_masked_probe(record) {
                failures.push((failure.node, record));
            }
        }
        failures
    }

    /// Prints the failures; returns whether there are any.
    pub(crate) fn failures(&self, with_spacer: bool, out: &mut Lines) -> bool {
        let failures = self.shown_failures();
        if failures.is_empty() {
            return false;
        }
        out.spacer_if(with_spacer);
        out.begin("Failed Resource Actions");
        for (node, record) in failures {
            let name = self.facts.node(node).name.as_str();
            out.item(match self.show.failed_detail {
                true => self.failure_in_numbers(name, record),
                false => self.failure_in_words(name, record),
            });
        }
        out.end();
        true
    }

    fn failure_in_numbers(&self, node: &str, record: &OperationRecord) -> String {
        let mut text = format!(
            "{} on {node} '{}' ({}): call={}, status='{}'",
            record.key,
            exit_text(record.exit, self.show.new_words),
            record.exit.0,
            record.call,
            record.status.as_str()
        );
        if !record.exit_reason().is_empty() {
            text.push_str(&format!(", exitreason='{}'", record.exit_reason()));
        }
        if let Some(at) = record.last_change {
            text.push_str(&format!(", last-rc-change='{}'", text_time(at, self.zone)));
        }
        for (name, value) in [("queued", record.queue_time_ms()), ("exec", record.exec_time_ms())] {
            if let Some(ms) = value {
                text.push_str(&format!(", {name}={ms}ms"));
            }
        }
        text
    }

    fn failure_in_words(&self, node: &str, record: &OperationRecord) -> String {
        let key = OperationKey::parse(&record.key);
        let (resource, operation, interval) = match &key {
            Some(key) => (key.resource.as_str(), key.operation.as_str(), key.interval_ms),
            None => ("unknown resource", "unknown action", 0),
        };
        let mut text = format!("{resource} ");
        if interval > 0 {
            text.push_str(&format!("{}-interval ", readable_interval(interval)));
        }
        let word = if operation == "monitor" && interval == 0 { "probe" } else { operation };
        text.push_str(&format!("{word} on {node}"));
        let reason = record.exit_reason();
        if record.status == ExecutionStatus::Done {
            text.push_str(&format!(" returned '{}'", exit_text(record.exit, self.show.new_words)));
            if !reason.is_empty() {
                text.push_str(&format!(" ({reason})"));
            }
        } else {
            let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            text.push_str(&format!(" could not be executed ({}{reason})", record.status.as_str()));
        }
        if let Some(at) = record.last_change {
            text.push_str(&format!(" at {}", text_time(at, self.zone)));
        }
        if let Some(ms) = record.exec_time_ms().filter(|&ms| ms > 0) {
            text.push_str(&format!(" after {}", readable_interval(ms)));
        }
        text
    }

    /// Returns a recorded operation on one line with the resource's state in front (`crm_resource -O`).
    pub fn operation_line(&self, node: NodeIndex, history: &ResourceHistory, record: &OperationRecord) -> String {
        let look = self.look().with(crate::Show { pending: true, without_place: true, ..self.show });
        let subject = match history.resource {
            Some(index) => {
                let role = look.resource(index).meta.get("target-role").map(|r| r.as_str());
                look.primitive_text(index, look.printable_id(index), None, role, false)
            }
            None => format!("Unknown resource {}", history.id),
        };
        let changed = record.last_change.map_or(String::new(), |at| {
            let exec = record.exec_time_ms().unwrap_or_default();
            format!(", last-rc-change='{}', exec={exec}ms", text_time(at, self.zone))
        });
        let (name, status) = (&self.facts.node(node).name, record.status.as_str());
        format!("{subject}: {} (node={name}, call={}, rc={}{changed}): {status}", record.key, record.call, record.exit.0)
    }

    /// Returns the agent of a resource (`ocf:heartbeat:IPaddr2`).
    pub fn agent_of(&self, index: ResourceIndex) -> String {
        agent(self.facts.resource(index))
    }
}
