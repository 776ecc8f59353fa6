//! The graph in the field's XML form, both ways, byte for byte as the field's tools write it.
//!
//! One synapse an action; inputs repeat what names the action that they wait for.
//! Compat: order of attributes, of synapses and of inputs follows Pacemaker 3.0.2.

use crate::{Action, ActionId, ActionKind, ActionNode, ActionResource, Graph};
use std::collections::BTreeMap;
use std::fmt;
use xml::Element;

/// Why a text is no transition graph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GraphError {
    pub line: u32,
    pub text: String,
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

impl std::error::Error for GraphError {}

impl Graph {
    /// Returns the graph as `<transition_graph>`.
    pub fn to_xml(&self) -> Element {
        let mut root = Element::new("transition_graph");
        let mut numbered = false;
        for (name, value) in &self.options {
            root.set(name, value);
            if name == "batch-limit" {
                root.set("transition_id", self.transition.to_string());
                numbered = true;
            }
        }
        if !numbered {
            root.set("transition_id", self.transition.to_string());
        }
        let by_id: BTreeMap<ActionId, &Action> = self.absent.iter().chain(&self.actions).map(|action| (action.id, action)).collect();
        for (number, action) in self.actions.iter().enumerate() {
            root.children.push(synapse(number, action, &by_id).into());
        }
        root
    }

    /// Reads a `<transition_graph>`.
    pub fn from_xml(root: &Element) -> Result<Graph, GraphError> {
        if root.name != "transition_graph" {
            return Err(error(root, "expected <transition_graph>"));
        }
        let mut graph = Graph::default();
        for (name, value) in &root.attributes {
            match name.as_str() {
                "transition_id" => graph.transition = value.parse().unwrap_or(-1),
                _ => graph.options.push((name.to_string(), value.to_string())),
            }
        }
        for synapse in root.elements_named("synapse") {
            let priority = synapse.attribute("priority").and_then(|text| text.parse().ok()).unwrap_or(0);
            let mut after = Vec::new();
            for trigger in synapse.elements_named("inputs").flat_map(|inputs| inputs.elements_named("trigger")) {
                for reference in trigger.elements() {
                    after.push(action_id(reference)?);
                }
            }
            for element in synapse.elements_named("action_set").flat_map(Element::elements) {
                graph.actions.push(read_action(element, priority, after.clone())?);
            }
        }
        Ok(graph)
    }
}

fn error(element: &Element, text: impl Into<String>) -> GraphError {
    GraphError { line: element.line, text: text.into() }
}

fn synapse(number: usize, action: &Action, by_id: &BTreeMap<ActionId, &Action>) -> Element {
    let mut synapse = Element::new("synapse").with("id", number.to_string());
    if action.priority > 0 {
        synapse.set("priority", action.priority.to_string());
    }
    synapse.push(Element::new("action_set")).children.push(detailed(action).into());
    let inputs = synapse.push(Element::new("inputs"));
    for id in &action.after {
        if let Some(first) = by_id.get(id) {
            inputs.push(Element::new("trigger")).children.push(named(first).into());
        }
    }
    synapse
}

/// An action with what names it: all that an input shows.
fn named(action: &Action) -> Element {
    let mut element = Element::new(match action.kind {
        ActionKind::Resource => "rsc_op",
        ActionKind::Cluster => "crm_event",
        ActionKind::Pseudo => "pseudo_event",
    });
    if action.operation == "lrm_delete" {
        element.set("mode", "cib");
    }
    element.set("id", action.id.0.to_string());
    element.set("operation", &action.operation);
    element.set("operation_key", &action.operation_key);
    if let Some(key) = &action.internal_operation_key {
        element.set("internal_operation_key", key);
    }
    if let Some(node) = &action.node {
        element.set("on_node", &node.name);
        element.set("on_node_uuid", &node.id);
    }
    if let Some(router) = &action.router_node {
        element.set("router_node", router);
    }
    element
}

fn detailed(action: &Action) -> Element {
    let mut element = named(action);
    if let Some(since) = action.locked_since {
        element.set("shutdown-lock", since.to_string());
    }
    if let Some(resource) = &action.resource {
        let primitive = element.push(Element::new("primitive").with("id", &resource.id));
        if let Some(long_id) = &resource.long_id {
            primitive.set("long-id", long_id);
        }
        primitive.set("class", &resource.class);
        if let Some(provider) = &resource.provider {
            primitive.set("provider", provider);
        }
        primitive.set("type", &resource.kind);
    }
    let attributes = element.push(Element::new("attributes"));
    for (name, value) in &action.attributes {
        attributes.set(name, value);
    }
    for (name, value) in &action.numbered_parameters {
        attributes.push(Element::new("param").with("name", name).with("value", value));
    }
    // Compat: that a connection ended with its host is not written.
    let is_implied = action.kind == ActionKind::Pseudo && action.operation == "stop";
    if !action.downed.is_empty() && !is_implied {
        let downed = element.push(Element::new("downed"));
        for id in &action.downed {
            downed.push(Element::new("node").with("id", id));
        }
    }
    if !action.maintenance.is_empty() {
        let maintenance = element.push(Element::new("maintenance"));
        for (node, on) in &action.maintenance {
            maintenance.push(Element::new("node").with("id", &node.id).with("node_in_maintenance", if *on { "1" } else { "0" }));
        }
    }
    element
}

fn action_id(element: &Element) -> Result<ActionId, GraphError> {
    let id = element.attribute("id").and_then(|text| text.parse().ok());
    id.map(ActionId).ok_or_else(|| error(element, format!("<{}> has no id that is a number", element.name)))
}

fn read_action(element: &Element, priority: i32, after: Vec<ActionId>) -> Result<Action, GraphError> {
    let kind = match element.name.as_str() {
        "rsc_op" => ActionKind::Resource,
        "crm_event" => ActionKind::Cluster,
        "pseudo_event" => ActionKind::Pseudo,
        other => return Err(error(element, format!("<{other}> is no action"))),
    };
    let text = |name: &str| element.attribute(name).map(str::to_owned);
    let required = |name: &str| text(name).ok_or_else(|| error(element, format!("<{}> has no {name}", element.name)));
    let node = |name: Option<String>, id: String| name.map(|name| ActionNode { name: name.into(), id });
    let primitive = element.child("primitive");
    let resource = primitive.map(|primitive| ActionResource {
        id: primitive.attribute("id").unwrap_or_default().into(),
        long_id: primitive.attribute("long-id").map(Into::into),
        class: primitive.attribute("class").unwrap_or_default().to_owned(),
        provider: primitive.attribute("provider").map(str::to_owned),
        kind: primitive.attribute("type").unwrap_or_default().to_owned(),
    });
    let attributes = element.child("attributes");
    let ids = |parent: &str| {
        let nodes = element.elements_named(parent).flat_map(|e| e.elements_named("node"));
        nodes
            .map(|node| (node.attribute("id").unwrap_or_default().to_owned(), node.attribute("node_in_maintenance") == Some("1")))
            .collect::<Vec<_>>()
    };
    Ok(Action {
        id: action_id(element)?,
        kind,
        operation: required("operation")?,
        operation_key: required("operation_key")?,
        internal_operation_key: text("internal_operation_key"),
        node: node(text("on_node"), text("on_node_uuid").unwrap_or_default()),
        router_node: text("router_node").map(Into::into),
        resource,
        attributes: attributes
            .map(|a| a.attributes.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
            .unwrap_or_default(),
        numbered_parameters: attributes
            .map(|a| {
                let value = |p: &Element, name: &str| p.attribute(name).unwrap_or_default().to_owned();
                a.elements_named("param").map(|p| (value(p, "name"), value(p, "value"))).collect()
            })
            .unwrap_or_default(),
        locked_since: text("shutdown-lock").and_then(|text| text.parse().ok()),
        downed: ids("downed").into_iter().map(|(id, _)| id).collect(),
        maintenance: ids("maintenance").into_iter().map(|(id, on)| (ActionNode { name: id.as_str().into(), id }, on)).collect(),
        after,
        priority,
        reason: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use xml::{Limits, parse};

    #[test]
    fn a_graph_is_written_as_it_was_read() {
        let text = r#"<transition_graph cluster-delay="60s" batch-limit="0" transition_id="1">
  <synapse id="0" priority="1000000">
    <action_set>
      <rsc_op id="3" operation="start" operation_key="web:0_start_0" internal_operation_key="web:1_start_0" on_node="n1" on_node_uuid="1" router_node="n2">
        <primitive id="web" long-id="web:0" class="ocf" provider="heartbeat" type="apache"/>
        <attributes CRM_meta_timeout="20000" port="80">
          <param name="1" value="x"/>
        </attributes>
      </rsc_op>
    </action_set>
    <inputs>
      <trigger>
        <crm_event id="5" operation="stonith" operation_key="stonith-n3-reboot" on_node="n3" on_node_uuid="3"/>
      </trigger>
    </inputs>
  </synapse>
  <synapse id="1">
    <action_set>
      <crm_event id="5" operation="stonith" operation_key="stonith-n3-reboot" on_node="n3" on_node_uuid="3">
        <attributes CRM_meta_on_node="n3"/>
        <downed>
          <node id="3"/>
        </downed>
      </crm_event>
    </action_set>
    <inputs/>
  </synapse>
</transition_graph>
"#;
        let graph = Graph::from_xml(&parse(text.as_bytes(), &Limits::default()).unwrap()).unwrap();
        assert_eq!(graph.actions[0].after, [ActionId(5)]);
        assert_eq!(graph.to_xml().to_text(), text);
        // What is waited for in vain is named, where the plan knows of it.
        let mut waiting = graph.clone();
        waiting.absent = vec![waiting.actions.remove(1)];
        let written = waiting.to_xml();
        assert_eq!(written.elements_named("synapse").count(), 1);
        assert_eq!(Graph::from_xml(&written).unwrap().actions[0].after, [ActionId(5)]);
    }

    #[test]
    fn what_is_no_graph_is_refused_with_its_line() {
        for text in ["<x/>", "<transition_graph><synapse><action_set><bang id='1'/></action_set></synapse></transition_graph>"] {
            assert!(Graph::from_xml(&parse(text.as_bytes(), &Limits::default()).unwrap()).is_err());
        }
    }
}
