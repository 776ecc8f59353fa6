//! The lines above the nodes: stack, coordinator, times, counts, options.

use crate::look::Look;
use crate::node_list::feature_set;
use crate::times::text_time;
use crate::{Lines, StatusView};
use status::NoQuorumPolicy;

/// The remark where resource management is switched off by `maintenance-mode`.
pub const MAINTENANCE: &str =
    "\n              *** Resource management is DISABLED ***\n  The cluster will not attempt to start, stop or recover services";
const STOP_ALL: &str = "\n    *** Resource management is DISABLED ***\n  The cluster will keep all resources stopped";

impl StatusView<'_> {
    /// Prints the lines above the nodes; returns whether there are any.
    pub(crate) fn summary(&self, out: &mut Lines) -> bool {
        let (sections, facts) = (&self.sections, self.facts);
        let mut opened = false;
        let mut header = |out: &mut Lines| {
            if !std::mem::replace(&mut opened, true) {
                out.begin("Cluster Summary");
            }
        };
        if sections.stack {
            header(out);
            out.item(format_args!("Stack: {}", self.stack()));
        }
        // Compat: the absence of a coordinator is always shown.
        if sections.dc || (facts.dc.is_none() && sections.any_summary()) {
            header(out);
            out.item(format_args!("Current DC: {}", self.coordinator()));
        }
        if sections.times {
            header(out);
            let local = self.local_node.map(|name| format!(" on {name}")).unwrap_or_default();
            out.item(format_args!("Last updated: {}{local}", text_time(self.now, self.zone)));
            out.item(format_args!("Last change:  {}", self.last_change()));
        }
        if sections.counts {
            header(out);
            let nodes = facts.nodes.len();
            out.item(format_args!("{nodes} node{} configured", plural(nodes)));
            out.item(self.resource_counts());
        }
        if sections.options {
            header(out);
            self.option_lines(out);
        }
        if opened {
            out.end();
        }
        let remark = match (facts.options.maintenance_mode, facts.options.stop_all_resources) {
            (true, _) => MAINTENANCE,
            (false, true) => STOP_ALL,
            (false, false) => return opened,
        };
        if sections.maintenance {
            out.raw(remark);
            return true;
        }
        opened
    }

    pub(crate) fn stack(&self) -> &str {
        self.facts.options.all.get("cluster-infrastructure").map_or("unknown", |v| v.as_str())
    }

    /// Returns whether the nodes that are up run different versions.
    pub(crate) fn is_mixed(&self) -> bool {
        let mut sets: Vec<&str> = self.facts.nodes.iter().filter_map(feature_set).collect();
        sets.dedup();
        sets.len() > 1
    }

    fn coordinator(&self) -> String {
        let Some(dc) = self.facts.dc else { return "NONE".to_owned() };
        let version = self.facts.options.all.get("dc-version").map_or("unknown", |v| v.as_str());
        let mixed = if self.is_mixed() { "MIXED-VERSION " } else { "" };
        let quorum = if self.facts.have_quorum { "with" } else { "WITHOUT" };
        format!("{} (version {version}) - {mixed}partition {quorum} quorum", self.look().display_name(dc))
    }

    fn last_change(&self) -> String {
        let mut text = self.cib.attribute("cib-last-written").unwrap_or_default().to_owned();
        for (word, name) in [("by", "update-user"), ("via", "update-client"), ("on", "update-origin")] {
            if let Some(value) = self.cib.attribute(name) {
                text.push_str(&format!(" {word} {value}"));
            }
        }
        text
    }

    fn resource_counts(&self) -> String {
        let facts = self.facts;
        let total = facts.instance_count as usize;
        let base = format!("{total} resource instance{} configured", plural(total));
        match (facts.disabled_count, facts.blocked_count) {
            (0, 0) => base,
            (disabled, 0) => format!("{base} ({disabled} DISABLED)"),
            (0, blocked) => format!("{base} ({blocked} BLOCKED from further action due to failure)"),
            (disabled, blocked) => {
                format!("{base} ({disabled} DISABLED, {blocked} BLOCKED from further action due to failure)")
            }
        }
    }

    fn option_lines(&self, out: &mut Lines) {
        let options = &self.facts.options;
        let enabled = if options.fencing_enabled { "enabled" } else { "disabled" };
        // Compat: up to 2.x the tools say STONITH here.
        out.item(format_args!("STONITH of failed nodes {enabled}"));
        out.item(if options.symmetric_cluster { "Cluster is symmetric" } else { "Cluster is asymmetric" });
        out.item(match options.no_quorum_policy {
            NoQuorumPolicy::Freeze => "No quorum policy: Freeze resources",
            NoQuorumPolicy::Stop => "No quorum policy: Stop ALL resources",
            NoQuorumPolicy::Demote => "No quorum policy: Demote promotable resources and stop all other resources",
            NoQuorumPolicy::Ignore => "No quorum policy: Ignore",
            NoQuorumPolicy::Fence => "No quorum policy: Fence nodes in partition",
        });
    }
}

impl Look<'_> {
    /// Prints the attributes of the nodes that are up; returns whether there are any.
    pub(crate) fn node_attributes(&self, with_spacer: bool, out: &mut Lines) -> bool {
        let mut printed = false;
        for (index, node) in self.facts.nodes_in_order() {
            if !node.online || !self.filter.has_node(node.name.as_str()) {
                continue;
            }
            let mut attributes = node.attributes.iter().filter(|(name, _)| is_shown_attribute(name)).peekable();
            if attributes.peek().is_none() {
                continue;
            }
            if !std::mem::replace(&mut printed, true) {
                out.spacer_if(with_spacer);
                out.begin("Node Attributes");
            }
            out.begin(format_args!("Node: {}", self.display_name(index)));
            for (name, value) in attributes {
                let text = format!("{name:<32}\t: {value:<10}");
                let expected = self.expected_connectivity(index, name);
                let reached: i64 = value.parse().unwrap_or(0);
                out.item(match expected {
                    Some(_) if reached <= 0 => format!("{text}\t: Connectivity is lost"),
                    Some(expected) if reached < expected => format!("{text}\t: Connectivity is degraded (Expected={expected})"),
                    _ => text,
                });
            }
            out.end();
        }
        if printed {
            out.end();
        }
        printed
    }

    /// Returns what a `ping` resource that is active on the node would set this attribute to with every host reachable.
    pub(crate) fn expected_connectivity(&self, node: status::NodeIndex, attribute: &str) -> Option<i64> {
        self.node(node).running.iter().find_map(|&index| {
            let resource = self.resource(index);
            let status::Kind::Primitive(agent) = &resource.kind else { return None };
            if !matches!(agent.name.as_str(), "ping" | "pingd") {
                return None;
            }
            let parameter = |wanted: &str| {
                resource
                    .xml
                    .elements_named("instance_attributes")
                    .flat_map(|set| set.elements_named("nvpair"))
                    .find(|pair| pair.attribute("name") == Some(wanted))
                    .and_then(|pair| pair.attribute("value"))
            };
            if !parameter("name").unwrap_or("pingd").eq_ignore_ascii_case(attribute) {
                return None;
            }
            let hosts = parameter("host_list").map_or(0, |hosts| hosts.split(' ').count() as i64);
            Some(hosts * parameter("multiplier").and_then(|m| m.parse().ok()).unwrap_or(1))
        })
    }
}

/// Returns whether people are shown an attribute of this name: not what the cluster keeps for itself.
pub(crate) fn is_shown_attribute(name: &str) -> bool {
    !["fail-count", "last-failure", "shutdown", "terminate", "standby", "#"].iter().any(|prefix| name.starts_with(prefix))
}

pub(crate) fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
