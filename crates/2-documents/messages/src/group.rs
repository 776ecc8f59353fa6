//! The group below us: what a cluster engine (hub, Corosync, the simulator's) promises and what it is asked.
//!
//! The promise is that of extended virtual synchrony: all members of a view receive the same messages in
//! the same order, a sender's own included, and learn of a new view at the same point of that order.
//! A message never arrives in another view than the one it was sent in: it is dropped instead.

use model::NodeName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Names one life of a host, from power-on to power-off. A fencing confirmation names the incarnation it
/// ended, and late messages of that incarnation are dropped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(pub String);

/// Who is here, as the engine sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct View {
    /// Grows with each view; equal at all members of the view.
    pub id: u64,
    /// Hosts that are present (Corosync: ring members; hub: connections of supervisors), with their incarnation.
    pub hosts: BTreeMap<NodeName, Incarnation>,
    /// Nodes whose daemon is present (Corosync: members of the process group), with a number that is new for each start of the daemon.
    pub daemons: BTreeMap<NodeName, u64>,
    /// Every node the engine's configuration names, present or not, with its numeric id.
    pub configured: BTreeMap<NodeName, u32>,
    /// The engine's verdict on quorum for exactly this view.
    pub quorate: bool,
}

/// Which engine is below, by configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Engine {
    /// Several nodes of one machine: the process that listens at this socket orders their messages.
    Hub(PathBuf),
    /// Several hosts.
    Corosync,
}

/// What the engine tells.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum GroupEvent {
    /// The membership or the quorum changed.
    View(View),
    /// A message, in the same order everywhere.
    Message { from: NodeName, payload: String },
    /// The engine itself is gone; it is tried again, and a `View` follows when it is back. Until then nothing can be ordered.
    Lost { reason: String },
}

/// What the engine is asked.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum GroupCommand {
    /// Sends to every member, this one included.
    Send { payload: String },
    /// Leaves the group cleanly.
    Leave,
}
