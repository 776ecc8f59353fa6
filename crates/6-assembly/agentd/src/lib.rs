//! The root role of a node: starts the daemon, runs agents at its orders, holds the host's presence in the
//! group, and outlives the daemon.
//!
//! It takes orders over a socket pair only. It never decides what runs where.

use model::NodeName;
use std::ffi::OsString;
use std::path::PathBuf;

/// What the root role is started with.
#[derive(Clone, Debug)]
pub struct AgentdOptions {
    pub node: NodeName,
    /// Every path of the host is below this one; `/` for the machine itself.
    pub root: PathBuf,
    /// The hub's socket.
    pub hub: PathBuf,
    /// The command that starts this node's daemon (`systole node --node … --root … --hub …`); the socket pair is its stdin.
    pub node_command: Vec<OsString>,
    /// The folder with the product's tools under the field's names (`crm_attribute`, …): first in the agents' PATH, and their `HA_SBIN_DIR`.
    pub tools: Option<PathBuf>,
    /// Names this life of the host. Absent: kept in `<root>/run/systole`, a new one when that folder is new or the machine was rebooted.
    /// Whoever switches a sandbox node on must empty `<root>/run` first, as a boot would.
    pub incarnation: Option<String>,
}

/// Runs the root role until it is asked to end (SIGTERM, SIGINT) or the host is reset. Blocks.
pub fn run(options: AgentdOptions) -> anyhow::Result<()> {
    anyhow::bail!("{}: the root role is not built into this version", options.node)
}
