//! The root role of a node: starts the daemon, runs agents at its orders, holds the host's presence in the
//! group, and outlives the daemon.
//!
//! It holds the watchdog, too, and pets it only with the daemon's permission.
//!
//! It takes orders over a socket pair only. It never decides what runs where.

mod calls;
mod daemon;
mod guard;
mod incarnation;
mod logins;
mod notify;
mod options;
mod records;
mod remote_side;
mod reset;
mod supervisor;

pub use agents::{Process, descendants, with_variable};
pub use options::AgentdOptions;
pub use remote_side::{RemoteSideOptions, run_remote_side};
pub use reset::{ROOT_VARIABLE, end_host};
pub use supervisor::run;
