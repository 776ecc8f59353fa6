//! Capacity: what nodes have left, what resources need, and which nodes are too full.
//!
//! Used only where `placement-strategy` is not `default`; capacity is taken and given back as resources are placed.

use super::board::{Board, Link, PLACING_DEPTH_MAX, WISHES_DEPTH_MAX};
use super::colocation::{Effect, End};
use super::table::{INFINITY, Table, merge_sort};
use super::wishes::Gathering;
use compact_str::CompactString;
use model::{NodeName, ResourceId, Score};
use status::{Attributes, Facts, Kind, NodeIndex, PlacementStrategy, ResourceIndex};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use transition::ScoreLine;

/// What nodes have left and resources need, by kind of capacity.
#[derive(Clone, Debug, Default)]
pub(super) struct Capacities {
    kinds: Vec<CompactString>,
    /// For each node what it has left; `None` where the node was never said to have any.
    free: Vec<Vec<Option<i32>>>,
    /// For each resource what it needs.
    needs: Vec<Vec<(usize, i32)>>,
}

impl Capacities {
    pub fn new(facts: &Facts) -> Self {
        let mut positions: BTreeMap<CompactString, usize> = BTreeMap::new();
        let all = facts.nodes.iter().map(|node| &node.utilization);
        for name in all.chain(facts.resources.iter().map(|resource| &resource.utilization)).flat_map(|u| u.keys()) {
            positions.insert(name.clone(), 0);
        }
        for (at, position) in positions.values_mut().enumerate() {
            *position = at;
        }
        let needs_of = |utilization: &Attributes| -> Vec<(usize, i32)> {
            utilization.iter().map(|(name, value)| (positions[name], number(value))).collect()
        };
        let free = facts.nodes.iter().map(|node| {
            let mut free = vec![None; positions.len()];
            for (at, value) in needs_of(&node.utilization) {
                free[at] = Some(value);
            }
            free
        });
        Capacities {
            free: free.collect(),
            needs: facts.resources.iter().map(|resource| needs_of(&resource.utilization)).collect(),
            kinds: positions.into_keys().collect(),
        }
    }

    /// Compares two nodes, the one with more left (in more kinds) first.
    pub fn compare(&self, a: NodeIndex, b: NodeIndex) -> Ordering {
        let pairs = self.free[a.position()].iter().zip(&self.free[b.position()]);
        let balance: i32 = pairs.map(|(a, b)| b.unwrap_or(0).cmp(&a.unwrap_or(0)) as i32).sum();
        balance.cmp(&0)
    }

    pub fn consume(&mut self, node: NodeIndex, resource: ResourceIndex) {
        for &(kind, need) in &self.needs[resource.position()] {
            let free = &mut self.free[node.position()][kind];
            *free = Some(free.unwrap_or(0).saturating_sub(need));
        }
    }

    pub fn release(&mut self, node: NodeIndex, resource: ResourceIndex) {
        for &(kind, need) in &self.needs[resource.position()] {
            let free = &mut self.free[node.position()][kind];
            *free = Some(free.unwrap_or(0).saturating_add(need));
        }
    }

    fn fits(&self, node: NodeIndex, needs: &[(usize, i32)]) -> bool {
        needs.iter().all(|&(kind, need)| need <= self.free[node.position()][kind].unwrap_or(0))
    }
}

fn number(text: &str) -> i32 {
    text.trim().parse::<i64>().map_or(0, |value| value.clamp(i32::MIN.into(), i32::MAX.into()) as i32)
}

/// Returns a line of the trace that says something of capacity: its text is the whole line.
fn capacity_line(resource: ResourceId, node: NodeName, text: String) -> ScoreLine {
    ScoreLine { step: String::new(), resource, node: Some(node), text, score: Score::ZERO }
}

impl Board<'_> {
    fn uses_capacity(&self) -> bool {
        self.facts.options.placement_strategy != PlacementStrategy::Default
    }

    /// Closes the nodes that are too full for a resource and what must be with it; where none has room for all,
    /// those too full for the resource alone, and returns the node with the most room.
    pub fn close_full_nodes(&mut self, resource: ResourceIndex) -> Option<NodeIndex> {
        if !self.uses_capacity() {
            return None;
        }
        let mut company = BTreeSet::new();
        self.company(resource, resource, &mut company);
        company.insert(resource);
        let needs = self.needs_of(&company);
        let open: Vec<NodeIndex> = self
            .walk
            .iter()
            .copied()
            .filter(|&node| self.seat(resource).table.get(node).is_some_and(|entry| self.is_open(node, entry)))
            .collect();
        let fits_all = open.iter().any(|&node| self.capacities.fits(node, &needs));
        let needs = if fits_all { needs } else { self.capacities.needs[resource.position()].clone() };
        let roomiest = open.iter().copied().reduce(|best, node| if self.capacities.compare(node, best).is_lt() { node } else { best });
        for &node in &open {
            if !self.capacities.fits(node, &needs) {
                self.add_score(resource, Some(node), -INFINITY, "capacity", "__limit_utilization__");
            }
        }
        if fits_all { None } else { roomiest }
    }

    /// Adds a resource and those that must be with it.
    fn company(&self, resource: ResourceIndex, asker: ResourceIndex, company: &mut BTreeSet<ResourceIndex>) {
        let is_member_counted = |group: ResourceIndex| {
            let is_cloned = self.parent(group).is_some_and(|parent| self.resource(parent).is_clone());
            self.is_colocated_group(group) || is_cloned
        };
        if self.resource(resource).is_group() {
            if is_member_counted(resource) {
                company.insert(resource);
                for &member in &self.seat(resource).children {
                    self.company(member, asker, company);
                }
                return;
            }
            if self.seat(resource).children.is_empty() {
                return;
            }
        }
        if self.depth.get() >= PLACING_DEPTH_MAX + WISHES_DEPTH_MAX || !company.insert(resource) {
            return;
        }
        self.depth.set(self.depth.get() + 1);
        let joins = |link: &Link| link.score == INFINITY && self.effect(link.dependent, link.primary, *link, true) == Effect::Place;
        for at in self.colocations(resource, End::ThisWith) {
            let link = Link { dependent: resource, ..self.links[at as usize] };
            if link.primary != asker && joins(&link) {
                self.company(link.primary, asker, company);
            }
        }
        for at in self.colocations(resource, End::WithThis) {
            let link = Link { primary: resource, ..self.links[at as usize] };
            let is_unsure = self.resource(resource).is_clone() && !self.resource(link.dependent).is_clone();
            if link.dependent != asker && !is_unsure && joins(&link) {
                self.company(link.dependent, asker, company);
            }
        }
        self.depth.set(self.depth.get() - 1);
    }

    fn needs_of(&self, company: &BTreeSet<ResourceIndex>) -> Vec<(usize, i32)> {
        let mut needs = BTreeMap::new();
        for &resource in company {
            self.add_needs(resource, company, &mut needs);
        }
        needs.into_iter().collect()
    }

    fn add_needs(&self, resource: ResourceIndex, company: &BTreeSet<ResourceIndex>, needs: &mut BTreeMap<usize, i32>) {
        let seat = self.seat(resource);
        if seat.placed {
            return;
        }
        match &self.resource(resource).kind {
            Kind::Primitive(_) => {
                for &(kind, need) in &self.capacities.needs[resource.position()] {
                    let total = needs.entry(kind).or_insert(0);
                    *total = total.saturating_add(need);
                }
            }
            Kind::Group(_) => {
                let is_cloned = self.parent(resource).is_some_and(|parent| self.resource(parent).is_clone());
                let counted = if self.is_colocated_group(resource) || is_cloned { usize::MAX } else { 1 };
                for &member in seat.children.iter().take(counted) {
                    if !company.contains(&member) {
                        self.add_needs(member, company, needs);
                    }
                }
            }
            Kind::Clone(_) => {
                let mut is_known = false;
                for &instance in &seat.children {
                    if company.contains(&instance) {
                        is_known = true;
                    } else if self.seat(instance).children.iter().any(|member| company.contains(member)) {
                        self.add_needs(instance, company, needs);
                        is_known = true;
                    }
                }
                if let (false, Some(&first)) = (is_known, seat.children.first()) {
                    self.add_needs(first, company, needs);
                }
            }
            Kind::Bundle(bundle) => {
                if let Some(replica) = bundle.replicas.first() {
                    self.add_needs(replica.container, company, needs);
                }
            }
        }
    }

    /// Returns the top-level resources in the order of placement.
    pub fn sorted_roots(&self) -> Vec<ResourceIndex> {
        let roots = self.facts.roots.clone();
        if !self.uses_capacity() {
            return roots;
        }
        let nodes: Vec<_> =
            (0..self.facts.nodes.len() as u32).map(|at| (NodeIndex(at), self.facts.nodes[at as usize].score.value())).collect();
        let nodes = merge_sort(nodes, &mut |a, b| self.compare_nodes(a, b, None));
        let gathering = Gathering { end: End::ThisWith, drops_hopeless: false, keeps_open: false };
        let tables: BTreeMap<ResourceIndex, Table> =
            roots.iter().map(|&root| (root, self.wishes(root, None, None, None, 1.0, gathering).unwrap_or_default())).collect();
        let score = |root: ResourceIndex, node: Option<NodeIndex>| {
            let entry = node.and_then(|node| tables.get(&root)?.get(node));
            entry.map_or(-INFINITY, |entry| entry.score)
        };
        merge_sort(roots, &mut |a, b| {
            let by_priority = self.seat(b).priority.cmp(&self.seat(a).priority);
            if by_priority.is_ne() {
                return by_priority;
            }
            let current = |root: ResourceIndex| {
                if self.resource(root).active_nodes.is_empty() { None } else { self.current_node(root) }
            };
            let by_current = score(b, current(b)).cmp(&score(a, current(a)));
            nodes.iter().fold(by_current, |order, &(node, _)| order.then_with(|| score(b, Some(node)).cmp(&score(a, Some(node)))))
        })
    }

    /// Records a utilization line for a resource that was placed.
    pub fn trace_utilization(&mut self, resource: ResourceIndex, node: NodeIndex) {
        let facts = self.facts;
        let id = &self.resource(resource).id;
        let mut text = format!("pcmk__assign_resource: {id} utilization on {}:", facts.node(node).name);
        for (name, value) in &self.resource(resource).utilization {
            text.push_str(&format!(" {name}={value}"));
        }
        self.trace.push(capacity_line(id.clone(), facts.node(node).name.clone(), text));
    }

    /// Records a line for each node's capacity.
    pub fn trace_capacities(&mut self, label: &str) {
        let facts = self.facts;
        for &node in &facts.node_order {
            if self.is_bundle_node(node) {
                continue;
            }
            let mut text = format!("{label}: {} capacity:", facts.node(node).name);
            for (kind, free) in self.capacities.kinds.iter().zip(&self.capacities.free[node.position()]) {
                if let Some(free) = free {
                    text.push_str(&format!(" {kind}={free}"));
                }
            }
            self.trace.push(capacity_line(ResourceId::default(), facts.node(node).name.clone(), text));
        }
    }
}
