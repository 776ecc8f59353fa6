//! Between a member and its edge to remote nodes: hosts that run agents for the cluster and are no members of it.
//!
//! A member holds at most one connection to a remote node; everything here names the node by the id of its connection resource.

use crate::agent::{AgentCall, AgentResult};
use crate::client::{Account, ClientReply, ClientRequest};
use model::{CallId, NodeName};
use std::time::Duration;

/// The reason that a member gives for the end of a connection which had been lost before: that of the other side may be another life by now.
pub const LOST_BEFORE: &str = "the connection had been lost before";

/// What a member asks of its edge to remote nodes.
#[derive(Clone, PartialEq, Debug)]
pub enum RemoteCommand {
    /// Connects, and tries again until the time is over; ends an earlier connection to that node.
    Connect { node: NodeName, address: String, port: u16, timeout: Duration },
    /// Ends the connection. Nothing of it is told any more.
    Disconnect { node: NodeName },
    /// Runs an agent there; answered by `Finished`, unless the connection is lost before.
    Run { node: NodeName, call: AgentCall },
    /// Ends a run where the other side can; its result follows in any case.
    Kill { node: NodeName, id: CallId },
    /// Asks for a sign of life; without one in time the connection counts as lost.
    Poke { node: NodeName, timeout: Duration },
    /// Answers whether the node may go down once nothing runs on it.
    AnswerShutdown { node: NodeName, granted: bool },
    /// Answers a client there.
    Reply { node: NodeName, session: String, reply: ClientReply },
}

/// What the edge to remote nodes tells.
#[derive(Clone, PartialEq, Debug)]
pub enum RemoteEvent {
    Connected {
        node: NodeName,
    },
    /// It could not be connected in time.
    Refused {
        node: NodeName,
        reason: String,
    },
    /// A connection that was there is gone; what was at work is of unknown outcome.
    Lost {
        node: NodeName,
        reason: String,
    },
    Finished {
        node: NodeName,
        result: AgentResult,
    },
    /// The sign of life that was asked for.
    Alive {
        node: NodeName,
    },
    /// The node asks to be shut down cleanly.
    ShutdownAsked {
        node: NodeName,
    },
    /// A client there asks. Known only of the product's own remote side.
    Asked {
        node: NodeName,
        session: String,
        user: Option<Account>,
        request: ClientRequest,
    },
    /// A client there has gone.
    ClientGone {
        node: NodeName,
        session: String,
    },
}
