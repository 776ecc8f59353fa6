//! Placing a primitive: its colocations first, then its best node.
//!
//! Primaries are placed before it, dependents are heard; then target role, quorum policy, management and capacity
//! narrow the choice, and scores, the present node and names decide it.

use super::board::{Board, Change, Origin, PLACING_DEPTH_MAX, Tie};
use super::colocation::End;
use model::Role;
use status::{Kind, NoQuorumPolicy, NodeIndex, PlacementStrategy, ResourceIndex};
use std::cmp::Ordering;

impl Board<'_> {
    /// Places any resource; returns its node if it is placed on one as a whole.
    ///
    /// `last_word`: a failure makes its planned role `Stopped`; else the attempt can be undone.
    pub fn place(&mut self, resource: ResourceIndex, prefer: Option<NodeIndex>, last_word: bool) -> Option<NodeIndex> {
        if self.depth.get() >= PLACING_DEPTH_MAX {
            return None;
        }
        self.depth.set(self.depth.get() + 1);
        let node = match self.resource(resource).kind {
            Kind::Primitive(_) => self.place_primitive(resource, prefer, last_word),
            Kind::Group(_) => self.place_group(resource, prefer, last_word),
            Kind::Clone(_) => {
                self.place_clone(resource, prefer, last_word);
                None
            }
            Kind::Bundle(_) => {
                self.place_bundle(resource, prefer, last_word);
                None
            }
        };
        self.depth.set(self.depth.get() - 1);
        node
    }

    fn place_primitive(&mut self, resource: ResourceIndex, prefer: Option<NodeIndex>, last_word: bool) -> Option<NodeIndex> {
        if let Some(parent) = self.parent(resource)
            && !self.seat(parent).placing
        {
            self.place(parent, prefer, last_word);
        }
        if self.seat(resource).placed {
            return self.seat(resource).node;
        }
        if self.seat(resource).placing {
            return None;
        }
        self.seat_mut(resource).placing = true;
        self.apply_colocations(resource);
        self.apply_target_role(resource);
        self.show_scores(resource, "pcmk__primitive_assign");
        let options = &self.facts.options;
        if options.fencing_enabled && !self.facts.have_fencing {
            self.seat_mut(resource).managed = false;
        }
        if !self.seat(resource).managed {
            let role = self.seat(resource).role_now;
            self.plan_role(resource, role, "unmanaged");
            let stays = self.current_node(resource).map(|node| (node, self.facts.node(node).score.value()));
            self.settle(resource, stays, true, last_word);
        } else if options.stop_all_resources {
            self.settle(resource, None, true, last_word);
        } else {
            self.place_on_best_node(resource, prefer, last_word);
        }
        self.seat_mut(resource).placing = false;
        if self.resource(resource).remote_connection {
            self.update_remote_node(resource);
        }
        self.seat(resource).node
    }

    /// Applies mandatory colocations first, so that as many as possible are met, then the others.
    fn apply_colocations(&mut self, resource: ResourceIndex) {
        let this_with = self.colocations(resource, End::ThisWith);
        let with_this = self.colocations(resource, End::WithThis);
        for mandatory in [true, false] {
            for &at in &this_with {
                if self.links[at as usize].is_mandatory() == mandatory {
                    self.follow(at, resource);
                }
            }
            for &at in &with_this {
                if self.links[at as usize].is_mandatory() == mandatory {
                    self.add_dependent_wishes(at, resource);
                }
            }
        }
    }

    /// Places the primary of a colocation, then applies it; a wish that closes every node is dropped.
    fn follow(&mut self, at: u32, resource: ResourceIndex) {
        let link = self.links[at as usize];
        let may_revert = link.dependent_role >= Role::Promoted || (link.score < 0 && !link.is_mandatory());
        let kept = may_revert.then(|| (self.seat(resource).table.clone(), self.seat(resource).terms.len()));
        if !self.seat(link.primary).placed {
            self.place(link.primary, None, true);
        }
        self.apply_for_dependent(resource, link.primary, link);
        if let Some((table, terms)) = kept
            && !self.is_any_open(&self.seat(resource).table)
        {
            let seat = self.seat_mut(resource);
            seat.table = table;
            seat.terms.truncate(terms);
        }
    }

    fn apply_target_role(&mut self, resource: ResourceIndex) {
        let seat = self.seat(resource);
        if seat.role_planned == Role::Stopped {
            self.add_score(resource, None, -super::table::INFINITY, "target-role", "target-role");
        } else if seat.role_planned > seat.role_now
            && !self.facts.have_quorum
            && self.facts.options.no_quorum_policy == NoQuorumPolicy::Freeze
        {
            let role = seat.role_now;
            self.plan_role(resource, role, "no-quorum-policy=freeze");
        }
    }

    fn place_on_best_node(&mut self, resource: ResourceIndex, prefer: Option<NodeIndex>, last_word: bool) {
        let most_capable = self.close_full_nodes(resource);
        if self.seat(resource).placed {
            return;
        }
        let nodes = self.sorted_nodes(resource);
        let chosen = nodes.first().map(|&(best, best_score)| {
            let preferred = prefer.or(most_capable).and_then(|node| {
                let entry = self.seat(resource).table.get(node)?;
                (entry.score >= best_score && self.is_open(node, entry)).then_some((node, entry.score))
            });
            preferred.unwrap_or_else(|| self.stay_or_best(resource, &nodes, (best, best_score)))
        });
        if let Some(chosen) = chosen {
            self.note_tie(resource, &nodes, chosen);
        }
        self.settle(resource, chosen, false, last_word);
    }

    /// Notes what decided between the chosen node and the next one of the same score.
    fn note_tie(&mut self, resource: ResourceIndex, nodes: &[(NodeIndex, i32)], chosen: (NodeIndex, i32)) {
        let equal = nodes.iter().find(|&&(node, score)| node != chosen.0 && score == chosen.1 && score >= 0 && self.is_usable(node));
        let Some(&(other, _)) = equal else { return };
        let load = |node: NodeIndex| self.grounds[node.position()].resource_count;
        let (here, there) = (load(chosen.0), load(other));
        let strategy = self.facts.options.placement_strategy;
        let is_first = nodes.first().is_some_and(|first| first.0 == chosen.0);
        let tie = match () {
            () if self.current_node(resource) == Some(chosen.0) && (!is_first || here >= there) => Tie::Present,
            () if strategy == PlacementStrategy::Balanced && self.capacities.compare(chosen.0, other).is_lt() => Tie::Capacity,
            () if strategy != PlacementStrategy::Minimal && here < there => Tie::Load { here, other, there },
            () => Tie::Name,
        };
        self.seat_mut(resource).terms.push(Change { node: chosen.0, delta: 0, origin: Origin::Tie(tie), replaces: false });
    }

    /// Returns the present node where it is as good as the best, else the best.
    fn stay_or_best(&self, resource: ResourceIndex, nodes: &[(NodeIndex, i32)], best: (NodeIndex, i32)) -> (NodeIndex, i32) {
        // Instances of unique clones were given their present nodes before; the rest must not crowd there.
        let is_unique_instance = self.parent(resource).is_some_and(|parent| {
            let parent = self.resource(parent);
            parent.is_clone() && parent.unique
        });
        if is_unique_instance || best.1 <= 0 || !self.is_usable(best.0) {
            return best;
        }
        let Some(current) = self.current_node(resource) else { return best };
        if !self.is_usable(current) || self.facts.node(current).score.value() < 0 {
            return best;
        }
        let equals = nodes.iter().take_while(|(_, score)| *score == best.1);
        equals.into_iter().copied().find(|(node, _)| *node == current).unwrap_or(best)
    }

    /// Returns the resource's nodes, the best first.
    pub fn sorted_nodes(&self, resource: ResourceIndex) -> Vec<(NodeIndex, i32)> {
        let current = self.current_node(resource);
        self.sorted(resource, current)
    }

    /// Returns the resource's nodes, the best first; among equals `prefer` comes first.
    pub fn sorted(&self, resource: ResourceIndex, prefer: Option<NodeIndex>) -> Vec<(NodeIndex, i32)> {
        let table = &self.seat(resource).table;
        let nodes = self.walk.iter().rev().filter_map(|&node| Some((node, table.get(node)?.score))).collect();
        super::table::merge_sort(nodes, &mut |a, b| self.compare_nodes(a, b, prefer))
    }

    /// Compares two nodes with their scores, the better one first: score, capacity, load, `prefer`, name.
    pub fn compare_nodes(&self, a: (NodeIndex, i32), b: (NodeIndex, i32), prefer: Option<NodeIndex>) -> Ordering {
        let score = |(node, score): (NodeIndex, i32)| if self.is_usable(node) { score } else { -super::table::INFINITY };
        let name = |node: NodeIndex| self.facts.node(node).name.as_str();
        let by_score = score(b).cmp(&score(a));
        let strategy = self.facts.options.placement_strategy;
        if by_score.is_ne() || strategy == PlacementStrategy::Minimal {
            return by_score.then_with(|| name(a.0).cmp(name(b.0)));
        }
        let by_capacity = match strategy {
            PlacementStrategy::Balanced => self.capacities.compare(a.0, b.0),
            _ => Ordering::Equal,
        };
        let load = |node: NodeIndex| self.grounds[node.position()].resource_count;
        by_capacity
            .then_with(|| load(a.0).cmp(&load(b.0)))
            .then_with(|| (prefer == Some(b.0)).cmp(&(prefer == Some(a.0))))
            .then_with(|| name(a.0).cmp(name(b.0)))
    }

    /// Makes a remote node online where its connection is placed, else lets it shut down.
    fn update_remote_node(&mut self, connection: ResourceIndex) {
        let id = &self.resource(connection).id;
        let Some(node) = self.facts.nodes.iter().position(|node| node.name.as_str() == id.as_str()) else { return };
        let seat = self.seat(connection);
        let is_up = seat.node.is_some() && seat.role_planned != Role::Stopped;
        let ground = &mut self.grounds[node];
        if is_up {
            ground.online = true;
            if !self.facts.nodes[node].seen {
                ground.unclean = false;
            }
        } else {
            ground.shutting_down = true;
        }
    }

    /// Records a change that a rule of the cluster's own made.
    pub fn record_rule(&mut self, resource: ResourceIndex, before: &super::table::Table, source: &'static str, name: &'static str) {
        self.record(resource, before, Origin::Rule(source, name));
    }
}
