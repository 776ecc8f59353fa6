//! A node's daemon: the member, a real clock and the edges, joined in one event loop.
//!
//! It connects and translates; it has no policy of its own.

use model::NodeName;
use std::path::PathBuf;

/// What a node's daemon is started with. Its standard input is the socket to its root role (`agentd`), which starts it.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    pub node: NodeName,
    /// Every path of the host is below this one; `/` for the machine itself.
    pub root: PathBuf,
    /// The hub's socket.
    pub hub: PathBuf,
}

/// Runs the daemon until its root role is gone or it was shut down. Blocks.
pub fn run(options: NodeOptions) -> anyhow::Result<()> {
    anyhow::bail!("{}: the daemon is not built into this version", options.node)
}
