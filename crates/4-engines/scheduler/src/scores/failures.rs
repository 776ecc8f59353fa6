//! How often each resource failed on each node, and whether that closes the node to it.
//!
//! Fail counts are node attributes, one per resource and operation; old ones no longer count.

use model::Score;
use status::{Facts, NodeIndex, ResourceIndex};
use std::collections::BTreeMap;

/// Fail counts of one node, by the name that they were recorded under.
#[derive(Clone, Debug, Default)]
struct Counts(BTreeMap<String, (i32, i64)>);

/// Returns whether a resource failed so often on a node that it has to leave it.
pub(crate) fn reached_threshold(facts: &Facts, resource: ResourceIndex, node: NodeIndex) -> bool {
    let counts = Counts::new(facts, node);
    !counts.0.is_empty() && counts.reached(facts, resource)
}

/// Returns the resources to be kept off a node because they, or an instance of theirs, failed there too often.
pub(super) fn closed_by_failures(facts: &Facts, node: NodeIndex) -> Vec<ResourceIndex> {
    let counts = Counts::new(facts, node);
    if counts.0.is_empty() {
        return Vec::new();
    }
    let mut closed = Vec::new();
    for (at, resource) in facts.resources.iter().enumerate() {
        let index = ResourceIndex(at as u32);
        if !resource.children.is_empty() || !counts.reached(facts, index) || is_being_cleared(facts, index, node) {
            continue;
        }
        // Any instance of an anonymous clone may be tried there again under another number: close the whole.
        closed.push(if resource.unique { index } else { top(facts, index) });
    }
    closed
}

fn is_being_cleared(facts: &Facts, resource: ResourceIndex, node: NodeIndex) -> bool {
    facts.effects.iter().any(|effect| match effect {
        status::Effect::ClearFailCount { resource: cleared, node: at, .. } => *cleared == resource && *at == node,
        _ => false,
    })
}

fn top(facts: &Facts, resource: ResourceIndex) -> ResourceIndex {
    let mut top = resource;
    while let Some(parent) = facts.resource(top).parent {
        if facts.resource(parent).is_bundle() {
            break;
        }
        top = parent;
    }
    top
}

impl Counts {
    fn new(facts: &Facts, node: NodeIndex) -> Self {
        let mut counts: BTreeMap<String, (i32, i64)> = BTreeMap::new();
        for (name, value) in &facts.node(node).attributes {
            if let Some(owner) = owner(name, "fail-count-") {
                if let Some(count) = Score::parse(value) {
                    let entry = counts.entry(owner.to_owned()).or_default();
                    entry.0 = (Score::new(entry.0) + count).value();
                }
            } else if let Some(owner) = owner(name, "last-failure-")
                && let Ok(moment) = value.trim().parse::<i64>()
            {
                let entry = counts.entry(owner.to_owned()).or_default();
                entry.1 = entry.1.max(moment);
            }
        }
        Counts(counts)
    }

    fn reached(&self, facts: &Facts, resource: ResourceIndex) -> bool {
        let threshold = facts.resource(resource).migration_threshold;
        if threshold == 0 || facts.resource(resource).ignore_failure {
            return false;
        }
        let count = self.of(facts, resource, 0);
        count > 0 && threshold <= count
    }

    /// Returns the fail count that counts now, with that of what the resource launches.
    fn of(&self, facts: &Facts, index: ResourceIndex, depth: u8) -> i32 {
        let resource = facts.resource(index);
        let name = resource.history_id.as_ref().unwrap_or(&resource.id).as_str();
        let (mut count, last) =
            if resource.unique { self.0.get(name).copied().unwrap_or_default() } else { self.of_any_instance(without_number(name)) };
        if let Some(timeout) = resource.failure_timeout
            && !timeout.is_zero()
            && count > 0
            && last > 0
            && facts.now.0 > last + timeout.as_secs() as i64
        {
            count = 0;
        }
        let is_bundled = facts.resource(top(facts, index)).parent.is_some();
        if !is_bundled && depth < 4 {
            for &launched in &resource.launched {
                count = count.saturating_add(self.of(facts, launched, depth + 1));
            }
        }
        count
    }

    fn of_any_instance(&self, name: &str) -> (i32, i64) {
        let mut all = self.0.get(name).copied().unwrap_or_default();
        let prefix = format!("{name}:");
        for (known, (count, last)) in self.0.range(prefix.clone()..) {
            let Some(number) = known.strip_prefix(&prefix) else { break };
            if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
                all = ((Score::new(all.0) + Score::new(*count)).value(), all.1.max(*last));
            }
        }
        all
    }
}

/// Returns whose attribute it is: `fail-count-NAME#OPERATION_INTERVAL`.
fn owner<'a>(attribute: &'a str, prefix: &str) -> Option<&'a str> {
    let (name, operation) = attribute.strip_prefix(prefix)?.split_once('#')?;
    let (operation, interval) = operation.rsplit_once('_')?;
    let is_operation = !operation.is_empty() && !interval.is_empty() && interval.bytes().all(|byte| byte.is_ascii_digit());
    is_operation.then_some(name)
}

fn without_number(id: &str) -> &str {
    match id.rsplit_once(':') {
        Some((name, digits)) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_attributes_of_operations_are_fail_counts() {
        assert_eq!(owner("fail-count-db:1#monitor_10000", "fail-count-"), Some("db:1"));
        assert_eq!(owner("fail-count-db", "fail-count-"), None);
        assert_eq!(owner("fail-count-db#monitor", "fail-count-"), None);
    }
}
