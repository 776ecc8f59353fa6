//! The status of a cluster as XML: the children of `<pacemaker-result>` (or of the older `<crm_mon>`).
//!
//! Compat: elements, attributes and their order are those of Pacemaker 2.1.5; programs of the field read them line by line.

use crate::bans::ticket_state;
use crate::cluster_summary::is_shown_attribute;
use crate::histories::{shown_operations, task};
use crate::look::Look;
use crate::node_list::feature_set;
use crate::show::Show;
use crate::times::{iso_time, text_time};
use crate::{Filter, StatusView};
use cib::Cib;
use model::OperationKey;
use status::{Bundle, ContainerAgent, HealthColor, Kind, NoQuorumPolicy, NodeIndex, NodeKind, OperationRecord, ResourceIndex};
use xml::Element;

impl StatusView<'_> {
    /// Returns the chosen sections, in order.
    pub fn to_elements(&self) -> Vec<Element> {
        let look = self.look();
        let sections = &self.sections;
        let mut elements = Vec::new();
        if sections.any_summary() {
            let summary = self.summary_element();
            if !summary.children.is_empty() {
                elements.push(summary);
            }
        }
        if sections.nodes {
            let nodes = self.facts.nodes_in_order().filter(|(_, n)| self.filter.has_node(n.name.as_str()));
            elements.push(Element::new("nodes").with_children(nodes.map(|(index, _)| self.node_element(index))));
        }
        if sections.resources {
            elements.extend(self.resources_element(&look));
        }
        if sections.attributes {
            elements.extend(filled(self.attributes_element(&look)));
        }
        if sections.operations || sections.failcounts {
            elements.extend(self.history_element(&look));
        }
        if sections.failures {
            let failures = self.shown_failures().into_iter().map(|(node, record)| self.failure_element(node, record));
            elements.extend(filled(Element::new("failures").with_children(failures)));
        }
        if sections.fence_failed || sections.fence_pending || sections.fence_worked {
            elements.extend(self.fence_history_element());
        }
        if sections.tickets {
            elements.extend(filled(self.tickets_element()));
        }
        if sections.bans {
            elements.extend(filled(self.bans_element()));
        }
        elements
    }

    fn summary_element(&self) -> Element {
        let (facts, sections) = (self.facts, &self.sections);
        let mut summary = Element::new("summary");
        if sections.stack {
            summary.push(Element::new("stack").with("type", self.stack()));
        }
        if sections.dc || facts.dc.is_none() {
            summary.push(self.dc_element());
        }
        if sections.times {
            let updated = summary.push(Element::new("last_update").with("time", text_time(self.now, self.zone)));
            if let Some(node) = self.local_node {
                updated.set("origin", node);
            }
            let changed = summary.push(Element::new("last_change"));
            for (name, source) in
                [("time", "cib-last-written"), ("user", "update-user"), ("client", "update-client"), ("origin", "update-origin")]
            {
                changed.set(name, self.cib.attribute(source).unwrap_or_default());
            }
        }
        if sections.counts {
            summary.push(Element::new("nodes_configured").with("number", facts.nodes.len().to_string()));
            summary.push(
                Element::new("resources_configured")
                    .with("number", facts.instance_count.to_string())
                    .with("disabled", facts.disabled_count.to_string())
                    .with("blocked", facts.blocked_count.to_string()),
            );
        }
        if sections.options {
            summary.push(self.options_element());
        }
        summary
    }

    fn dc_element(&self) -> Element {
        let Some(dc) = self.facts.dc else {
            return Element::new("current_dc").with("present", "false");
        };
        let node = self.facts.node(dc);
        Element::new("current_dc")
            .with("present", "true")
            .with("version", self.facts.options.all.get("dc-version").map_or("", |v| v.as_str()))
            .with("name", &node.name)
            .with("id", &node.id)
            .with("with_quorum", flag(self.facts.have_quorum))
            .with("mixed_version", flag(self.is_mixed()))
    }

    fn options_element(&self) -> Element {
        let options = &self.facts.options;
        let policy = match options.no_quorum_policy {
            NoQuorumPolicy::Freeze => "freeze",
            NoQuorumPolicy::Stop => "stop",
            NoQuorumPolicy::Demote => "demote",
            NoQuorumPolicy::Ignore => "ignore",
            NoQuorumPolicy::Fence => "suicide",
        };
        Element::new("cluster_options")
            .with("stonith-enabled", flag(options.fencing_enabled))
            .with("symmetric-cluster", flag(options.symmetric_cluster))
            .with("no-quorum-policy", policy)
            .with("maintenance-mode", flag(options.maintenance_mode))
            .with("stop-all-resources", flag(options.stop_all_resources))
            .with("stonith-timeout-ms", options.fencing_timeout.as_millis().to_string())
            .with("priority-fencing-delay-ms", options.priority_fencing_delay.as_millis().to_string())
    }

    fn node_element(&self, index: NodeIndex) -> Element {
        let node = self.facts.node(index);
        let health = match node.health {
            HealthColor::Red => "red",
            HealthColor::Yellow => "yellow",
            HealthColor::Green => "green",
        };
        let mut element = Element::new("node")
            .with("name", &node.name)
            .with("id", &node.id)
            .with("online", flag(node.online))
            .with("standby", flag(node.standby))
            .with("standby_onfail", flag(node.standby_on_fail))
            .with("maintenance", flag(node.maintenance))
            .with("pending", flag(node.pending))
            .with("unclean", flag(node.unclean))
            .with("health", health);
        if let Some(feature_set) = feature_set(node) {
            element.set("feature_set", feature_set);
        }
        let kind = if node.kind == NodeKind::Member { "member" } else { "remote" };
        for (name, value) in [
            ("shutdown", flag(node.shutting_down)),
            ("expected_up", flag(node.expected_up)),
            ("is_dc", flag(self.facts.dc == Some(index))),
            ("resources_running", &node.running.len().to_string()),
            ("type", kind),
        ] {
            element.set(name, value);
        }
        if let NodeKind::Guest { launcher } = node.kind {
            element.set("id_as_resource", &self.facts.resource(launcher).id);
        }
        if self.show.by_node {
            let look = self.look();
            let look = look.with(Show { without_place: true, ..self.show });
            element.children.extend(node.running.iter().filter_map(|&r| look.element(r)).map(Into::into));
        }
        element
    }

    fn resources_element(&self, look: &Look<'_>) -> Option<Element> {
        if self.show.by_node && !self.show.inactive {
            return None;
        }
        let listed = self.facts.roots.iter().filter(|&&r| look.with(Show { brief: false, ..self.show }).is_listed(r));
        let list = Element::new("resources").with_children(listed.filter_map(|&r| look.element(r)));
        // Compat: where resources were chosen and none is there, the list is there and empty.
        if self.filter.resources.is_some() { Some(list) } else { filled(list) }
    }

    fn attributes_element(&self, look: &Look<'_>) -> Element {
        let mut list = Element::new("node_attributes");
        for (index, node) in self.facts.nodes_in_order() {
            if !node.online || !self.filter.has_node(node.name.as_str()) {
                continue;
            }
            let attributes = node.attributes.iter().filter(|(name, _)| is_shown_attribute(name)).map(|(name, value)| {
                let element = Element::new("attribute").with("name", name).with("value", value);
                match look.expected_connectivity(index, name) {
                    Some(expected) => element.with("expected", expected.to_string()),
                    None => element,
                }
            });
            let element = Element::new("node").with("name", &node.name).with_children(attributes);
            if !element.children.is_empty() {
                list.push(element);
            }
        }
        list
    }

    fn history_element(&self, look: &Look<'_>) -> Option<Element> {
        let nodes = self.nodes_with_history();
        if nodes.is_empty() {
            return None;
        }
        let mut list = Element::new("node_history");
        for index in nodes {
            let node = look.node(index);
            let mut element = Element::new("node").with("name", &node.name);
            for history in &node.history {
                let Some(resource) = look.has_history(history) else { continue };
                let count = look.fail_count(node, resource);
                let operations = if self.sections.operations { shown_operations(history) } else { Vec::new() };
                if if self.sections.operations { operations.is_empty() } else { count.count <= 0 } {
                    continue;
                }
                let id = if self.sections.operations { look.printable_id(resource) } else { history.id.as_str() };
                let mut entry = Element::new("resource_history").with("id", id);
                // Compat: an orphan that is still known as a resource is not marked here.
                entry.set("orphan", "false");
                entry.set("migration-threshold", look.resource(resource).migration_threshold.to_string());
                if count.count > 0 {
                    entry.set("fail-count", count.count.to_string());
                }
                if let Some(at) = count.last_failure.filter(|at| at.seconds() > 0) {
                    entry.set("last-failure", text_time(at, self.zone));
                }
                entry.children.extend(operations.into_iter().map(|record| self.operation_element(record).into()));
                element.push(entry);
            }
            if !element.children.is_empty() {
                list.push(element);
            }
        }
        Some(list)
    }

    fn operation_element(&self, record: &OperationRecord) -> Element {
        let mut element = Element::new("operation_history")
            .with("call", record.call.to_string())
            .with("task", task(record))
            .with("rc", record.exit.0.to_string())
            .with("rc_text", record.exit.as_str());
        if record.interval_ms > 0 {
            element.set("interval", format!("{}ms", record.interval_ms));
        }
        if self.show.timing {
            if let Some(at) = record.last_change.filter(|at| at.seconds() > 0) {
                element.set("last-rc-change", text_time(at, self.zone));
            }
            for (name, value) in [("exec-time", record.exec_time_ms()), ("queue-time", record.queue_time_ms())] {
                if let Some(ms) = value {
                    element.set(name, format!("{ms}ms"));
                }
            }
        }
        element
    }

    fn failure_element(&self, node: NodeIndex, record: &OperationRecord) -> Element {
        let name = if record.attribute("operation_key").is_some() { "op_key" } else { "id" };
        let reason = record.attribute("exit-reason").unwrap_or("none");
        let mut element = Element::new("failure")
            .with(name, &record.key)
            .with("node", &self.facts.node(node).name)
            .with("exitstatus", record.exit.as_str())
            .with("exitreason", reason)
            .with("exitcode", record.exit.0.to_string())
            .with("call", record.call.to_string())
            .with("status", record.status.as_str());
        if let Some(at) = record.last_change.filter(|at| at.seconds() > 0) {
            element.set("last-rc-change", iso_time(at, self.zone));
            for (name, value) in [("queued", record.queue_time_ms()), ("exec", record.exec_time_ms())] {
                if let Some(ms) = value {
                    element.set(name, ms.to_string());
                }
            }
            element.set("interval", record.interval_ms.to_string());
            let operation = OperationKey::parse(&record.key).map_or(record.operation.to_string(), |key| key.operation);
            element.set("task", operation);
        }
        element
    }

    fn tickets_element(&self) -> Element {
        let tickets = self.known_tickets().into_iter().map(|ticket| {
            let mut element =
                Element::new("ticket").with("id", &ticket.id).with("status", ticket_state(&ticket)).with("standby", flag(ticket.standby));
            if let Some(at) = ticket.last_granted {
                element.set("last-granted", text_time(at, self.zone));
            }
            element
        });
        Element::new("tickets").with_children(tickets)
    }

    fn bans_element(&self) -> Element {
        let cib = Cib::new(self.cib);
        let bans = self.negative_locations(&cib);
        Element::new("bans").with_children(bans.iter().map(|ban| {
            let promoted_only = flag(ban.promoted_only);
            Element::new("ban")
                .with("id", ban.id)
                .with("resource", ban.resource)
                .with("node", &self.facts.node(ban.node).name)
                .with("weight", ban.score.value().to_string())
                .with("promoted-only", promoted_only)
                .with("master_only", promoted_only)
        }))
    }
}

/// Returns the element, unless it is empty.
fn filled(element: Element) -> Option<Element> {
    (!element.children.is_empty()).then_some(element)
}

fn flag(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

impl Look<'_> {
    /// Returns a resource of any kind as an element, unless nothing of it is shown.
    pub(crate) fn element(&self, index: ResourceIndex) -> Option<Element> {
        match &self.resource(index).kind {
            Kind::Primitive(_) => self.primitive_element(index),
            Kind::Group(_) => self.group_element(index),
            Kind::Clone(_) => self.clone_element(index),
            Kind::Bundle(bundle) => self.bundle_element(index, bundle),
        }
    }

    fn primitive_element(&self, index: ResourceIndex) -> Option<Element> {
        let resource = self.resource(index);
        let Kind::Primitive(agent) = &resource.kind else { return None };
        if self.is_filtered(index, true) {
            return None;
        }
        let mut element = Element::new("resource")
            .with("id", self.printable_id(index))
            .with("resource_agent", agent.specification())
            .with("role", self.shown_state(index));
        if let Some(role) = resource.meta.get("target-role") {
            element.set("target_role", role);
        }
        for (name, value) in [
            ("active", self.is_active(index, true)),
            ("orphaned", resource.orphan),
            ("blocked", resource.blocked),
            ("managed", resource.managed),
            ("failed", resource.failed),
            ("failure_ignored", resource.ignore_failure),
        ] {
            element.set(name, flag(value));
        }
        element.set("nodes_running_on", resource.active_nodes.len().to_string());
        if let Some(pending) = self.pending_monitor(index) {
            element.set("pending", pending);
        }
        if let Some(node) = resource.lock_node {
            element.set("locked_to", self.name(node));
        }
        self.set_description(index, &mut element);
        for &at in &resource.active_nodes {
            let node = self.node(at);
            element.push(Element::new("node").with("name", &node.name).with("id", &node.id).with("cached", flag(node.online)));
        }
        Some(element)
    }

    fn group_element(&self, index: ResourceIndex) -> Option<Element> {
        if self.is_filtered(index, true) {
            return None;
        }
        let resource = self.resource(index);
        let is_named = self.is_named(index);
        resource.children.iter().find(|&&child| !self.skips_member(child, is_named))?;
        let mut element = Element::new("group")
            .with("id", &resource.id)
            .with("number_resources", resource.children.len().to_string())
            .with("managed", flag(resource.managed))
            .with("disabled", flag(self.is_disabled(index)));
        self.set_description(index, &mut element);
        let shown = resource.children.iter().filter(|&&child| !self.skips_member(child, is_named));
        Some(element.with_children(shown.filter_map(|&child| self.element(child))))
    }

    fn clone_element(&self, index: ResourceIndex) -> Option<Element> {
        if self.is_filtered(index, true) {
            return None;
        }
        let resource = self.resource(index);
        let is_named = self.is_named(index);
        let everything = Filter { resources: None, ..self.filter.clone() };
        let mut element = Element::new("clone")
            .with("id", &resource.id)
            .with("multi_state", flag(resource.promotable))
            .with("unique", flag(resource.unique))
            .with("managed", flag(resource.managed))
            .with("disabled", flag(self.is_disabled(index)))
            .with("failed", flag(resource.failed))
            .with("failure_ignored", flag(resource.ignore_failure));
        if let Some(role) = self.configured_role_text(index) {
            element.set("target_role", role);
        }
        self.set_description(index, &mut element);
        let mut is_shown = false;
        for &child in &resource.children {
            if self.is_elsewhere(child) || self.is_filtered(child, is_named) {
                continue;
            }
            is_shown = true;
            element.children.extend(Look { filter: &everything, ..*self }.element(child).map(Into::into));
        }
        is_shown.then_some(element)
    }

    fn bundle_element(&self, index: ResourceIndex, bundle: &Bundle) -> Option<Element> {
        if self.is_filtered(index, true) {
            return None;
        }
        let resource = self.resource(index);
        let is_named = self.filter.has_resource(resource.id.as_str());
        let kind = match bundle.agent {
            ContainerAgent::Docker => "docker",
            ContainerAgent::Podman => "podman",
        };
        let mut element = Element::new("bundle")
            .with("id", &resource.id)
            .with("type", kind)
            .with("image", &bundle.image)
            .with("unique", flag(resource.unique))
            .with("managed", flag(resource.managed))
            .with("failed", flag(resource.failed));
        self.set_description(index, &mut element);
        let mut is_shown = false;
        for replica in &bundle.replicas {
            let parts = self.replica_parts(replica, is_named);
            if self.is_elsewhere(replica.container) || (!is_named && parts.is_empty()) {
                continue;
            }
            is_shown = true;
            let parts = parts.into_iter().filter_map(|part| self.element(part));
            element.push(Element::new("replica").with("id", replica.offset.to_string()).with_children(parts));
        }
        is_shown.then_some(element)
    }

    fn set_description(&self, index: ResourceIndex, element: &mut Element) {
        if let Some(description) = self.description(index) {
            element.set("description", description);
        }
    }
}
