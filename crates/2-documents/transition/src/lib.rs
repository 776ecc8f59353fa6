//! The plan as a value: actions, the order between them, and the reasons; what the scheduler returns and
//! the controller, `view` and `explain` read. Written as Pacemaker's transition graph where bytes ask for it.
//!
//! A plan leaves no choice to whoever carries it out; nothing here decides or executes.

mod action;
mod diagram;
mod graph;
mod graph_xml;
mod plan;

pub use action::{Action, ActionId, ActionKind, ActionNode, ActionResource};
pub use diagram::{Diagram, DiagramAction, DiagramEdge};
pub use graph::Graph;
pub use graph_xml::GraphError;
pub use plan::{Choices, Plan, PlannedChange, Problem, Reason, ScoreLine};
