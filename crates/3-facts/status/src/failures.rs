//! Failed operations, fail counts, and history entries whose parameters are to be compared.

use crate::{HistoryReference, NodeIndex, ResourceIndex};
use model::Timestamp;

/// An operation that failed and is shown as failed.
#[derive(Clone, Debug)]
pub struct FailedOperation {
    /// Where.
    pub node: NodeIndex,
    /// Of which resource; `None` where its history belongs to nothing.
    pub resource: Option<ResourceIndex>,
    /// The entry itself.
    pub history: HistoryReference,
}

/// How often a resource failed on a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FailCount {
    /// The count; 1,000,000 is INFINITY.
    pub count: i32,
    /// When it failed last.
    pub last_failure: Option<Timestamp>,
}

/// Why the parameters of a recorded operation are to be compared with the configured ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParameterCheckKind {
    /// It failed: changed parameters clear the failure.
    LastFailure,
    /// The resource is active: changed parameters restart or reload it.
    Active,
}

/// A recorded operation whose parameters are to be compared.
#[derive(Clone, Debug)]
pub struct ParameterCheck {
    /// Of which resource.
    pub resource: ResourceIndex,
    /// Where.
    pub node: NodeIndex,
    /// Which entry.
    pub history: HistoryReference,
    /// Why.
    pub kind: ParameterCheckKind,
}
