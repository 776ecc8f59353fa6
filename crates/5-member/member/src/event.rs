//! What a member is told by its edges.

use crate::peers::Envelope;
use messages::agent::AgentEvent;
use messages::client::{Account, ClientRequest};
use messages::group::GroupEvent;
use messages::remote::RemoteEvent;
use model::NodeName;
use std::sync::Arc;
use transition::Plan;

/// Names one connection of a local client; never used twice during the life of a daemon.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientId(pub u64);

/// The outcome of one [`crate::PlanRequest`].
#[derive(Clone, PartialEq, Debug)]
pub struct PlanOutcome {
    pub number: u64,
    /// The plan, or why none could be made (the scheduler itself failed).
    pub result: Result<Plan, String>,
}

/// The outcome of one [`crate::StoreOrder`], and of every order before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreResult {
    pub token: u64,
    /// Durable on this node's disk, or why not.
    pub result: Result<(), String>,
}

/// One thing that happened.
#[derive(Clone, PartialEq, Debug)]
pub enum MemberEvent {
    /// The edges are ready. The first event; [`AgentEvent::Welcome`] follows, and then the first view.
    Started,
    /// From the cluster engine: a view, a message, or the engine's loss.
    Group(GroupEvent),
    /// From the cluster engine as well: a message that was read already, for members of one process.
    Heard { from: NodeName, envelope: Arc<Envelope> },
    /// From the root role: what survived, or how an agent's run ended.
    Agent(AgentEvent),
    /// From a remote node whose connection this node holds.
    Remote(RemoteEvent),
    /// A local client asks. `user` is the one whose access rules apply; `None` for root and the cluster's own user.
    Client { client: ClientId, user: Option<Account>, request: ClientRequest },
    /// The connection of a client ended; its subscription with it. What it asked for goes on.
    ClientGone(ClientId),
    /// A plan was calculated.
    Planned(PlanOutcome),
    /// A CIB was stored.
    Stored(StoreResult),
    /// The time of the last [`crate::MemberCommand::WakeAt`] has come. Too early or too often does no harm.
    Woken,
    /// The host is asked to go down (SIGTERM): leave as cleanly as after [`messages::client::ClientBody::Shutdown`].
    Terminated,
}
