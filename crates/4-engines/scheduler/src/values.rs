//! Configured values as the passes need them, looked up once: operations' meta attributes, digests, exclusive discovery.

use crate::scores::Scores;
use compact_str::CompactString;
use status::{Attributes, Digests, Facts, NodeIndex, OperationRecord, ResourceIndex};
use std::collections::HashMap;
use std::sync::Arc;

/// Identifies an operation's meta attributes; the node counts for fence devices alone.
type MetaKey = (ResourceIndex, CompactString, u64, Option<NodeIndex>);

/// See the module.
pub(crate) struct Values<'a> {
    facts: &'a Facts,
    meta: HashMap<MetaKey, Arc<Attributes>>,
    exclusive_discovery: Vec<bool>,
}

impl<'a> Values<'a> {
    /// Returns a lookup that knows nothing yet.
    pub(crate) fn new(facts: &'a Facts, scores: &Scores) -> Self {
        Self { facts, meta: HashMap::new(), exclusive_discovery: scores.exclusive_discovery.clone() }
    }

    /// Returns the position of an operation in the resource's list.
    pub(crate) fn find_operation(&self, resource: ResourceIndex, task: &str, interval_ms: u64) -> Option<u32> {
        let found = self.facts.find_operation(resource, task, interval_ms, true)?;
        let operations = &self.facts.resource(resource).operations;
        operations.iter().position(|operation| std::ptr::eq(operation, found)).map(|position| position as u32)
    }

    /// Returns the meta attributes of an operation, shared by all its actions.
    pub(crate) fn operation_meta(
        &mut self,
        resource: ResourceIndex,
        node: Option<NodeIndex>,
        task: &str,
        interval_ms: u64,
        operation: Option<u32>,
    ) -> Arc<Attributes> {
        let fact = self.facts.resource(resource);
        let key = (resource, CompactString::new(task), interval_ms, node.filter(|_| fact.fence_device));
        if let Some(known) = self.meta.get(&key) {
            return Arc::clone(known);
        }
        let operation = operation.and_then(|position| fact.operations.get(position as usize));
        let meta = Arc::new(self.facts.operation_meta_of(resource, node, task, interval_ms, operation));
        self.meta.insert(key, Arc::clone(&meta));
        meta
    }

    /// Returns whether a resource is probed only on nodes so designated.
    pub(crate) fn has_exclusive_discovery(&self, resource: ResourceIndex) -> bool {
        self.exclusive_discovery.get(resource.position()).copied().unwrap_or(false)
    }

    /// Returns the digests of an operation as configured now.
    pub(crate) fn digests(
        &self,
        resource: ResourceIndex,
        task: &str,
        interval_ms: u64,
        node: NodeIndex,
        record: Option<&OperationRecord>,
        host: Option<&str>,
    ) -> Digests {
        self.facts.digests(resource, task, interval_ms, node, record, host)
    }
}
