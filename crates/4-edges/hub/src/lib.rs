//! The embedded cluster engine: one local process that orders messages for several nodes on one machine,
//! and the client through which a node's daemon and its root role take part.
//!
//! It keeps the promise of `messages::group`. It never looks inside a message and never decides what a
//! missing node means.

mod options;

pub use options::{HubOptions, run};
