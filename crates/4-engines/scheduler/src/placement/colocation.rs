//! What colocations do: which concern a resource, whether one has an effect now, and the effect on scores and
//! promotion priorities.
//!
//! The dispatch over kinds of resource is here; what is particular to groups, clones and bundles is in their files.
//! Following chains of wishes is in `wishes`.

use super::board::{Board, Link, Origin};
use super::table::{INFINITY, Table, sum};
use model::Role;
use status::{Kind, NodeIndex, ResourceIndex};
use std::cmp::Ordering;

/// From which end a resource's colocations are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// The resource is the dependent.
    ThisWith,
    /// The resource is the primary.
    WithThis,
}

/// What a colocation has an effect on at this moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Effect {
    Nothing,
    Place,
    Role,
}

impl Board<'_> {
    /// Returns the colocations that concern a resource, its parents' and members' included, in order.
    pub fn colocations(&self, resource: ResourceIndex, end: End) -> Vec<u32> {
        let mut list = Vec::new();
        self.collect(resource, resource, end, &mut list);
        list
    }

    fn own(&self, resource: ResourceIndex, end: End) -> &[u32] {
        match end {
            End::ThisWith => &self.seat(resource).this_with,
            End::WithThis => &self.seat(resource).with_this,
        }
    }

    /// Adds the colocations of `resource` that concern `asker` (itself, or something in or around it).
    fn collect(&self, resource: ResourceIndex, asker: ResourceIndex, end: End, list: &mut Vec<u32>) {
        match &self.resource(resource).kind {
            Kind::Primitive(_) if resource == asker => {
                self.merge(list, self.own(resource, end), end);
                if let Some(parent) = self.parent(resource) {
                    self.collect(parent, asker, end, list);
                }
            }
            Kind::Primitive(_) => {
                for &at in self.own(resource, end) {
                    if self.links[at as usize].explicit {
                        self.insert(list, at, end);
                    }
                }
            }
            Kind::Group(_) => self.collect_of_group(resource, asker, end, list),
            Kind::Clone(_) => {
                self.merge(list, self.own(resource, end), end);
                if let Some(parent) = self.parent(resource) {
                    self.collect(parent, asker, end, list);
                }
            }
            Kind::Bundle(_) => self.collect_of_bundle(resource, asker, end, list),
        }
    }

    fn collect_of_group(&self, group: ResourceIndex, asker: ResourceIndex, end: End, list: &mut Vec<u32>) {
        let members = &self.seat(group).children;
        let (Some(&first), Some(&last)) = (members.first(), members.last()) else { return };
        let gate = if end == End::ThisWith { first } else { last };
        if asker == group || asker == gate {
            self.merge(list, self.own(group, end), end);
            if let Some(parent) = self.parent(group) {
                self.collect(parent, asker, end, list);
            }
            if self.is_colocated_group(group) {
                for &member in members {
                    if member != asker {
                        self.collect(member, asker, end, list);
                    }
                }
            }
            return;
        }
        if end == End::WithThis {
            return;
        }
        // Compat: later members follow the group's colocations through the first member; an unmanaged member
        // breaks that chain, so the mandatory ones are given to them directly.
        let earlier = members.iter().take_while(|&&member| member != asker);
        if earlier.into_iter().any(|&member| !self.seat(member).managed) {
            for &at in self.own(group, end) {
                if self.links[at as usize].score == INFINITY {
                    self.insert(list, at, end);
                }
            }
        }
    }

    fn collect_of_bundle(&self, bundle: ResourceIndex, asker: ResourceIndex, end: End, list: &mut Vec<u32>) {
        if asker == bundle || self.resource(asker).replica_container {
            self.merge(list, self.own(bundle, end), end);
            return;
        }
        let Some(inside) = self.bundled_child(bundle) else { return };
        if !self.resource(inside).promotable || self.top(asker) != inside {
            return;
        }
        // The primitive inside gets the bundle's colocations only once roles are being chosen.
        let is_choosing = if asker == inside { self.seat(asker).promoting } else { self.seat(asker).placed };
        if is_choosing {
            self.merge(list, self.own(bundle, end), end);
        }
    }

    fn merge(&self, list: &mut Vec<u32>, addition: &[u32], end: End) {
        if list.is_empty() {
            list.extend_from_slice(addition);
            return;
        }
        for &at in addition {
            self.insert(list, at, end);
        }
    }

    fn insert(&self, list: &mut Vec<u32>, at: u32, end: End) {
        let other = |at: u32| {
            let link = &self.links[at as usize];
            if end == End::ThisWith { link.primary } else { link.dependent }
        };
        let new = other(at);
        let place = list.iter().position(|&known| self.importance(new, other(known)).is_le()).unwrap_or(list.len());
        list.insert(place, at);
    }

    /// Compares two resources by the order in which colocations with them are looked at.
    fn importance(&self, left: ResourceIndex, right: ResourceIndex) -> Ordering {
        let (a, b) = (self.resource(left), self.resource(right));
        let priority = self.seat(right).priority.cmp(&self.seat(left).priority);
        priority.then_with(|| crate::constraints::compare_kinds(a, b)).then_with(|| a.id.as_str().cmp(b.id.as_str()))
    }

    /// Adds a colocation while placing.
    pub fn add_colocation(&mut self, colocation: crate::constraints::Colocation) {
        let at = self.links.len();
        let link = super::board::link(at, &colocation, &self.values);
        self.links.push(link);
        self.added.push(colocation);
        let mut list = std::mem::take(&mut self.seat_mut(link.dependent).this_with);
        self.insert(&mut list, at as u32, End::ThisWith);
        self.seat_mut(link.dependent).this_with = list;
        let mut list = std::mem::take(&mut self.seat_mut(link.primary).with_this);
        self.insert(&mut list, at as u32, End::WithThis);
        self.seat_mut(link.primary).with_this = list;
    }

    /// Returns whether the dependent's wishes count when the primary (or this instance of it) is placed.
    pub fn has_influence(&self, link: Link, primary: ResourceIndex) -> bool {
        let facts = self.resource(primary);
        // Compat: a running container is not moved for the sake of its connection, which is cheap to move.
        if self.resource(link.dependent).remote_nesting_allowed && !self.seat(primary).failed && facts.active_nodes.len() == 1 {
            return false;
        }
        link.influence || facts.active_nodes.is_empty()
    }

    /// Returns the resource whose role counts: what runs inside, for a bundle's container.
    fn role_bearer(&self, resource: ResourceIndex) -> ResourceIndex {
        if self.resource(resource).replica_container {
            return self.child_in_container(resource).unwrap_or(resource);
        }
        resource
    }

    /// Returns what a colocation between these two has an effect on; `preview`: as though neither were placed.
    pub fn effect(&self, dependent: ResourceIndex, primary: ResourceIndex, link: Link, preview: bool) -> Effect {
        if !preview && !self.seat(primary).placed {
            return Effect::Nothing;
        }
        let dependent_bearer = self.role_bearer(dependent);
        let primary_bearer = self.role_bearer(primary);
        let is_promotable = self.parent(dependent_bearer).is_some_and(|parent| self.resource(parent).promotable);
        if link.dependent_role >= Role::Unpromoted && is_promotable && self.seat(dependent_bearer).placed {
            return Effect::Role;
        }
        if !preview && self.seat(dependent).placed {
            return Effect::Nothing;
        }
        let differs = |role: Role, bearer| role != Role::Unknown && role != self.seat(bearer).role_planned;
        if differs(link.dependent_role, dependent_bearer) || differs(link.primary_role, primary_bearer) {
            return Effect::Nothing;
        }
        Effect::Place
    }

    /// Applies a colocation on behalf of its dependent (or an instance of it); returns what it adds to the priority
    /// for promotion.
    pub fn apply_for_dependent(&mut self, dependent: ResourceIndex, primary: ResourceIndex, link: Link) -> i32 {
        match self.resource(dependent).kind {
            Kind::Group(_) => self.colocate_group_with(dependent, primary, link),
            // A clone or bundle never stands for itself here: its instances do.
            _ => self.apply_to(dependent, primary, link),
        }
    }

    /// Applies a colocation to a primitive, with whatever kind of primary.
    pub fn apply_to(&mut self, dependent: ResourceIndex, primary: ResourceIndex, link: Link) -> i32 {
        match self.resource(primary).kind {
            Kind::Primitive(_) => self.apply_with_primitive(dependent, primary, link),
            Kind::Group(_) => self.colocate_with_group(dependent, primary, link),
            Kind::Clone(_) => self.colocate_with_clone(dependent, primary, link),
            Kind::Bundle(_) => self.colocate_with_bundle(dependent, primary, link),
        }
    }

    /// Applies a colocation between a resource and a primitive (or what is treated as one).
    pub fn apply_with_primitive(&mut self, dependent: ResourceIndex, primary: ResourceIndex, link: Link) -> i32 {
        match self.effect(dependent, primary, link, false) {
            Effect::Nothing => 0,
            Effect::Role => self.apply_to_priority(dependent, primary, link),
            Effect::Place => {
                self.apply_to_scores(dependent, primary, link);
                0
            }
        }
    }

    fn apply_to_scores(&mut self, dependent: ResourceIndex, primary: ResourceIndex, link: Link) {
        let primary_node = self.seat(primary).node;
        if primary_node.is_none() && link.score < 0 {
            return;
        }
        let place = primary_node.map(|node| self.value(node, link.attribute, primary));
        let mut work = self.seat(dependent).table.clone();
        for (node, entry) in work.iter_mut() {
            let Some(place) = place else {
                entry.score = sum(-link.score, entry.score);
                continue;
            };
            if self.value(node, link.attribute, dependent) == place {
                // A requirement is no preference among the nodes that meet it; the others are closed below.
                if link.score < INFINITY {
                    entry.score = sum(link.score, entry.score);
                }
            } else if link.score >= INFINITY {
                entry.score = -INFINITY;
            }
        }
        if link.is_mandatory() || self.is_any_open(&work) {
            self.replace_table(dependent, work, Origin::Colocation(link.at));
        }
    }

    /// Puts a new table in place and records the difference.
    pub fn replace_table(&mut self, resource: ResourceIndex, work: Table, origin: Origin) {
        let before = std::mem::replace(&mut self.seat_mut(resource).table, work);
        self.record(resource, &before, origin);
    }

    fn apply_to_priority(&mut self, dependent: ResourceIndex, primary: ResourceIndex, link: Link) -> i32 {
        let Some(dependent_node) = self.seat(dependent).node else { return 0 };
        let primary_node = self.seat(primary).node;
        if primary_node.is_some()
            && link.primary_role != Role::Unknown
            && link.primary_role != self.seat(self.role_bearer(primary)).role_planned
        {
            return 0;
        }
        let dependent_place = self.value(dependent_node, link.attribute, dependent);
        let primary_place = primary_node.map_or(0, |node| self.value(node, link.attribute, primary));
        let mut factor = 1;
        if dependent_place != primary_place {
            if link.score != INFINITY || link.dependent_role != Role::Promoted {
                return 0;
            }
            factor = -1;
        } else if link.dependent_role == Role::Unpromoted {
            factor = -1;
        }
        let delta = factor * link.score;
        let seat = self.seat_mut(dependent);
        seat.priority = sum(delta, seat.priority);
        delta
    }

    /// Closes every node to the dependent but these; adds their scores to the dependent's where given.
    pub fn keep_to(&mut self, dependent: ResourceIndex, nodes: &[(NodeIndex, Option<i32>)], link: Link) {
        let mut work = self.seat(dependent).table.clone();
        for (node, entry) in work.iter_mut() {
            match nodes.iter().find(|(known, _)| *known == node) {
                None => entry.score = -INFINITY,
                Some((_, Some(score))) => entry.score = sum(entry.score, *score),
                Some((_, None)) => {}
            }
        }
        self.replace_table(dependent, work, Origin::Colocation(link.at));
    }
}
