//! Who coordinates: a function of the hellos of a view, the same at every member.

use messages::peer::Hello;
use model::NodeName;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Returns the coordinator, or nothing when nobody spoke.
///
/// In this order: one that is not about to leave; one that coordinates already (of several, after a partition, the one whose
/// copy of the CIB was in the last quorum; then the highest term); one that knows the cluster established; the oldest
/// version of messages and the oldest feature set, so that what it says and writes is understood by all; the first name.
pub fn elect(hellos: &BTreeMap<NodeName, Hello>) -> Option<NodeName> {
    let rank = |name: &NodeName, hello: &Hello| {
        let incumbent = hello.coordinates.then_some((hello.cib.lineage, hello.term));
        let age = (hello.version, version(&hello.feature_set));
        (Reverse(!hello.leaving), Reverse(incumbent), Reverse(hello.established), age, name.clone())
    };
    hellos.iter().min_by_key(|(name, hello)| rank(name, hello)).map(|(name, _)| name.clone())
}

/// A feature set compares number by number, not letter by letter.
fn version(text: &str) -> Vec<u64> {
    text.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}
