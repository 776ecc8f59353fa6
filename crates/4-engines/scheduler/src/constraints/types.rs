//! The types of resolved constraints: locations, colocations, orders, ticket demands.
//!
//! Plain values, made by the other files of this folder; indices instead of names, expanded, rules evaluated.

use compact_str::CompactString;
use model::{Role, Score, Timestamp};
use status::{NodeIndex, ProbeMode, Problem, ResourceIndex};

/// Everything that the configuration demands of placement and order.
#[derive(Clone, Debug, Default)]
pub struct Constraints {
    /// Locations in the order in which they are applied (the last configured one first, health last).
    pub locations: Vec<Location>,
    /// Colocations, configured ones first, in the order of their creation.
    pub colocations: Vec<Colocation>,
    /// For each resource its colocations as dependent and as primary.
    pub dependents: Vec<Dependents>,
    /// Configured orders (and those that mandatory anti-colocations imply), in the order of their creation.
    pub orders: Vec<Order>,
    /// The pseudo-actions that `orders` refer to, in the order of their creation.
    pub gates: Vec<Gate>,
    /// Tickets that resources need, in configuration order.
    pub tickets: Vec<TicketDemand>,
    /// Bans that follow from tickets that are lost, revoked or in standby, in order.
    pub ticket_bans: Vec<TicketBan>,
    /// Nodes to be fenced because a ticket was lost.
    pub fencing: Vec<TicketFencing>,
    /// Resources that must be left as they are because a ticket was lost with `loss-policy=freeze`.
    pub revisions: Vec<Revision>,
    /// When a rule may give another result.
    pub recheck_by: Option<Timestamp>,
    /// What is wrong with the constraints.
    pub problems: Vec<Problem>,
}

/// How much a resource (or one role of it) wants some nodes.
#[derive(Clone, Debug)]
pub struct Location {
    /// The id of the constraint, or of its rule; the health strategy for implied ones.
    pub id: CompactString,
    /// Which resource.
    pub resource: ResourceIndex,
    /// Only for this role (`Promoted` or `Stopped`).
    pub role: Option<Role>,
    /// Whether the resource is probed on the nodes.
    pub probe: ProbeMode,
    /// Which nodes, and how much.
    pub nodes: Vec<(NodeIndex, Score)>,
}

/// A resource (the dependent) belongs, or does not belong, where another (the primary) is.
#[derive(Clone, Debug)]
pub struct Colocation {
    /// The id of the constraint or its set; `#…` for implied ones.
    pub id: CompactString,
    /// Who follows.
    pub dependent: ResourceIndex,
    /// Who is followed.
    pub primary: ResourceIndex,
    /// How much.
    pub score: Score,
    /// Only for this role of the dependent.
    pub dependent_role: Option<Role>,
    /// Only for this role of the primary.
    pub primary_role: Option<Role>,
    /// Nodes are the same "place" where this node attribute has the same value.
    pub attribute: CompactString,
    /// The dependent's wishes count when the primary is placed.
    pub influence: bool,
    /// Configured, not implied.
    pub explicit: bool,
}

/// The colocations of one resource, as positions in `Constraints::colocations`, in the order of processing.
#[derive(Clone, Debug, Default)]
pub struct Dependents {
    /// Those whose dependent it is, by descending importance of the primary.
    pub this_with: Vec<u32>,
    /// Those whose primary it is, by descending importance of the dependent.
    pub with_this: Vec<u32>,
}

/// The kind of a configured order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderKind {
    /// Only where both actions happen anyway.
    Optional,
    /// The second needs the first.
    Mandatory,
    /// Never both at a time.
    Serialize,
}

/// Which side of a configured order this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderSymmetry {
    /// The only relation of a one-way order.
    Asymmetric,
    /// The forward relation of a two-way order.
    Symmetric,
    /// The backward relation of a two-way order.
    Inverse,
}

/// One end of an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OrderEnd {
    /// An action of a resource (`start`, `stop`, `promote`, …), on whatever node.
    Action {
        /// Which resource.
        resource: ResourceIndex,
        /// Which action.
        action: CompactString,
    },
    /// A pseudo-action that waits for enough of several: position in `Constraints::gates`.
    Gate(u32),
}

/// What an order does to its ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderEffect {
    /// As configured.
    Configured(OrderKind, OrderSymmetry),
    /// An action of a gate's inputs: the gate opens when enough of them can run.
    GateInput,
    /// What waits for a gate: as configured, and blocked while the gate is closed.
    GateOutput(OrderKind, OrderSymmetry),
    /// Implied by a mandatory anti-colocation: before it, where both are required on the same node.
    AntiColocation,
}

/// One action before another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// The id of the constraint.
    pub id: CompactString,
    /// The earlier end.
    pub first: OrderEnd,
    /// The later end.
    pub then: OrderEnd,
    /// What it does.
    pub effect: OrderEffect,
}

/// A pseudo-action that stands for "at least so many of these".
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gate {
    /// Its name: `one-or-more:SET`, `clone-one-or-more:CONSTRAINT`.
    pub name: CompactString,
    /// How many of its inputs must be able to run.
    pub required: u32,
}

/// What happens to a resource when its ticket is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LossPolicy {
    /// It stops.
    Stop,
    /// It is demoted.
    Demote,
    /// Its nodes are fenced.
    Fence,
    /// It is left alone.
    Freeze,
}

/// A resource (or one role of it) needs a ticket.
#[derive(Clone, Debug)]
pub struct TicketDemand {
    /// The id of the constraint or its set.
    pub id: CompactString,
    /// Which resource.
    pub resource: ResourceIndex,
    /// Which ticket.
    pub ticket: CompactString,
    /// For which role.
    pub role: Option<Role>,
    /// What happens on loss.
    pub loss_policy: LossPolicy,
    /// The ticket is granted and not in standby.
    pub satisfied: bool,
}

/// A resource may not run anywhere because of a ticket.
#[derive(Clone, Debug)]
pub struct TicketBan {
    /// Which resource (a primitive).
    pub resource: ResourceIndex,
    /// The incumbent's name of the implied constraint.
    pub name: &'static str,
    /// The id of the constraint.
    pub id: CompactString,
}

/// A node must be fenced because a ticket was lost.
#[derive(Clone, Debug)]
pub struct TicketFencing {
    /// Which node.
    pub node: NodeIndex,
    /// Why, in the incumbent's words.
    pub reason: &'static str,
}

/// What a constraint changes in the facts of a resource.
#[derive(Clone, Debug)]
pub struct Revision {
    /// Which resource (a primitive).
    pub resource: ResourceIndex,
    /// Whether it is managed now.
    pub managed: bool,
    /// Whether it is blocked now.
    pub blocked: bool,
}
