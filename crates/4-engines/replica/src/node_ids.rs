//! Keeps what is recorded of a node with the node when its id changes: a node is its name, the id is what the configuration says.
//!
//! A configuration may come from another cluster, in which the same nodes have other ids, even each other's. The records follow within
//! the very change that brings it, on every copy alike; and what was on its way with an old id is written under the new one.
//! Compat: Pacemaker 2.1 removes the entries of a name it knows under another id, and its attributes with them; here the
//! configuration wins.

use std::collections::{BTreeMap, BTreeSet};
use xml::Element;

/// Returns the ids of the configured nodes by name.
fn configured(cib: &Element) -> BTreeMap<&str, &str> {
    let nodes = cib.descend(&["configuration", "nodes"]).into_iter().flat_map(|nodes| nodes.elements_named("node"));
    nodes.filter_map(|node| Some((node.attribute("uname")?, node.id()?))).collect()
}

/// Returns what is wrong when two entries have the name of one node: which of their ids were the node's, nobody could say.
pub(crate) fn doubled(cib: &Element) -> Option<String> {
    let mut first: BTreeMap<&str, &Element> = BTreeMap::new();
    for node in cib.descend(&["configuration", "nodes"])?.elements_named("node") {
        let Some(name) = node.attribute("uname") else { continue };
        if let Some(other) = first.insert(name, node) {
            let ids = [node, other].map(|node| node.id().unwrap_or_default());
            let place = if node.line > 0 { format!("line {}, ", node.line) } else { String::new() };
            return Some(format!(
                "error: {place}node \"{}\": uname=\"{name}\" is the name of node \"{}\" already; a node has one entry",
                ids[0], ids[1]
            ));
        }
    }
    None
}

/// Brings the ids of all `node_state` in line with the configuration.
pub(crate) fn settle(cib: &mut Element) {
    let ids: BTreeMap<String, String> = configured(cib).into_iter().map(|(name, id)| (name.to_owned(), id.to_owned())).collect();
    let Some(status) = cib.child("status") else { return };
    let name_of = |state: &Element| state.attribute("uname").map(str::to_owned);
    let owners: BTreeMap<&str, &str> = ids.iter().map(|(name, id)| (id.as_str(), name.as_str())).collect();
    let is_right = |state: &Element| match (name_of(state), state.id()) {
        (Some(name), Some(id)) => ids.get(&name).map_or_else(|| !owners.contains_key(id), |wanted| wanted == id),
        _ => true,
    };
    if status.elements_named("node_state").all(is_right) {
        return;
    }
    let mut taken: BTreeSet<String> = ids.values().cloned().collect();
    taken.extend(status.elements_named("node_state").filter_map(|state| state.id().map(str::to_owned)));
    let mut seen = BTreeSet::new();
    let mut states = Vec::new();
    for state in status.elements() {
        let mut state = state.clone();
        if state.name == "node_state" && !is_right(&state) {
            let name = name_of(&state).unwrap_or_default();
            let id = ids.get(&name).cloned().unwrap_or_else(|| free_id(&mut taken));
            give_id(&mut state, &id);
        }
        // Of two states of one node the first has its history: the other was begun under an id that is over.
        if state.name != "node_state" || state.id().is_none_or(|id| seen.insert(id.to_owned())) {
            states.push(state);
        }
    }
    let Some(status) = cib.child_mut("status") else { return };
    let mut next = Element::new("status");
    next.attributes = status.attributes.clone();
    *status = next.with_children(states);
}

/// Gives the `node` or `node_state` in the cluster's own edit the id that its node has now: it may have been on its way when a
/// configuration came.
pub(crate) fn addressed(cib: &Element, mut edit: Element) -> Element {
    let ids = configured(cib);
    if edit.name == "node" {
        let taken = |id: &str| ids.values().any(|other| *other == id);
        match edit.attribute("uname").and_then(|name| ids.get(name)) {
            Some(id) => edit.set("id", *id),
            None if edit.id().is_some_and(taken) => edit.set("id", free_id(&mut ids.values().map(|id| (*id).to_owned()).collect())),
            None => {}
        }
    }
    let address = |state: &mut Element| {
        let wanted = state.attribute("uname").and_then(|name| ids.get(name));
        if let Some(id) = wanted.filter(|id| state.id() != Some(id)) {
            give_id(state, id);
        }
    };
    match edit.name.as_str() {
        "node_state" => address(&mut edit),
        "status" => edit.elements_mut().filter(|state| state.name == "node_state").for_each(address),
        _ => {}
    }
    edit
}

/// The parts of a `node_state` that are the node's own have its id.
fn give_id(state: &mut Element, id: &str) {
    state.set("id", id);
    state.elements_mut().filter(|part| matches!(part.name.as_str(), "lrm" | "transient_attributes")).for_each(|part| part.set("id", id));
}

fn free_id(taken: &mut BTreeSet<String>) -> String {
    let highest = taken.iter().filter_map(|id| id.parse::<u32>().ok()).max().unwrap_or(0);
    let id = (u64::from(highest) + 1).to_string();
    taken.insert(id.clone());
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Element {
        xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap()
    }

    /// Returns the states as `name=id(resources)`.
    fn states(cib: &Element) -> Vec<String> {
        let states = cib.child("status").unwrap().elements_named("node_state");
        states
            .map(|state| {
                let lrm = state.child("lrm");
                let history = lrm.map_or_else(String::new, |lrm| format!("({} {})", lrm.id().unwrap(), lrm.elements().count()));
                format!("{}={}{history}", state.attribute("uname").unwrap(), state.id().unwrap())
            })
            .collect()
    }

    #[test]
    fn records_follow_their_node_to_its_new_id() {
        let state =
            |id: &str, name: &str| format!("<node_state id=\"{id}\" uname=\"{name}\"><lrm id=\"{id}\"><lrm_resources/></lrm></node_state>");
        type Ids = &'static [(&'static str, &'static str)];
        let cases: [(Ids, Ids, &[&str]); 5] = [
            (&[("1", "a"), ("2", "b")], &[("1", "a"), ("2", "b")], &["a=1(1 1)", "b=2(2 1)"]),
            (&[("uuid", "a"), ("1", "b")], &[("1", "a"), ("2", "b")], &["a=uuid(uuid 1)", "b=1(1 1)"]),
            (&[("2", "a"), ("1", "b")], &[("1", "a"), ("2", "b")], &["a=2(2 1)", "b=1(1 1)"]),
            // A node that the configuration does not know makes room.
            (&[("1", "b")], &[("1", "a"), ("2", "b")], &["a=3(3 1)", "b=1(1 1)"]),
            // Two of one node.
            (&[("7", "a")], &[("1", "a"), ("7", "a")], &["a=7(7 1)"]),
        ];
        for (nodes, recorded, expected) in cases {
            let nodes: String = nodes.iter().map(|(id, name)| format!("<node id=\"{id}\" uname=\"{name}\"/>")).collect();
            let recorded: String = recorded.iter().map(|(id, name)| state(id, name)).collect();
            let mut cib = parse(&format!("<cib><configuration><nodes>{nodes}</nodes></configuration><status>{recorded}</status></cib>"));
            settle(&mut cib);
            assert_eq!(states(&cib), expected);
            let once = cib.clone();
            settle(&mut cib);
            assert_eq!(cib, once);
        }
    }

    #[test]
    fn a_node_has_one_entry() {
        let cib = |name: &str| {
            parse(&format!(
                "<cib><configuration><nodes>\n<node id=\"1\" uname=\"a\"/>\n<node id=\"2\" uname=\"{name}\"/></nodes></configuration></cib>"
            ))
        };
        assert_eq!(doubled(&cib("b")), None);
        let expected = "error: line 3, node \"2\": uname=\"a\" is the name of node \"1\" already; a node has one entry";
        assert_eq!(doubled(&cib("a")).as_deref(), Some(expected));
    }

    #[test]
    fn what_was_on_its_way_is_written_under_the_new_id() {
        let cib = parse("<cib><configuration><nodes><node id=\"1\" uname=\"b\"/></nodes></configuration></cib>");
        let edit =
            parse("<status><node_state id=\"2\" uname=\"b\"><lrm id=\"2\"/></node_state><node_state id=\"9\" uname=\"c\"/></status>");
        let expected = "<status><node_state id=\"1\" uname=\"b\"><lrm id=\"1\"/></node_state><node_state id=\"9\" uname=\"c\"/></status>";
        assert_eq!(addressed(&cib, edit).to_compact(), parse(expected).to_compact());
        for (edit, id) in
            [("<node id=\"2\" uname=\"b\"/>", "1"), ("<node id=\"1\" uname=\"a\"/>", "2"), ("<node id=\"7\" uname=\"a\"/>", "7")]
        {
            assert_eq!(addressed(&cib, parse(edit)).id(), Some(id), "{edit}");
        }
    }
}
