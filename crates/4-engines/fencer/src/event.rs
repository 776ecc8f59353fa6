//! What the fencer is told and what it asks for.

use crate::Configuration;
use messages::client::FenceRecord;
use messages::event::Fact;
use messages::group::Incarnation;
use messages::operation::{DeviceOrder, DeviceReport};
use model::{NodeName, ResourceId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// This node became the coordinator. Its tickets are unique by `term` and by their numbers, which count from `first_ticket`: each node
    /// has a range of its own. `seed` is for random delays.
    Elected { term: u64, first_ticket: u64, seed: u64 },
    /// This node is no longer the coordinator: what runs is left to its end, its outcome is the new coordinator's to find out.
    Deposed,
    /// The devices, levels or options in the CIB changed (also told once at the beginning).
    Configured(Box<Configuration>),
    /// The members changed, or where the devices' resources run, or a node attribute that a level or device asks for.
    SituationChanged(Situation),
    /// Someone wants a node fenced or unfenced.
    Requested(Request),
    /// An administrator gave the word that the node is off.
    ManuallyConfirmed { target: NodeName, client: String },
    /// Another node, which leads, ordered this: what comes of it is worth knowing for whoever leads next.
    Overheard(DeviceOrder),
    /// A node ran a device as ordered.
    DeviceReported { from: NodeName, report: DeviceReport },
    /// A node cannot carry out orders any more; what it was asked is asked of another.
    NodeUnreachable { node: NodeName },
    /// Records of another member or an earlier coordinator became known.
    RecordsLearnt(Vec<FenceRecord>),
    /// An administrator wants the history of this target (or all) forgotten.
    HistoryCleared { target: Option<NodeName> },
    /// The time asked for by `WakeAt` has come (or any other).
    TimePassed,
}

/// Who is here and what runs where.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Situation {
    /// Members that can be given orders, with the life of their host.
    pub members: BTreeMap<NodeName, Incarnation>,
    /// Every incarnation last seen, of absent nodes too: a confirmation names it.
    pub last_seen: BTreeMap<NodeName, Incarnation>,
    /// The ids of nodes as Corosync numbers them, for `nodeid` and maps by id.
    pub node_ids: BTreeMap<NodeName, String>,
    /// Where each device's resource is started.
    pub running: BTreeMap<ResourceId, BTreeSet<NodeName>>,
    /// Node attributes, permanent and transient together.
    pub attributes: BTreeMap<NodeName, BTreeMap<String, String>>,
}

/// One wish to fence.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// The asker's number, given back in `Finished`; equal wishes of several askers are carried out once.
    pub ticket: u64,
    pub target: NodeName,
    /// `off`, `reboot` or `on`.
    pub action: String,
    /// The node that asks.
    pub origin: NodeName,
    /// The program that asks (`pacemaker-controld.123`, `stonith_admin.456`).
    pub client: String,
    /// The asker's budget; the fencer may need (and takes) longer where its devices are configured so.
    pub timeout: Duration,
    /// `priority-fencing-delay` as the plan computed it; waited before the first device, on top of that device's own delay.
    pub delay: Option<Duration>,
    /// An equal fencing that succeeded this recently will do.
    pub tolerance: Duration,
}

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Sends this to the node; `DeviceReported` is the answer.
    RunDevice { node: NodeName, order: DeviceOrder },
    /// Tells the askers with these tickets how it ended.
    Finished { tickets: Vec<u64>, outcome: Outcome },
    /// Tells every member a history record (new or changed).
    Record(FenceRecord),
    /// Tells people.
    Tell(Fact),
    /// Logs a line for people.
    Log(String),
    /// Calls again at this time of the monotonic clock; replaces an earlier wish.
    WakeAt(Duration),
}

/// How a fencing ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    pub target: NodeName,
    /// As asked (`reboot` also where off and on were done).
    pub action: String,
    /// The life of the host that was ended, where it was known.
    pub incarnation: Option<Incarnation>,
    /// The node that ran the (last) device.
    pub by: Option<NodeName>,
    pub device: Option<ResourceId>,
    /// Why it failed.
    pub error: Option<String>,
    pub took: Duration,
}
