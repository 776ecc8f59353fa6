//! Locations: by node and score, by rule, by pattern, by set; and those that node health implies.
//!
//! Rules are evaluated here, once for each node; what they yield is a plain list of nodes with scores for `scores`.
//! Whether a location's role applies is decided there, never here.

use super::names::{Named, Names, Set, problem};
use super::{Constraints, Location};
use cib::LocationSubject;
use cib::rules::{Input, Recheck, Rule};
use model::{Role, Score};
use regex::Regex;
use status::{HealthStrategy, NodeIndex, ProbeMode, ResourceIndex};

/// Adds what node health demands of every resource.
pub(super) fn add_health(names: &Names<'_>, constraints: &mut Constraints) {
    let facts = names.facts;
    let id = match facts.options.health_strategy {
        HealthStrategy::None => return,
        HealthStrategy::OnlyGreen => "only-green",
        HealthStrategy::MigrateOnRed => "migrate-on-red",
        HealthStrategy::Progressive => "progressive",
        HealthStrategy::Custom => "custom",
    };
    for (node, facts_of_node) in facts.nodes_in_order() {
        let score = facts_of_node.health_score;
        if score == Score::ZERO {
            continue;
        }
        for &resource in &facts.roots {
            if score < Score::ZERO && facts.resource(resource).allow_unhealthy_nodes {
                continue;
            }
            constraints.locations.push(Location {
                id: id.into(),
                resource,
                role: None,
                probe: ProbeMode::Always,
                nodes: vec![(node, score)],
            });
        }
    }
}

/// Adds a configured location.
pub(super) fn add(location: &cib::Location<'_>, names: &Names<'_>, constraints: &mut Constraints) {
    let whole = |resource| Subject { resource, role: location.element.attribute("role"), score: None, matched: &[] };
    match &location.subject {
        LocationSubject::Nothing => {}
        LocationSubject::Pattern(pattern) => add_pattern(location, pattern, names, constraints),
        LocationSubject::Sets(sets) => {
            let sets = names.expanded(sets, &mut constraints.problems);
            for set in &sets {
                if !add_set(location, set, set.role.as_deref(), names, constraints) {
                    return;
                }
            }
        }
        LocationSubject::Resource(name) => match names.named(name) {
            Named::Resource(resource) => add_one(location, &whole(resource), names, constraints),
            Named::Tag(_) => {
                add_set(location, &names.side(name), location.element.attribute("role"), names, constraints);
            }
            Named::Nothing => {
                let text = format!("location {} is ignored, because there is no resource, template or tag {name}", location.id);
                problem(&mut constraints.problems, text);
            }
        },
    }
}

/// What a location is about, and what overrides its own role and score.
struct Subject<'s> {
    resource: ResourceIndex,
    role: Option<&'s str>,
    score: Option<&'s str>,
    /// What the groups of a pattern matched in the resource's id, the whole first.
    matched: &'s [Option<&'s str>],
}

fn add_pattern(location: &cib::Location<'_>, pattern: &str, names: &Names<'_>, constraints: &mut Constraints) {
    let (pattern, inverted) = match pattern.strip_prefix('!') {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    let Ok(expression) = Regex::new(pattern) else {
        let text = format!("location {} is ignored, because {pattern} is no regular expression", location.id);
        problem(&mut constraints.problems, text);
        return;
    };
    for &resource in &names.facts.roots {
        let captures = expression.captures(names.facts.resource(resource).id.as_str());
        if captures.is_some() == inverted {
            continue;
        }
        let matched: Vec<Option<&str>> =
            captures.iter().flat_map(|captures| captures.iter()).map(|group| group.map(|group| group.as_str())).collect();
        let role = location.element.attribute("role");
        add_one(location, &Subject { resource, role, score: None, matched: &matched }, names, constraints);
    }
}

fn add_set(location: &cib::Location<'_>, set: &Set, role: Option<&str>, names: &Names<'_>, constraints: &mut Constraints) -> bool {
    for name in &set.resources {
        let Some(resource) = names.resource(name) else {
            problem(&mut constraints.problems, format!("set {} names {name}, which is no resource", set.id));
            return false;
        };
        let role = role.or(location.element.attribute("role"));
        add_one(location, &Subject { resource, role, score: set.score.as_deref(), matched: &[] }, names, constraints);
    }
    true
}

fn add_one(location: &cib::Location<'_>, subject: &Subject<'_>, names: &Names<'_>, constraints: &mut Constraints) {
    let score = subject.score.or(location.score);
    let (Some(node), Some(score)) = (location.node, score) else {
        if let Some(rule) = location.rules.first() {
            add_rule(location, rule, subject, names, constraints);
        }
        return;
    };
    let Some(node) = names.node(node) else { return };
    let Some(score) = Score::parse(score) else {
        let text = format!("location {} is ignored, because {score} is no score", location.id);
        problem(&mut constraints.problems, text);
        return;
    };
    push(location.id, subject.role, location.discovery, subject.resource, vec![(node, score)], constraints);
}

fn push(
    id: &str,
    role: Option<&str>,
    discovery: Option<&str>,
    resource: ResourceIndex,
    nodes: Vec<(NodeIndex, Score)>,
    constraints: &mut Constraints,
) {
    let role = match role.map(Role::parse) {
        // Compat: a promoted instance is started and unpromoted first, so that these roles mean every role.
        None | Some(Some(Role::Started | Role::Unpromoted)) => None,
        Some(Some(role)) if role != Role::Unknown => Some(role),
        _ => {
            let text = format!("location {id} is ignored, because {} is no role", role.unwrap_or_default());
            problem(&mut constraints.problems, text);
            return;
        }
    };
    let probe = match discovery.map(str::to_ascii_lowercase).as_deref() {
        None | Some("always") => ProbeMode::Always,
        Some("never") => ProbeMode::Never,
        Some("exclusive") => ProbeMode::Exclusive,
        Some(other) => {
            problem(&mut constraints.problems, format!("location {id}: {other} is no resource-discovery"));
            ProbeMode::Always
        }
    };
    constraints.locations.push(Location { id: id.into(), resource, role, probe, nodes });
}

fn add_rule(location: &cib::Location<'_>, rule: &Rule<'_>, subject: &Subject<'_>, names: &Names<'_>, constraints: &mut Constraints) {
    if rule.id.is_empty() || rule.all.is_none() {
        return;
    }
    let facts = names.facts;
    let resource = facts.resource(subject.resource);
    let attribute = rule.score_attribute.map(|name| expand(name, subject.matched));
    let fixed = match (&attribute, rule.score.map(Score::parse)) {
        (Some(_), _) => Score::ZERO,
        (None, Some(Some(score))) => score,
        (None, _) => {
            let text = format!("location {} is ignored, because its rule {} has no valid score", location.id, rule.id);
            problem(&mut constraints.problems, text);
            return;
        }
    };
    let mut recheck = Recheck(constraints.recheck_by);
    let mut nodes = Vec::new();
    for (index, node) in facts.nodes_in_order() {
        let parameters = facts.parameters(subject.resource, Some(index));
        let input = Input {
            now: Some(facts.now),
            node_attributes: Some(&node.attributes),
            parameters: Some(&*parameters),
            meta: Some(&resource.meta),
            submatches: subject.matched,
            ..Input::default()
        };
        if !rule.is_met(&input, &mut recheck) {
            continue;
        }
        let score = match &attribute {
            None => Some(fixed),
            Some(name) => attribute_score(names, resource, index, name),
        };
        nodes.extend(score.map(|score| (index, score)));
    }
    constraints.recheck_by = recheck.0;
    push(rule.id, rule.element.attribute("role"), location.discovery, subject.resource, nodes, constraints);
}

/// Returns the score that a node attribute holds, of the node or, where the resource asks for that, of its host.
fn attribute_score(names: &Names<'_>, resource: &status::Resource, node: NodeIndex, name: &str) -> Option<Score> {
    let facts = names.facts;
    let at_host = resource.meta.get("container-attribute-target").is_some_and(|target| target.eq_ignore_ascii_case("host"));
    let node = match facts.node(node).kind {
        status::NodeKind::Guest { launcher } if at_host => *facts.resource(launcher).active_nodes.first()?,
        _ => node,
    };
    facts.options.parse_score(facts.node(node).attributes.get(name)?)
}

/// Replaces `%0` to `%9` by what the pattern's groups matched.
fn expand(text: &str, matched: &[Option<&str>]) -> String {
    if matched.is_empty() {
        return text.to_owned();
    }
    let mut expanded = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match rest.peek().and_then(|digit| digit.to_digit(10)) {
            Some(group) if c == '%' => {
                rest.next();
                expanded.push_str(matched.get(group as usize).copied().flatten().unwrap_or_default());
            }
            _ => expanded.push(c),
        }
    }
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_a_pattern_name_the_score_attribute() {
        assert_eq!(expand("loc-%1", &[Some("ip-db"), Some("db")]), "loc-db");
        assert_eq!(expand("loc-%1", &[]), "loc-%1");
        assert_eq!(expand("100%", &[Some("x")]), "100%");
    }
}
