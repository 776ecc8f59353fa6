//! The embedded cluster engine: one local process that orders messages for several nodes on one machine,
//! and the client through which a node's daemon and its root role take part.
//!
//! It keeps the promise of `messages::group`. It never looks inside a message and never decides what a
//! missing node means.

mod client;
mod control;
mod options;
mod protocol;
mod server;
mod state;

pub use client::Client;
pub use control::control;
pub use options::HubOptions;
pub use protocol::{Control, HubStatus, Role};
pub use server::run;
