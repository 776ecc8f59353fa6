//! Cluster options and other single values that the member itself needs from the CIB.

use model::{NodeName, parse_boolean, parse_interval};
use std::collections::BTreeMap;
use std::time::Duration;
use xml::Element;

/// Returns a cluster option by the first of its names that is set. Compat: of several property sets the one with the highest
/// score wins, and `cib-bootstrap-options` over all.
pub(crate) fn option<'a>(cib: &'a Element, names: &[&str]) -> Option<&'a str> {
    let section = cib.descend(&["configuration", "crm_config"])?;
    let score = |set: &Element| set.attribute("score").and_then(model::Score::parse).unwrap_or_default().value();
    let mut sets: Vec<&Element> = section.elements_named("cluster_property_set").collect();
    sets.sort_by_key(|set| (set.id() != Some("cib-bootstrap-options"), std::cmp::Reverse(score(set))));
    let value =
        |set: &'a Element, name: &str| set.elements_named("nvpair").find(|pair| pair.attribute("name") == Some(name))?.attribute("value");
    names.iter().find_map(|name| sets.iter().find_map(|set| value(set, name)))
}

/// Returns an option that is a duration.
pub(crate) fn interval(cib: &Element, name: &str) -> Option<Duration> {
    parse_interval(option(cib, &[name])?)
}

/// Returns whether what runs without quorum goes on as if there were quorum.
pub(crate) fn ignores_quorum(cib: &Element) -> bool {
    option(cib, &["no-quorum-policy"]).is_some_and(|policy| policy.eq_ignore_ascii_case("ignore"))
}

/// Returns what the controller needs.
pub(crate) fn settings(cib: &Element, feature_set: &str) -> controller::Settings {
    let default = controller::Settings::default();
    controller::Settings {
        recheck_interval: interval(cib, "cluster-recheck-interval").unwrap_or(default.recheck_interval),
        transition_delay: interval(cib, "transition-delay").unwrap_or(default.transition_delay),
        start_failure_is_fatal: option(cib, &["start-failure-is-fatal"]).and_then(parse_boolean).unwrap_or(default.start_failure_is_fatal),
        shutdown_lock: option(cib, &["shutdown-lock"]).and_then(parse_boolean).unwrap_or(default.shutdown_lock),
        feature_set: feature_set.to_owned(),
    }
}

/// Returns the nodes of the configuration (without remote ones) and their numbers; an id may be any text, and is none then.
pub(crate) fn nodes(cib: &Element) -> BTreeMap<NodeName, Option<u32>> {
    let Some(section) = cib.descend(&["configuration", "nodes"]) else { return BTreeMap::new() };
    let is_cluster_node = |node: &&Element| !matches!(node.attribute("type"), Some("remote" | "ping"));
    let named = section.elements_named("node").filter(is_cluster_node);
    named.filter_map(|node| Some((NodeName::new(node.attribute("uname")?), node.id()?.parse().ok()))).collect()
}

/// Returns the remote and guest nodes that the status knows.
pub(crate) fn remote_nodes(cib: &Element) -> impl Iterator<Item = NodeName> {
    let states = cib.child("status").into_iter().flat_map(|status| status.elements_named("node_state"));
    let remote = states.filter(|state| state.attribute("remote_node") == Some("true"));
    remote.filter_map(|state| state.attribute("uname").map(NodeName::new))
}

/// Returns a node's id in the CIB.
pub(crate) fn node_id<'a>(cib: &'a Element, node: &NodeName) -> Option<&'a str> {
    let configured = cib.descend(&["configuration", "nodes"]).into_iter().flat_map(|nodes| nodes.elements_named("node"));
    let known = cib.child("status").into_iter().flat_map(|status| status.elements_named("node_state"));
    configured.chain(known).find(|element| element.attribute("uname") == Some(node.as_str()))?.id()
}

/// Returns the `node_state` of a node.
pub(crate) fn node_state<'a>(cib: &'a Element, node: &NodeName) -> Option<&'a Element> {
    cib.child("status")?.elements_named("node_state").find(|state| state.attribute("uname") == Some(node.as_str()))
}

/// Returns the name and value pairs of a node's attributes in the CIB: permanent ones, and transient ones over them.
pub(crate) fn node_attributes(cib: &Element, node: &NodeName) -> BTreeMap<String, String> {
    let permanent = cib
        .descend(&["configuration", "nodes"])
        .into_iter()
        .flat_map(|nodes| nodes.elements_named("node"))
        .filter(|element| element.attribute("uname") == Some(node.as_str()));
    let transient = node_state(cib, node).and_then(|state| state.child("transient_attributes"));
    let sets = permanent.chain(transient).flat_map(|holder| holder.elements_named("instance_attributes"));
    let pairs = sets.flat_map(|set| set.elements_named("nvpair"));
    pairs.filter_map(|pair| Some((pair.attribute("name")?.to_owned(), pair.attribute("value")?.to_owned()))).collect()
}

/// Returns whether a resource with a history is recorded as active on its node: the latest of the operations that tell decides.
pub(crate) fn is_active(history: &Element) -> bool {
    let telling = history.elements_named("lrm_rsc_op").filter_map(|operation| {
        let name = operation.attribute("operation")?;
        let rc: i32 = operation.attribute("rc-code")?.parse().ok()?;
        let call: i64 = operation.attribute("call-id")?.parse().ok()?;
        let is_active = match name {
            "stop" => rc != 0,
            "migrate_to" => rc != 0,
            "start" | "monitor" | "promote" | "demote" | "migrate_from" => matches!(rc, 0 | 8 | 190 | 191),
            _ => return None,
        };
        Some((call, is_active))
    });
    telling.max_by_key(|(call, _)| *call).is_some_and(|(_, is_active)| is_active)
}
