//! What a member asks of its edges. Carried out in the order given; none of them may block the event loop.

use crate::event::ClientId;
use crate::kept::Kept;
use crate::peers::Envelope;
use messages::agent::AgentOrder;
use messages::client::ClientReply;
use messages::group::GroupCommand;
use messages::remote::RemoteCommand;
use model::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use xml::Element;

/// A plan to be calculated, off the event loop: `scheduler::schedule` over this input.
#[derive(Clone, PartialEq, Debug)]
pub struct PlanRequest {
    /// Named again by [`crate::PlanOutcome`]. A member asks for one plan at a time.
    pub number: u64,
    /// The whole CIB, with what is in flight as pending history.
    pub input: Arc<Element>,
    /// The wall-clock time the plan is made for.
    pub now: Timestamp,
}

/// A CIB to be made durable: written, synced, renamed, its digest beside it.
#[derive(Clone, PartialEq, Debug)]
pub struct StoreOrder {
    /// Named again by [`crate::StoreResult`]; grows. An edge may skip an order when a newer one waits, and answer the newest only.
    pub token: u64,
    /// Without its status section, as the field's `cib.xml`.
    pub cib: Arc<Element>,
    /// To be kept beside the CIB and given back as [`crate::StoredCib::lineage`].
    pub lineage: u64,
}

/// How much a log line matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LogLevel {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
}

/// The TCP ports by which the cluster is administered from other hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Doors {
    /// Over TLS. Compat: `remote-tls-port` of the CIB.
    pub tls: Option<u16>,
    /// In the clear. Compat: `remote-clear-port` of the CIB.
    pub clear: Option<u16>,
}

/// One thing to do.
#[derive(Clone, PartialEq, Debug)]
pub enum MemberCommand {
    /// To the cluster engine.
    Group(GroupCommand),
    /// To every member, this one included: what the engine would carry as text, where [`crate::MemberConfig::hands_over`] says so.
    HandOver(Arc<Envelope>),
    /// To the root role.
    Agent(AgentOrder),
    /// To the edge of remote nodes.
    Remote(RemoteCommand),
    /// Let clients of other hosts in by these ports, and by no others.
    Listen(Doors),
    /// To a client; dropped when it is gone.
    Reply { client: ClientId, reply: ClientReply },
    /// Calculate a plan and answer with [`crate::MemberEvent::Planned`].
    Plan(PlanRequest),
    /// Store the CIB and answer with [`crate::MemberEvent::Stored`].
    Store(StoreOrder),
    /// Keep this, as bytes, for the next start of the daemon during this life of the host (`/run`); no sync needed. The last call wins.
    SaveHistory(Box<Kept>),
    /// Keep a plan's input for replay, compressed, under this name (`pe-input-12.bz2`).
    SaveInput { name: String, next: u64, element: Arc<Element> },
    /// Send [`crate::MemberEvent::Woken`] when the monotonic clock reaches this. Replaces the earlier wish.
    WakeAt(Duration),
    /// Write a line to the log.
    Log { level: LogLevel, text: String },
    /// End the daemon with this exit code, after everything before this command was carried out.
    /// 0: a clean shutdown, do not start it again. 100: do not start it again. Others: start it again.
    Exit { code: i32, reason: String },
}
