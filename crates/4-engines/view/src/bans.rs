//! Tickets and constraints that keep resources off nodes.

use crate::times::text_time;
use crate::{Lines, StatusView};
use cib::rules::{Input, Recheck};
use cib::{Cib, Constraint, Location, LocationSubject};
use model::{Role, Score};
use status::{Facts, NodeIndex, ResourceIndex, Ticket};

/// A node that a constraint forbids, or likes less.
pub(crate) struct Ban<'a> {
    pub id: &'a str,
    pub resource: &'a str,
    pub node: NodeIndex,
    pub score: Score,
    pub promoted_only: bool,
}

impl StatusView<'_> {
    /// Prints the tickets; returns whether there are any.
    pub(crate) fn tickets(&self, with_spacer: bool, out: &mut Lines) -> bool {
        let tickets = self.known_tickets();
        if tickets.is_empty() {
            return false;
        }
        out.spacer_if(with_spacer);
        out.begin("Tickets");
        for ticket in tickets {
            let standby = if ticket.standby { " [standby]" } else { "" };
            let last = match ticket.last_granted {
                Some(at) => format!(" last-granted=\"{}\"", text_time(at, self.zone)),
                None => String::new(),
            };
            out.item(format_args!("{}\t{}{standby}{last}", ticket.id, ticket_state(&ticket)));
        }
        out.end();
        true
    }

    /// Returns every ticket that has a state or that a constraint names.
    pub(crate) fn known_tickets(&self) -> Vec<Ticket> {
        let mut tickets = self.facts.tickets.clone();
        for constraint in &Cib::new(self.cib).configuration.constraints {
            if let Constraint::Ticket(constraint) = constraint
                && let Some(id) = constraint.element.attribute("ticket")
            {
                tickets.entry(id.into()).or_insert_with(|| Ticket { id: id.into(), ..Ticket::default() });
            }
        }
        tickets.into_values().collect()
    }

    /// Prints the constraints that keep resources off nodes; returns whether there are any.
    pub(crate) fn bans(&self, with_spacer: bool, out: &mut Lines) -> bool {
        let cib = Cib::new(self.cib);
        let bans = self.negative_locations(&cib);
        if bans.is_empty() {
            return false;
        }
        out.spacer_if(with_spacer);
        out.begin("Negative Location Constraints");
        for ban in bans {
            let role = if ban.promoted_only { "in Promoted role " } else { "" };
            let node = self.look().display_name(ban.node);
            out.item(format_args!("{}\tprevents {} from running {role}on {node}", ban.id, ban.resource));
        }
        out.end();
        true
    }

    /// Returns every pair of constraint and node with a score below zero, among what is shown.
    pub(crate) fn negative_locations<'c>(&'c self, cib: &'c Cib<'c>) -> Vec<Ban<'c>> {
        let look = self.look();
        let mut bans = Vec::new();
        for constraint in &cib.configuration.constraints {
            let Constraint::Location(location) = constraint else { continue };
            if self.ban_prefix.is_some_and(|prefix| !location.id.starts_with(prefix)) {
                continue;
            }
            for resource in subjects(self.facts, location) {
                let top = look.top(resource, false);
                if !self.filter.has_resource(look.printable_id(resource)) && !self.filter.has_resource(look.printable_id(top)) {
                    continue;
                }
                self.bans_of(location, resource, &mut bans);
            }
        }
        // Compat: the incumbent lists the latest constraint first.
        bans.reverse();
        bans
    }

    fn bans_of<'c>(&'c self, location: &Location<'c>, resource: ResourceIndex, bans: &mut Vec<Ban<'c>>) {
        let id = self.facts.resource(resource).id.as_str();
        let mut add = |constraint, node, score: Score, role: Option<Role>| {
            if score < Score::ZERO {
                bans.push(Ban { id: constraint, resource: id, node, score, promoted_only: role == Some(Role::Promoted) });
            }
        };
        if let (Some(name), Some(score)) = (location.node, location.score.and_then(Score::parse)) {
            if let Some(at) = self.facts.nodes.iter().position(|n| n.name.as_str().eq_ignore_ascii_case(name)) {
                add(location.id, NodeIndex(at as u32), score, location.role);
            }
            return;
        }
        for rule in &location.rules {
            // Compat: of a rule whose conditions are alternatives the nodes come in the opposite order.
            let mut nodes: Vec<_> = self.facts.nodes_in_order().collect();
            if rule.all == Some(false) {
                nodes.reverse();
            }
            for (index, node) in nodes {
                let input = Input { now: Some(self.facts.now), node_attributes: Some(&node.attributes), ..Input::default() };
                let score = match rule.score_attribute {
                    Some(name) => node.attributes.get(name).and_then(|value| Score::parse(value)),
                    None => rule.score.and_then(Score::parse),
                };
                if let Some(score) = score
                    && rule.is_met(&input, &mut Recheck::default())
                {
                    add(rule.id, index, score, rule.role.or(location.role));
                }
            }
        }
    }
}

/// Returns the resources that a location is about.
fn subjects(facts: &Facts, location: &Location<'_>) -> Vec<ResourceIndex> {
    let all = || (0..facts.resources.len() as u32).map(ResourceIndex);
    let named = |name: &str| -> Vec<ResourceIndex> {
        match all().find(|&r| facts.resource(r).id == name) {
            Some(resource) => vec![resource],
            None => {
                let members = facts.tags.get(name).or_else(|| facts.templates.get(name));
                let members = members.map_or(&[][..], |tag| &tag.references);
                members.iter().filter_map(|id| all().find(|&r| facts.resource(r).id == id.as_str())).collect()
            }
        }
    };
    match &location.subject {
        LocationSubject::Resource(name) => named(name),
        LocationSubject::Pattern(pattern) => {
            let (pattern, wanted) = pattern.strip_prefix('!').map_or((*pattern, true), |p| (p, false));
            let Ok(expression) = regex::Regex::new(pattern) else { return Vec::new() };
            facts.roots.iter().copied().filter(|&r| expression.is_match(facts.resource(r).id.as_str()) == wanted).collect()
        }
        LocationSubject::Sets(sets) => sets.iter().flat_map(|set| &set.resources).flat_map(|name| named(name)).collect(),
        LocationSubject::Nothing => Vec::new(),
    }
}

/// Returns the word for a ticket's state.
pub(crate) fn ticket_state(ticket: &Ticket) -> &'static str {
    if ticket.granted { "granted" } else { "revoked" }
}
