//! What is known of one node.

use crate::membership::MembershipCommand;
use messages::event::Fact;
use messages::group::Incarnation;
use model::NodeName;
use std::time::Duration;

/// Where a node stands, as this member sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PeerState {
    /// Configured, and never seen by this daemon.
    Unseen,
    /// Its daemon is in the view and has not said hello yet.
    Joining,
    /// It takes part.
    Member,
    /// Its daemon is gone, its host is present: it may come back before the grace is over.
    Away { since: Duration },
    /// Its daemon stayed away for longer than the grace, or was silent for too long.
    DaemonLost,
    /// Its host is gone.
    HostLost,
    /// It left in good order.
    Left,
}

/// One node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer {
    pub state: PeerState,
    /// The life of its host that was seen last.
    pub incarnation: Option<Incarnation>,
    /// The number of the start of its daemon that was seen last.
    pub daemon: Option<u64>,
    /// What it was before its daemon appeared in the present view.
    pub(crate) before: PeerState,
    /// Whether it said that it will leave.
    pub(crate) leaving: bool,
    /// The version of messages that it speaks.
    pub(crate) version: u32,
    /// Whether it took part in a partition with quorum since it came.
    pub(crate) known_to_quorum: bool,
    /// The number of its last beat, and when it was heard of last.
    pub(crate) beat: u64,
    pub(crate) heard: Duration,
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            state: PeerState::Unseen,
            incarnation: None,
            daemon: None,
            before: PeerState::Unseen,
            leaving: false,
            version: messages::peer::VERSION,
            known_to_quorum: false,
            beat: 0,
            heard: Duration::ZERO,
        }
    }
}

impl Peer {
    /// Returns whether the node takes part.
    pub fn is_member(&self) -> bool {
        self.state == PeerState::Member
    }

    /// Returns the version of messages that it speaks.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Returns when the node was heard of last in the group.
    pub fn heard(&self) -> Duration {
        self.heard
    }

    /// Returns whether a partition with quorum knows that the node is here, and so would fence it before it recovers what may run there.
    pub fn is_known_to_quorum(&self) -> bool {
        self.known_to_quorum
    }
}

/// Tells people of a change they should know.
pub(crate) fn note_change(node: &NodeName, before: PeerState, after: PeerState, out: &mut Vec<MembershipCommand>) {
    use PeerState::{Away, DaemonLost, HostLost, Joining, Left, Member, Unseen};
    let node = node.clone();
    let fact = match (before, after) {
        (Unseen | HostLost | Left, Member) => Fact::HostJoined { node },
        (Away { .. } | DaemonLost, Member) => Fact::DaemonBack { node },
        (Member | Joining | Away { .. } | DaemonLost, HostLost) => {
            Fact::HostLost { node, cause: "its host's connection closed".to_owned() }
        }
        (Member | Joining, Away { .. }) => Fact::DaemonLost { node, cause: "its daemon's connection closed".to_owned() },
        _ => return,
    };
    out.push(MembershipCommand::Fact(fact));
}
