//! Results of operations as they stand in a history, and the fail counts that follow from them.

use crate::tree;
use cib::digest::{DigestForm, operation_digest};
use model::Timestamp;
use std::collections::BTreeMap;
use view::Step;
use xml::Element;

/// What stands for the coordinator's id in the keys of rehearsed actions.
const PAPER_COORDINATOR: &str = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

/// Who wrote a rehearsed entry.
pub(crate) const ORIGIN: &str = "crm_simulate";

/// The feature set of rehearsed entries.
const FEATURE_SET: &str = "3.21.0";

/// The result of one operation.
pub(crate) struct OperationResult<'a> {
    /// The resource as its history names it.
    pub resource: &'a str,
    pub operation: &'a str,
    pub interval_ms: u64,
    pub rc: i32,
    /// The exit code that counts as success.
    pub target_rc: i32,
    pub node: &'a str,
    pub exit_reason: &'a str,
    pub at: Timestamp,
    /// Parameters and `CRM_meta_*`, where the operation comes from a plan.
    pub parameters: Option<&'a BTreeMap<String, String>>,
}

impl OperationResult<'_> {
    /// Puts the result into a history, over an older one of the same kind.
    ///
    /// Compat: the ids of entries, and that a failure of an operation that is run once also counts as its last result.
    pub(crate) fn record(&self, history: &mut Element) {
        let call = 1 + history.elements().filter_map(|e| e.attribute("call-id")?.parse::<i64>().ok()).max().unwrap_or(0).max(0);
        let task = match self.operation {
            "reload" | "reload-agent" => "start",
            task => task,
        };
        let key = format!("{}_{task}_{}", self.resource, self.interval_ms);
        let meta = |name: &str| self.parameters.and_then(|p| p.get(&format!("CRM_meta_{name}"))).map_or("", String::as_str);
        let failed = task != "notify" && self.rc != self.target_rc;
        let last = format!("{}_last_0", self.resource);
        let last_failure = format!("{}_last_failure_0", self.resource);
        let ids: Vec<String> = match (self.operation, failed, self.interval_ms) {
            ("notify", _, _) => {
                vec![format!("{}_{}_notify_{}_0", self.resource, meta("notify_type"), meta("notify_operation"))]
            }
            ("migrate_to" | "migrate_from", _, _) => vec![key.clone()],
            (_, true, 0) => vec![last_failure, last],
            (_, true, _) => vec![last_failure],
            (_, false, 0) => vec![last],
            (_, false, _) => vec![key.clone()],
        };
        for id in &ids {
            self.write(history, id, task, &key, call, failed);
        }
    }

    fn write(&self, history: &mut Element, id: &str, task: &str, key: &str, call: i64, failed: bool) {
        let at = history.children.iter().position(|n| n.as_element().is_some_and(|e| e.name == "lrm_rsc_op" && e.id() == Some(id)));
        let entry = match at {
            Some(at) => history.children[at].as_element_mut(),
            None => Some(history.push(Element { attributes: Vec::with_capacity(16), ..Element::new("lrm_rsc_op") })),
        };
        let Some(entry) = entry else { return };
        let rc = if task == "notify" { 0 } else { self.rc };
        let transition_key = format!("{call}:-1:{}:{PAPER_COORDINATOR}", self.target_rc);
        let seconds = self.at.seconds().to_string();
        let (call, rc, interval) = (call.to_string(), rc.to_string(), self.interval_ms.to_string());
        let magic = format!("0:{rc};{transition_key}");
        let reason = if failed && !matches!(self.operation, "migrate_to" | "migrate_from") { self.exit_reason } else { "" };
        for (name, value) in [
            ("id", id),
            ("operation_key", key),
            ("operation", task),
            ("crm-debug-origin", ORIGIN),
            ("crm_feature_set", FEATURE_SET),
            ("transition-key", &transition_key),
            ("transition-magic", &magic),
            ("exit-reason", reason),
            ("on_node", self.node),
            ("call-id", &call),
            ("rc-code", &rc),
            ("op-status", "0"),
            ("interval", &interval),
            ("last-rc-change", &seconds),
            ("exec-time", "0"),
            ("queue-time", "0"),
        ] {
            entry.set(name, value);
        }
        let Some(parameters) = self.parameters else { return };
        // Compat: of what an operation is called with, its digest covers the parameters, and the time-out of recurring ones.
        let is_covered = |name: &str| !name.starts_with("CRM_meta_") || (self.interval_ms > 0 && name == "CRM_meta_timeout");
        let covered = parameters.iter().filter(|(name, _)| is_covered(name) && name.as_str() != "crm_feature_set");
        entry.set("op-digest", operation_digest(covered.map(|(name, value)| (name.as_str(), value.as_str())), DigestForm::default()));
        if matches!(self.operation, "migrate_to" | "migrate_from") {
            for name in ["migrate_source", "migrate_target"] {
                if let Some(value) = parameters.get(&format!("CRM_meta_{name}")) {
                    entry.set(name, value);
                }
            }
        }
    }

    /// Counts a failure in the node's attributes, where the result is one; returns what was set.
    pub(crate) fn count_failure(&self, state: &mut Element, resource: &str, is_final: bool) -> Vec<Step> {
        if self.rc == 0 || (self.rc == 7 && self.interval_ms == 0) {
            return Vec::new();
        }
        let suffix = format!("{resource}#{}_{}", self.operation, self.interval_ms);
        let count = format!("fail-count-{suffix}");
        let known: i64 = tree::transient_attribute(state, &count).and_then(|value| value.parse().ok()).unwrap_or(0);
        let value = if is_final { "INFINITY".to_owned() } else { (known + 1).to_string() };
        let last = (format!("last-failure-{suffix}"), self.at.seconds().to_string());
        let node_id = state.id().unwrap_or_default().to_owned();
        [(count, value), last]
            .into_iter()
            .map(|(name, value)| {
                tree::set_transient_attribute(state, &name, &value);
                Step::Attribute { name, value, node_id: node_id.clone() }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(operation: &str, interval_ms: u64, rc: i32) -> Vec<String> {
        let mut history = Element::new("lrm_resource").with_child(Element::new("lrm_rsc_op").with("id", "old").with("call-id", "7"));
        let result = OperationResult {
            resource: "web",
            operation,
            interval_ms,
            rc,
            target_rc: 0,
            node: "n1",
            exit_reason: "why",
            at: Timestamp::from_seconds(5),
            parameters: None,
        };
        result.record(&mut history);
        let shown =
            |e: &Element| format!("{} {} call={}", e.id().unwrap(), e.attribute("operation").unwrap(), e.attribute("call-id").unwrap());
        history.elements().skip(1).map(shown).collect()
    }

    #[test]
    fn entries_have_the_ids_that_the_field_reads() {
        assert_eq!(entry("start", 0, 0), ["web_last_0 start call=8"]);
        assert_eq!(entry("reload-agent", 0, 0), ["web_last_0 start call=8"]);
        assert_eq!(entry("monitor", 10_000, 0), ["web_monitor_10000 monitor call=8"]);
        assert_eq!(entry("monitor", 10_000, 7), ["web_last_failure_0 monitor call=8"]);
        assert_eq!(entry("stop", 0, 1), ["web_last_failure_0 stop call=8", "web_last_0 stop call=8"]);
        assert_eq!(entry("migrate_to", 0, 1), ["web_migrate_to_0 migrate_to call=8"]);
    }
}
