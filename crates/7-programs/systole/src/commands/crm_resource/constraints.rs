//! The locations and colocations of a resource, and of what is colocated with it.

use super::{Arguments, Scene};
use crate::commands::tool::Report;
use admin::{Exit, Refusal};
use scheduler::constraints::{Colocation, Constraints, Location, constraints};
use status::{Facts, ResourceIndex};
use std::collections::BTreeSet;
use view::Lines;
use xml::Element;

struct Walk<'w> {
    facts: &'w Facts,
    constraints: &'w Constraints,
    /// The ids of rules of which one expression that holds is enough.
    loose_rules: BTreeSet<&'w str>,
    is_recursive: bool,
    lines: Lines,
    elements: Vec<Element>,
}

/// Shows them; without `--force` those of the group or clone that the resource is part of. Compat: what is inside of a bundle has none.
pub fn show(arguments: &Arguments, scene: &Scene<'_>, index: ResourceIndex, report: &mut Report) -> Result<Exit, Refusal> {
    let document = cib::Cib::new(scene.facts.cib());
    let all = constraints(scene.facts, &document.configuration);
    let index = if arguments.force { index } else { scene.facts.top_of(index, false) };
    let is_loose =
        |element: &&Element| element.name == "rule" && element.attribute("boolean-op").is_some_and(|op| op.eq_ignore_ascii_case("or"));
    let mut walk = Walk {
        facts: scene.facts,
        constraints: &all,
        loose_rules: scene.facts.cib().descendants().filter(is_loose).filter_map(Element::id).collect(),
        is_recursive: arguments.stack || arguments.recursive,
        lines: Lines::new(),
        elements: Vec::new(),
    };
    walk.locations(index);
    walk.colocations(index, true, &mut BTreeSet::from([index]));
    walk.colocations(index, false, &mut BTreeSet::from([index]));
    report.text(walk.lines.into_text());
    report.element(Element::new("constraints").with_children(walk.elements));
    Ok(Exit::OK)
}

impl Walk<'_> {
    fn id(&self, index: ResourceIndex) -> String {
        self.facts.resource(index).id.to_string()
    }

    fn locations(&mut self, index: ResourceIndex) {
        let is_own = |location: &&Location| location.resource == index && !location.nodes.is_empty();
        let own: Vec<Location> = self.constraints.locations.iter().filter(is_own).cloned().collect();
        if own.is_empty() {
            return;
        }
        let resource = self.id(index);
        self.lines.begin("Locations");
        for mut location in own {
            // Compat: a rule strikes nodes off a list that is in the opposite order, or adds them to an empty one.
            if !self.loose_rules.contains(location.id.as_str()) {
                location.nodes.reverse();
            }
            for (node, score) in &location.nodes {
                let node = self.facts.node(*node).name.as_str();
                self.lines.item(format_args!("Node {node} (score={score}, id={}, rsc={resource})", location.id));
                self.elements.push(
                    Element::new("rsc_location")
                        .with("node", node)
                        .with("rsc", &resource)
                        .with("id", &location.id)
                        .with("score", score.to_string()),
                );
            }
        }
        self.lines.end();
    }

    /// Shows who follows the resource, or whom it follows.
    fn colocations(&mut self, index: ResourceIndex, of_followers: bool, seen: &mut BTreeSet<ResourceIndex>) {
        let sides = &self.constraints.dependents[index.position()];
        // Compat: in the order in which they are processed, by priority, kind and name of the other.
        let order = if of_followers { &sides.with_this } else { &sides.this_with };
        let in_order = order.iter().map(|at| &self.constraints.colocations[*at as usize]);
        let own: Vec<Colocation> = in_order.filter(|colocation| colocation.explicit).cloned().collect();
        if own.is_empty() {
            return;
        }
        let resource = self.id(index);
        match of_followers {
            true => self.lines.begin(format_args!("Resources colocated with {resource}")),
            false => self.lines.begin(format_args!("Resources {resource} is colocated with")),
        }
        for colocation in own {
            let other = if of_followers { colocation.dependent } else { colocation.primary };
            let name = self.id(other);
            let is_loop = seen.contains(&other);
            match is_loop {
                true => self.lines.item(format_args!("{name} (id={} - loop)", colocation.id)),
                false => {
                    let role = |role: Option<model::Role>, word: &str| role.map_or_else(String::new, |role| format!(", {word}={role}"));
                    let roles = format!(
                        "{}{}",
                        role(colocation.primary_role.filter(|_| !of_followers), "with role"),
                        // What the followers need is the role of the resource that they follow.
                        role(colocation.primary_role.filter(|_| of_followers), "needs role")
                    );
                    self.lines.item(format_args!("{name} (score={}{roles}, id={})", colocation.score, colocation.id));
                }
            }
            let mut element = Element::new("rsc_colocation")
                .with("id", &colocation.id)
                .with("rsc", self.id(colocation.dependent))
                .with("with-rsc", self.id(colocation.primary))
                .with("score", colocation.score.to_string());
            for (name, role) in [("rsc-role", colocation.dependent_role), ("with-rsc-role", colocation.primary_role)] {
                if let Some(role) = role {
                    element.set(name, role.to_string());
                }
            }
            self.elements.push(element);
            if is_loop {
                continue;
            }
            // Compat: what is not looked into may be shown again.
            if self.is_recursive {
                seen.insert(other);
            }
            self.lines.begin_unnamed();
            self.locations(other);
            if self.is_recursive {
                self.colocations(other, of_followers, seen);
            }
            self.lines.end();
        }
        self.lines.end();
    }
}
