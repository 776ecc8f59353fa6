//! Orders that the configuration asks for, and the gates that wait for enough of several resources.

use super::{Companion, Companions};
use crate::actions::{ActionIndex, Draft, End, Relation};
use crate::constraints::{Colocation, Constraints, OrderEffect, OrderEnd, OrderKind, OrderSymmetry, compare_importance};
use model::{Role, Score};
use status::{Facts, Kind, ResourceIndex};

impl Draft<'_> {
    /// Makes the configured orders, and the gates and fencing that constraints require.
    pub(crate) fn order_as_configured(&mut self, constraints: &Constraints) {
        let mut gates: Vec<ActionIndex> = Vec::new();
        for gate in &constraints.gates {
            let index = self.pseudo(&gate.name);
            self.a_mut(index).runnable_required = i32::try_from(gate.required).unwrap_or(i32::MAX);
            gates.push(index);
        }
        for order in &constraints.orders {
            let end = |end: &OrderEnd| match end {
                OrderEnd::Action { resource, action } => Some(End::Operation(*resource, action.clone())),
                OrderEnd::Gate(gate) => gates.get(*gate as usize).map(|&gate| End::Action(gate)),
            };
            let (Some(first), Some(then)) = (end(&order.first), end(&order.then)) else { continue };
            let relation = match order.effect {
                OrderEffect::Configured(kind, symmetry) => relation_of(kind, symmetry, self.task_of(&first)),
                OrderEffect::GateInput => Relation::MIN_RUNNABLE | Relation::FIRST_IMPLIES_THEN_GRAPHED,
                OrderEffect::GateOutput(kind, symmetry) => {
                    relation_of(kind, symmetry, self.task_of(&first)) | Relation::UNRUNNABLE_FIRST_BLOCKS
                }
                OrderEffect::AntiColocation => Relation::IF_REQUIRED_ON_SAME_NODE,
            };
            self.order_ends(first, then, relation);
        }
        for fencing in &constraints.fencing {
            self.require_fencing(fencing.node, fencing.reason, false);
        }
    }
}

fn relation_of(kind: OrderKind, symmetry: OrderSymmetry, first_task: &str) -> Relation {
    match (kind, symmetry) {
        (OrderKind::Optional, _) => Relation::ORDERED,
        (OrderKind::Serialize, _) => Relation::SERIALIZE,
        (OrderKind::Mandatory, OrderSymmetry::Asymmetric) => Relation::ORDERED | Relation::ASYMMETRIC,
        (OrderKind::Mandatory, OrderSymmetry::Symmetric) => {
            let relation = Relation::ORDERED | Relation::FIRST_IMPLIES_THEN;
            if matches!(first_task, "start" | "promote") { relation | Relation::UNRUNNABLE_FIRST_BLOCKS } else { relation }
        }
        (OrderKind::Mandatory, OrderSymmetry::Inverse) => Relation::ORDERED | Relation::THEN_IMPLIES_FIRST,
    }
}

impl Companions {
    /// Returns for each resource what must be where it is.
    pub(crate) fn new(facts: &Facts, constraints: &Constraints, added: &[Colocation]) -> Self {
        let mut list = vec![Vec::new(); facts.resources.len()];
        for colocation in constraints.colocations.iter().chain(added).filter(|colocation| colocation.score >= Score::INFINITY) {
            let companion = Companion {
                dependent: colocation.dependent,
                dependent_role: colocation.dependent_role.unwrap_or(Role::Unknown),
                primary_role: colocation.primary_role.unwrap_or(Role::Unknown),
            };
            list[colocation.primary.position()].push(companion);
            // What goes with a member goes with its group.
            let group = facts.resource(colocation.primary).parent;
            let colocated = |group: ResourceIndex| matches!(&facts.resource(group).kind, Kind::Group(group) if group.colocated);
            if let Some(group) = group.filter(|&group| colocation.explicit && colocated(group)) {
                list[group.position()].push(companion);
            }
        }
        for companions in &mut list {
            // Compat: in the order of the colocations of the primary, where the later of equal ones comes first.
            companions.reverse();
            companions.sort_by(|a, b| compare_importance(facts, a.dependent, b.dependent));
        }
        Self(list)
    }
}
