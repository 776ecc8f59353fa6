//! Between a node's daemon and local clients (the native commands and the compatible tools) over a Unix socket.
//!
//! A request has an id of the client's choosing; every reply names it. After `Subscribe` events follow
//! with the same id until the connection ends.

use crate::event::ClusterEvent;
use model::{NodeName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A client's question or wish.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ClientRequest {
    pub id: u64,
    /// The program that asks, recorded as `update-client` in the CIB.
    pub client: String,
    pub body: ClientBody,
}

/// A client to whom access rules apply: the user, and the groups of the operating system that the user is in.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Account {
    pub name: String,
    #[serde(default)]
    pub groups: Vec<String>,
}

/// One change of the CIB, as `cibadmin` knows them. The member hands it to `cib::edit`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct CibEdit {
    /// `create`, `modify`, `replace`, `delete`, `delete-all`, `erase`, `bump`, `upgrade` or `patch`.
    pub operation: String,
    /// `configuration`, `resources`, `status`, …; absent: the whole CIB.
    #[serde(default)]
    pub section: Option<String>,
    #[serde(default)]
    pub xpath: Option<String>,
    /// The element (or patch set) as XML text.
    #[serde(default)]
    pub xml: Option<String>,
    /// `modify` may create what is missing.
    #[serde(default)]
    pub allow_create: bool,
    /// Scores like `value++` are computed.
    #[serde(default)]
    pub expand_increments: bool,
    /// Write although there is no quorum, or the version is older.
    #[serde(default)]
    pub force: bool,
    /// Say what would result, change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum ClientBody {
    /// Who and what this node is; answered by `Info`.
    Info,
    /// The same of another member, answered by it.
    InfoOf { node: NodeName },
    /// Reads the CIB (this member's copy); answered by `Xml`, one match after another.
    CibQuery {
        #[serde(default)]
        section: Option<String>,
        #[serde(default)]
        xpath: Option<String>,
        #[serde(default)]
        without_children: bool,
    },
    /// Changes the CIB; acknowledged when it is durable as decision 7 of the design says. `request` makes a retry harmless.
    CibEdit { request: String, edit: CibEdit },
    /// Sets or deletes (no value) transient attributes of a node; acknowledged when every member has it.
    AttributeUpdate {
        node: Option<NodeName>,
        /// Exact name, or a regular expression when `pattern` is set.
        name: String,
        #[serde(default)]
        pattern: bool,
        value: Option<String>,
        /// Wait this long for further changes before it is written; `None` keeps what is in force.
        #[serde(default)]
        dampening: Option<Duration>,
        /// Sets only the dampening, leaves the value.
        #[serde(default)]
        only_dampening: bool,
        /// Kept by the attribute engine only, never written to the CIB.
        #[serde(default)]
        private: bool,
    },
    /// Answered by `Attributes`.
    AttributeQuery { node: Option<NodeName>, name: String },
    /// Forgets failures and history (all of it with `refresh`) so that the state is probed again.
    Cleanup {
        #[serde(default)]
        resource: Option<String>,
        #[serde(default)]
        node: Option<NodeName>,
        #[serde(default)]
        operation: Option<String>,
        #[serde(default)]
        interval_ms: Option<u64>,
        #[serde(default)]
        refresh: bool,
    },
    /// Makes the cluster believe that the resource failed on the node.
    FailResource { resource: String, node: NodeName },
    /// Fences a node; acknowledged when it is done or has failed.
    Fence {
        target: NodeName,
        /// `off`, `on` or `reboot`.
        action: String,
        #[serde(default)]
        timeout: Option<Duration>,
        /// An equal fencing that succeeded this recently will do.
        #[serde(default)]
        tolerance: Option<Duration>,
    },
    /// An administrator's word that the node is off.
    ConfirmFenced { target: NodeName },
    /// Answered by `FenceHistory`.
    FenceHistory {
        #[serde(default)]
        target: Option<NodeName>,
    },
    /// Forgets the fencings of a node, or all, that have ended.
    ClearFenceHistory {
        #[serde(default)]
        target: Option<NodeName>,
    },
    /// Answered when no transition is running and none is due.
    WaitIdle { timeout: Duration },
    /// Moves or stops what runs on the node, then ends its daemon.
    Shutdown { node: Option<NodeName> },
    /// Removes a node that is gone from the membership and the CIB.
    ForgetNode { node: NodeName },
    /// Every event from now on.
    Subscribe,
    /// Every change of the CIB (this member's copy, as far as the client may see it) from now on, as `CibChange`s.
    FollowCib,
}

/// An answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ClientReply {
    pub id: u64,
    pub result: Result<ReplyBody, ClientError>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum ReplyBody {
    Done,
    Xml(String),
    Info(NodeInfo),
    Attributes(Vec<AttributeValue>),
    FenceHistory(Vec<FenceRecord>),
    Event(ClusterEvent),
    /// What changed in the CIB, as the text of a patch.
    CibChange(String),
}

/// A refusal, with the exit code a tool ends with (`crm_exit_t`: 105 no such object, 106 no quorum, …).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClientError {
    pub exit_code: i32,
    pub message: String,
}

/// How long a configuration may be, in bytes of XML without indentation; what a client sends may be twice as long. Every member reads and
/// compares a new configuration on its event loop: a longer one would hold up what keeps resources running.
pub const CONFIGURATION_BYTES_MAX: usize = 16 << 20;

/// The transient attribute of a node whose disk does not take the configuration; its value says why.
pub const DISK_PROBLEM: &str = "systole-disk-problem";

/// What a daemon says of itself and its cluster.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NodeInfo {
    pub node: NodeName,
    pub id: u32,
    pub version: String,
    pub feature_set: String,
    pub coordinator: Option<NodeName>,
    pub term: u64,
    pub quorate: bool,
    /// `S_IDLE`, `S_TRANSITION_ENGINE`, `S_PENDING`, `S_NOT_DC`, … as `crmadmin` shows them.
    pub state: String,
    /// Known nodes: id and whether they are members now.
    pub nodes: BTreeMap<NodeName, KnownNode>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KnownNode {
    pub id: u32,
    pub member: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AttributeValue {
    pub node: NodeName,
    pub name: String,
    pub value: Option<String>,
}

/// One fencing, as `stonith_admin --history` and `crm_mon` show it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FenceRecord {
    pub target: NodeName,
    pub action: String,
    /// The node that asked.
    pub origin: NodeName,
    /// The node that ran the device, once it is known.
    pub delegate: Option<NodeName>,
    pub client: String,
    /// `pending`, `success` or `failed`.
    pub state: String,
    pub completed: Option<Timestamp>,
    pub exit_reason: Option<String>,
}
