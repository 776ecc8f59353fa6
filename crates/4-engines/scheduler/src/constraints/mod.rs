//! The configured and implied constraints, resolved to resources and nodes.
//!
//! Made from the configuration's `constraints` section and from the facts (groups, bundles, containers, remote
//! nodes, tickets); read by `scores`, `placement` and `ordering`. Patterns, sets, templates and tags are expanded
//! here, rules are evaluated here. Never decides where anything runs.

mod colocation;
mod implied;
mod location;
mod names;
mod order;
mod ticket;
mod types;

pub(crate) use implied::{is_managed, required_connection};
pub use types::{
    Colocation, Constraints, Dependents, Gate, Location, LossPolicy, Order, OrderEffect, OrderEnd, OrderKind, OrderSymmetry, Revision,
    TicketBan, TicketDemand, TicketFencing,
};

use cib::{Configuration, Constraint};
use names::Names;
use status::{Facts, Kind, Resource, ResourceIndex};
use std::cmp::Ordering;

/// Resolves the constraints of a configuration at the time of the facts.
pub fn constraints(facts: &Facts, configuration: &Configuration<'_>) -> Constraints {
    let names = Names::new(facts);
    let mut constraints = Constraints::default();
    location::add_health(&names, &mut constraints);
    for constraint in &configuration.constraints {
        match constraint {
            Constraint::Location(location) => location::add(location, &names, &mut constraints),
            Constraint::Colocation(colocation) => colocation::add(colocation, &names, &mut constraints),
            Constraint::Order(order) => order::add(order, &names, &mut constraints),
            Constraint::Ticket(ticket) => ticket::add(ticket, &names, &mut constraints),
        }
    }
    // Compat: the incumbent applies the last one first; sums that reach infinity on the way depend on that.
    constraints.locations.reverse();
    implied::add(facts, &mut constraints);
    index(facts, &mut constraints);
    constraints
}

/// Compares the kinds of two resources by who is looked at first in colocations.
pub(crate) fn compare_kinds(a: &Resource, b: &Resource) -> Ordering {
    let rank = |resource: &Resource| match resource.kind {
        Kind::Bundle(_) => 0,
        Kind::Clone(_) if resource.promotable => 1,
        Kind::Clone(_) => 2,
        Kind::Group(_) => 3,
        Kind::Primitive(_) => 4,
    };
    rank(a).cmp(&rank(b))
}

/// Compares two resources by the order in which colocations with them are looked at.
pub(crate) fn compare_importance(facts: &Facts, a: ResourceIndex, b: ResourceIndex) -> Ordering {
    let (a, b) = (facts.resource(a), facts.resource(b));
    let by_priority = b.priority.cmp(&a.priority);
    by_priority.then_with(|| compare_kinds(a, b)).then_with(|| a.id.as_str().cmp(b.id.as_str()))
}

/// Gives every resource the list of its colocations in the order of processing; of equals the newest comes first.
fn index(facts: &Facts, constraints: &mut Constraints) {
    let Constraints { colocations, dependents, .. } = constraints;
    *dependents = vec![Dependents::default(); facts.resources.len()];
    for (at, colocation) in colocations.iter().enumerate().rev() {
        dependents[colocation.dependent.position()].this_with.push(at as u32);
        dependents[colocation.primary.position()].with_this.push(at as u32);
    }
    let primary = |at: u32| colocations[at as usize].primary;
    let dependent = |at: u32| colocations[at as usize].dependent;
    for both in dependents {
        both.this_with.sort_by(|&a, &b| compare_importance(facts, primary(a), primary(b)));
        both.with_this.sort_by(|&a, &b| compare_importance(facts, dependent(a), dependent(b)));
    }
}
