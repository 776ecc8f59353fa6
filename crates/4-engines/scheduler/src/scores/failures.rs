//! Whether failures close a node to a resource: as many as its `migration-threshold`.
//!
//! From the fail counts of the facts, for `scores` and for the replicas of bundles. Failures that are about to be
//! cleared close nothing; nothing is cleared here.

use status::{Effect, Facts, NodeIndex, ResourceIndex};

/// Returns whether a resource failed so often on a node that it has to leave it.
pub(crate) fn reached_threshold(facts: &Facts, resource: ResourceIndex, node: NodeIndex) -> bool {
    let entry = facts.resource(resource);
    if entry.migration_threshold == 0 || entry.ignore_failure {
        return false;
    }
    let count = facts.fail_count(node, resource, true, true).count;
    count > 0 && entry.migration_threshold <= count
}

/// Returns the resources to be kept off a node because they, or an instance of theirs, failed there too often.
pub(super) fn closed_by_failures(facts: &Facts, node: NodeIndex) -> Vec<ResourceIndex> {
    if !facts.node(node).attributes.keys().any(|name| name.starts_with("fail-count-")) {
        return Vec::new();
    }
    let mut closed = Vec::new();
    for (at, resource) in facts.resources.iter().enumerate() {
        let index = ResourceIndex(at as u32);
        let is_leaf = resource.children.is_empty();
        if !is_leaf || !reached_threshold(facts, index, node) || is_being_cleared(facts, index, node) {
            continue;
        }
        // Any instance of an anonymous clone may be tried there again under another number: close the whole.
        closed.push(if resource.unique { index } else { facts.top_of(index, false) });
    }
    closed
}

fn is_being_cleared(facts: &Facts, resource: ResourceIndex, node: NodeIndex) -> bool {
    facts.effects.iter().any(|effect| match effect {
        Effect::ClearFailCount { resource: cleared, node: at, .. } => *cleared == resource && *at == node,
        _ => false,
    })
}
