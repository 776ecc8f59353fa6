//! Ids that must be unique, and references that must lead somewhere.

use super::shapes;
use super::values::Kind;
use crate::Problem;
use std::collections::{BTreeMap, BTreeSet};
use xml::Element;

/// Checks all ids and references of the configuration.
pub(super) fn check(configuration: &Element, problems: &mut Vec<Problem>) {
    let mut ids: BTreeMap<&str, &Element> = BTreeMap::new();
    for element in configuration.descendants() {
        let is_id = shapes::of(&element.name)
            .is_some_and(|shape| shape.attributes.iter().any(|(name, kind, _)| *name == "id" && *kind == Kind::Id));
        let Some(id) = element.id().filter(|_| is_id) else { continue };
        if let Some(first) = ids.get(id) {
            let place = if first.line > 0 { format!(" of line {}", first.line) } else { String::new() };
            problems.push(Problem::error(element, format!("the id \"{id}\" is taken by the <{}>{place}; ids must be unique", first.name)));
        } else {
            ids.insert(id, element);
        }
    }
    for element in configuration.descendants() {
        let Some(shape) = shapes::of(&element.name) else { continue };
        for (name, _, _) in shape.attributes.iter().filter(|(_, kind, _)| *kind == Kind::IdRef) {
            if let Some(id) = element.attribute(name) {
                check_reference(element, name, id, &ids, problems);
            }
        }
    }
    check_mentions(configuration, &ids, problems);
}

/// Names of the elements that a reference is meant to lead to.
fn meant(element: &Element, attribute: &str) -> &'static [&'static str] {
    match (element.name.as_str(), attribute) {
        (_, "template") => &["template"],
        ("role" | "role_ref", _) => &["acl_role"],
        ("rsc_location" | "rsc_colocation" | "rsc_order" | "rsc_ticket" | "resource_ref", "rsc" | "with-rsc" | "first" | "then" | "id") => {
            &["primitive", "group", "clone", "master", "bundle", "template", "tag"]
        }
        _ => &[],
    }
}

fn check_reference(element: &Element, attribute: &str, id: &str, ids: &BTreeMap<&str, &Element>, problems: &mut Vec<Problem>) {
    let meant = meant(element, attribute);
    let what = match (attribute, meant) {
        ("id-ref", _) => format!("<{}>", element.name),
        (_, []) => "element".to_owned(),
        (_, ["template"]) => "template".to_owned(),
        (_, ["acl_role"]) => "ACL role".to_owned(),
        _ => "resource or tag".to_owned(),
    };
    match ids.get(id) {
        None => {
            let candidates: Vec<&str> = ids
                .iter()
                .filter(|(_, e)| if attribute == "id-ref" { e.name == element.name } else { meant.contains(&e.name.as_str()) })
                .map(|(id, _)| *id)
                .collect();
            let hint = super::suggestion(id, &candidates);
            let hint = if hint.starts_with("did") { format!("; {hint}") } else { String::new() };
            problems.push(Problem::error(element, format!("{attribute}=\"{id}\" leads nowhere: there is no {what} with this id{hint}")));
        }
        Some(found) if attribute == "id-ref" && found.name != element.name => {
            problems.push(Problem::warning(element, format!("{attribute}=\"{id}\" names a <{}>, not a {what}; it is ignored", found.name)));
        }
        Some(found) if !meant.is_empty() && !meant.contains(&found.name.as_str()) => {
            problems.push(Problem::warning(element, format!("{attribute}=\"{id}\" names a <{}>, not a {what}; it is ignored", found.name)));
        }
        Some(_) => {}
    }
}

/// Checks names that schemas take for plain text, so that a wrong one is suspicious only.
fn check_mentions(configuration: &Element, ids: &BTreeMap<&str, &Element>, problems: &mut Vec<Problem>) {
    let all: BTreeSet<&str> = configuration.descendants().filter_map(Element::id).collect();
    for element in configuration.descendants() {
        match element.name.as_str() {
            "obj_ref" => {
                if let Some(id) = element.id().filter(|id| !all.contains(id)) {
                    problems.push(Problem::warning(element, format!("there is nothing with the id \"{id}\"")));
                }
            }
            "fencing-level" => {
                for device in element.attribute("devices").unwrap_or_default().split(',').map(str::trim).filter(|d| !d.is_empty()) {
                    if !ids.get(device).is_some_and(|e| matches!(e.name.as_str(), "primitive" | "clone" | "group")) {
                        problems.push(Problem::warning(element, format!("there is no fencing device \"{device}\"")));
                    }
                }
            }
            _ => {}
        }
    }
}
