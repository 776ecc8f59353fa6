//! Wishes along chains of colocations: what those who follow a resource think of its nodes, and those who follow them.
//!
//! Each step scales the wishes by the colocation's score; a circle ends where it began. Only scores of nodes are
//! computed here, nothing is placed.

use super::board::{Board, Link, Origin, PLACING_DEPTH_MAX, WISHES_DEPTH_MAX};
use super::colocation::End;
use super::table::{INFINITY, Table, sum};
use model::Role;
use status::{Kind, NodeIndex, ResourceIndex};

/// Marks a node that wishes would have closed to a clone although it is open: it ends with score 1.
const KEPT_OPEN: i32 = -100 * INFINITY;

/// How wishes are gathered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Gathering {
    /// Which way chains are followed.
    pub end: End,
    /// Wishes that leave no node open are dropped.
    pub drops_hopeless: bool,
    /// Wishes never close an open node.
    pub keeps_open: bool,
}

impl Board<'_> {
    /// Adds the wishes of a colocation's dependent to its primary's table.
    pub fn add_dependent_wishes(&mut self, at: u32, primary: ResourceIndex) {
        let link = self.links[at as usize];
        if !self.has_influence(link, link.primary) {
            return;
        }
        let gathering = Gathering { end: End::WithThis, drops_hopeless: true, keeps_open: self.resource(primary).is_clone() };
        self.add_wishes_to(primary, link, gathering);
    }

    /// Adds the wishes of a colocation's dependent to the table of this resource.
    pub fn add_wishes_to(&mut self, target: ResourceIndex, link: Link, gathering: Gathering) {
        let before = self.seat(target).table.clone();
        let factor = link.score as f32 / INFINITY as f32;
        if let Some(table) = self.wishes(link.dependent, Some(target), Some(before), Some(link), factor, gathering) {
            self.replace_table(target, table, Origin::Colocation(link.at));
        }
    }

    /// Adds what `source` (and those who follow it) thinks of the nodes, scaled, to `nodes`; without `nodes` the
    /// source's own table is the start.
    pub fn wishes(
        &self,
        source: ResourceIndex,
        target: Option<ResourceIndex>,
        nodes: Option<Table>,
        link: Option<Link>,
        factor: f32,
        gathering: Gathering,
    ) -> Option<Table> {
        let depth = self.depth.get();
        if depth >= PLACING_DEPTH_MAX + WISHES_DEPTH_MAX || self.seat(source).followed.replace(true) {
            return nodes;
        }
        self.depth.set(depth + 1);
        let result = if let Kind::Group(_) = self.resource(source).kind {
            let members = &self.seat(source).children;
            // The last member leads back through all "this with", the first one on through all "with this".
            let member = if nodes.is_none() { members.last() } else { members.first() };
            match member.copied() {
                Some(member) => self.wishes(member, target, nodes, link, factor, gathering),
                None => nodes,
            }
        } else {
            self.wishes_of_one(source, target, nodes, link, factor, gathering)
        };
        self.seat(source).followed.set(false);
        self.depth.set(depth);
        result
    }

    fn wishes_of_one(
        &self,
        source: ResourceIndex,
        target: Option<ResourceIndex>,
        nodes: Option<Table>,
        link: Option<Link>,
        factor: f32,
        gathering: Gathering,
    ) -> Option<Table> {
        let (mut work, target) = match (&nodes, target, link) {
            (Some(nodes), Some(target), Some(link)) => {
                let mut work = nodes.clone();
                self.add_scaled(&mut work, source, target, link, factor, gathering.keeps_open);
                (work, target)
            }
            _ => (self.seat(source).table.clone(), source),
        };
        if self.is_any_open(&work) {
            let gathering = Gathering { drops_hopeless: true, ..gathering };
            for at in self.colocations(source, gathering.end) {
                let next = self.links[at as usize];
                let other = match gathering.end {
                    End::ThisWith => next.primary,
                    End::WithThis if !self.has_influence(next, next.primary) => continue,
                    End::WithThis => next.dependent,
                };
                let scaled = factor * next.score as f32 / INFINITY as f32;
                work = self.wishes(other, Some(target), Some(work), Some(next), scaled, gathering)?;
            }
        } else if gathering.drops_hopeless {
            return nodes;
        }
        if gathering.keeps_open {
            for (_, entry) in work.iter_mut() {
                if entry.score == KEPT_OPEN {
                    entry.score = 1;
                }
            }
        }
        Some(work)
    }

    fn add_scaled(&self, work: &mut Table, source: ResourceIndex, target: ResourceIndex, link: Link, factor: f32, keeps_open: bool) {
        let best = self.best_by_place(source, link);
        for (node, entry) in work.iter_mut() {
            let score = best[self.value(node, link.attribute, target)];
            if factor < 0.0 && score < 0 && !self.is_worth_leaving(link, score) {
                continue;
            }
            if entry.score == KEPT_OPEN {
                continue;
            }
            let new = sum(scaled(factor, score), entry.score);
            if keeps_open && new < 0 && entry.score > 0 {
                entry.score = KEPT_OPEN;
            } else if !(keeps_open && new < 0 && entry.score == 0) {
                entry.score = new;
            }
        }
    }

    /// Returns whether a primary should leave a place that its anti-colocated dependent avoids.
    ///
    /// Compat: only where the dependent has one node at all, and the primary is less sticky than that.
    fn is_worth_leaving(&self, link: Link, score: i32) -> bool {
        let has_one_node = || self.seat(link.dependent).table.iter().filter(|(_, entry)| entry.score >= 0).take(2).count() == 1;
        self.resource(link.primary).stickiness.value() < -score && self.has_influence(link, link.primary) && has_one_node()
    }

    /// Returns the source's best score for each value of the colocation's attribute.
    fn best_by_place(&self, source: ResourceIndex, link: Link) -> Vec<i32> {
        let mut best = vec![-INFINITY; self.values.kinds(link.attribute)];
        let with_group;
        let table = match self.with_group_locations(source, link) {
            Some(table) => {
                with_group = table;
                &with_group
            }
            None => &self.seat(source).table,
        };
        for (node, entry) in table.iter() {
            let slot = &mut best[self.value(node, link.attribute, source)];
            if entry.score > *slot && self.is_usable(node) {
                *slot = entry.score;
            }
        }
        best
    }

    /// Returns the table of a later group member that is itself a configured dependent, with its group's locations.
    ///
    /// Compat: the group's locations are applied to the first member only; here they count all the same.
    fn with_group_locations(&self, source: ResourceIndex, link: Link) -> Option<Table> {
        if source != link.dependent || !link.explicit {
            return None;
        }
        let group = self.parent(source).filter(|&parent| self.resource(parent).is_group())?;
        if self.seat(group).children.first() == Some(&source) {
            return None;
        }
        let mut table = self.seat(source).table.clone();
        for &at in &self.locations[group.position()] {
            let location = &self.constraints.locations[at as usize];
            if location.role.is_some_and(|role| role != Role::Unknown && role != self.seat(source).role_planned) {
                continue;
            }
            for &(node, score) in &location.nodes {
                self.add_location(&mut table, node, score.value());
            }
        }
        Some(table)
    }

    fn add_location(&self, table: &mut Table, node: NodeIndex, score: i32) {
        match table.get_mut(node) {
            Some(entry) => entry.score = sum(entry.score, score),
            None => {
                table.entry(node, score);
            }
        }
    }
}

/// Scales a score, rounding away from zero; what is not zero stays so.
fn scaled(factor: f32, score: i32) -> i32 {
    let product = f64::from(factor * score as f32);
    let rounded = if product < 0.0 { product - 0.5 } else { product + 0.5 } as i32;
    if rounded != 0 || score == 0 || factor == 0.0 {
        rounded
    } else if factor > 0.0 {
        // Compat: the sign is the factor's alone, whatever the score's.
        1
    } else {
        -1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_wish_is_not_rounded_to_nothing() {
        assert_eq!(scaled(0.000_01, 5), 1);
        assert_eq!(scaled(-0.000_01, 5), -1);
        assert_eq!(scaled(0.5, 3), 2);
        assert_eq!(scaled(1.0, -INFINITY), -INFINITY);
        assert_eq!(scaled(0.5, 0), 0);
    }
}
