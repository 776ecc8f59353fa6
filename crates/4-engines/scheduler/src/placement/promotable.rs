//! Choosing which instances of a promotable clone are promoted.
//!
//! Promotion scores (node attributes that agents set), locations and colocations of the promoted role, and tickets
//! rank the instances that were placed; the first so many become promoted, the others stay unpromoted.

use super::board::{Board, Link};
use super::colocation::End;
use super::table::{INFINITY, merge_sort, sum};
use super::wishes::Gathering;
use model::{Role, Score};
use status::{Kind, NoQuorumPolicy, NodeIndex, NodeKind, ResourceIndex};
use std::cmp::Ordering;
use transition::ScoreLine;

impl Board<'_> {
    /// Adds promotion scores to the instances' tables, so that they are placed where they can be promoted.
    pub fn add_promotion_scores(&mut self, clone: ResourceIndex) {
        if std::mem::replace(&mut self.seat_mut(clone).promotion_scored, true) {
            return;
        }
        for instance in self.seat(clone).children.clone() {
            let before = self.seat(instance).table.clone();
            for (node, entry) in before.iter() {
                if !self.is_usable(node) {
                    continue;
                }
                let score = self.promotion_score(clone, instance, node).unwrap_or(0);
                let seat = self.seat_mut(instance);
                if score > 0
                    && let Some(slot) = seat.table.get_mut(node)
                {
                    slot.score = sum(entry.score, score);
                }
                seat.priority = seat.priority.max(score);
            }
            self.record_rule(instance, &before, "promotion-score", "promotion-score");
        }
    }

    /// Returns the promotion score of an instance on a node: the sum of its members' where it is a group.
    fn promotion_score(&self, clone: ResourceIndex, resource: ResourceIndex, node: NodeIndex) -> Option<i32> {
        let children = &self.seat(resource).children;
        if !children.is_empty() {
            let scores = children.iter().map(|&child| self.promotion_score(clone, child, node));
            return scores.fold(None, |all: Option<i32>, one| match (all, one) {
                (None, one) => one,
                (all, None) => all,
                (Some(all), Some(one)) => Some(all.saturating_add(one)),
            });
        }
        if !self.promotion_score_counts(clone, resource, node) {
            return None;
        }
        let facts = self.resource(resource);
        let known_as = facts.history_id.as_ref().unwrap_or(&facts.id).as_str();
        let mut value = self.promotion_attribute(resource, node, known_as);
        if value.is_none() && !facts.unique {
            let plain = without_number(facts.id.as_str());
            if plain != facts.id.as_str() {
                value = self.promotion_attribute(resource, node, plain);
            }
        }
        value.map(|text| self.facts.options.parse_score(text).unwrap_or_default().value())
    }

    fn promotion_attribute(&self, resource: ResourceIndex, node: NodeIndex, name: &str) -> Option<&str> {
        let facts = self.resource(resource);
        let at_host = facts.meta.get("container-attribute-target").is_some_and(|target| target.eq_ignore_ascii_case("host"));
        let node = match self.facts.node(node).kind {
            NodeKind::Guest { launcher } if at_host => {
                if self.seat(resource).placed {
                    self.seat(launcher).node?
                } else {
                    *self.resource(launcher).active_nodes.first()?
                }
            }
            _ => node,
        };
        self.facts.node(node).attributes.get(format!("master-{name}").as_str()).map(|value| value.as_str())
    }

    /// Returns whether an instance's promotion score on a node means this instance.
    fn promotion_score_counts(&self, clone: ResourceIndex, resource: ResourceIndex, node: NodeIndex) -> bool {
        self.is_known_or_possible(clone, resource, node) && self.seat(resource).table.get(node).is_some_and(|entry| entry.score >= 0)
    }

    fn is_known_or_possible(&self, clone: ResourceIndex, resource: ResourceIndex, node: NodeIndex) -> bool {
        let facts = self.resource(resource);
        if !facts.unique {
            let name = without_number(facts.id.as_str());
            let active = self.namesakes(clone, name).find(|&other| self.resource(other).active_nodes.contains(&node));
            if active == Some(resource) {
                return true;
            }
            if active.is_none() && self.namesakes(clone, name).any(|other| self.resource(other).known_on.contains(&node)) {
                return true;
            }
        }
        // At the start of a cluster nothing is known: all permanent scores count.
        (facts.active_nodes.is_empty() && facts.known_on.is_empty()) || facts.known_on.contains(&node) || facts.active_nodes.contains(&node)
    }

    /// Returns one member per instance of the clone: the primitives of this name.
    fn namesakes<'b>(&'b self, clone: ResourceIndex, name: &'b str) -> impl Iterator<Item = ResourceIndex> + 'b {
        self.seat(clone).children.iter().filter_map(move |&instance| {
            let members = &self.seat(instance).children;
            let is_named = |resource: ResourceIndex| {
                let facts = self.resource(resource);
                facts.id.as_str() == name || facts.configured_id.as_str() == name
            };
            if members.is_empty() {
                return is_named(instance).then_some(instance);
            }
            members.iter().copied().find(|&member| is_named(member))
        })
    }

    /// Chooses the instances to be promoted, and the planned roles of all.
    pub fn choose_promoted(&mut self, clone: ResourceIndex) {
        for (_, entry) in self.seat_mut(clone).table.iter_mut() {
            entry.count = 0;
        }
        for instance in self.seat(clone).children.clone() {
            self.rank_instance(clone, instance);
        }
        self.sort_by_promotion(clone);
        let mut promoted = 0;
        for instance in self.seat(clone).children.clone() {
            self.choose_role(clone, instance, &mut promoted);
        }
    }

    fn rank_instance(&mut self, clone: ResourceIndex, instance: ResourceIndex) {
        if self.state(instance, true) == Role::Started {
            self.mark_unpromoted_now(instance);
        }
        // Compat: of several nodes (a group that is not colocated) the incumbent takes none.
        let Some(node) = self.planned_node(instance) else { return };
        let role = self.state(instance, false);
        match role {
            Role::Started | Role::Unknown => {
                // Without any score −1: eligible by locations alone, never by nothing.
                let score = self.promotion_score(clone, instance, node).unwrap_or(-1);
                self.seat_mut(instance).priority = score;
            }
            Role::Unpromoted | Role::Stopped => self.seat_mut(instance).priority = -INFINITY,
            Role::Promoted => {}
        }
        self.add_promoted_locations(instance, instance, node);
        self.add_promoted_locations(instance, clone, node);
        if let Some(bundle) = self.parent(clone) {
            self.add_promoted_locations(instance, bundle, node);
        }
        for at in self.colocations(instance, End::ThisWith) {
            let link = self.links[at as usize];
            self.apply_for_dependent(instance, link.primary, link);
        }
        let seat = self.seat_mut(instance);
        seat.promotion_priority = if role == Role::Promoted { INFINITY } else { seat.priority };
    }

    fn mark_unpromoted_now(&mut self, resource: ResourceIndex) {
        let seat = self.seat_mut(resource);
        if seat.role_now == Role::Started {
            seat.role_now = Role::Unpromoted;
        }
        for child in seat.children.clone() {
            self.mark_unpromoted_now(child);
        }
    }

    fn add_promoted_locations(&mut self, instance: ResourceIndex, located: ResourceIndex, node: NodeIndex) {
        for &at in &self.locations[located.position()] {
            let location = &self.constraints.locations[at as usize];
            if location.role != Some(Role::Promoted) {
                continue;
            }
            if let Some((_, score)) = location.nodes.iter().find(|(known, _)| *known == node) {
                let seat = &mut self.seats[instance.position()];
                seat.priority = sum(seat.priority, score.value());
            }
        }
    }

    fn sort_by_promotion(&mut self, clone: ResourceIndex) {
        if std::mem::replace(&mut self.seat_mut(clone).promoting, true) {
            return;
        }
        self.seat(clone).followed.set(true);
        let instances = self.seat(clone).children.clone();
        let before = self.seat(clone).table.clone();
        for &instance in &instances {
            let score = self.seat(instance).promotion_priority;
            if score >= 0
                && let Some(node) = self.planned_node(instance)
                && let Some(entry) = self.seats[clone.position()].table.get_mut(node)
            {
                entry.score = sum(score, entry.score);
            }
        }
        self.record_rule(clone, &before, "promotion-score", "promotion-score");
        for at in self.colocations(clone, End::WithThis) {
            let link = self.links[at as usize];
            if link.primary_role == Role::Promoted && self.has_influence(link, link.primary) {
                let gathering = Gathering { end: End::WithThis, drops_hopeless: true, keeps_open: true };
                self.add_wishes_to(clone, link, gathering);
            }
        }
        let constraints = self.constraints;
        for demand in constraints.tickets.iter().filter(|demand| demand.resource == clone) {
            if demand.role == Some(Role::Promoted) && !demand.satisfied {
                self.add_score(clone, None, -INFINITY, "ticket", "__stateful_without_ticket__");
            }
        }
        for &instance in &instances {
            self.set_promotion_priority(clone, instance);
        }
        let sorted = merge_sort(instances, &mut |a, b| self.compare_for_promotion(a, b));
        self.seat_mut(clone).children = sorted;
        self.seat(clone).followed.set(false);
    }

    fn set_promotion_priority(&mut self, clone: ResourceIndex, instance: ResourceIndex) {
        let node = self.planned_node(instance);
        let seat = self.seat(instance);
        let priority = if !seat.managed && seat.role_planned == Role::Promoted {
            INFINITY
        } else if let Some(node) = node {
            if seat.promotion_priority < 0 {
                return;
            }
            self.seat(clone).table.get(node).map_or(-INFINITY, |entry| entry.score)
        } else {
            -INFINITY
        };
        self.seat_mut(instance).promotion_priority = priority;
    }

    fn compare_for_promotion(&self, a: ResourceIndex, b: ResourceIndex) -> Ordering {
        let by_priority = self.seat(b).promotion_priority.cmp(&self.seat(a).promotion_priority);
        by_priority.then_with(|| self.state(b, true).cmp(&self.state(a, true))).then_with(|| self.compare_instances(a, b))
    }

    fn choose_role(&mut self, clone: ResourceIndex, instance: ResourceIndex, promoted: &mut i32) {
        self.show_promotion_score(instance);
        let (max, node_max) = match &self.resource(clone).kind {
            Kind::Clone(clone) => (clone.promoted_max, clone.promoted_node_max),
            _ => (0, 0),
        };
        let may_promote = self.seat(instance).promotion_priority >= 0
            && (*promoted < max || !self.seat(clone).managed)
            && !(self.seat(instance).role_now < Role::Promoted
                && !self.facts.have_quorum
                && self.facts.options.no_quorum_policy == NoQuorumPolicy::Freeze);
        let node = if may_promote { self.promotion_node(clone, instance, node_max) } else { None };
        let Some(node) = node else {
            self.plan_unpromoted(instance);
            return;
        };
        if let Some(entry) = self.seat_mut(clone).table.get_mut(node) {
            entry.count += 1;
        }
        self.plan_promoted(instance);
        *promoted += 1;
    }

    /// Returns the node that a resource can be promoted on.
    fn promotion_node(&self, clone: ResourceIndex, resource: ResourceIndex, node_max: i32) -> Option<NodeIndex> {
        for &member in &self.seat(resource).children {
            self.promotion_node(clone, member, node_max)?;
        }
        let node = self.planned_node(resource)?;
        let seat = self.seat(resource);
        if !seat.managed {
            if self.state(resource, true) != Role::Promoted {
                return None;
            }
        } else if seat.priority < 0 || !self.is_usable(node) || self.is_unlaunched_guest(node) {
            return None;
        }
        let entry = self.seat(clone).table.get(node)?;
        (entry.count < node_max || !seat.managed).then_some(node)
    }

    fn is_unlaunched_guest(&self, node: NodeIndex) -> bool {
        match self.facts.node(node).kind {
            NodeKind::Guest { launcher } => self.planned_node(launcher).is_none(),
            _ => false,
        }
    }

    fn plan_unpromoted(&mut self, resource: ResourceIndex) {
        if self.planned_nodes(resource).is_empty() {
            self.plan_role(resource, Role::Stopped, "stopped instance");
        } else {
            self.plan_role(resource, Role::Unpromoted, "unpromoted instance");
        }
        for child in self.seat(resource).children.clone() {
            self.plan_unpromoted(child);
        }
    }

    fn plan_promoted(&mut self, resource: ResourceIndex) {
        if self.seat(resource).role_planned == Role::Unknown {
            self.plan_role(resource, Role::Promoted, "promoted instance");
        }
        for child in self.seat(resource).children.clone() {
            self.plan_promoted(child);
        }
    }

    fn show_promotion_score(&mut self, instance: ResourceIndex) {
        let node = self.planned_node(instance).map(|node| self.facts.node(node).name.clone());
        self.trace.push(ScoreLine {
            step: String::new(),
            resource: self.resource(instance).id.clone(),
            node,
            text: "promotion score".to_owned(),
            score: Score::new(self.seat(instance).promotion_priority),
        });
    }

    /// Applies a colocation with a role of a promotable clone to a dependent that is not placed yet.
    pub fn follow_role(&mut self, dependent: ResourceIndex, clone: ResourceIndex, link: Link) {
        let mut places = Vec::new();
        let mut work = self.seat(dependent).table.clone();
        for instance in self.seat(clone).children.clone() {
            let Some(node) = self.planned_node(instance) else { continue };
            if self.state(instance, false) != link.primary_role {
                continue;
            }
            if link.score < INFINITY {
                let place = self.value(node, link.attribute, clone);
                for (other, entry) in work.iter_mut() {
                    if self.value(other, link.attribute, dependent) == place {
                        entry.score = sum(entry.score, link.score);
                    }
                }
            }
            places.insert(0, (node, Some(self.planned_score(instance))));
        }
        self.replace_table(dependent, work, super::board::Origin::Colocation(link.at));
        // Compat: promoted with promoted leaves the others open, or they could not even start.
        let both_promoted = link.dependent_role == Role::Promoted && link.primary_role == Role::Promoted;
        if link.score >= INFINITY && !both_promoted {
            self.keep_to(dependent, &places, link);
        }
    }

    /// Returns the score that an instance had on its node when it was placed.
    fn planned_score(&self, instance: ResourceIndex) -> i32 {
        let mut leaf = instance;
        while let Some(&child) = self.seat(leaf).children.first() {
            leaf = child;
        }
        self.seat(leaf).node_score
    }

    /// Applies a colocation with a role of a promotable clone to the promotion of a placed dependent.
    pub fn follow_promotion(&mut self, dependent: ResourceIndex, clone: ResourceIndex, link: Link) -> i32 {
        let instance = self.compatible_instance(dependent, clone, link.primary_role, Some(link.attribute));
        let seat = self.seat_mut(dependent);
        if instance.is_some() {
            seat.priority = sum(seat.priority, link.score);
            return link.score;
        }
        if link.score >= INFINITY {
            seat.priority = -INFINITY;
            return -INFINITY;
        }
        0
    }
}

/// Returns a name without the instance number at its end.
fn without_number(id: &str) -> &str {
    match id.rsplit_once(':') {
        Some((name, digits)) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_at_the_end_is_left_out() {
        assert_eq!(without_number("db:12"), "db");
        assert_eq!(without_number("db:x"), "db:x");
        assert_eq!(without_number("db"), "db");
    }
}
