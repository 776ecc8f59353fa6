//! Rules of locations in words: which condition held or did not hold for a node, and what the node's value is.

use super::case::Case;
use cib::rules::{Condition, Input, Recheck, Rule};
use status::{NodeIndex, ResourceIndex};
use xml::Element;

/// Returns the rule that made a constraint count for a node, in words; `None` where it has no rule.
pub(super) fn met(case: &Case<'_>, constraint: &Element, id: &str, node: NodeIndex) -> Option<String> {
    let rules: Vec<&Element> = constraint.descendants().filter(|element| element.name == "rule").collect();
    let element = rules.iter().find(|rule| rule.id() == Some(id)).or_else(|| rules.first())?;
    let rule = Rule::of(element, case.facts().cib())?;
    Some(format!("because {}", words(case, &rule, node)))
}

/// Returns the constraints on a resource whose rule is not met for a node, each with its rule in words.
pub(super) fn unmet(case: &Case<'_>, resource: ResourceIndex, node: NodeIndex) -> Vec<(String, String)> {
    let facts = case.facts();
    let id = facts.resource(resource).configured_id.as_str();
    let is_of = |element: &&Element| element.name == "rsc_location" && element.attribute("rsc") == Some(id);
    let mut found = Vec::new();
    for constraint in crate::configured::constraints(case.cib).filter(is_of) {
        for element in constraint.elements_named("rule") {
            let Some(rule) = Rule::of(element, facts.cib()) else { continue };
            let input = Input {
                now: Some(facts.now),
                utc_offset: facts.utc_offset,
                node_attributes: Some(&facts.node(node).attributes),
                ..Input::default()
            };
            if !rule.is_met(&input, &mut Recheck(None)) {
                found.push((constraint.id().unwrap_or_default().to_owned(), words(case, &rule, node)));
            }
        }
    }
    found
}

/// Returns a rule in words, with what the node's attributes are.
fn words(case: &Case<'_>, rule: &Rule<'_>, node: NodeIndex) -> String {
    let parts: Vec<String> = rule.conditions.iter().map(|condition| condition_words(case, condition, node)).collect();
    parts.join(if rule.all == Some(false) { " or " } else { " and " })
}

fn condition_words(case: &Case<'_>, condition: &Condition<'_>, node: NodeIndex) -> String {
    match condition {
        Condition::Rule(rule) => format!("({})", words(case, rule, node)),
        Condition::Attribute(expression) => {
            let operation = expression.element.attribute("operation").unwrap_or_default();
            let wanted = expression.value.map_or(String::new(), |value| format!(" {value}"));
            let text = format!("{} {operation}{wanted}", expression.attribute);
            let known = case.facts().node(node).attributes.get(expression.attribute);
            match (expression.attribute.starts_with('#'), known) {
                (true, _) => text,
                (false, Some(value)) => format!("{text}, and it is {value}"),
                (false, None) => format!("{text}, and it is not set"),
            }
        }
        Condition::Date(date) => {
            let of = |name: &str| date.element.attribute(name).map(|value| format!(" {name} {value}"));
            let limits = [of("start"), of("end")].into_iter().flatten().collect::<String>();
            format!("the time is {}{limits}", date.element.attribute("operation").unwrap_or("in_range"))
        }
        Condition::Resource(_) => "the kind of resource".to_owned(),
        Condition::Operation(_) => "the operation".to_owned(),
        Condition::Unusable(_) => "a condition that cannot be understood".to_owned(),
    }
}
