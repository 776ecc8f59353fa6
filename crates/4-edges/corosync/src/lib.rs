//! The cluster engine of several hosts: Corosync 3, through its own libraries, which are loaded when it is asked for.
//!
//! It keeps the promise of `messages::group` on top of a process group (CPG) and the quorum service: a view is agreed
//! upon by its members before anything is delivered in it. It never decides what a missing node means, and never
//! whether there is quorum: that verdict is votequorum's. The crate also reads and writes `corosync.conf`, and lets threads be as urgent
//! as Corosync is.

mod client;
mod configuration;
mod connection;
mod libraries;
mod map;
mod nodelist;
mod quorum_state;
mod urgency;
mod views;
mod wire;

pub use client::Client;
pub use configuration::{Block, ConfigurationError};
pub use connection::EngineError;
pub use map::{TURNS_WITHOUT_NEWS, keep_prepared, keys};
pub use nodelist::{NodeList, local_name};
pub use quorum_state::QuorumState;
pub use urgency::Urgency;
