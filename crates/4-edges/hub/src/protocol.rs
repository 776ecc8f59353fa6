//! What the hub and its clients say to each other on the wire.
//!
//! A connection starts with one `Hello`. Every message sent names the view its sender knew, so that
//! the hub can drop what belongs to an older one.

use messages::group::{Incarnation, View};
use model::NodeName;
use serde::{Deserialize, Serialize};

/// The longest frame that is accepted, in bytes: a CIB of 32 nodes and 1,000 resources has 20 MB.
pub(crate) const FRAME_LENGTH_MAX: usize = 128 * 1024 * 1024;

/// Who takes part by a connection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Role {
    /// A node's root role: while it is connected the host is present.
    Host { incarnation: Incarnation },
    /// A node's daemon, with a number that is new for each start of it.
    Daemon { life: u64 },
}

/// From a client to the hub.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) enum ToHub {
    Hello {
        node: NodeName,
        role: Role,
    },
    Send {
        view: u64,
        payload: String,
    },
    /// The answer to `Ping`: the sender's event loop turns.
    Pong,
    /// Goes on purpose.
    Leave,
    /// A daemon's last word: its root role died, the host itself is still there.
    HostRemains,
    Control(Control),
}

/// From the hub to a client.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) enum FromHub {
    View(View),
    Message {
        from: NodeName,
        payload: String,
    },
    Ping,
    /// The client was taken for dead; nothing that was on its way to it counts any more. The connection ends.
    Evicted {
        reason: String,
    },
    /// The client cannot take part at all.
    Refused {
        reason: String,
    },
    Controlled(Result<HubStatus, String>),
}

/// What the sandbox asks of the hub: to behave as a broken network would.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Control {
    /// Cuts each of these nodes off from every other; connections stay.
    Isolate {
        nodes: Vec<NodeName>,
    },
    /// Nodes reach each other only within a group; nodes not named form one more group.
    Partition {
        groups: Vec<Vec<NodeName>>,
    },
    /// Every node reaches every other again.
    Heal,
    Status,
}

/// How the hub sees its nodes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HubStatus {
    /// One view for each group of nodes that reach each other.
    pub views: Vec<View>,
}
