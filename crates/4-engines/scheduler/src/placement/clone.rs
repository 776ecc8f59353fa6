//! Placing the instances of a clone, or the containers of a bundle: as many as fit, where they already are if possible.
//!
//! Instances are sorted first, then each gets the chance to stay where it is active, then the others find a place.

use super::board::{Board, Link};
use super::colocation::End;
use super::table::{Entry, INFINITY, Table, merge_sort, sum};
use super::wishes::Gathering;
use model::Role;
use status::{Kind, NodeIndex, ProbeMode, ResourceIndex};
use std::cmp::Ordering;

impl Board<'_> {
    pub fn place_clone(&mut self, clone: ResourceIndex, prefer: Option<NodeIndex>, last_word: bool) {
        if self.seat(clone).placed || self.seat(clone).placing {
            return;
        }
        self.seat_mut(clone).placing = true;
        if self.resource(clone).promotable {
            self.add_promotion_scores(clone);
        }
        for at in self.colocations(clone, End::ThisWith) {
            let primary = self.links[at as usize].primary;
            self.place(primary, prefer, last_word);
        }
        for at in self.colocations(clone, End::WithThis) {
            self.add_dependent_wishes(at, clone);
        }
        self.show_scores(clone, "pcmk__clone_assign");
        let instances = merge_sort(self.seat(clone).children.clone(), &mut |a, b| self.compare_instances(a, b));
        self.seat_mut(clone).children = instances.clone();
        let (max, node_max) = match &self.resource(clone).kind {
            Kind::Clone(kind) => (kind.max, kind.node_max),
            _ => (0, 0),
        };
        self.place_instances(clone, instances, max, node_max);
        if self.resource(clone).promotable {
            self.choose_promoted(clone);
        }
        let seat = self.seat_mut(clone);
        seat.placed = true;
        seat.placing = false;
    }

    /// Places up to `max` instances, up to `node_max` on each node.
    pub fn place_instances(&mut self, collective: ResourceIndex, instances: Vec<ResourceIndex>, max: i32, node_max: i32) {
        let usable = self.reset_counts(collective);
        let fair_share = max.checked_div(usable).unwrap_or(1).max(1);
        let mut placed = 0;
        for &instance in &instances {
            if placed >= max {
                break;
            }
            if let Some(current) = self.node_to_keep(instance, fair_share)
                && self.place_where_active(collective, instance, current, node_max, max - placed)
            {
                placed += 1;
            }
        }
        for instance in instances {
            if self.seat(instance).placed {
                continue;
            }
            if placed >= max {
                self.add_score(instance, None, -INFINITY, "clone", "collective_limit_reached");
            } else if self.place_instance(instance, None, node_max).is_some() {
                placed += 1;
            }
        }
    }

    fn reset_counts(&mut self, collective: ResourceIndex) -> i32 {
        let mut usable = 0;
        let grounds = &self.grounds;
        for (node, entry) in self.seats[collective.position()].table.iter_mut() {
            entry.count = 0;
            usable += i32::from(grounds[node.position()].is_usable());
        }
        usable
    }

    /// Returns where an active, healthy instance may stay, unless its node has its fair share already.
    fn node_to_keep(&self, instance: ResourceIndex, fair_share: i32) -> Option<NodeIndex> {
        let facts = self.resource(instance);
        if facts.active_nodes.is_empty() || self.seat(instance).placed || self.seat(instance).failed {
            return None;
        }
        let node = self.current_node(instance)?;
        if !self.is_usable(node) || self.facts.node(node).score.value() < 0 {
            return None;
        }
        match self.parent_entry(instance, node) {
            Some(entry) if entry.count >= fair_share => None,
            _ => Some(node),
        }
    }

    /// Returns what the parent (or the resource itself, at the top level) thinks of a node.
    fn parent_entry(&self, instance: ResourceIndex, node: NodeIndex) -> Option<Entry> {
        self.seat(self.parent(instance).unwrap_or(instance)).table.get(node)
    }

    fn count_instance(&mut self, instance: ResourceIndex, node: Option<NodeIndex>) {
        let holder = self.parent(instance).unwrap_or(instance);
        if let Some(entry) = node.and_then(|node| self.seats[holder.position()].table.get_mut(node)) {
            entry.count += 1;
        }
    }

    /// Tries to place an instance where it is active.
    ///
    /// As long as it would rather go elsewhere, a place is kept free there and the instance tries again: that way
    /// nodes get their share of instances, and preferably those that they have.
    fn place_where_active(
        &mut self,
        collective: ResourceIndex,
        instance: ResourceIndex,
        current: NodeIndex,
        node_max: i32,
        available: i32,
    ) -> bool {
        if !self.seat(instance).table.get(current).is_some_and(|entry| self.is_open(current, entry)) {
            return false;
        }
        let mut kept = Vec::new();
        self.keep_tables(instance, &mut kept);
        let parent = self.parent(instance).unwrap_or(collective);
        let counts = self.seat(parent).table.clone();
        let mut reserved = 0;
        let mut chosen = None;
        while reserved < available {
            chosen = self.place_instance(instance, Some(current), node_max);
            if chosen == Some(current) {
                break;
            }
            for (resource, table, terms) in &kept {
                let seat = self.seat_mut(*resource);
                seat.table.clone_from(table);
                seat.terms.truncate(*terms);
            }
            if chosen.is_none() {
                self.seat_mut(instance).placed = false;
                break;
            }
            reserved += 1;
            self.unsettle(instance);
            chosen = None;
        }
        self.seat_mut(parent).table = counts;
        self.count_instance(instance, chosen);
        chosen.is_some()
    }

    fn keep_tables(&self, resource: ResourceIndex, kept: &mut Vec<(ResourceIndex, Table, usize)>) {
        let seat = self.seat(resource);
        kept.push((resource, seat.table.clone(), seat.terms.len()));
        for &child in &seat.children {
            self.keep_tables(child, kept);
        }
    }

    fn place_instance(&mut self, instance: ResourceIndex, prefer: Option<NodeIndex>, node_max: i32) -> Option<NodeIndex> {
        if self.seat(instance).placing {
            return None;
        }
        self.close_full_nodes_to(instance, node_max);
        let chosen = self.place(instance, prefer, prefer.is_none());
        self.count_instance(instance, chosen);
        chosen
    }

    /// Closes the nodes that cannot take one more instance, to the instance and its members.
    fn close_full_nodes_to(&mut self, instance: ResourceIndex, node_max: i32) {
        let is_orphan = self.resource(instance).orphan;
        let closed: Vec<NodeIndex> = self
            .seat(instance)
            .table
            .iter()
            .map(|(node, _)| node)
            .filter(|&node| {
                let parent = self.parent_entry(instance, node);
                is_orphan || !self.is_usable(node) || parent.is_none_or(|entry| entry.score < 0 || entry.count >= node_max)
            })
            .collect();
        let mut seats = vec![instance];
        seats.extend(self.seat(instance).children.iter().copied());
        for resource in seats {
            let before = self.seat(resource).table.clone();
            for &node in &closed {
                if let Some(entry) = self.seat_mut(resource).table.get_mut(node) {
                    entry.score = -INFINITY;
                }
            }
            self.record_rule(resource, &before, "clone", "instances");
        }
    }

    /// Compares two instances by who is placed first.
    pub fn compare_instances(&self, a: ResourceIndex, b: ResourceIndex) -> Ordering {
        let ((mut node_a, active_a), (mut node_b, active_b)) = (self.current(a), self.current(b));
        if active_a > 0 && active_b > 0 && active_a != active_b {
            return active_a.cmp(&active_b);
        }
        let (allowed_a, allowed_b) = (self.is_allowed_at(a, &mut node_a), self.is_allowed_at(b, &mut node_b));
        if allowed_a != allowed_b {
            return allowed_b.cmp(&allowed_a);
        }
        let by_priority = self.seat(b).priority.cmp(&self.seat(a).priority);
        if by_priority.is_ne() {
            return by_priority;
        }
        let (Some(node_a), Some(node_b)) = (node_a, node_b) else {
            return node_b.is_some().cmp(&node_a.is_some());
        };
        let by_usable = self.is_usable(node_b).cmp(&self.is_usable(node_a));
        if by_usable.is_ne() {
            return by_usable;
        }
        let (entry_a, entry_b) = match (self.parent_entry(a, node_a), self.parent_entry(b, node_b)) {
            (Some(entry_a), Some(entry_b)) => (entry_a, entry_b),
            (entry_a, entry_b) => return entry_b.is_some().cmp(&entry_a.is_some()),
        };
        let by_count = entry_a.count.cmp(&entry_b.count);
        by_count
            .then_with(|| self.has_failed(a).cmp(&self.has_failed(b)))
            .then_with(|| self.colocated_score(b, node_b).cmp(&self.colocated_score(a, node_a)))
            .then_with(|| self.instance_number(a).cmp(&self.instance_number(b)))
    }

    /// Returns whether the node (if any) is allowed; forgets it where not.
    fn is_allowed_at(&self, instance: ResourceIndex, node: &mut Option<NodeIndex>) -> bool {
        let is_allowed = node.is_none_or(|node| self.seat(instance).table.get(node).is_some_and(|entry| entry.score >= 0));
        if !is_allowed {
            *node = None;
        }
        is_allowed
    }

    fn has_failed(&self, resource: ResourceIndex) -> bool {
        self.seat(resource).failed || self.seat(resource).children.iter().any(|&child| self.has_failed(child))
    }

    /// Returns the number at the end of an instance's name.
    pub fn instance_number(&self, instance: ResourceIndex) -> i64 {
        let id = self.resource(instance).id.as_str();
        let digits = id.rsplit_once(':').or_else(|| id.rsplit_once('-')).map_or("", |(_, digits)| digits);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        digits[..end].parse().unwrap_or(0)
    }

    /// Returns what an instance's colocations think of its present node, all in all.
    fn colocated_score(&self, instance: ResourceIndex, node: NodeIndex) -> i32 {
        let this_with = self.colocations(instance, End::ThisWith);
        let with_this = self.colocations(instance, End::WithThis);
        let start = Entry { score: self.facts.node(node).score.value(), count: 0, probe: ProbeMode::Always };
        if this_with.is_empty() && with_this.is_empty() {
            return start.score;
        }
        let mut table = Table::with_node(node, start);
        for (list, end) in [(this_with, End::ThisWith), (with_this, End::WithThis)] {
            for at in list {
                let link = self.links[at as usize];
                if end == End::WithThis && !self.has_influence(link, instance) {
                    continue;
                }
                let other = if end == End::ThisWith { link.primary } else { link.dependent };
                // Compat: both ends go on through those who follow; only the second keeps nodes open.
                let gathering = Gathering { end: End::WithThis, drops_hopeless: false, keeps_open: end == End::WithThis };
                let factor = link.score as f32 / INFINITY as f32;
                let result = self.wishes(other, Some(instance), Some(table), Some(link), factor, gathering);
                table = result.unwrap_or_default();
            }
        }
        table.get(node).map_or(-INFINITY, |entry| entry.score)
    }

    /// Returns whether dependent and primary pair off instance by instance.
    fn can_interleave(&self, link: Link) -> bool {
        let dependent = self.resource(link.dependent);
        let is_interleaved = dependent.meta.get("interleave").is_some_and(|value| is_true(value));
        (dependent.is_clone() || dependent.is_bundle())
            && is_interleaved
            && self.most_per_node(link.dependent) == self.most_per_node(link.primary)
    }

    fn most_per_node(&self, resource: ResourceIndex) -> i32 {
        match &self.resource(resource).kind {
            Kind::Primitive(_) | Kind::Group(_) => 1,
            Kind::Clone(clone) => clone.node_max,
            Kind::Bundle(bundle) => bundle.replicas_per_host,
        }
    }

    /// Applies a colocation with a clone, on behalf of a primitive.
    pub fn colocate_with_clone(&mut self, dependent: ResourceIndex, clone: ResourceIndex, link: Link) -> i32 {
        if !self.seat(clone).placed {
            return 0;
        }
        if self.resource(clone).promotable && link.primary_role != Role::Unknown {
            if !self.seat(dependent).placed {
                self.follow_role(dependent, clone, link);
                return 0;
            }
            if link.dependent_role == Role::Promoted {
                return self.follow_promotion(dependent, clone, link);
            }
        }
        if self.can_interleave(link) {
            match self.compatible_instance(dependent, clone, Role::Unknown, None) {
                Some(instance) => return self.apply_for_dependent(dependent, instance, link),
                None if link.score >= INFINITY => self.settle(dependent, None, true, true),
                None => {}
            }
            return 0;
        }
        let instances = self.seat(clone).children.clone();
        if link.score >= INFINITY {
            let nodes: Vec<_> = instances
                .into_iter()
                .rev()
                .filter(|&instance| !self.is_any_blocked(instance))
                .filter_map(|instance| self.planned_node(instance))
                .map(|node| (node, None))
                .collect();
            self.keep_to(dependent, &nodes, link);
            return 0;
        }
        instances.into_iter().fold(0, |delta, instance| sum(delta, self.apply_to(dependent, instance, link)))
    }

    /// Returns an instance that is planned where a resource is, or could be, in this role (if one is given).
    pub fn compatible_instance(
        &self,
        seeker: ResourceIndex,
        collective: ResourceIndex,
        role: Role,
        attribute: Option<usize>,
    ) -> Option<ResourceIndex> {
        if let Some(node) = self.planned_node(seeker) {
            return self.instance_at(collective, node, role, attribute);
        }
        let nodes = self.sorted(seeker, None);
        nodes.into_iter().find_map(|(node, _)| self.instance_at(collective, node, role, attribute))
    }

    fn instance_at(&self, collective: ResourceIndex, node: NodeIndex, role: Role, attribute: Option<usize>) -> Option<ResourceIndex> {
        let instances = match &self.resource(collective).kind {
            Kind::Bundle(bundle) => bundle.replicas.iter().map(|replica| replica.container).collect(),
            _ => self.seat(collective).children.clone(),
        };
        instances.into_iter().find(|&instance| self.is_instance_at(instance, node, role, attribute))
    }

    /// Returns whether an instance is planned on a node (or on one with the same value of an attribute) in a role.
    pub fn is_instance_at(&self, instance: ResourceIndex, node: NodeIndex, role: Role, attribute: Option<usize>) -> bool {
        if role != Role::Unknown && role != self.state(instance, false) || self.is_any_blocked(instance) {
            return false;
        }
        self.planned_node(instance).is_some_and(|planned| match attribute {
            Some(attribute) => self.value(planned, attribute, instance) == self.value(node, attribute, instance),
            None => planned == node,
        })
    }
}

fn is_true(text: &str) -> bool {
    model::parse_boolean(text).unwrap_or(false)
}
