//! What the root role is started with.

use messages::group::Engine;
use model::NodeName;
use std::ffi::OsString;
use std::path::PathBuf;

/// What the root role is started with.
#[derive(Clone, Debug)]
pub struct AgentdOptions {
    pub node: NodeName,
    /// Every path of the host is below this one; `/` for the machine itself.
    pub root: PathBuf,
    /// What orders the messages of the cluster. Corosync's ring shows by itself that the host is present; the hub is told.
    pub engine: Engine,
    /// The command that starts this node's daemon (`systole node --node … --root … --engine …`); the socket pair is its stdin.
    pub node_command: Vec<OsString>,
    /// The folder with the product's tools under the field's names (`crm_attribute`, …): first in the agents' PATH, and their `HA_SBIN_DIR`.
    pub tools: Option<PathBuf>,
    /// The user the daemon runs as; absent: the same as the root role.
    pub daemon_user: Option<String>,
    /// Names this life of the host. Absent: kept in `<root>/run/systole-agentd`, a new one when that folder is new or the machine was rebooted.
    /// Whoever switches a sandbox node on must empty `<root>/run` first, as a boot would.
    pub incarnation: Option<String>,
}
