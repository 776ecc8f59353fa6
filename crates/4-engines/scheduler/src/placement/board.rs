//! The working set of placement: what has been placed so far, and the questions that every kind of resource asks.
//!
//! Private and mutable while resources are placed one after the other; `placement()` freezes it at the end.
//! Positions of resources and nodes are those of the facts.

use super::node_order::node_order;
use super::table::{Entry, INFINITY, Table, sum};
use super::utilization::Capacities;
use super::values::Values;
use crate::constraints::{Colocation, Constraints};
use crate::scores::Scores;
use model::{Role, Score};
use status::{Facts, Kind, NodeIndex, NodeKind, Requires, Resource, ResourceIndex};
use std::cell::Cell;
use transition::ScoreLine;

/// What is known of one resource while placing.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub table: Table,
    /// It has been placed, or found to have no place.
    pub placed: bool,
    /// It is being placed right now (its colocated resources are placed meanwhile).
    pub placing: bool,
    /// Its wishes are being followed right now: a circle of colocations ends here.
    pub followed: Cell<bool>,
    pub node: Option<NodeIndex>,
    /// Its score on that node when it was placed there.
    pub node_score: i32,
    pub role_now: Role,
    pub role_planned: Role,
    pub role_reason: Option<&'static str>,
    pub priority: i32,
    pub promotion_priority: i32,
    pub managed: bool,
    pub blocked: bool,
    /// It failed, or is the machine of a guest that is to be fenced.
    pub failed: bool,
    pub children: Vec<ResourceIndex>,
    /// Promotion scores of the instances have been added to their tables.
    pub promotion_scored: bool,
    /// Its instances have been (or are being) chosen for promotion.
    pub promoting: bool,
    /// Colocations as dependent and as primary.
    pub this_with: Vec<u32>,
    pub with_this: Vec<u32>,
    /// What changed its scores.
    pub terms: Vec<Change>,
}

/// What changed a score during placement.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    /// A colocation, by position.
    Colocation(u32),
    /// A rule of the cluster's own, by source and name.
    Rule(&'static str, &'static str),
    /// Nothing of the score: what decided between nodes of the same score.
    Tie(Tie),
}

/// What decided between nodes of the same score.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tie {
    /// It runs there already.
    Present,
    /// The node has more capacity left.
    Capacity,
    /// The node has been given so many resources, the other one so many.
    Load { here: u32, other: NodeIndex, there: u32 },
    /// It has the first name.
    Name,
}

/// One change of a score during placement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub node: NodeIndex,
    pub delta: i32,
    pub origin: Origin,
    /// The score was replaced: terms before it do not count.
    pub replaces: bool,
}

/// A colocation in the form in which placement uses it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub at: u32,
    pub dependent: ResourceIndex,
    pub primary: ResourceIndex,
    pub score: i32,
    pub dependent_role: Role,
    pub primary_role: Role,
    pub attribute: usize,
    pub influence: bool,
    pub explicit: bool,
}

impl Link {
    /// Returns whether it is a requirement or a ban rather than a wish.
    pub fn is_mandatory(&self) -> bool {
        self.score.abs() >= INFINITY
    }
}

/// What is known of one node while placing.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub online: bool,
    pub shutting_down: bool,
    pub unclean: bool,
    pub closed: bool,
    pub resource_count: u32,
}

impl Ground {
    /// Returns whether the node can run anything.
    pub fn is_usable(&self) -> bool {
        self.online && !self.shutting_down && !self.unclean && !self.closed
    }
}

/// The working set.
pub(super) struct Board<'a> {
    pub facts: &'a Facts,
    pub constraints: &'a Constraints,
    pub seats: Vec<Seat>,
    pub grounds: Vec<Ground>,
    pub links: Vec<Link>,
    pub values: Values,
    pub capacities: Capacities,
    /// The nodes in the order in which the field walks its tables.
    pub walk: Vec<NodeIndex>,
    /// For each resource the positions of its locations.
    pub locations: Vec<Vec<u32>>,
    /// Colocations added while placing.
    pub added: Vec<Colocation>,
    pub trace: Vec<ScoreLine>,
    /// How deep chains of colocations are being followed.
    pub depth: Cell<u32>,
}

/// How deep chains of colocations are followed while placing, and while gathering wishes: beyond that they end, so
/// that no configuration exhausts the stack.
pub(super) const PLACING_DEPTH_MAX: u32 = 800;
pub(super) const WISHES_DEPTH_MAX: u32 = 1500;

impl<'a> Board<'a> {
    pub fn new(facts: &'a Facts, constraints: &'a Constraints, scores: &'a Scores) -> Self {
        let values = Values::new(facts, constraints);
        let mut board = Board {
            facts,
            constraints,
            seats: Vec::with_capacity(facts.resources.len()),
            grounds: grounds(facts),
            links: constraints.colocations.iter().enumerate().map(|(at, c)| link(at, c, &values)).collect(),
            values,
            capacities: Capacities::new(facts),
            walk: node_order(facts),
            locations: locations(facts, constraints),
            added: Vec::new(),
            trace: Vec::new(),
            depth: Cell::new(0),
        };
        for (at, resource) in facts.resources.iter().enumerate() {
            board.seats.push(seat(at, resource, constraints, scores));
        }
        for revision in &constraints.revisions {
            let seat = &mut board.seats[revision.resource.position()];
            (seat.managed, seat.blocked) = (revision.managed, revision.blocked);
        }
        for fencing in &constraints.fencing {
            board.note_fencing(fencing.node);
        }
        board
    }

    /// Notes that a node is to be fenced: it runs nothing then, but a guest is only recovered, with its machine.
    fn note_fencing(&mut self, node: NodeIndex) {
        let fact = self.facts.node(node);
        let gone_with_its_machine = |connection: ResourceIndex| {
            let connection = self.resource(connection);
            connection.launcher.is_none() && connection.orphan_launched
        };
        match fact.kind {
            NodeKind::Guest { launcher } => {
                let seat = self.seat_mut(launcher);
                seat.failed |= seat.managed;
            }
            NodeKind::Remote if fact.remote.is_some_and(gone_with_its_machine) => {}
            NodeKind::Remote | NodeKind::Member => self.grounds[node.position()].unclean = true,
        }
    }

    pub fn resource(&self, resource: ResourceIndex) -> &'a Resource {
        self.facts.resource(resource)
    }

    pub fn seat(&self, resource: ResourceIndex) -> &Seat {
        &self.seats[resource.position()]
    }

    pub fn seat_mut(&mut self, resource: ResourceIndex) -> &mut Seat {
        &mut self.seats[resource.position()]
    }

    pub fn parent(&self, resource: ResourceIndex) -> Option<ResourceIndex> {
        self.resource(resource).parent
    }

    /// Returns the outermost resource that it is part of, below a bundle.
    pub fn top(&self, resource: ResourceIndex) -> ResourceIndex {
        self.facts.top_of(resource, false)
    }

    /// Returns whether it is part of a bundle.
    pub fn is_bundled(&self, resource: ResourceIndex) -> bool {
        self.parent(self.top(resource)).is_some()
    }

    pub fn is_usable(&self, node: NodeIndex) -> bool {
        self.grounds[node.position()].is_usable()
    }

    /// Returns whether the node can run anything and this score allows it.
    pub fn is_open(&self, node: NodeIndex, entry: Entry) -> bool {
        entry.score >= 0 && self.is_usable(node)
    }

    pub fn is_any_open(&self, table: &Table) -> bool {
        table.iter().any(|(node, entry)| self.is_open(node, entry))
    }

    pub fn is_guest(&self, node: NodeIndex) -> bool {
        matches!(self.facts.node(node).kind, NodeKind::Guest { .. })
    }

    /// Returns whether nothing but a bundle's primitive runs on the node.
    pub fn is_bundle_node(&self, node: NodeIndex) -> bool {
        self.is_guest(node) && self.facts.node(node).remote.is_some_and(|remote| self.is_bundled(remote))
    }

    /// Returns the node that a resource is active on, the one that matters where there are several.
    ///
    /// Compat: the migration's source, else the first clean node, or the first at all where fencing is required.
    pub fn current_node(&self, resource: ResourceIndex) -> Option<NodeIndex> {
        self.current(resource).0
    }

    /// Returns the node that matters and the number of nodes that the resource is active on.
    pub fn current(&self, resource: ResourceIndex) -> (Option<NodeIndex>, usize) {
        let facts = self.resource(resource);
        if let Kind::Bundle(bundle) = &facts.kind {
            let active: Vec<_> = bundle
                .replicas
                .iter()
                .map(|replica| replica.container)
                .filter(|&container| !self.resource(container).active_nodes.is_empty())
                .collect();
            if let [container] = active[..] {
                return self.current(container);
            }
            let mut nodes = Vec::new();
            for container in active {
                for &node in &self.resource(container).active_nodes {
                    if !nodes.contains(&node) {
                        nodes.push(node);
                    }
                }
            }
            return (self.main_node(facts, &nodes), nodes.len());
        }
        (self.main_node(facts, &facts.active_nodes), facts.active_nodes.len())
    }

    fn main_node(&self, resource: &Resource, nodes: &[NodeIndex]) -> Option<NodeIndex> {
        let first = nodes.first().copied();
        if let Some(source) = resource.migrating_from {
            return nodes.iter().copied().find(|&node| node == source).or(first);
        }
        if resource.requires >= Requires::Fencing {
            return first;
        }
        let is_clean = |node: &NodeIndex| {
            let ground = &self.grounds[node.position()];
            ground.online && !ground.unclean
        };
        nodes.iter().copied().find(is_clean).or(first)
    }

    /// Returns all nodes that the resource, or anything in it, is placed on.
    pub fn planned_nodes(&self, resource: ResourceIndex) -> Vec<NodeIndex> {
        let mut nodes = Vec::new();
        self.collect_nodes(resource, &mut nodes);
        nodes
    }

    /// Returns the node that the resource is placed on, if it is exactly one.
    pub fn planned_node(&self, resource: ResourceIndex) -> Option<NodeIndex> {
        if self.seat(resource).children.is_empty() {
            return self.seat(resource).node;
        }
        match self.planned_nodes(resource)[..] {
            [node] => Some(node),
            _ => None,
        }
    }

    fn collect_nodes(&self, resource: ResourceIndex, nodes: &mut Vec<NodeIndex>) {
        let seat = self.seat(resource);
        if seat.children.is_empty() {
            nodes.extend(seat.node.filter(|node| !nodes.contains(node)));
        }
        for &child in &seat.children {
            self.collect_nodes(child, nodes);
        }
    }

    /// Returns the highest role of the resource or anything in it, present or planned.
    pub fn state(&self, resource: ResourceIndex, current: bool) -> Role {
        match &self.resource(resource).kind {
            Kind::Primitive(_) => {
                let seat = self.seat(resource);
                if current { seat.role_now } else { seat.role_planned }
            }
            Kind::Bundle(_) => Role::Unknown,
            Kind::Group(_) | Kind::Clone(_) => {
                let children = &self.seat(resource).children;
                children.iter().map(|&child| self.state(child, current)).max().unwrap_or(Role::Unknown)
            }
        }
    }

    /// Returns whether the resource or anything in it must not be touched.
    pub fn is_any_blocked(&self, resource: ResourceIndex) -> bool {
        let seat = self.seat(resource);
        seat.blocked || seat.children.iter().any(|&child| self.is_any_blocked(child))
    }

    pub fn plan_role(&mut self, resource: ResourceIndex, role: Role, reason: &'static str) {
        let seat = self.seat_mut(resource);
        if seat.role_planned != role {
            seat.role_planned = role;
            seat.role_reason = Some(reason);
        }
    }

    /// Places a primitive, or everything in the resource, on a node or nowhere.
    ///
    /// `last_word`: where it gets no node its planned role becomes `Stopped`; else the attempt can be undone.
    pub fn settle(&mut self, resource: ResourceIndex, wanted: Option<(NodeIndex, i32)>, force: bool, last_word: bool) {
        let children = self.seat(resource).children.clone();
        if !children.is_empty() {
            for child in children {
                self.settle(child, wanted, force, last_word);
            }
            return;
        }
        let mut wanted = wanted;
        if let Some((node, score)) = wanted
            && !force
            && (score < 0 || (!self.is_usable(node) && !self.is_guest(node)))
        {
            if last_word {
                self.plan_role(resource, Role::Stopped, "node availability");
            }
            wanted = None;
        }
        self.unsettle(resource);
        self.seat_mut(resource).placed = true;
        let Some((node, score)) = wanted else {
            if last_word {
                self.plan_role(resource, Role::Stopped, "unable to assign");
            }
            return;
        };
        let seat = self.seat_mut(resource);
        (seat.node, seat.node_score) = (Some(node), score);
        self.grounds[node.position()].resource_count += 1;
        self.capacities.consume(node, resource);
        self.trace_utilization(resource, node);
    }

    /// Takes the placing of a resource, and of everything in it, back.
    pub fn unsettle(&mut self, resource: ResourceIndex) {
        self.seat_mut(resource).placed = false;
        if self.seat(resource).children.is_empty() {
            if let Some(node) = self.seat_mut(resource).node.take() {
                self.grounds[node.position()].resource_count -= 1;
                self.capacities.release(node, resource);
            }
            return;
        }
        for child in self.seat(resource).children.clone() {
            self.unsettle(child);
        }
    }

    /// Adds a score to a resource and everything in it, on one node or on all.
    pub fn add_score(&mut self, resource: ResourceIndex, node: Option<NodeIndex>, score: i32, source: &'static str, name: &'static str) {
        for child in self.seat(resource).children.clone() {
            self.add_score(child, node, score, source, name);
        }
        let nodes: Vec<NodeIndex> = match node {
            Some(node) => vec![node],
            None => (0..self.facts.nodes.len() as u32).map(NodeIndex).collect(),
        };
        for node in nodes {
            let base = self.facts.node(node).score.value();
            let seat = self.seat_mut(resource);
            let entry = seat.table.entry(node, base);
            entry.score = sum(entry.score, score);
            seat.terms.push(Change { node, delta: score, origin: Origin::Rule(source, name), replaces: false });
        }
    }

    /// Records what changed in the scores of a resource since `before`.
    pub fn record(&mut self, resource: ResourceIndex, before: &Table, origin: Origin) {
        let seat = &mut self.seats[resource.position()];
        for (node, entry) in seat.table.iter() {
            let was = before.get(node).map_or(0, |entry| entry.score);
            if was != entry.score {
                let replaces = was <= -INFINITY || (was >= INFINITY && entry.score > -INFINITY);
                let delta = match entry.score {
                    score if replaces || score.abs() >= INFINITY => score,
                    score => score - was,
                };
                seat.terms.push(Change { node, delta, origin, replaces });
            }
        }
    }

    /// Makes `AllowedNodes` of a table into a score line each, with those of everything in the resource.
    pub fn show_scores(&mut self, resource: ResourceIndex, step: &'static str) {
        if self.resource(resource).orphan {
            return;
        }
        let facts = self.facts;
        for &node in &facts.node_order {
            if let Some(entry) = self.seat(resource).table.get(node) {
                self.trace.push(ScoreLine {
                    step: step.to_owned(),
                    resource: facts.resource(resource).id.clone(),
                    node: Some(facts.node(node).name.clone()),
                    text: "allocation score".to_owned(),
                    score: Score::new(entry.score),
                });
            }
        }
        for child in self.seat(resource).children.clone() {
            self.show_scores(child, step);
        }
    }
}

fn grounds(facts: &Facts) -> Vec<Ground> {
    facts
        .nodes
        .iter()
        .map(|node| Ground {
            online: node.online,
            shutting_down: node.shutting_down,
            unclean: node.unclean,
            closed: node.standby || node.maintenance,
            resource_count: 0,
        })
        .collect()
}

fn seat(at: usize, resource: &Resource, constraints: &Constraints, scores: &Scores) -> Seat {
    let allowed = scores.allowed.get(at).unwrap_or(&resource.allowed);
    let (this_with, with_this) =
        constraints.dependents.get(at).map(|both| (both.this_with.clone(), both.with_this.clone())).unwrap_or_default();
    Seat {
        table: Table::new(allowed),
        placed: false,
        placing: false,
        followed: Cell::new(false),
        node: None,
        node_score: 0,
        role_now: resource.role,
        role_planned: resource.next_role,
        role_reason: None,
        priority: resource.priority,
        promotion_priority: 0,
        managed: resource.managed,
        blocked: resource.blocked,
        failed: resource.failed,
        children: resource.children.clone(),
        promotion_scored: false,
        promoting: false,
        this_with,
        with_this,
        terms: Vec::new(),
    }
}

pub(super) fn link(at: usize, colocation: &Colocation, values: &Values) -> Link {
    Link {
        at: at as u32,
        dependent: colocation.dependent,
        primary: colocation.primary,
        score: colocation.score.value(),
        dependent_role: colocation.dependent_role.unwrap_or(Role::Unknown),
        primary_role: colocation.primary_role.unwrap_or(Role::Unknown),
        attribute: values.attribute(&colocation.attribute),
        influence: colocation.influence,
        explicit: colocation.explicit,
    }
}

fn locations(facts: &Facts, constraints: &Constraints) -> Vec<Vec<u32>> {
    let mut locations = vec![Vec::new(); facts.resources.len()];
    for (at, location) in constraints.locations.iter().enumerate() {
        locations[location.resource.position()].push(at as u32);
    }
    locations
}
