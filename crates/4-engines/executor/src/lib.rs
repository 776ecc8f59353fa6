//! Runs the operations that the coordinator orders on this node: one at a time for each resource, recurring
//! ones at their intervals, and says how they ended. Decides when an agent runs, never what should run.
//!
//! Pure: `handle(now, event)` returns commands; agents are run by the root role behind `Command::Agent`.

mod device;
mod digests;
mod event;
mod executor;
mod finish;
mod metadata;
mod outcome;
mod queue;
mod queues;
pub mod shared;
mod snapshot;

pub use event::{Command, Event, History, ResourceHistory, Settings};
pub use executor::Executor;

#[cfg(test)]
mod tests;
