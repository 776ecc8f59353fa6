//! Carries out plans on the coordinator: fires what is ready in the order the plan gives, matches results by
//! transition key, records them in the status section, and asks for a new plan when something changed.
//! Never decides what should run: that is the scheduler's.
//!
//! Pure: `handle(now, event)` returns commands. Only the coordinator's controller is active; the others wait for `Elected`.

mod adrift;
mod controller;
mod edit;
mod event;
mod firing;
mod index;
mod input;
mod presence;
mod progress;
mod questions;
mod record;
mod remote_nodes;
mod results;
mod step;

pub use controller::Controller;
pub use edit::{Join, NodeState, StatusEdit};
pub use event::{AttributeChange, Command, Event, FenceWish, FencingEnd, InFlight, Node, Settings};
pub use record::record_elements;

#[cfg(test)]
mod tests;
