//! Variants of a CIB: what an administrator may change and what may happen to a cluster, one to three things at a time.
//!
//! Every change keeps to what the schema allows, nearly always, so that both this scheduler and the incumbent's can be
//! asked for a plan. `examples/variants.rs` writes variants of the incumbent's cases; the property tests plan for them.

pub mod cluster;
pub mod dice;
mod happenings;
pub mod richer;
mod settings;

use dice::Dice;
use xml::Element;

/// One kind of change; returns whether the document had a place for it.
type Change = fn(&mut Element, &mut Dice) -> bool;

/// The kinds of changes by name; one that stands twice is made twice as often.
const CHANGES: &[(&str, Change)] = &[
    ("score", settings::change_score),
    ("drop-constraint", settings::drop_constraint),
    ("add-location", settings::add_location),
    ("add-colocation", settings::add_colocation),
    ("add-order", settings::add_order),
    ("constraint-attribute", settings::change_constraint_attribute),
    ("option", settings::set_option),
    ("option", settings::set_option),
    ("meta", settings::set_meta),
    ("meta", settings::set_meta),
    ("meta", settings::set_meta),
    ("operation", settings::set_operation),
    ("drop-resource", settings::drop_resource),
    ("swap-resources", settings::swap_resources),
    ("drop-pair", settings::drop_pair),
    ("parameter", settings::change_parameter),
    ("utilization", settings::set_utilization),
    ("standby", settings::set_node_attribute),
    ("standby", settings::set_node_attribute),
    ("drop-node", settings::drop_node),
    ("node-state", happenings::change_node_state),
    ("node-state", happenings::change_node_state),
    ("drop-node-state", happenings::drop_node_state),
    ("result", happenings::change_result),
    ("result", happenings::change_result),
    ("drop-result", happenings::drop_result),
    ("drop-history", happenings::drop_history),
    ("copy-history", happenings::copy_history),
    ("fail-count", happenings::add_fail_count),
    ("transient-attribute", happenings::set_transient_attribute),
    ("ticket", happenings::change_ticket),
    ("quorum", happenings::flip_quorum),
    ("time", happenings::shift_time),
];

/// Changes a document in one to three ways; returns their names.
pub fn vary(cib: &mut Element, dice: &mut Dice) -> Vec<&'static str> {
    let wanted = 1 + dice.below(3);
    let mut made = Vec::new();
    for _ in 0..wanted * 8 {
        let (name, change) = CHANGES[dice.below(CHANGES.len())];
        if change(cib, dice) {
            made.push(name);
            if made.len() == wanted {
                break;
            }
        }
    }
    made
}

/// Returns the paths of all elements that match, in document order.
fn paths(root: &Element, matches: &dyn Fn(&Element) -> bool) -> Vec<Vec<usize>> {
    fn walk(element: &Element, path: &mut Vec<usize>, matches: &dyn Fn(&Element) -> bool, found: &mut Vec<Vec<usize>>) {
        for (at, child) in element.children.iter().enumerate() {
            let Some(child) = child.as_element() else { continue };
            path.push(at);
            if matches(child) {
                found.push(path.clone());
            }
            walk(child, path, matches, found);
            path.pop();
        }
    }
    let mut found = Vec::new();
    walk(root, &mut Vec::new(), matches, &mut found);
    found
}

/// Returns an element that matches, chosen at random.
fn any<'c>(cib: &'c mut Element, dice: &mut Dice, matches: &dyn Fn(&Element) -> bool) -> Option<&'c mut Element> {
    let path = dice.one_of(&paths(cib, matches))?;
    cib.at_path_mut(&path)
}

/// Removes an element that matches, chosen at random; returns it.
fn take(cib: &mut Element, dice: &mut Dice, matches: &dyn Fn(&Element) -> bool) -> Option<Element> {
    let path = dice.one_of(&paths(cib, matches))?;
    let (last, above) = path.split_last()?;
    let parent = cib.at_path_mut(above)?;
    parent.children.remove(*last).as_element().cloned()
}

/// Returns what the elements of these names have as an attribute.
fn names(cib: &Element, below: &[&str], elements: &[&str], attribute: &str) -> Vec<String> {
    let Some(start) = cib.descend(below) else { return Vec::new() };
    let named = start.descendants().filter(|e| elements.contains(&e.name.as_str()) && !e.has("id-ref"));
    named.filter_map(|e| e.attribute(attribute)).map(str::to_owned).collect()
}

const RESOURCES: &[&str] = &["primitive", "group", "clone", "master", "bundle"];

fn is_resource(element: &Element) -> bool {
    RESOURCES.contains(&element.name.as_str())
}

fn resource_ids(cib: &Element) -> Vec<String> {
    names(cib, &["configuration", "resources"], RESOURCES, "id")
}

fn primitive_ids(cib: &Element) -> Vec<String> {
    names(cib, &["configuration", "resources"], &["primitive"], "id")
}

fn node_names(cib: &Element) -> Vec<String> {
    names(cib, &["configuration", "nodes"], &["node"], "uname")
}

/// Returns an id that nothing has, made of a stem and a throw.
fn fresh_id(cib: &Element, dice: &mut Dice, stem: &str) -> String {
    loop {
        let id = format!("variant-{stem}-{}", dice.below(1_000_000));
        if cib.find_by_id(&id).is_none() {
            return id;
        }
    }
}

/// Sets a name-value pair in the first set of this kind below an element, which is made where there is none.
fn set_pair(cib: &mut Element, path: &[usize], kind: &str, before: &[&str], pair: (&str, &str), dice: &mut Dice) -> bool {
    let (set_id, pair_id) = (fresh_id(cib, dice, "set"), fresh_id(cib, dice, "pair"));
    let Some(holder) = cib.at_path_mut(path) else { return false };
    if holder.has("template") || holder.has("id-ref") {
        return false;
    }
    let existing = holder.children.iter().position(|c| c.as_element().is_some_and(|e| e.name == kind && !e.has("id-ref")));
    let at = existing.unwrap_or_else(|| {
        let at = holder.children.iter().position(|c| c.as_element().is_some_and(|e| before.contains(&e.name.as_str())));
        let at = at.unwrap_or(holder.children.len());
        holder.children.insert(at, Element::new(kind).with("id", set_id).into());
        at
    });
    let Some(set) = holder.children[at].as_element_mut() else { return false };
    match set.children.iter().position(|c| c.as_element().is_some_and(|e| e.name == "nvpair" && e.attribute("name") == Some(pair.0))) {
        Some(at) => set.children[at].as_element_mut().is_some_and(|found| {
            found.set("value", pair.1);
            true
        }),
        None => {
            set.push(Element::new("nvpair").with("id", pair_id).with("name", pair.0).with("value", pair.1));
            true
        }
    }
}
