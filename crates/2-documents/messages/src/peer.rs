//! Between the members of a cluster, through the group: every member receives them in the same order.
//!
//! A member's answers are computed from these messages alone, so that all members come to the same coordinator and
//! the same CIB. A body that a member does not know (a newer version's) is skipped by it.

use crate::client::{CibEdit, ClientBody, ClientError, FenceRecord, ReplyBody};
use crate::event::ClusterEvent;
use crate::group::Incarnation;
use crate::operation::{NodeOrder, NodeReport};
use model::NodeName;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The version of what members say to each other here. Fields that a version does not know are ignored by it, and so is a whole message
/// of a kind it does not know; a kind that others must understand is only used while [`Hello::version`] of all members has it.
pub const VERSION: u32 = 1;

fn first_version() -> u32 {
    1
}

/// Where one copy of the CIB stands; the greater one wins on a join. The order of the fields is the order of comparison.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct CibMark {
    pub admin_epoch: u64,
    /// The last quorate term in which the copy was in step.
    pub lineage: u64,
    pub epoch: u64,
    pub num_updates: u64,
    /// Tells two copies of the same numbers apart.
    pub digest: String,
}

/// What each daemon of a view says of itself first; the coordinator is chosen once all have spoken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// The view this was sent for.
    pub view: u64,
    pub incarnation: Incarnation,
    /// The number of this start of the daemon.
    pub daemon: u64,
    /// The highest term the sender knows.
    pub term: u64,
    /// Whether the sender coordinated until now.
    pub coordinates: bool,
    /// Whether the start of the cluster is over as far as the sender knows.
    pub established: bool,
    /// Whether the sender is on its way out and should not coordinate.
    pub leaving: bool,
    /// Whether the sender took part in a partition with quorum since it last came or left in good order: such a partition fences it
    /// before it recovers what may run there.
    #[serde(default)]
    pub known_to_quorum: bool,
    pub feature_set: String,
    /// The version of messages that the sender speaks.
    #[serde(default = "first_version")]
    pub version: u32,
    pub cib: CibMark,
    /// Daemons that were found silent: not waited for.
    #[serde(default)]
    pub excluded: BTreeMap<NodeName, u64>,
    /// Incarnations that were fenced: nothing of them counts any more.
    #[serde(default)]
    pub fenced: BTreeMap<NodeName, BTreeSet<Incarnation>>,
}

/// What the membership engines say to each other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum MembershipMessage {
    Hello(Hello),
    /// A sign of life, numbered.
    Beat {
        number: u64,
    },
    /// These daemons were silent for too long; with each the number of the last beat heard. Void for one that was heard since.
    Exclude {
        view: u64,
        silent: BTreeMap<NodeName, u64>,
    },
    /// The wait of the cluster's start is over.
    Established,
    /// The sender has stopped what it ran and will leave; its absence is no failure.
    Leaving,
    /// This incarnation is known to be dead.
    Fenced {
        node: NodeName,
        incarnation: Option<Incarnation>,
    },
    /// The node is no longer part of the cluster.
    Forget {
        node: NodeName,
    },
}

/// A wish to change the CIB, by whoever had it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CibWish {
    /// Unique for the wish; the same when it is sent again.
    pub request: String,
    pub client: String,
    #[serde(default)]
    pub user: Option<String>,
    /// The groups that the user is in, as the node knows them that the client is on.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The node whose client or engine it is.
    pub origin: NodeName,
    pub change: CibChange,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum CibChange {
    /// A client's.
    Edit(CibEdit),
    /// The cluster's own bookkeeping, in this order and in one change. One that does not apply is left out.
    Status(Vec<CibEdit>),
}

/// What the replicas say to each other.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum ReplicaMessage {
    /// To the coordinator.
    Wish(CibWish),
    /// From the coordinator of this term: the change from one mark to the next.
    Apply {
        term: u64,
        from: CibMark,
        to: CibMark,
        /// The patch set as XML.
        patch: String,
        /// Which wish it grants, whose, and whether it touched what is stored.
        request: String,
        origin: NodeName,
        client: String,
        configuration: bool,
    },
    /// The sender's copy has come apart: it asks for the whole.
    NeedWhole,
    /// A whole CIB (as XML) for everyone whose copy differs.
    Whole {
        term: u64,
        mark: CibMark,
        cib: String,
        /// The wishes granted last, so that one sent again is known as granted.
        #[serde(default)]
        granted: Vec<String>,
    },
    /// What the sender wrote to disk last.
    Durable { mark: CibMark },
    /// The answer to a wish, for its origin.
    Answer { term: u64, request: String, origin: NodeName, result: Result<Option<String>, ClientError> },
}

/// What the attribute engines say to each other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum AttributesMessage {
    Set {
        /// Unique for the wish; the origin answers its client when it hears it.
        request: String,
        origin: NodeName,
        node: NodeName,
        name: String,
        value: Option<String>,
        #[serde(default)]
        dampening: Option<Duration>,
        #[serde(default)]
        only_dampening: bool,
        #[serde(default)]
        private: bool,
    },
    /// Everything the sender holds, for members that join; and of which nodes all values were forgotten last, and when, in counted changes.
    All {
        values: Vec<HeldAttribute>,
        #[serde(default)]
        forgotten: BTreeMap<NodeName, u64>,
    },
    /// Forgets all values of a node.
    Clear { node: NodeName },
}

/// One attribute of one node as the engines hold it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HeldAttribute {
    pub node: NodeName,
    pub name: String,
    /// Absent after a deletion, which is remembered until the node leaves.
    pub value: Option<String>,
    pub dampening: Duration,
    pub private: bool,
    /// When it was set, in counted changes: of two copies the later one holds.
    pub stamp: u64,
}

/// Any message between members.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum PeerMessage {
    Membership(MembershipMessage),
    Replica(ReplicaMessage),
    Attributes(AttributesMessage),
    /// The coordinator is ready to lead: every member (or the named one) tells it what it is at.
    Lead {
        term: u64,
        to: Option<NodeName>,
    },
    /// An order of the coordinator to a node; ignored when the term is not the present one.
    Order {
        term: u64,
        to: NodeName,
        order: NodeOrder,
    },
    /// What a node tells the coordinator.
    Report(NodeReport),
    /// A fencing that every member keeps in its history.
    FenceRecord(FenceRecord),
    /// The fencings of a node, or all, that have ended are forgotten by every member.
    FenceHistoryCleared {
        target: Option<NodeName>,
    },
    /// The coordinator lets a node's daemon end: nothing runs on it any more.
    ShutDown {
        term: u64,
        node: NodeName,
    },
    /// A client's request that the coordinator (or the named node) has to serve.
    Ask {
        origin: NodeName,
        request: u64,
        to: Option<NodeName>,
        /// The program that asks; empty from a member of an earlier version.
        #[serde(default)]
        client: String,
        body: ClientBody,
    },
    /// The answer.
    Told {
        origin: NodeName,
        request: u64,
        result: Result<ReplyBody, ClientError>,
    },
    /// Something happened that the members' subscribers should see.
    Event(ClusterEvent),
}
