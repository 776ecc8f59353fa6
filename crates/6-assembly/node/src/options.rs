//! What a node's daemon is started with.

use messages::group::Engine;
use model::NodeName;
use std::path::PathBuf;

/// What a node's daemon is started with. Its standard input is the socket to its root role (`agentd`), which starts it.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    pub node: NodeName,
    /// Every path of the host is below this one; `/` for the machine itself.
    pub root: PathBuf,
    /// What orders the messages of the cluster.
    pub engine: Engine,
}
