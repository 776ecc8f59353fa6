//! Transient node attributes: what agents and administrators set for a node until it leaves the cluster.
//!
//! Changes travel as ordered messages, so every member holds the same values; whoever set one reads it back at once.
//! The coordinator writes them to the status section, several in one change, after each attribute's dampening.
//! Private ones are held and never written. Permanent attributes are the CIB's, not this engine's.

mod attributes;
mod value;

pub use attributes::{Attributes, AttributesCommand, AttributesEvent, Update};
pub use value::expanded;
