//! Sets of names and values (`meta_attributes`, `instance_attributes`, …): which apply, and which wins.
//!
//! Rules are read and judged by `cib`; here they meet what is known: the time, the node, the resource, the operation.

use crate::Facts;
use crate::attributes::Attributes;
use crate::document::{Document, shared_child, shared_children};
use crate::numbers::{self, HealthScores};
use cib::rules::{Input, Lookup, Recheck, Rule};
use std::sync::Arc;
use std::time::Duration;
use xml::Element;

/// What the rules of sets are judged by.
#[derive(Clone, Copy, Default)]
pub(crate) struct RuleContext<'a> {
    /// The node's attributes, where node expressions make sense.
    pub(crate) node_attributes: Option<&'a Attributes>,
    /// The resource (its effective element), for `rsc_expression`.
    pub(crate) resource: Option<&'a Element>,
    /// The operation and its interval in milliseconds, for `op_expression`.
    pub(crate) operation: Option<(&'a str, u64)>,
}

/// Adds the values of the sets of this name below `parent` that are not there yet.
///
/// A set named `first` wins over all others; then the higher score; of equal ones, the later in the document.
pub(crate) fn add_values(
    facts: &Facts,
    parent: &Element,
    set: &str,
    first: Option<&str>,
    context: RuleContext<'_>,
    values: &mut Attributes,
) {
    let document = &facts.document;
    let mut sets: Vec<_> = shared_children(parent).rev().filter(|e| e.name == set).filter_map(|e| document.resolve(e)).collect();
    if sets.len() > 1 {
        let score = |e: &Arc<Element>| e.attribute("score").and_then(|text| numbers::score(text, HealthScores::default())).unwrap_or(0);
        sets.sort_by_key(|e| (first.is_none() || e.id() != first, std::cmp::Reverse(score(e))));
    }
    for set in sets {
        if shared_child(&set, "rule").is_some_and(|rule| !rule_is_met(facts, rule, context)) {
            continue;
        }
        add_pairs(document, &set, values);
    }
}

fn add_pairs(document: &Document, set: &Element, values: &mut Attributes) {
    // Compat: very old sets hold their pairs in an <attributes> of their own.
    let holder = set.elements().next().filter(|e| e.name == "attributes").unwrap_or(set);
    for pair in shared_children(holder).filter(|e| e.name == "nvpair") {
        let Some(source) = document.resolve(pair) else { continue };
        let own_name = if pair.has("id-ref") { pair.attribute("name") } else { None };
        let (Some(name), Some(value)) = (own_name.or_else(|| source.attribute("name")), source.attribute("value")) else { continue };
        // Compat: "#default" forgets what sets of higher precedence said, so that the defaults apply.
        if value.eq_ignore_ascii_case("#default") {
            values.remove(name);
        } else if !values.contains_key(name) {
            values.insert(name.into(), value.into());
        }
    }
}

/// Returns whether the rule is met, and remembers when that may change.
pub(crate) fn rule_is_met(facts: &Facts, rule: &Arc<Element>, context: RuleContext<'_>) -> bool {
    let Some(rule) = Rule::of(rule, facts.cib()) else { return false };
    let attribute = |name: &str| context.resource.and_then(|resource| resource.attribute(name));
    let input = Input {
        now: Some(facts.now),
        utc_offset: facts.utc_offset,
        node_attributes: context.node_attributes.map(|attributes| attributes as &dyn Lookup),
        class: attribute("class"),
        provider: attribute("provider"),
        agent: attribute("type"),
        operation: context.operation.map(|(name, interval_ms)| (name, Duration::from_millis(interval_ms))),
        ..Input::default()
    };
    let mut recheck = Recheck::default();
    let is_met = rule.is_met(&input, &mut recheck);
    if let Some(when) = recheck.0 {
        facts.note_recheck(when);
    }
    is_met
}

/// Returns whether any set of this name below `parent` has a rule that looks at node attributes.
pub(crate) fn depends_on_node(document: &Document, parent: &Element, set: &str) -> bool {
    shared_children(parent)
        .filter(|e| e.name == set)
        .filter_map(|e| document.resolve(e))
        .any(|set| shared_child(&set, "rule").is_some_and(|rule| rule.has("id-ref") || rule.descendants().any(|e| e.name == "expression")))
}
