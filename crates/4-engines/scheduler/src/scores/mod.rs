//! What each resource thinks of each node before anything is placed.
//!
//! From the facts' starting scores, the constraints, stickiness, migration thresholds, shutdown locks and exclusive
//! discovery; for `placement` and for probes. Colocations and capacity are placement's; nothing is placed here.

mod failures;

pub(crate) use failures::reached_threshold;

use crate::constraints::{Constraints, Location, is_managed, required_connection};
use compact_str::CompactString;
use model::{Role, Score, Timestamp};
use status::{AllowedNode, AllowedNodes, Facts, Kind, NoQuorumPolicy, NodeIndex, NodeKind, ProbeMode, ResourceIndex};
use std::collections::BTreeMap;

/// One term of a score: where a part of it came from.
#[derive(Clone, Debug)]
pub struct Term {
    /// Of which resource.
    pub resource: ResourceIndex,
    /// On which node.
    pub node: NodeIndex,
    /// What it adds.
    pub score: Score,
    /// What kind of thing it came from: `location`, `stickiness`, `failure`, `lock`, `discovery`, …
    pub source: &'static str,
    /// The id of what it came from.
    pub id: CompactString,
}

/// A resource that is kept for a node that shut down.
#[derive(Clone, Copy, Debug)]
pub struct ShutdownLock {
    /// Which resource.
    pub resource: ResourceIndex,
    /// For which node.
    pub node: NodeIndex,
    /// Since when.
    pub since: Timestamp,
}

/// The scores before placement.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    /// For each resource its nodes.
    pub allowed: Vec<AllowedNodes>,
    /// For each resource whether it is probed only on nodes so designated.
    pub exclusive_discovery: Vec<bool>,
    /// Shutdown locks in force.
    pub locks: Vec<ShutdownLock>,
    /// Locks of the facts that do not hold because the resource is active elsewhere: their history is to be deleted.
    pub broken_locks: Vec<(ResourceIndex, NodeIndex)>,
    /// Every term, in the order of application.
    pub terms: Vec<Term>,
    /// When a lock ends.
    pub recheck_by: Option<Timestamp>,
}

/// Returns what every resource thinks of every node, before colocations and capacity.
pub fn scores(facts: &Facts, constraints: &Constraints) -> Scores {
    let mut table = Table {
        facts,
        constraints,
        scores: Scores {
            allowed: facts.resources.iter().map(|resource| resource.allowed.clone()).collect(),
            exclusive_discovery: vec![false; facts.resources.len()],
            ..Scores::default()
        },
    };
    table.add_starting_terms();
    for ban in &constraints.ticket_bans {
        table.add_everywhere(ban.resource, Score::MINUS_INFINITY, "ticket", ban.name);
    }
    for location in &constraints.locations {
        if location.probe == ProbeMode::Exclusive {
            table.scores.exclusive_discovery[location.resource.position()] = true;
        }
    }
    if facts.options.shutdown_lock {
        for &root in &facts.roots {
            table.apply_lock(root);
        }
    }
    for location in &constraints.locations {
        table.apply_location(location.resource, location, false);
    }
    for at in 0..facts.resources.len() as u32 {
        table.apply_stickiness(ResourceIndex(at));
    }
    for (node, _) in facts.nodes_in_order() {
        for resource in failures::closed_by_failures(facts, node) {
            table.add(resource, node, Score::MINUS_INFINITY, "failure", "__fail_limit__");
        }
        for &root in &facts.roots {
            table.apply_exclusive_discovery(root, node);
        }
    }
    for &root in &facts.roots {
        table.confine(root);
    }
    table.scores
}

/// The tables while they are being filled.
struct Table<'a> {
    facts: &'a Facts,
    constraints: &'a Constraints,
    scores: Scores,
}

impl Table<'_> {
    /// Notes where the scores of the facts came from: failures and states, else the node itself.
    fn add_starting_terms(&mut self) {
        let facts = self.facts;
        for ban in &facts.bans {
            let nodes = match ban.node {
                Some(node) => vec![node],
                None => facts.node_order.clone(),
            };
            for node in nodes {
                self.note_below(ban.resource, node, ban.score, ban.name);
            }
        }
        let mut noted: BTreeMap<(ResourceIndex, NodeIndex), Score> = BTreeMap::new();
        for term in &self.scores.terms {
            *noted.entry((term.resource, term.node)).or_default() += term.score;
        }
        for (at, resource) in facts.resources.iter().enumerate() {
            let index = ResourceIndex(at as u32);
            for (node, entry) in resource.allowed.iter() {
                let noted = noted.get(&(index, node)).copied().unwrap_or_default();
                if noted != entry.score {
                    self.note(index, node, entry.score - noted, "node", facts.node(node).name.as_str());
                }
            }
        }
    }

    fn note_below(&mut self, resource: ResourceIndex, node: NodeIndex, score: Score, id: &str) {
        let facts = self.facts;
        self.note(resource, node, score, "status", id);
        for &child in &facts.resource(resource).children {
            self.note_below(child, node, score, id);
        }
    }

    fn note(&mut self, resource: ResourceIndex, node: NodeIndex, score: Score, source: &'static str, id: &str) {
        if score != Score::ZERO {
            self.scores.terms.push(Term { resource, node, score, source, id: id.into() });
        }
    }

    fn entry(&self, resource: ResourceIndex, node: NodeIndex) -> Option<AllowedNode> {
        self.scores.allowed[resource.position()].get(node)
    }

    fn set(&mut self, resource: ResourceIndex, node: NodeIndex, entry: AllowedNode) {
        self.scores.allowed[resource.position()].set(node, entry);
    }

    /// Adds a score to a resource and everything in it, on one node.
    fn add(&mut self, resource: ResourceIndex, node: NodeIndex, score: Score, source: &'static str, id: &str) {
        let facts = self.facts;
        for &child in &facts.resource(resource).children {
            self.add(child, node, score, source, id);
        }
        let known = facts.node(node);
        let mut entry = self.entry(resource, node).unwrap_or(AllowedNode { score: known.score, probe: known.probe });
        entry.score += score;
        self.set(resource, node, entry);
        self.note(resource, node, score, source, id);
    }

    fn add_everywhere(&mut self, resource: ResourceIndex, score: Score, source: &'static str, id: &str) {
        for at in 0..self.facts.nodes.len() as u32 {
            self.add(resource, NodeIndex(at), score, source, id);
        }
    }

    /// Closes a node that the resource has considered so far.
    fn close(&mut self, resource: ResourceIndex, node: NodeIndex, source: &'static str, id: &str) {
        if let Some(entry) = self.entry(resource, node) {
            self.set(resource, node, AllowedNode { score: Score::MINUS_INFINITY, ..entry });
            self.note(resource, node, Score::MINUS_INFINITY, source, id);
        }
    }

    /// Keeps a resource for the node that it ran on when that node shut down.
    fn apply_lock(&mut self, index: ResourceIndex) {
        let facts = self.facts;
        let resource = facts.resource(index);
        match &resource.kind {
            Kind::Clone(_) | Kind::Bundle(_) => return,
            Kind::Group(_) => {
                for &member in &resource.children {
                    self.apply_lock(member);
                }
                return;
            }
            Kind::Primitive(_) if resource.fence_device || resource.remote_connection => return,
            Kind::Primitive(_) => {}
        }
        let lock = match (resource.lock_node, &resource.active_nodes[..]) {
            (Some(node), []) => resource.lock_since.map(|since| (node, since)),
            (Some(node), _) => {
                self.scores.broken_locks.push((index, node));
                None
            }
            (None, &[node]) => {
                let facts_of_node = facts.node(node);
                let leaves = facts_of_node.shutting_down && !facts_of_node.unclean;
                leaves.then(|| (node, facts_of_node.shutdown_requested.unwrap_or(facts.now)))
            }
            (None, _) => None,
        };
        let Some((locked, since)) = lock else { return };
        self.scores.locks.push(ShutdownLock { resource: index, node: locked, since });
        let limit = facts.options.shutdown_lock_limit;
        if !limit.is_zero() {
            let end = Timestamp::from_seconds(since.seconds() + limit.as_secs() as i64 + 1);
            self.scores.recheck_by = Some(self.scores.recheck_by.map_or(end, |known| known.min(end)));
        }
        for (node, _) in facts.nodes_in_order() {
            if node != locked {
                self.add(index, node, Score::MINUS_INFINITY, "lock", "shutdown-lock");
            }
        }
    }

    /// Applies a location to a resource and to those parts of it that it concerns; `mere`: without its scores.
    fn apply_location(&mut self, index: ResourceIndex, location: &Location, mere: bool) {
        let facts = self.facts;
        self.apply_to_one(index, location, mere);
        match &facts.resource(index).kind {
            Kind::Primitive(_) => {}
            Kind::Group(group) => {
                for (at, &member) in facts.resource(index).children.iter().enumerate() {
                    // The first member's score reaches the others through their colocations.
                    self.apply_location(member, location, mere || (group.colocated && at > 0));
                }
            }
            Kind::Clone(_) => {
                for &instance in &facts.resource(index).children {
                    self.apply_location(instance, location, mere);
                }
            }
            Kind::Bundle(bundle) => {
                for replica in &bundle.replicas {
                    self.apply_location(replica.container, location, mere);
                    if let Some(ip) = replica.ip {
                        self.apply_location(ip, location, mere);
                    }
                }
                if let (Some(child), Some(Role::Promoted)) = (bundle.child, location.role) {
                    self.apply_location(child, location, mere);
                }
            }
        }
    }

    fn apply_to_one(&mut self, index: ResourceIndex, location: &Location, mere: bool) {
        let resource = self.facts.resource(index);
        if location.role.is_some_and(|role| role != resource.next_role) {
            return;
        }
        for &(node, score) in &location.nodes {
            let score = if mere { Score::ZERO } else { score };
            let mut entry = match self.entry(index, node) {
                Some(entry) => AllowedNode { score: entry.score + score, ..entry },
                None => AllowedNode { score, probe: self.facts.node(node).probe },
            };
            if rank(entry.probe) < rank(location.probe) {
                if location.probe == ProbeMode::Exclusive {
                    self.scores.exclusive_discovery[index.position()] = true;
                }
                entry.probe = location.probe;
            }
            self.set(index, node, entry);
            self.note(index, node, score, "location", &location.id);
        }
    }

    fn apply_stickiness(&mut self, index: ResourceIndex) {
        let resource = self.facts.resource(index);
        let [node] = resource.active_nodes[..] else { return };
        let is_sticky = resource.children.is_empty() && resource.stickiness > Score::ZERO;
        if !is_sticky || !is_managed(self.facts, self.constraints, index) {
            return;
        }
        // Without symmetric-cluster a resource does not stay where it is not allowed any more.
        if !self.facts.options.symmetric_cluster && self.entry(index, node).is_none() {
            return;
        }
        self.add(index, node, resource.stickiness, "stickiness", "stickiness");
    }

    fn apply_exclusive_discovery(&mut self, index: ResourceIndex, node: NodeIndex) {
        let facts = self.facts;
        let top = facts.top_of(index, false);
        let exclusive = &self.scores.exclusive_discovery;
        if !exclusive[index.position()] && !exclusive[top.position()] {
            return;
        }
        for &child in &facts.resource(index).children {
            self.apply_exclusive_discovery(child, node);
        }
        if self.entry(index, node).is_some_and(|entry| entry.probe != ProbeMode::Exclusive) {
            self.close(index, node, "discovery", "resource-discovery");
        }
    }

    /// Closes the nodes that connections, fence devices and what virtual machines launch cannot run on.
    fn confine(&mut self, index: ResourceIndex) {
        let facts = self.facts;
        let resource = facts.resource(index);
        for &child in &resource.children {
            self.confine(child);
        }
        if !resource.is_primitive() || !is_managed(facts, self.constraints, index) {
            return;
        }
        if let Some(connection) = required_connection(facts, index) {
            for at in 0..facts.nodes.len() as u32 {
                if facts.nodes[at as usize].remote != Some(connection) {
                    self.close(index, NodeIndex(at), "container", "container");
                }
            }
        }
        if let (Some(launcher), true, false) = (resource.launcher, resource.remote_connection, resource.remote_nesting_allowed) {
            self.avoid_remote_nodes(launcher);
        }
        if resource.remote_connection || resource.fence_device {
            self.avoid_remote_nodes(index);
        } else if !facts.have_quorum && facts.options.no_quorum_policy == NoQuorumPolicy::Freeze {
            self.stay_off_what_outlives_members(index);
        }
    }

    /// Keeps a resource from remote nodes that it is not on.
    ///
    /// Safety, Compat (C-507): a partition with quorum fences the members of this one, and with them ends what they run. What they begin on a
    /// remote node goes on, and the other partition knows nothing of it. (Found by the simulator: seed 40706, half an hour.)
    fn stay_off_what_outlives_members(&mut self, index: ResourceIndex) {
        let facts = self.facts;
        let is_far = |node: NodeIndex| facts.node(node).kind == NodeKind::Remote;
        for at in (0..facts.nodes.len() as u32).map(NodeIndex) {
            let outlives = match facts.node(at).kind {
                NodeKind::Member => false,
                NodeKind::Remote => true,
                NodeKind::Guest { launcher } => facts.resource(launcher).active_nodes.iter().any(|&host| is_far(host)),
            };
            if outlives && !facts.resource(index).active_nodes.contains(&at) {
                self.close(index, at, "quorum", "no-quorum-policy=freeze");
            }
        }
    }

    fn avoid_remote_nodes(&mut self, index: ResourceIndex) {
        for at in 0..self.facts.nodes.len() as u32 {
            if self.facts.nodes[at as usize].remote.is_some() {
                self.close(index, NodeIndex(at), "remote", "not-on-remote-nodes");
            }
        }
    }
}

fn rank(probe: ProbeMode) -> u8 {
    match probe {
        ProbeMode::Always => 0,
        ProbeMode::Never => 1,
        ProbeMode::Exclusive => 2,
    }
}
