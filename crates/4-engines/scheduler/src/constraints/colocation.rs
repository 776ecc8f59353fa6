//! Colocations: pairs, sets, and sets with sets.
//!
//! From the configuration's colocations, tags and sets expanded, to `Colocation` values for placement, with the orders
//! that mandatory anti-colocations imply. Never looks at nodes or scores of nodes.

use super::names::{Named, Names, Set, problem, role, score};
use super::{Colocation, Constraints, Order, OrderEffect, OrderEnd};
use compact_str::CompactString;
use model::{Role, Score};
use status::ResourceIndex;

/// What all colocations of one constraint have in common.
struct Common<'c> {
    id: &'c str,
    influence: Option<&'c str>,
}

/// A resource, or every one of a list, in a role.
type Side<'s> = (ResourceIndex, Option<&'s str>);

/// Adds a configured colocation.
pub(super) fn add(colocation: &cib::Colocation<'_>, names: &Names<'_>, constraints: &mut Constraints) {
    let common = Common { id: colocation.id, influence: colocation.influence };
    let Some(score) = score(colocation.score, colocation.id, &mut constraints.problems) else { return };
    if !colocation.sets.is_empty() {
        let sets = names.expanded(&colocation.sets, &mut constraints.problems);
        return add_sets(&common, &sets, score, names, constraints);
    }
    let (Some(dependent), Some(primary)) = (colocation.dependent, colocation.primary) else { return };
    let role_of = |name| colocation.element.attribute(name);
    match (names.named(dependent.resource), names.named(primary.resource)) {
        (Named::Resource(dependent), Named::Resource(primary)) => {
            let influence = influence(&common, dependent, names);
            let sides = [(dependent, role_of("rsc-role")), (primary, role_of("with-rsc-role"))];
            let place = Place { id: colocation.id, attribute: colocation.node_attribute, score, influence };
            push(sides, place, constraints);
        }
        (Named::Nothing, _) => missing(colocation.id, dependent.resource, constraints),
        (_, Named::Nothing) => missing(colocation.id, primary.resource, constraints),
        (Named::Tag(_), Named::Tag(_)) => {
            let text = format!("colocation {} is ignored, because only one side may be a template or tag", colocation.id);
            problem(&mut constraints.problems, text);
        }
        _ => {
            let mut sides = [names.side(dependent.resource), names.side(primary.resource)];
            sides[0].role = role_of("rsc-role").map(CompactString::from);
            sides[1].role = role_of("with-rsc-role").map(CompactString::from);
            add_sets(&common, &sides, score, names, constraints);
        }
    }
}

fn missing(id: &str, name: &str, constraints: &mut Constraints) {
    problem(&mut constraints.problems, format!("constraint {id} is ignored, because there is no resource, template or tag {name}"));
}

fn influence(common: &Common<'_>, resource: ResourceIndex, names: &Names<'_>) -> bool {
    common.influence.and_then(model::parse_boolean).unwrap_or(names.facts.resource(resource).critical)
}

fn add_sets(common: &Common<'_>, sets: &[Set], score: Score, names: &Names<'_>, constraints: &mut Constraints) {
    let mut last: Option<&Set> = None;
    for set in sets {
        if set.id.is_empty() {
            continue;
        }
        add_within(common, set, score, names, constraints);
        if let Some(last) = last {
            add_between(common, last, set, score, names, constraints);
        }
        last = Some(set);
    }
}

/// Colocates the members of a set with each other: in a chain, or, where they avoid each other, every pair.
fn add_within(common: &Common<'_>, set: &Set, default: Score, names: &Names<'_>, constraints: &mut Constraints) {
    let score = match set.score.as_deref() {
        None => default,
        Some(text) => match Score::parse(text) {
            Some(score) => score,
            None => return problem(&mut constraints.problems, format!("set {} is ignored, because {text} is no score", set.id)),
        },
    };
    if score == Score::ZERO || set.sequential == Some(false) {
        return;
    }
    let with_previous = set.ordering.as_deref().is_none_or(|ordering| ordering.eq_ignore_ascii_case("group"));
    let role = set.role.as_deref();
    let mut earlier: Option<ResourceIndex> = None;
    for name in &set.resources {
        let Some(resource) = names.resource(name) else {
            return problem(&mut constraints.problems, format!("set {} is used only up to {name}, which is no resource", set.id));
        };
        let place = Place { id: &set.id, attribute: None, score, influence: influence(common, resource, names) };
        if score > Score::ZERO {
            if let Some(previous) = earlier {
                let (dependent, primary) = if with_previous { (resource, previous) } else { (previous, resource) };
                push([(dependent, role), (primary, role)], place, constraints);
            }
        } else {
            // Compat: those before it; one that is named by what it clones is not found in the list, and so avoids every
            // member, itself included.
            let id = names.facts.resource(resource).id.as_str();
            let others = set.resources.iter().take_while(|other| *other != id).map_while(|other| names.resource(other));
            for other in others {
                push([(resource, role), (other, role)], place, constraints);
            }
        }
        earlier = Some(resource);
    }
}

/// Colocates a set with the next one.
fn add_between(common: &Common<'_>, set: &Set, with: &Set, score: Score, names: &Names<'_>, constraints: &mut Constraints) {
    if score == Score::ZERO {
        return;
    }
    let dependents = if set.sequential == Some(false) { &set.resources[..] } else { alone(set.resources.first()) };
    let primaries = if with.sequential == Some(false) { &with.resources[..] } else { alone(with.resources.last()) };
    for dependent in dependents {
        let Some(dependent) = names.resource(dependent) else {
            missing(common.id, dependent, constraints);
            continue;
        };
        for primary in primaries {
            let Some(primary) = names.resource(primary) else {
                missing(common.id, primary, constraints);
                continue;
            };
            let sides = [(dependent, set.role.as_deref()), (primary, with.role.as_deref())];
            let influence = influence(common, dependent, names);
            push(sides, Place { id: common.id, attribute: None, score, influence }, constraints);
        }
    }
}

/// Returns the one element, if there is one, as a slice.
fn alone(name: Option<&CompactString>) -> &[CompactString] {
    name.map(std::slice::from_ref).unwrap_or_default()
}

/// How two resources belong together.
#[derive(Clone, Copy)]
struct Place<'p> {
    id: &'p str,
    attribute: Option<&'p str>,
    score: Score,
    influence: bool,
}

fn push(sides: [Side<'_>; 2], place: Place<'_>, constraints: &mut Constraints) {
    let [(dependent, dependent_role), (primary, primary_role)] = sides;
    let Ok(dependent_role) = role(dependent_role, place.id, &mut constraints.problems) else { return };
    let Ok(primary_role) = role(primary_role, place.id, &mut constraints.problems) else { return };
    if place.score == Score::ZERO {
        return;
    }
    constraints.colocations.push(Colocation {
        id: place.id.into(),
        dependent,
        primary,
        score: place.score,
        dependent_role,
        primary_role,
        attribute: place.attribute.unwrap_or("#uname").into(),
        influence: place.influence,
        explicit: true,
    });
    if place.score.is_forbidden() {
        add_exchange(place.id, (dependent, dependent_role), (primary, primary_role), constraints);
        add_exchange(place.id, (primary, primary_role), (dependent, dependent_role), constraints);
    }
}

/// Orders "the one leaves" before "the other comes", for two that must not be together.
fn add_exchange(id: &str, leaving: (ResourceIndex, Option<Role>), coming: (ResourceIndex, Option<Role>), constraints: &mut Constraints) {
    let firsts: &[&str] = match leaving.1 {
        Some(Role::Promoted) => &["demote"],
        Some(Role::Unpromoted) => &["stop", "promote"],
        _ => &["stop"],
    };
    let thens: &[&str] = match coming.1 {
        Some(Role::Promoted) => &["promote"],
        Some(Role::Unpromoted) => &["start", "demote"],
        _ => &["start"],
    };
    for first in firsts {
        for then in thens {
            constraints.orders.push(Order {
                id: id.into(),
                first: OrderEnd::Action { resource: leaving.0, action: (*first).into() },
                then: OrderEnd::Action { resource: coming.0, action: (*then).into() },
                effect: OrderEffect::AntiColocation,
            });
        }
    }
}
