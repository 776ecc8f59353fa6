//! The places of a CIB that a rehearsal writes: node states, histories, transient attributes.
//!
//! Each is found, or made as Pacemaker's daemons would make it. Nothing here decides what is written.

use xml::Element;

/// Returns the status section, made when there is none.
pub(crate) fn status(cib: &mut Element) -> &mut Element {
    cib.child_or_new("status")
}

/// Returns the state of a node, made when there is none; with `configure` the node is configured too.
///
/// A state is found by the node's name, then by its id (`id`, or the one that is configured for the name).
pub(crate) fn node_state<'t>(cib: &'t mut Element, node: &str, id: Option<&str>, configure: bool) -> &'t mut Element {
    if configure {
        configured_node(cib, node);
    }
    let id = id.map_or_else(|| node_id(cib, node), str::to_owned);
    let status = status(cib);
    let is_named = |e: &Element| e.name == "node_state" && e.attribute("uname") == Some(node);
    let is_numbered = |e: &Element| e.name == "node_state" && e.id() == Some(&id);
    let at = status.elements().position(is_named).or_else(|| status.elements().position(is_numbered));
    if at.is_none() {
        status.push(Element::new("node_state").with("id", &id));
    }
    let state = match at {
        Some(at) => status.elements_mut().nth(at),
        None => status.elements_mut().next_back(),
    };
    let state = state.expect("the state was found or made above");
    state.set("uname", node);
    state
}

fn configured_node(cib: &mut Element, node: &str) {
    let nodes = cib.child_or_new("configuration").child_or_new("nodes");
    if !nodes.elements_named("node").any(|e| e.attribute("uname") == Some(node)) {
        nodes.push(Element::new("node").with("id", node).with("uname", node));
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

/// Returns a resource's history on a node; under `shown` or `configured` where one of them is there, else made.
pub(crate) fn history<'t>(state: &'t mut Element, shown: &str, configured: &str, agent: AgentOf<'_>) -> Result<&'t mut Element, String> {
    let id = state.id().unwrap_or_default().to_owned();
    let found = [shown, configured].into_iter().find(|name| {
        let histories = state.descend(&["lrm", "lrm_resources"]);
        histories.is_some_and(|h| h.elements().any(|e| e.id() == Some(name)))
    });
    if found.is_none() {
        check_agent(shown, &id, agent)?;
    }
    let lrm = state.child_or_new("lrm");
    if !lrm.has("id") {
        lrm.set("id", &id);
    }
    let histories = lrm.child_or_new("lrm_resources");
    if let Some(name) = found {
        let history = histories.elements_mut_with_id(name);
        return history.ok_or_else(|| format!("the history of {name} is no element"));
    }
    let mut history = Element::new("lrm_resource").with("id", configured);
    for (name, value) in [("class", agent.class), ("provider", agent.provider), ("type", agent.name)] {
        if let Some(value) = value {
            history.set(name, value);
        }
    }
    Ok(histories.push(history))
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

/// Finds a child by its id, for changing it.
trait ById {
    fn elements_mut_with_id(&mut self, id: &str) -> Option<&mut Element>;
}

impl ById for Element {
    fn elements_mut_with_id(&mut self, id: &str) -> Option<&mut Element> {
        let at = self.children.iter().position(|node| node.as_element().is_some_and(|e| e.id() == Some(id)))?;
        self.children[at].as_element_mut()
    }
}
