//! Where each resource goes, and in which role.
//!
//! From facts, constraints and scores; for actions and orderings. Resources are placed one after the other, in the
//! incumbent's order, each after those it must be colocated with; instances keep their nodes where they can.
//! What it returns is frozen: later passes that un-place an instance return a revision.

mod board;
mod bundle;
mod clone;
mod colocation;
mod group;
mod node_order;
mod primitive;
mod promotable;
mod reasons;
mod table;
mod utilization;
mod values;
mod wishes;

use crate::constraints::Constraints;
use crate::scores::Scores;
use board::Board;
use model::Role;
use status::{AllowedNodes, Facts, NodeIndex, ResourceIndex};
use transition::{Reason, ScoreLine};

/// What placement made of a node's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlannedNode {
    /// It is, or will be, online (a remote node whose connection is placed counts).
    pub online: bool,
    /// It has to be fenced.
    pub unclean: bool,
    /// It shuts down (a remote node whose connection is not placed counts).
    pub shutting_down: bool,
    /// Resources placed on it.
    pub resource_count: u32,
}

/// Where each resource goes, and in which role. All vectors are indexed by resource (or node).
#[derive(Clone, Debug, Default)]
pub struct Placement {
    /// The node of each primitive; `None`: nowhere. Groups, clones and bundles have none of their own.
    pub node: Vec<Option<NodeIndex>>,
    /// The role it is to have; `Unknown`: as the node says (`Started` where it has one).
    pub role_planned: Vec<Role>,
    /// Why that role, in the incumbent's words.
    pub role_reason: Vec<Option<&'static str>>,
    /// The present role, refined (instances of promotable clones that run are `Unpromoted`, groups follow their
    /// first member).
    pub role_now: Vec<Role>,
    /// The nodes of each resource with their final scores.
    pub allowed: Vec<AllowedNodes>,
    /// The scores and modes each resource had right before placement, implied bans included.
    pub allowed_before: Vec<AllowedNodes>,
    /// Whether it is managed (fencing without devices and frozen tickets take that away).
    pub managed: Vec<bool>,
    /// Whether nothing may be done with it.
    pub blocked: Vec<bool>,
    /// Members or instances in the order in which they were placed or promoted.
    pub children: Vec<Vec<ResourceIndex>>,
    /// The priority of each, as promotion left it (what the incumbent shows until actions are made).
    pub promotion_priority: Vec<i32>,
    /// The priority of each as colocations with roles changed it.
    ///
    /// Compat: only instances of promotable clones get their own back; members and other dependents keep it in the graph.
    pub priority: Vec<i32>,
    /// The top-level resources in the order of placement, which is the order of everything after it.
    pub roots: Vec<ResourceIndex>,
    /// The state of each node as actions are to see it.
    pub nodes: Vec<PlannedNode>,
    /// Colocations that placement added.
    pub colocations: Vec<crate::constraints::Colocation>,
    /// Every term of every score, with the id of where it came from.
    pub reasons: Vec<Reason>,
    /// The lines on scores and capacity in the incumbent's order and wording.
    pub trace: Vec<ScoreLine>,
}

/// Places every resource.
pub fn placement(facts: &Facts, constraints: &Constraints, scores: &Scores) -> Placement {
    let mut board = Board::new(facts, constraints, scores);
    let roots = board.sorted_roots();
    board.trace_capacities("Original");
    if facts.have_remote_nodes {
        // Connections first: whether remote nodes can run anything depends on them.
        for &root in roots.iter().filter(|&&root| facts.resource(root).remote_connection) {
            board.place(root, facts.resource(root).migrating_to, true);
        }
    }
    for &root in &roots {
        if !(facts.have_remote_nodes && facts.resource(root).remote_connection) {
            board.place(root, None, true);
        }
    }
    board.trace_capacities("Remaining");
    freeze(board, roots, scores)
}

fn freeze(mut board: Board<'_>, roots: Vec<ResourceIndex>, scores: &Scores) -> Placement {
    let reasons = reasons::reasons(&board, scores);
    let nodes = board.grounds.iter().map(|ground| PlannedNode {
        online: ground.online,
        unclean: ground.unclean,
        shutting_down: ground.shutting_down,
        resource_count: ground.resource_count,
    });
    let nodes = nodes.collect();
    let mut placement = Placement {
        roots,
        nodes,
        reasons,
        allowed_before: scores.allowed.clone(),
        colocations: std::mem::take(&mut board.added),
        trace: std::mem::take(&mut board.trace),
        ..Placement::default()
    };
    for seat in board.seats {
        placement.node.push(seat.node);
        placement.role_planned.push(seat.role_planned);
        placement.role_reason.push(seat.role_reason);
        placement.role_now.push(seat.role_now);
        placement.allowed.push(seat.table.frozen());
        placement.managed.push(seat.managed);
        placement.blocked.push(seat.blocked);
        placement.children.push(seat.children);
        placement.promotion_priority.push(seat.promotion_priority);
        placement.priority.push(seat.priority);
    }
    placement
}
