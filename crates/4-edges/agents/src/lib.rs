//! Runs agents: finds the program an agent's name means, gives it the environment that agents of its class
//! expect, bounds its time and its output, and says how it ended.
//!
//! Agents hang, lie, fork and flood; none of that holds up the caller. Which action is due, and what its
//! outcome means for the cluster, is never decided here.

mod alert;
mod host;
mod invocation;
mod plugins;
mod processes;
mod run;
mod secrets;

pub use host::{AgentHost, User};
pub use invocation::{CallError, Invocation};
pub use plugins::{describe_plugin, list_plugins};
pub use processes::{Process, descendants, group_members, own_children, with_variable};
pub use run::{Child, Ended, Spawned, spawn};
pub use secrets::{SECRET, secret_file, secrets_folder};
