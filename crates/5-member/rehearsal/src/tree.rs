//! The places of a CIB that a rehearsal writes: node states, histories, transient attributes.
//!
//! Each is found, or made as Pacemaker's daemons would make it. Nothing here decides what is written.

use cib::Version;
use compact_str::CompactString;
use std::collections::BTreeMap;
use xml::Element;

/// Counts changes in the document's version, as a cluster would have: one of the configuration, or some of the status.
pub(crate) fn note_changes(cib: &mut Element, is_configuration: bool, count: u64) {
    let version = Version::of(cib);
    if cib.has("epoch") && count > 0 {
        let after = version.after_change(is_configuration);
        Version { num_updates: after.num_updates.saturating_add(count - 1), ..after }.write_to(cib);
    }
}

/// Returns the status section, made when there is none.
pub(crate) fn status(cib: &mut Element) -> &mut Element {
    cib.child_or_new("status")
}

/// Returns the state of a node, made when there is none.
///
/// A state is found by the node's name, then by its id (`id`, or the one that is configured for the name).
pub(crate) fn node_state<'t>(cib: &'t mut Element, node: &str, id: Option<&str>) -> &'t mut Element {
    let at = state_position(cib, node, id);
    state_at(cib, at)
}

/// Returns where the state of a node stands among the children of the status section; made when there is none.
pub(crate) fn state_position(cib: &mut Element, node: &str, id: Option<&str>) -> usize {
    let id = id.map_or_else(|| node_id(cib, node), str::to_owned);
    let status = status(cib);
    let find = |is_meant: &dyn Fn(&Element) -> bool| {
        status.children.iter().position(|child| child.as_element().is_some_and(|e| e.name == "node_state" && is_meant(e)))
    };
    let at = find(&|e| e.attribute("uname") == Some(node)).or_else(|| find(&|e| e.id() == Some(&id)));
    let at = at.unwrap_or(status.children.len());
    if at == status.children.len() {
        status.push(Element::new("node_state").with("id", &id));
        note_changes(cib, false, 1);
    }
    state_at(cib, at).set("uname", node);
    at
}

/// Returns the node state that stands there.
pub(crate) fn state_at(cib: &mut Element, at: usize) -> &mut Element {
    status(cib).children[at].as_element_mut().expect("node states are elements, and none is removed")
}

/// Adds a node to the configuration, unless it is there.
pub(crate) fn configured_node(cib: &mut Element, node: &str) {
    let nodes = cib.child_or_new("configuration").child_or_new("nodes");
    if !nodes.elements_named("node").any(|e| e.attribute("uname") == Some(node)) {
        nodes.push(Element::new("node").with("id", node).with("uname", node));
        note_changes(cib, true, 1);
    }
}

/// Returns the configured id of a node; remote and guest nodes have their name as id.
fn node_id(cib: &Element, node: &str) -> String {
    let nodes = cib.descend(&["configuration", "nodes"]);
    let configured = nodes.and_then(|nodes| nodes.elements_named("node").find(|e| e.attribute("uname") == Some(node)));
    configured.and_then(Element::id).unwrap_or(node).to_owned()
}

/// Sets what says whether a node is a member.
pub(crate) fn set_membership(state: &mut Element, is_member: bool, origin: &str) {
    let (in_ccm, crmd, join) = if is_member { ("true", "online", "member") } else { ("false", "offline", "down") };
    for (name, value) in [("in_ccm", in_ccm), ("crmd", crmd), ("join", join), ("expected", join), ("crm-debug-origin", origin)] {
        state.set(name, value);
    }
}

/// Forgets what a node did and its transient attributes.
pub(crate) fn forget(state: &mut Element) {
    state.remove_child("lrm", None);
    state.remove_child("transient_attributes", None);
}

/// Sets a transient attribute of a node behind those that are there.
///
/// Compat: the incumbent adds a second pair of the same id; reading takes one, so the value of the first is replaced here.
pub(crate) fn set_transient_attribute(state: &mut Element, name: &str, value: &str) {
    let id = state.id().unwrap_or_default().to_owned();
    let attributes = state.child_or_new("transient_attributes");
    if !attributes.has("id") {
        attributes.set("id", &id);
    }
    let set = attributes.child_or_new("instance_attributes");
    if !set.has("id") {
        set.set("id", &id);
    }
    let set_id = set.id().unwrap_or_default().to_owned();
    if let Some(pair) = set.elements_mut().find(|pair| pair.attribute("name") == Some(name)) {
        pair.set("value", value);
        return;
    }
    let id = format!("{set_id}-{name}").replace([':', '#'], ".");
    set.push(Element::new("nvpair").with("id", id).with("name", name).with("value", value));
}

/// Returns the value of a transient attribute.
pub(crate) fn transient_attribute<'t>(state: &'t Element, name: &str) -> Option<&'t str> {
    let attributes = state.child("transient_attributes")?;
    let mut pairs = attributes.elements_named("instance_attributes").flat_map(|set| set.elements_named("nvpair"));
    pairs.find(|pair| pair.attribute("name") == Some(name))?.attribute("value")
}

/// Says which agent a new history is of.
#[derive(Clone, Copy)]
pub(crate) struct AgentOf<'a> {
    pub class: Option<&'a str>,
    pub provider: Option<&'a str>,
    pub name: Option<&'a str>,
}

/// Where a node's histories stand among their siblings, by id: each node has very many, and each action looks for one.
pub(crate) type Histories = BTreeMap<CompactString, usize>;

/// Returns where a node's histories stand; of several with one id, the first.
pub(crate) fn histories(state: &Element) -> Histories {
    let section = state.descend(&["lrm", "lrm_resources"]);
    let nodes = section.iter().flat_map(|section| section.children.iter().enumerate()).rev();
    nodes.filter_map(|(at, node)| Some((node.as_element()?.id()?.into(), at))).collect()
}

/// Returns a resource's history on a node; under `shown` or `configured` where one of them is there, else made.
pub(crate) fn history<'t>(
    state: &'t mut Element,
    known: &mut Histories,
    [shown, configured]: [&str; 2],
    agent: AgentOf<'_>,
) -> Result<&'t mut Element, String> {
    let id = state.id().unwrap_or_default().to_owned();
    let found = known.get(shown).or_else(|| known.get(configured)).copied();
    if found.is_none() {
        check_agent(shown, &id, agent)?;
    }
    let lrm = state.child_or_new("lrm");
    if !lrm.has("id") {
        lrm.set("id", &id);
    }
    let section = lrm.child_or_new("lrm_resources");
    let at = found.unwrap_or_else(|| {
        let mut history = Element::new("lrm_resource").with("id", configured);
        for (name, value) in [("class", agent.class), ("provider", agent.provider), ("type", agent.name)] {
            if let Some(value) = value {
                history.set(name, value);
            }
        }
        section.push(history);
        known.insert(configured.into(), section.children.len() - 1);
        section.children.len() - 1
    });
    section.children[at].as_element_mut().ok_or_else(|| format!("the history of {shown} is no element"))
}

fn check_agent(resource: &str, node_id: &str, agent: AgentOf<'_>) -> Result<(), String> {
    let (Some(class), Some(_)) = (agent.class, agent.name) else {
        return Err(format!("Resource {resource} not found in the status section of {node_id} (supply class and type to continue)"));
    };
    if !["ocf", "stonith", "service", "systemd", "lsb"].iter().any(|known| class.eq_ignore_ascii_case(known)) {
        return Err(format!("Invalid class for {resource}: {class}"));
    }
    if class == "ocf" && agent.provider.is_none() {
        return Err(format!("Please specify the provider for resource {resource}"));
    }
    Ok(())
}
