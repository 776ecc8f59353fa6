//! What was on its way from a node by live migration and may have arrived: where to is known by that node's history alone.

use crate::document::{shared_child, shared_children};
use crate::recorded::{RecordedOperation, compare_age, is_earlier, operations};
use model::{AgentExit, ExecutionStatus, NodeName, ResourceId};
use std::cmp::Ordering;
use std::sync::Arc;
use xml::Element;

/// What is done to a resource, as against what is looked at.
const CHANGES: [&str; 4] = ["start", "stop", "migrate_to", "migrate_from"];

/// Returns what was on its way from this node to another one of which nothing tells whether it arrived: the other one was told of by what
/// happened before. Whoever drops the history of the source has to find out.
pub fn adrift(cib: &Element, source: &NodeName) -> Vec<(ResourceId, NodeName)> {
    let mut found = Vec::new();
    for history in histories(cib, source.as_str()) {
        let Some(resource) = history.id() else { continue };
        let recorded: Vec<_> = operations(history).collect();
        let Some(leaving) = recorded.iter().find(|operation| operation.operation == "migrate_to") else { continue };
        let Some(target) = leaving.migrate_target().filter(|target| *target != source.as_str()) else { continue };
        let came: Vec<_> = histories(cib, target).filter(|history| history.id() == Some(resource)).flat_map(|h| operations(h)).collect();
        let is_known = !came.is_empty();
        // A stop at the source tells nothing of the target: who stops it there may not have heard that it had left.
        let is_back = |other: &RecordedOperation| other.operation != "stop" && is_change_after(other, leaving);
        if is_known && !recorded.iter().any(is_back) && !came.iter().any(|other| tells(other, leaving)) {
            found.push((ResourceId::new(resource), NodeName::new(target)));
        }
    }
    found
}

/// Returns whether something at the target tells what became of a migration.
fn tells(there: &RecordedOperation, leaving: &RecordedOperation) -> bool {
    let is_second_half = there.operation == "migrate_from" && there.migrate_source() == leaving.migrate_source();
    let found_none = there.operation == "monitor" && there.exit == AgentExit::NOT_RUNNING && there.status == ExecutionStatus::Done;
    // What is under way there will tell, but has not yet.
    let has_ended = there.status != ExecutionStatus::Pending;
    (has_ended && is_change_after(there, leaving))
        || (has_ended && is_second_half && !is_earlier(there, leaving))
        || (found_none && compare_age(there, leaving) == Ordering::Greater)
}

fn is_change_after(other: &RecordedOperation, event: &RecordedOperation) -> bool {
    CHANGES.contains(&other.operation.as_str()) && !Arc::ptr_eq(&other.xml, &event.xml) && compare_age(other, event) == Ordering::Greater
}

fn histories<'a>(cib: &'a Element, node: &str) -> impl Iterator<Item = &'a Arc<Element>> {
    let states = cib.child("status").into_iter().flat_map(|status| status.elements_named("node_state"));
    let state = states.filter(|state| state.attribute("uname") == Some(node));
    let section = state.filter_map(|state| shared_child(state, "lrm").and_then(|lrm| shared_child(lrm, "lrm_resources")));
    section.flat_map(|section| shared_children(section)).filter(|history| history.name == "lrm_resource")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what is adrift from `n1`: of each operation of `r` the node, the operation, call, exit code, time and the other end.
    fn check(told: &[(&str, &str, i32, i32, i64, &str)], expected: &[&str]) {
        let mut states = String::new();
        for node in ["n1", "n2"] {
            let mut records = String::new();
            for (_, operation, call, exit, at, other) in told.iter().filter(|(of, ..)| *of == node) {
                let (from, to) = if *operation == "migrate_from" { (*other, node) } else { (node, *other) };
                let ends = if other.is_empty() { String::new() } else { format!(r#"migrate_source="{from}" migrate_target="{to}""#) };
                let status = if *call < 0 { -1 } else { 0 };
                records += &format!(
                    r#"<lrm_rsc_op id="r_{operation}" operation="{operation}" on_node="{node}" call-id="{call}" rc-code="{exit}" op-status="{status}" last-rc-change="{at}" transition-magic="{status}:{exit};1:{at}:0:x" {ends}/>"#
                );
            }
            states += &format!(
                r#"<node_state uname="{node}"><lrm id="{node}"><lrm_resources><lrm_resource id="r">{records}</lrm_resource></lrm_resources></lrm></node_state>"#
            );
        }
        let cib = xml::parse(format!("<cib><status>{states}</status></cib>").as_bytes(), &xml::Limits::default()).expect("well-formed");
        let found: Vec<String> = adrift(&cib, &"n1".into()).iter().map(|(resource, target)| format!("{resource} {target}")).collect();
        assert_eq!(found, expected, "{told:?}");
    }

    #[test]
    fn what_left_and_is_not_known_to_have_arrived_is_adrift() {
        let before = [("n1", "start", 5, 0, 10, ""), ("n2", "monitor", 3, 7, 5, "")];
        let with = |more: &[(&'static str, &'static str, i32, i32, i64, &'static str)]| [&before[..], more].concat();
        check(&with(&[]), &[]);
        check(&with(&[("n1", "migrate_to", -1, 193, 20, "n2")]), &["r n2"]);
        check(&with(&[("n1", "migrate_to", 6, 0, 20, "n2")]), &["r n2"]);
        check(&with(&[("n1", "migrate_to", 6, 1, 20, "n2")]), &["r n2"]);
        check(&with(&[("n1", "migrate_to", 6, 0, 20, "n2"), ("n2", "migrate_from", 4, 0, 21, "n1")]), &[]);
        check(&with(&[("n1", "migrate_to", 6, 0, 20, "n2"), ("n2", "migrate_from", -1, 193, 21, "n1")]), &["r n2"]);
        check(&with(&[("n1", "migrate_to", 6, 0, 20, "n2"), ("n2", "stop", 4, 0, 21, "")]), &[]);
        check(&with(&[("n1", "migrate_to", 6, 0, 20, "n2"), ("n1", "stop", 7, 0, 21, "")]), &["r n2"]);
        let ended = [("n1", "migrate_to", 6, 0, 20, "n2"), ("n2", "migrate_from", 4, 0, 21, "n1"), ("n1", "stop", 7, 0, 22, "")];
        check(&with(&ended), &[]);
        check(&with(&[("n1", "migrate_to", 6, 0, 20, "n2"), ("n1", "stop", 7, 0, 21, ""), ("n1", "start", 8, 0, 22, "")]), &[]);
        check(&[("n1", "migrate_to", 6, 0, 20, "n2"), ("n2", "monitor", 3, 7, 25, "")], &[]);
        check(&[("n1", "migrate_to", -1, 193, 20, "n2")], &[]);
    }
}
