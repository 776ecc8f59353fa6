//! The way from a CIB to facts: options, nodes, resources, then the status in as many rounds as it takes.
//!
//! The order of the steps is part of the result: what is found first decides instance numbers, the order of
//! effects, and which of several reasons is told.

mod bundles;
mod clones;
mod guests;
pub(crate) mod histories;
mod migrations;
mod node_states;
mod nodes;
mod operations;
mod recorded;
mod recovery;
mod resources;

use crate::document::{Document, shared_child};
use crate::facts::Recheck;
use crate::name_values::{RuleContext, add_values};
use crate::numbers;
use crate::recorded::RecordedHistory;
use crate::{Attributes, ClusterOptions, Facts, Node, NodeIndex, Problem, ResourceIndex, Tag};
use compact_str::CompactString;
use model::{Timestamp, parse_boolean};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use xml::Element;

/// Facts in the making.
pub(crate) struct Deduction {
    pub(crate) facts: Facts,
    /// Configured elements that were prepared for use, by the address of the element (which is kept alive beside it).
    prepared: BTreeMap<usize, resources::Prepared>,
    /// Containers whose connection failed: they stop once it is known where they are.
    stop_needed: Vec<ResourceIndex>,
    /// Stops that were required so far.
    stops: BTreeSet<(ResourceIndex, NodeIndex)>,
    /// Failures that were recorded so far, by node and key.
    failures_seen: BTreeSet<(NodeIndex, CompactString)>,
    recorded: recorded::Recorded,
    /// What was recorded when the facts before were deduced, node by node: it may be the same in part.
    earlier: Earlier,
    presence: migrations::Presence,
}

/// What each node recorded, in the order of the document; shared with the facts before.
type Earlier = Vec<Vec<Arc<RecordedHistory>>>;

/// Returns what was recorded, without what was deduced from it.
fn recorded_by(nodes: &[Node]) -> Earlier {
    nodes.iter().map(|node| node.history.iter().map(|history| history.recorded.clone()).collect()).collect()
}

impl Facts {
    /// Deduces what is true at this time from a CIB of any schema, read in the words of the newest. Rules on the time of day are read
    /// as UTC.
    pub fn deduce(cib: &Element, now: Timestamp) -> Facts {
        Self::deduce_at_offset(cib, now, 0)
    }

    /// Deduces what is true of a later CIB, reading anew only those histories whose elements are not those of this one.
    /// The result is that of [`Facts::deduce`].
    pub fn deduce_again(self, cib: &Element, now: Timestamp) -> Facts {
        Deduction::facts(cib, now, self.utc_offset, recorded_by(&self.nodes))
    }

    /// The same, for facts that are needed further on.
    pub fn deduce_beside(&self, cib: &Element, now: Timestamp) -> Facts {
        Deduction::facts(cib, now, self.utc_offset, recorded_by(&self.nodes))
    }

    /// Deduces what is true at this time, where clocks are this many seconds east of UTC.
    pub fn deduce_at_offset(cib: &Element, now: Timestamp, utc_offset: i32) -> Facts {
        Deduction::facts(cib, now, utc_offset, Vec::new())
    }
}

impl Deduction {
    /// Deduces all facts; a second time, where a migration was judged before it was known that its other end is up.
    fn facts(cib: &Element, now: Timestamp, utc_offset: i32, earlier: Earlier) -> Facts {
        let mut first = Self::new(cib, now, utc_offset, earlier);
        first.deduce();
        let known = first.presence_found();
        if known.is_empty() {
            return first.facts;
        }
        let mut second = Self::new(cib, now, utc_offset, first.earlier);
        second.presence = known;
        second.deduce();
        second.facts
    }

    fn deduce(&mut self) {
        self.read_nodes();
        self.read_resources();
        self.read_tags();
        self.read_status();
        self.count();
    }

    fn new(cib: &Element, now: Timestamp, utc_offset: i32, earlier: Earlier) -> Self {
        // An older document says some things in other words (a `master`, several rules in a location, a `lifetime`).
        let cib = &cib::upgrade(cib).cib;
        let document = Document::new(cib);
        let mut problems = Vec::new();
        let have_quorum = cib.attribute("have-quorum").and_then(parse_boolean).unwrap_or(false);
        let panics_without_quorum = cib.attribute("no-quorum-panic").and_then(numbers::integer).unwrap_or(0) != 0;
        let enable_unfencing = document.section("resources").is_some_and(|section| mentions_unfencing(&section))
            || document.section("rsc_defaults").is_some_and(|section| mentions_unfencing(&section));
        let mut facts = Facts {
            now,
            utc_offset,
            options: ClusterOptions::new(Attributes::new(), have_quorum, &mut problems),
            have_quorum,
            dc: None,
            have_fencing: false,
            enable_unfencing,
            has_private_values: false,
            have_remote_nodes: false,
            nodes: Vec::new(),
            node_order: Vec::new(),
            resources: Vec::new(),
            roots: Vec::new(),
            tickets: BTreeMap::new(),
            templates: BTreeMap::new(),
            tags: BTreeMap::new(),
            failures: Vec::new(),
            parameter_checks: Vec::new(),
            effects: Vec::new(),
            bans: Vec::new(),
            instance_count: 0,
            disabled_count: 0,
            blocked_count: 0,
            problems: Vec::new(),
            resource_defaults: document.section("rsc_defaults"),
            operation_defaults: document.section("op_defaults"),
            document,
            nodes_by_name: BTreeMap::new(),
            resources_by_id: BTreeMap::new(),
            resources_by_history_id: BTreeMap::new(),
            recheck: Recheck::default(),
        };
        let mut configured = Attributes::new();
        if let Some(section) = facts.document.section("crm_config") {
            add_values(&facts, &section, "cluster_property_set", Some("cib-bootstrap-options"), RuleContext::default(), &mut configured);
        }
        facts.options = ClusterOptions::new(configured, have_quorum || panics_without_quorum, &mut problems);
        facts.have_fencing = facts.options.have_watchdog;
        facts.problems = problems;
        let recorded = recorded::Recorded::new(facts.cib().clone());
        Self {
            facts,
            prepared: BTreeMap::new(),
            stop_needed: Vec::new(),
            stops: BTreeSet::new(),
            failures_seen: BTreeSet::new(),
            recorded,
            earlier,
            presence: migrations::Presence::default(),
        }
    }

    fn read_tags(&mut self) {
        let Some(section) = self.facts.document.section("tags") else { return };
        for tag in section.elements_named("tag") {
            let Some(id) = tag.id() else { continue };
            for reference in tag.elements_named("obj_ref").filter_map(Element::id) {
                self.facts.tags.entry(id.into()).or_default().add(reference);
            }
        }
    }

    /// Counts primitive instances, those that are disabled and those that are blocked.
    fn count(&mut self) {
        let mut pending = self.facts.roots.clone();
        while let Some(index) = pending.pop() {
            let resource = self.facts.resource(index);
            if !resource.children.is_empty() {
                pending.extend(&resource.children);
            } else if !resource.orphan || resource.role.is_active() {
                let (disabled, blocked) = (self.facts.is_disabled(index), resource.blocked);
                self.facts.instance_count += 1;
                self.facts.disabled_count += u32::from(disabled);
                self.facts.blocked_count += u32::from(blocked);
            }
        }
    }

    fn warn(&mut self, text: String) {
        self.facts.problems.push(Problem::warning(text));
    }

    fn error(&mut self, text: String) {
        self.facts.problems.push(Problem::error(text));
    }

    fn all_nodes(&self) -> impl Iterator<Item = NodeIndex> + use<> {
        (0..self.facts.nodes.len() as u32).map(NodeIndex)
    }
}

impl Tag {
    pub(crate) fn add(&mut self, reference: &str) {
        if !self.references.iter().any(|known| known == reference) {
            self.references.push(CompactString::new(reference));
        }
    }
}

/// Returns whether a set of meta attributes says that something provides or requires unfencing.
/// Compat: rules and references are not looked at here.
fn mentions_unfencing(section: &Element) -> bool {
    let is_mention = |pair: &Element| {
        pair.name == "nvpair"
            && matches!(pair.attribute("name"), Some("provides" | "requires"))
            && pair.attribute("value") == Some("unfencing")
    };
    section.descendants().filter(|e| e.name == "meta_attributes").any(|set| set.elements().any(is_mention))
}

/// Returns a child as it is shared, found by name.
fn child(element: &Element, name: &str) -> Option<Arc<Element>> {
    shared_child(element, name).cloned()
}
