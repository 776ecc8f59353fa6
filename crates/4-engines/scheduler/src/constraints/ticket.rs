//! Tickets: which resources need them, and what follows where they are lost, revoked or in standby.
//!
//! Bans, fencing and frozen resources are stated here for `scores`, placement and fencing; whether an instance may be
//! promoted without its ticket is placement's to decide.

use super::names::{Named, Names, Set, problem, role};
use super::{Constraints, LossPolicy, Revision, TicketBan, TicketDemand, TicketFencing};
use model::Role;
use status::{ResourceIndex, Ticket};

/// Adds a configured ticket constraint.
pub(super) fn add(ticket: &cib::Ticket<'_>, names: &Names<'_>, constraints: &mut Constraints) {
    if ticket.ticket.is_empty() {
        return problem(&mut constraints.problems, format!("constraint {} is ignored, because it names no ticket", ticket.id));
    }
    if !ticket.sets.is_empty() {
        for set in names.expanded(&ticket.sets, &mut constraints.problems) {
            if !add_set(ticket, &set, set.role.as_deref(), names, constraints) {
                return;
            }
        }
        return;
    }
    let Some(member) = ticket.member else {
        return problem(&mut constraints.problems, format!("constraint {} is ignored, because it names no resource", ticket.id));
    };
    let role = ticket.element.attribute("rsc-role");
    match names.named(member.resource) {
        Named::Resource(resource) => add_demand(ticket, ticket.id, resource, role, names, constraints),
        Named::Tag(_) => {
            add_set(ticket, &names.side(member.resource), role, names, constraints);
        }
        Named::Nothing => {
            let text = format!("constraint {} is ignored, because there is no resource, template or tag {}", ticket.id, member.resource);
            problem(&mut constraints.problems, text);
        }
    }
}

fn add_set(ticket: &cib::Ticket<'_>, set: &Set, role: Option<&str>, names: &Names<'_>, constraints: &mut Constraints) -> bool {
    for name in &set.resources {
        let Some(resource) = names.resource(name) else {
            problem(&mut constraints.problems, format!("set {} names {name}, which is no resource", set.id));
            return false;
        };
        add_demand(ticket, &set.id, resource, role, names, constraints);
    }
    true
}

fn add_demand(
    ticket: &cib::Ticket<'_>,
    id: &str,
    resource: ResourceIndex,
    role_text: Option<&str>,
    names: &Names<'_>,
    constraints: &mut Constraints,
) {
    let Ok(role) = role(role_text, id, &mut constraints.problems) else { return };
    let policy = ticket.loss_policy.map(str::to_ascii_lowercase);
    let loss_policy = match policy.as_deref() {
        Some("fence") if names.facts.options.fencing_enabled => LossPolicy::Fence,
        Some("fence") => {
            let text = format!("loss-policy of ticket {} is stop, because fencing is disabled", ticket.ticket);
            problem(&mut constraints.problems, text);
            LossPolicy::Stop
        }
        Some("freeze") => LossPolicy::Freeze,
        Some("demote") => LossPolicy::Demote,
        Some("stop") => LossPolicy::Stop,
        _ if role == Some(Role::Promoted) => LossPolicy::Demote,
        _ => LossPolicy::Stop,
    };
    let state = names.facts.tickets.get(ticket.ticket).cloned().unwrap_or_default();
    let satisfied = state.granted && !state.standby;
    let demand = TicketDemand { id: id.into(), resource, ticket: ticket.ticket.into(), role, loss_policy, satisfied };
    if !satisfied {
        add_effects(&demand, &state, resource, names, constraints);
    }
    constraints.tickets.push(demand);
}

fn add_effects(demand: &TicketDemand, state: &Ticket, resource: ResourceIndex, names: &Names<'_>, constraints: &mut Constraints) {
    let facts = names.facts.resource(resource);
    if !facts.children.is_empty() {
        for &child in &facts.children {
            add_effects(demand, state, child, names, constraints);
        }
        return;
    }
    let mut ban = |name| constraints.ticket_bans.push(TicketBan { resource, name, id: demand.id.clone() });
    let is_for_promoted = demand.role == Some(Role::Promoted);
    if state.granted || facts.active_nodes.is_empty() {
        if !is_for_promoted || demand.loss_policy == LossPolicy::Stop {
            ban(if state.granted { "__ticket_standby__" } else { "__no_ticket__" });
        }
        return;
    }
    let matches = demand.role.is_none_or(|role| role == facts.role);
    match demand.loss_policy {
        LossPolicy::Stop => ban("__loss_of_ticket__"),
        LossPolicy::Demote if !is_for_promoted => ban("__loss_of_ticket__"),
        LossPolicy::Fence if matches => {
            ban("__loss_of_ticket__");
            let fence = |&node| TicketFencing { node, reason: "deadman ticket was lost" };
            constraints.fencing.extend(facts.active_nodes.iter().map(fence));
        }
        LossPolicy::Freeze if matches => {
            constraints.revisions.push(Revision { resource, managed: false, blocked: true });
        }
        // A demotion is placement's: the promotion score becomes −INFINITY.
        LossPolicy::Demote | LossPolicy::Fence | LossPolicy::Freeze => {}
    }
}
