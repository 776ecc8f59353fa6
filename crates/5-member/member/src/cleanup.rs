//! Forgetting failures and history, so that the state of resources is found out anew; and its opposite, an invented failure.

use crate::clients::refusal;
use crate::member::Member;
use crate::options;
use attributes::{AttributesEvent, Update};
use messages::agent::AgentName;
use messages::client::{CibEdit, ClientError};
use messages::operation::{NodeOrder, OperationReport, ReportId};
use model::{AgentExit, CallId, ExecutionStatus, NodeName, ResourceId, TransitionKey};
use std::time::Duration;
use xml::Element;

/// A history that is to be forgotten.
struct Forgotten {
    node: NodeName,
    id: String,
    resource: ResourceId,
}

impl Member {
    /// Forgets the history of the resources that match, on the nodes that match: of all with `refresh`, else of those that failed.
    pub(crate) fn clean_up(
        &mut self,
        resource: Option<&str>,
        node: Option<&NodeName>,
        operation: Option<&str>,
        interval_ms: Option<u64>,
        refresh: bool,
    ) -> Result<(), ClientError> {
        let wanted = resource.map(|resource| self.primitives_of(resource));
        if wanted.as_ref().is_some_and(Vec::is_empty) {
            return Err(refusal(105, format!("there is no resource {}", resource.unwrap_or_default())));
        }
        let mut forgotten = self.forgotten(wanted.as_deref(), node, operation, interval_ms, refresh);
        forgotten.extend(self.arrivals(&forgotten));
        let edits: Vec<CibEdit> = forgotten.iter().map(erased).collect();
        self.clear_failures(wanted.as_deref(), node, operation, interval_ms);
        for Forgotten { node, resource, .. } in forgotten {
            let holder = self.controller.connection_holder(&node).cloned();
            let on_node = holder.is_some().then(|| node.clone());
            let node = holder.unwrap_or(node);
            if self.reported.contains_key(&node) {
                self.order(node, NodeOrder::Forget { resource, on_node });
            }
        }
        self.wish_status(edits, "cleanup");
        Ok(())
    }

    /// Returns the ids of the primitives that a resource consists of, without instance numbers.
    fn primitives_of(&self, resource: &str) -> Vec<String> {
        let Some(section) = self.replica.cib().descend(&["configuration", "resources"]) else { return Vec::new() };
        let plain = base(resource);
        let found = section.descendants().find(|element| {
            matches!(element.name.as_str(), "primitive" | "group" | "clone" | "master" | "bundle")
                && matches!(element.id(), Some(id) if id == resource || id == plain)
        });
        let Some(found) = found else {
            // An orphan: no longer configured, still in the history.
            let states = self.replica.cib().child("status").into_iter().flat_map(Element::descendants);
            let is_known = states.filter(|e| e.name == "lrm_resource").any(|e| e.id().is_some_and(|id| base(id) == plain));
            return is_known.then(|| plain.to_owned()).into_iter().collect();
        };
        if found.descendants().any(|e| e.name == "bundle") {
            // Most of what a bundle consists of is not in the document, but follows from it.
            let facts = status::Facts::deduce(self.replica.cib(), self.now.wall);
            let index = found.id().and_then(|id| facts.find_configured(id));
            return index.map(|index| facts.primitive_names(index)).unwrap_or_default();
        }
        found.descendants().filter(|e| e.name == "primitive").filter_map(|e| e.id().map(str::to_owned)).collect()
    }

    fn forgotten(
        &self,
        wanted: Option<&[String]>,
        node: Option<&NodeName>,
        operation: Option<&str>,
        interval_ms: Option<u64>,
        refresh: bool,
    ) -> Vec<Forgotten> {
        let mut found = Vec::new();
        let states = self.replica.cib().child("status").into_iter().flat_map(|status| status.elements_named("node_state"));
        for state in states {
            let (Some(uname), Some(id)) = (state.attribute("uname"), state.id()) else { continue };
            if node.is_some_and(|node| node.as_str() != uname) {
                continue;
            }
            let failing = options::node_attributes(self.replica.cib(), &NodeName::new(uname));
            let resources = state.descend(&["lrm", "lrm_resources"]).into_iter().flat_map(|lrm| lrm.elements_named("lrm_resource"));
            for history in resources {
                let Some(resource) = history.id() else { continue };
                if wanted.is_some_and(|wanted| !wanted.iter().any(|wanted| wanted == base(resource))) {
                    continue;
                }
                let counted = failing.keys().any(|name| is_failure_of(name, base(resource), operation, interval_ms));
                let failed = history
                    .elements_named("lrm_rsc_op")
                    .any(|record| is_failed(record) && matches_operation(record, operation, interval_ms));
                if refresh || failed || counted {
                    found.push(Forgotten { node: NodeName::new(uname), id: id.to_owned(), resource: ResourceId::new(resource) });
                }
            }
        }
        found
    }

    /// Returns the histories where resources were going by live migrations of which only the forgotten histories tell.
    ///
    /// Safety: what arrived is not in the history of the node it went to before its next operation there; the node, which knows from before that
    /// it does not run there, has to look again. Compat (C-515): Pacemaker forgets where it went. (Found by the simulator: seed 5483, half
    /// an hour.)
    fn arrivals(&self, forgotten: &[Forgotten]) -> Vec<Forgotten> {
        let mut found: Vec<Forgotten> = Vec::new();
        let history_of = |node: &NodeName, resource: &ResourceId| {
            let state = options::node_state(self.replica.cib(), node)?;
            let mut histories = state.descend(&["lrm", "lrm_resources"])?.elements_named("lrm_resource");
            Some((state, histories.find(|history| history.id() == Some(resource.as_str()))?))
        };
        for Forgotten { node, resource, .. } in forgotten {
            let records = history_of(node, resource).into_iter().flat_map(|(_, history)| history.elements_named("lrm_rsc_op"));
            let targets = records.filter(|record| record.attribute("operation") == Some("migrate_to"));
            for target in targets.filter_map(|record| record.attribute("migrate_target")).map(NodeName::new) {
                let is_new = |other: &Forgotten| other.node != target || other.resource != *resource;
                if let Some((state, history)) = history_of(&target, resource)
                    && tells_of_nothing_active(history)
                    && forgotten.iter().chain(&found).all(is_new)
                    && let Some(id) = state.id()
                {
                    found.push(Forgotten { node: target, id: id.to_owned(), resource: resource.clone() });
                }
            }
        }
        found
    }

    /// Deletes fail counts and the times of the last failures.
    pub(crate) fn clear_failures(
        &mut self,
        wanted: Option<&[String]>,
        node: Option<&NodeName>,
        operation: Option<&str>,
        interval_ms: Option<u64>,
    ) {
        let nodes: Vec<NodeName> = match node {
            Some(node) => vec![node.clone()],
            None => {
                let remote = options::remote_nodes(self.replica.cib());
                self.membership.peers().keys().cloned().chain(remote).collect()
            }
        };
        for node in nodes {
            let held = self.attributes.of_node(&node).into_keys().chain(options::node_attributes(self.replica.cib(), &node).into_keys());
            let is_meant = |name: &String| match wanted {
                None => name.starts_with("fail-count-") || name.starts_with("last-failure-"),
                Some(wanted) => wanted.iter().any(|resource| is_failure_of(name, resource, operation, interval_ms)),
            };
            let mut names: Vec<String> = held.filter(is_meant).collect();
            names.sort();
            names.dedup();
            if !names.is_empty() {
                let request = self.new_request();
                let update = Update { request, node, names, value: None, dampening: None, only_dampening: false, private: false };
                self.give_attributes(AttributesEvent::Update(update));
            }
        }
    }

    /// Makes the cluster believe that the resource failed on the node.
    pub(crate) fn fail_resource(&mut self, resource: &str, node: &NodeName) -> Result<(), ClientError> {
        let cib = self.replica.cib().clone();
        let state = options::node_state(&cib, node).ok_or_else(|| refusal(105, format!("nothing is known of {node}")))?;
        let resources = state.descend(&["lrm", "lrm_resources"]).into_iter().flat_map(|lrm| lrm.elements_named("lrm_resource"));
        let mut found = resources.filter(|history| history.id().is_some_and(|id| id == resource || base(id) == base(resource)));
        let history = found.next().ok_or_else(|| refusal(105, format!("{resource} has no history on {node}")))?;
        let attribute = |name: &str| history.attribute(name).map(str::to_owned);
        let agent = AgentName {
            class: attribute("class").unwrap_or_default(),
            provider: attribute("provider"),
            kind: attribute("type").unwrap_or_default(),
        };
        let resource = ResourceId::new(history.id().unwrap_or_default());
        // Compat: just behind what happened last, so that it asks for a recovery and what is done then comes after it.
        let calls = history.elements_named("lrm_rsc_op").filter_map(|operation| operation.attribute("call-id")?.parse::<u64>().ok());
        let call = CallId(calls.max().unwrap_or(0) + 1);
        let holder = self.controller.connection_holder(node).unwrap_or(node).clone();
        let incarnation = self.membership.peers().get(&holder).and_then(|peer| peer.incarnation.clone());
        let incarnation = incarnation.ok_or_else(|| refusal(105, format!("{node} is not here")))?;
        let report = OperationReport {
            id: ReportId(0),
            incarnation,
            on_node: node.clone(),
            operation: "asyncmon".to_owned(),
            operation_key: format!("{resource}_asyncmon_0"),
            resource,
            agent,
            interval: Duration::ZERO,
            call,
            transition_key: TransitionKey { action: 0, transition: -1, target_rc: 0, uuid: self.config.uuid.clone() },
            status: ExecutionStatus::Done,
            exit: AgentExit::ERROR,
            exit_reason: Some("Simulated failure".to_owned()),
            last_change: self.wall(),
            run_time: Duration::ZERO,
            queue_time: Duration::ZERO,
            digests: None,
            feature_set: crate::member::FEATURE_SET.to_owned(),
            migrate_source: None,
            migrate_target: None,
            on_fail: None,
            container: None,
            locked_since: None,
            direct: false,
        };
        self.give_controller(controller::Event::Reported { from: holder, report: Box::new(report) });
        Ok(())
    }
}

/// Returns a resource's id without its instance number.
fn base(resource: &str) -> &str {
    match resource.rsplit_once(':') {
        Some((base, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => resource,
    }
}

/// Returns whether an attribute counts failures of the resource (and operation): `fail-count-web#monitor_10000`.
fn is_failure_of(attribute: &str, resource: &str, operation: Option<&str>, interval_ms: Option<u64>) -> bool {
    let Some(rest) = attribute.strip_prefix("fail-count-").or_else(|| attribute.strip_prefix("last-failure-")) else { return false };
    let (of, what) = rest.split_once('#').unwrap_or((rest, ""));
    if base(of) != resource {
        return false;
    }
    let Some(operation) = operation else { return true };
    match (what.rsplit_once('_'), interval_ms) {
        (Some((name, _)), None) => name == operation,
        (Some((name, interval)), Some(wanted)) => name == operation && interval.parse() == Ok(wanted),
        (None, _) => false,
    }
}

fn is_failed(record: &Element) -> bool {
    let number = |name: &str| record.attribute(name).and_then(|text| text.parse::<i32>().ok());
    let expected = record.attribute("transition-key").and_then(TransitionKey::parse).map(|key| key.target_rc);
    let status = number("op-status").unwrap_or(0);
    status > 0 && status != 1
        || number("rc-code").zip(expected).is_some_and(|(rc, expected)| status == 0 && rc != expected && !matches!(rc, 190 | 191))
}

/// Returns whether the resource was not active where this is the history, when it was heard of last.
fn tells_of_nothing_active(history: &Element) -> bool {
    let number = |record: &Element, name: &str| record.attribute(name).and_then(|text| text.parse::<i64>().ok());
    let at_once = history.elements_named("lrm_rsc_op").filter(|record| number(record, "interval").unwrap_or(0) == 0);
    let Some(last) = at_once.max_by_key(|record| number(record, "call-id")) else { return true };
    match last.attribute("operation") {
        Some("stop" | "migrate_to") => number(last, "rc-code") == Some(0),
        Some("monitor") => number(last, "rc-code") == Some(7),
        _ => false,
    }
}

fn matches_operation(record: &Element, operation: Option<&str>, interval_ms: Option<u64>) -> bool {
    let interval = record.attribute("interval").and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    operation.is_none_or(|operation| record.attribute("operation") == Some(operation))
        && interval_ms.is_none_or(|wanted| wanted == interval)
}

fn erased(forgotten: &Forgotten) -> CibEdit {
    CibEdit {
        operation: "delete".to_owned(),
        xpath: Some(format!("/cib/status/node_state[@id='{}']/lrm/lrm_resources/lrm_resource[@id='{}']", forgotten.id, forgotten.resource)),
        ..CibEdit::default()
    }
}
