//! Decides what is to be done: facts in, plan out, a function.
//!
//! [`schedule`](crate) is a table of contents: each pass returns its own frozen type and reads only earlier ones.
//! Dense indices inside, names at the border. No clock, file, socket or randomness; the same input gives the same
//! plan, byte for byte.

mod placement;

pub use placement::{NodePlacement, Placement, ResourcePlacement};
