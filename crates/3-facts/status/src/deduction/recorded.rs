//! Looks up what any node recorded of a resource, whether its history was read already or not.
//!
//! Compat: by names as written, and a search that finds more than one operation finds none.

use crate::document::{shared_child, shared_children};
use crate::{OperationRecord, recorded};
use compact_str::CompactString;
use std::collections::BTreeMap;
use std::sync::Arc;
use xml::Element;

/// Recorded histories by node and resource.
type Histories = BTreeMap<(CompactString, CompactString), Vec<Arc<Element>>>;

/// All recorded histories; found when first asked for, since only migrations ask.
pub(super) struct Recorded {
    cib: Arc<Element>,
    histories: Option<Histories>,
}

impl Recorded {
    pub(super) fn new(cib: Arc<Element>) -> Self {
        Self { cib, histories: None }
    }

    fn histories(&mut self, resource: &str, node: &str) -> &[Arc<Element>] {
        let cib = &self.cib;
        let all = self.histories.get_or_insert_with(|| index(cib));
        all.get(&(node.into(), resource.into())).map_or(&[], Vec::as_slice)
    }

    /// Returns what a node recorded of a resource; `None` where it has no history of it, or several.
    pub(super) fn operations(&mut self, resource: &str, node: &str) -> Option<Vec<OperationRecord>> {
        match self.histories(resource, node) {
            [history] => Some(operations(history).collect()),
            _ => None,
        }
    }

    /// Returns the one recorded operation of this name, for a migration to or from this peer.
    pub(super) fn find(&mut self, resource: &str, node: &str, operation: &str, peer: Option<&str>) -> Option<OperationRecord> {
        let is_peer = |found: &OperationRecord| match (peer, operation) {
            (Some(peer), "migrate_to") => found.migrate_target() == Some(peer),
            (Some(peer), "migrate_from") => found.migrate_source() == Some(peer),
            _ => true,
        };
        let mut found =
            self.histories(resource, node).iter().flat_map(operations).filter(|found| found.operation == operation && is_peer(found));
        let first = found.next();
        if found.next().is_some() { None } else { first }
    }

    /// Returns whether a node has no completed operation of a resource.
    pub(super) fn is_unknown(&mut self, resource: &str, node: &str) -> bool {
        let is_complete = |operation: &Element| operation.attribute("rc-code").is_some_and(|code| code != "193");
        !self.histories(resource, node).iter().any(|history| history.elements_named("lrm_rsc_op").any(is_complete))
    }
}

fn operations(history: &Arc<Element>) -> impl Iterator<Item = OperationRecord> {
    recorded::operations(history).map(|operation| OperationRecord::new(Arc::new(operation)))
}

fn index(cib: &Element) -> Histories {
    let mut index = Histories::new();
    for state in cib.child("status").iter().flat_map(|status| status.elements_named("node_state")) {
        let section = shared_child(state, "lrm").and_then(|lrm| shared_child(lrm, "lrm_resources"));
        let (Some(section), Some(node)) = (section, state.attribute("uname")) else { continue };
        for history in shared_children(section).filter(|e| e.name == "lrm_resource") {
            let key = (CompactString::new(node), CompactString::new(history.id().unwrap_or_default()));
            index.entry(key).or_default().push(history.clone());
        }
    }
    index
}
