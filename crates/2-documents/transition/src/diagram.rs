//! What was considered while a plan was made, for pictures of it: every action, in the plan or not, and every order.
//!
//! Nothing is decided or carried out by it; views draw it (DOT), newest action first as the field's tools do.

use crate::ActionId;
use serde::{Deserialize, Serialize};

/// An action that was considered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DiagramAction {
    pub id: ActionId,
    /// What is written on it: `web_start_0 node1`, `stonith 'reboot' node2`, `Cancel web_monitor_10000 node1`.
    pub label: String,
    /// It is part of the plan.
    pub in_plan: bool,
    /// Nobody carries it out.
    pub pseudo: bool,
    /// Nothing requires it.
    pub optional: bool,
    /// Nothing hinders it.
    pub runnable: bool,
    /// Its resource is not managed.
    pub unmanaged: bool,
}

/// An order between two considered actions, by their positions in [`Diagram::actions`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DiagramEdge {
    pub first: u32,
    pub then: u32,
    /// It is part of the plan.
    pub in_plan: bool,
    /// It counts only where both are on one node (drawn only when it is part of the plan).
    pub conditional: bool,
}

/// All that was considered; orders that were dropped are not in it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Diagram {
    /// Newest first.
    pub actions: Vec<DiagramAction>,
    pub edges: Vec<DiagramEdge>,
}

impl Diagram {
    /// Returns whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }
}
