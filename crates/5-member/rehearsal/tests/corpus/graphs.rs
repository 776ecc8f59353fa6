//! Compares two transition graphs by what they mean: actions, order, attributes; numbers and positions aside.

use std::collections::BTreeMap;
use xml::Element;

/// How far two graphs agree; each level needs the one before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Agreement {
    /// The same actions.
    pub actions: bool,
    /// And the same order between them.
    pub order: bool,
    /// And the same attributes, priorities and options.
    pub details: bool,
}

/// A graph reduced to what counts; each list is sorted.
#[derive(PartialEq, Eq, Debug)]
struct Shape {
    options: Vec<(String, String)>,
    actions: Vec<String>,
    inputs: Vec<(String, Vec<String>)>,
    details: Vec<String>,
    /// An input leads nowhere, or to another action than it names.
    dangling: Vec<String>,
}

/// Compares a graph with the expected one; differences are told in `notes`.
pub fn compare(wanted: &Element, got: &Element, notes: &mut Vec<String>) -> Agreement {
    let (wanted, got) = (Shape::new(wanted), Shape::new(got));
    let actions = wanted.actions == got.actions;
    note("L1", &wanted.actions, &got.actions, notes);
    let order = actions && wanted.inputs == got.inputs && got.dangling.is_empty();
    if actions {
        note("L2", &edges(&wanted), &edges(&got), notes);
        notes.extend(got.dangling.iter().map(|text| format!("L2 ! {text}")));
    }
    let details = order && wanted.details == got.details && wanted.options == got.options;
    if actions {
        note("L3", &wanted.details, &got.details, notes);
        if wanted.options != got.options {
            notes.push(format!("L3 options {:?}, expected {:?}", got.options, wanted.options));
        }
    }
    Agreement { actions, order, details }
}

fn edges(shape: &Shape) -> Vec<String> {
    let mut edges: Vec<String> =
        shape.inputs.iter().flat_map(|(then, firsts)| firsts.iter().map(move |first| format!("{first} -> {then}"))).collect();
    edges.sort();
    edges
}

/// Tells what is in one sorted list and not in the other.
fn note(level: &str, wanted: &[String], got: &[String], notes: &mut Vec<String>) {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    wanted.iter().for_each(|text| *counts.entry(text).or_default() -= 1);
    got.iter().for_each(|text| *counts.entry(text).or_default() += 1);
    for (text, count) in counts.into_iter().filter(|(_, count)| *count != 0) {
        notes.push(format!("{level} {} {text}", if count < 0 { '-' } else { '+' }));
    }
}

impl Shape {
    fn new(graph: &Element) -> Self {
        let kept = |(name, value): &(_, _)| -> Option<(String, String)> {
            let (name, value): (String, String) = (to_text(name), to_text(value));
            (!matches!(name.as_str(), "crm_feature_set" | "batch-limit" | "transition_id")).then_some((name, value))
        };
        let mut options: Vec<_> = graph.attributes.iter().filter_map(kept).collect();
        options.sort();
        let synapses = || graph.elements_named("synapse");
        let actions_of =
            |synapse: &'_ Element| synapse.elements_named("action_set").flat_map(Element::elements).cloned().collect::<Vec<_>>();
        let mut by_id: BTreeMap<String, Element> = BTreeMap::new();
        let mut shape = Shape { options, actions: Vec::new(), inputs: Vec::new(), details: Vec::new(), dangling: Vec::new() };
        for action in synapses().flat_map(actions_of) {
            let id = action.id().unwrap_or_default().to_owned();
            if by_id.insert(id.clone(), action).is_some() {
                shape.dangling.push(format!("action id {id} is used twice"));
            }
        }
        for synapse in synapses() {
            for action in actions_of(synapse) {
                let key = key(&action);
                shape.details.push(details(synapse, &action));
                shape.actions.push(key.clone());
                let mut firsts = Vec::new();
                for reference in synapse.elements_named("inputs").flat_map(|i| i.elements_named("trigger")).flat_map(Element::elements) {
                    match by_id.get(reference.id().unwrap_or_default()) {
                        Some(action) if name(action) == name(reference) => firsts.push(self::key(action)),
                        Some(_) => shape.dangling.push(format!("an input of {key} names another action: {}", name(reference))),
                        None => shape.dangling.push(format!("an input of {key} is not in the graph: {}", name(reference))),
                    }
                }
                firsts.sort();
                shape.inputs.push((key, firsts));
            }
        }
        shape.actions.sort();
        shape.inputs.sort();
        shape.details.sort();
        shape
    }
}

fn to_text(text: impl AsRef<str>) -> String {
    text.as_ref().to_owned()
}

fn name(action: &Element) -> String {
    let part = |name: &str| action.attribute(name).unwrap_or("-").to_owned();
    format!("{} {} {} [{}] on {}", action.name, part("operation"), part("operation_key"), part("internal_operation_key"), part("on_node"))
}

fn key(action: &Element) -> String {
    let primitive = action.child("primitive");
    let part = |name: &str| primitive.and_then(|p| p.attribute(name)).unwrap_or("-").to_owned();
    format!("{} ({} {})", name(action), part("id"), part("long-id"))
}

fn details(synapse: &Element, action: &Element) -> String {
    let mut below = Vec::new();
    walk(action, "", &mut below);
    below.sort();
    format!("{} synapse[{}] action[{}] {}", key(action), attributes(synapse, true), attributes(action, true), below.join(" "))
}

fn walk(element: &Element, path: &str, out: &mut Vec<String>) {
    for child in element.elements() {
        let path = format!("{path}/{}", child.name);
        out.push(format!("{path}[{}]", attributes(child, false)));
        walk(child, &path, out);
    }
}

fn attributes(element: &Element, without_id: bool) -> String {
    let mut pairs: Vec<String> = element
        .attributes
        .iter()
        .filter(|(name, _)| name != "crm_feature_set" && !(without_id && name == "id"))
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    pairs.sort();
    pairs.join(" ")
}
