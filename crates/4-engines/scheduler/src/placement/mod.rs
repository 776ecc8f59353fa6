//! Where every resource is to be, and in which role: from facts and constraints, for the passes that plan actions.

mod outcome;

pub use outcome::{NodePlacement, Placement, ResourcePlacement};
