//! Nodes: those of the `nodes` section, and the attributes of every node.

use super::Deduction;
use crate::name_values::{RuleContext, add_values};
use crate::numbers::{self, compare_names};
use crate::{Attributes, HealthColor, Node, NodeIndex, NodeKind, ProbeMode};
use compact_str::CompactString;
use model::{NodeName, Score};
use xml::Element;

impl Deduction {
    /// Reads the `nodes` section. Nothing is known of a node's state yet: it is unclean until its state was seen.
    pub(super) fn read_nodes(&mut self) {
        let Some(section) = self.facts.document.section("nodes") else { return };
        for element in section.elements_named("node") {
            let Some(id) = element.id() else {
                self.error("a node without id is ignored".into());
                continue;
            };
            let name = element.attribute("uname").unwrap_or(id);
            let score = element.attribute("score").map_or(Some(Score::ZERO), |text| self.facts.options.parse_score(text));
            if score.is_none() {
                self.warn(format!("node {name}: its score is not a number; 0 is used"));
            }
            let is_remote = match element.attribute("type") {
                None => false,
                Some(kind) if kind.eq_ignore_ascii_case("member") => false,
                Some(kind) if kind.eq_ignore_ascii_case("remote") => true,
                Some(kind) => {
                    self.error(format!("node {name} of unknown type \"{kind}\" is ignored"));
                    // Compat: the rest of the section is not read either.
                    return;
                }
            };
            let node = self.add_node(id, name, is_remote, score.unwrap_or_default());
            self.apply_startup_fencing(node);
            self.add_node_attributes(node, Some(element), false);
        }
    }

    /// Adds a node of which nothing is known but its name.
    pub(super) fn add_node(&mut self, id: &str, name: &str, is_remote: bool, score: Score) -> NodeIndex {
        let index = NodeIndex(self.facts.nodes.len() as u32);
        if self.facts.find_node(name).is_some() {
            self.warn(format!("more than one node is called {name}"));
        }
        let mut attributes = Attributes::new();
        attributes.insert("#kind".into(), if is_remote { "remote" } else { "cluster" }.into());
        self.facts.have_remote_nodes |= is_remote;
        self.facts.nodes.push(Node {
            id: id.into(),
            name: NodeName::new(name),
            kind: if is_remote { NodeKind::Remote } else { NodeKind::Member },
            remote: None,
            score,
            probe: ProbeMode::Always,
            online: false,
            pending: false,
            unclean: false,
            shutting_down: false,
            shutdown_requested: None,
            maintenance: false,
            standby: false,
            standby_on_fail: false,
            expected_up: false,
            seen: false,
            history_read: false,
            is_dc: false,
            probes_allowed: true,
            remote_reset: false,
            remote_fenced: false,
            remote_recorded: None,
            remote_maintenance: false,
            attributes,
            utilization: Attributes::new(),
            priority: 0,
            running: Vec::new(),
            history: Vec::new(),
            health_score: Score::ZERO,
            health: HealthColor::Green,
        });
        let nodes = &self.facts.nodes;
        let at = self.facts.node_order.partition_point(|&other| compare_names(nodes[other.position()].name.as_str(), name).is_lt());
        self.facts.node_order.insert(at, index);
        self.facts.nodes_by_name.entry(name.to_ascii_lowercase().into()).or_insert(index);
        index
    }

    /// A node that was never seen is unclean, unless the administrator chose to trust it.
    pub(super) fn apply_startup_fencing(&mut self, node: NodeIndex) {
        let startup_fencing = self.facts.options.startup_fencing;
        let node = &mut self.facts.nodes[node.position()];
        // A remote node whose connection was removed cannot be fenced and needs not be.
        if node.kind == NodeKind::Remote && node.remote.is_none() {
            return;
        }
        node.unclean = startup_fencing;
    }

    /// Adds implied attributes and those that sets below `parent` give; transient ones replace others.
    pub(super) fn add_node_attributes(&mut self, index: NodeIndex, parent: Option<&Element>, transient: bool) {
        let dc_id = self.facts.cib().attribute("dc-uuid").map(CompactString::new);
        let is_dc = self.facts.dc.is_none() && dc_id.is_some_and(|id| id.eq_ignore_ascii_case(&self.facts.node(index).id));
        if is_dc {
            self.facts.dc = Some(index);
        }
        let cluster_name = self.facts.options.all.get("cluster-name").cloned();
        let other_is_dc = self.facts.dc != Some(index);
        let node = &mut self.facts.nodes[index.position()];
        node.is_dc |= is_dc;
        let name = node.name.as_str().into();
        node.attributes.insert("#uname".into(), name);
        node.attributes.insert("#id".into(), node.id.clone());
        if is_dc || other_is_dc {
            node.attributes.insert("#is_dc".into(), if is_dc { "true" } else { "false" }.into());
        }
        if let Some(cluster_name) = &cluster_name {
            node.attributes.insert("#cluster-name".into(), cluster_name.clone());
        }
        if let Some(parent) = parent {
            self.add_configured_attributes(index, parent, transient);
        }
        let node = &mut self.facts.nodes[index.position()];
        if !node.attributes.contains_key("#site-name")
            && let Some(site) = node.attributes.get("site-name").cloned().or(cluster_name)
        {
            node.attributes.insert("#site-name".into(), site);
        }
    }

    fn add_configured_attributes(&mut self, index: NodeIndex, parent: &Element, transient: bool) {
        let at = index.position();
        let mut attributes = if transient { Attributes::new() } else { std::mem::take(&mut self.facts.nodes[at].attributes) };
        add_values(&self.facts, parent, "instance_attributes", None, RuleContext::default(), &mut attributes);
        if transient {
            self.facts.nodes[at].attributes.append(&mut attributes);
        } else {
            self.facts.nodes[at].attributes = attributes;
        }
        let mut utilization = std::mem::take(&mut self.facts.nodes[at].utilization);
        add_values(&self.facts, parent, "utilization", None, RuleContext::default(), &mut utilization);
        self.facts.nodes[at].utilization = utilization;
    }

    /// Sums up the health attributes of every node under the configured strategy.
    pub(super) fn judge_health(&mut self) {
        let options = &self.facts.options;
        let scores = options.health_scores();
        let base = match options.health_strategy {
            crate::HealthStrategy::Progressive => options.health_base,
            _ => 0,
        };
        let ignored = options.health_strategy == crate::HealthStrategy::None;
        for node in &mut self.facts.nodes {
            let values: Vec<_> =
                node.attributes.iter().filter(|(name, _)| name.starts_with("#health")).map(|(_, value)| value.as_str()).collect();
            let sum = values
                .iter()
                .filter_map(|text| numbers::score(text, scores))
                .map(Score::new)
                .fold(Score::new(base), |sum, score| sum + score);
            node.health_score = if ignored { Score::ZERO } else { sum };
            let worst = values.iter().filter_map(|text| color(text, scores)).min();
            node.health = if ignored { HealthColor::Green } else { worst.unwrap_or(HealthColor::Green) };
        }
    }
}

fn color(text: &str, scores: numbers::HealthScores) -> Option<HealthColor> {
    // The names are looked at first, since two colours may have the same score.
    if text.eq_ignore_ascii_case("red") {
        return Some(HealthColor::Red);
    }
    if text.eq_ignore_ascii_case("yellow") {
        return Some(HealthColor::Yellow);
    }
    let score = numbers::score(text, scores)?;
    Some(match score {
        _ if score <= scores.red => HealthColor::Red,
        _ if score <= scores.yellow && scores.yellow != scores.green => HealthColor::Yellow,
        _ => HealthColor::Green,
    })
}
