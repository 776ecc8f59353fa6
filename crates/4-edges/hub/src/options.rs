//! What the hub process is started with.

use model::NodeName;
use std::path::PathBuf;
use std::time::Duration;

/// What the hub process is started with.
#[derive(Clone, Debug)]
pub struct HubOptions {
    /// The Unix socket that nodes connect to; made anew, a stale one is replaced.
    pub socket: PathBuf,
    /// The configured nodes; their ids are 1, 2, … in this order, each has one vote.
    pub nodes: Vec<NodeName>,
    /// A connection that shows no life for this long is evicted.
    pub silence_max: Duration,
    /// The user and group that daemons run as, where they are not the hub's own: their connections are let in too.
    pub daemons: Option<(u32, u32)>,
}

impl HubOptions {
    /// Returns the options for these nodes, with one second of silence allowed.
    pub fn new(socket: impl Into<PathBuf>, nodes: Vec<NodeName>) -> Self {
        Self { socket: socket.into(), nodes, silence_max: Duration::from_secs(1), daemons: None }
    }
}
