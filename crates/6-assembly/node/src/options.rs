//! What a node's daemon is started with.

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
