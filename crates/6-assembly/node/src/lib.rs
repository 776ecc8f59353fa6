//! A node's daemon: the member, a real clock and the edges, joined in one event loop.
//!
//! It connects and translates; it has no policy of its own.

mod beginning;
mod clock;
mod edges;
mod group;
mod haste;
mod log;
mod options;
mod planner;
mod run;

pub use options::NodeOptions;
pub use run::run;
