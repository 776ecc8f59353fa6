//! The scheduler: from what is known of a cluster to what is to be done about it; a pure function.
//!
//! Each pass returns its own frozen type and reads only earlier ones: `constraints` (what the configuration
//! demands, resolved to resources), `scores` (what each resource thinks of each node before anything is placed),
//! `placement` (where each resource goes and in which role), then the actions, their order and the graph.
//! It contacts nothing, reads no clock, and never leaves a choice to whoever carries the plan out.

pub mod constraints;
pub mod placement;
pub mod scores;
