//! What is true now: nodes, resources, roles, failures, deduced from a CIB at a given time.
//!
//! `Facts` is the one value made here, from the whole CIB (configuration and status) and a time. The scheduler decides
//! on it and the views show it. Nothing here decides: what a failure *requires* by the configured rules is stated
//! as an `Effect` with its reason, in the order in which it was found, and the scheduler carries it out or not.
//! There is no clock, file or socket here, and the same CIB and time always give the same facts.

mod adrift;
mod allowed;
mod attributes;
mod deduction;
mod digests;
mod document;
mod effects;
mod facts;
mod fail_counts;
mod failures;
mod history;
mod index;
mod kinds;
mod name_values;
mod node;
mod node_map;
mod numbers;
mod operation_meta;
mod options;
mod parameters;
mod problem;
mod questions;
mod recorded;
mod resource;
mod whereabouts;

pub use adrift::adrift;
pub use allowed::{AllowedNode, AllowedNodes, ProbeMode};
pub use attributes::Attributes;
pub use digests::{DigestComparison, Digests};
pub use effects::{Ban, Effect};
pub use facts::{Facts, Tag, Ticket};
pub use failures::{FailCount, FailedOperation, ParameterCheck, ParameterCheckKind};
pub use history::{HistoryReference, OperationRecord, ResourceHistory};
pub use index::{NodeIndex, ResourceIndex};
pub use kinds::{Agent, Bundle, Clone, ContainerAgent, Group, Kind, Replica};
pub use node::{HealthColor, Node, NodeKind};
pub use node_map::NodeMap;
pub use options::{ClusterOptions, HealthStrategy, NoQuorumPolicy, PlacementStrategy};
pub use problem::{Problem, Severity};
pub use questions::ActiveNode;
pub use recorded::{RecordedHistory, RecordedOperation};
pub use resource::{MultipleActive, OnFail, Operation, PendingOperation, Requires, Resource};
