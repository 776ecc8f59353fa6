//! Validation: whether a document can be meant, and what would be right where it cannot.
//!
//! [`validate`] accepts whatever any of Pacemaker's schemas from 1.0 to 4.0 accepts: elements in their places,
//! attributes and their values, ids that are unique and references that lead somewhere. An *error* is something that
//! every schema refuses, a *warning* something that is accepted but hardly meant. The status section may hold anything.
//! A document that says `validate-with="none"` has warnings only.

mod ages;
mod conditions;
mod identifiers;
mod options;
mod shapes;
mod values;

pub use ages::out_of_time;

use crate::{Level, Problem};
use shapes::{Need, Shape};
use xml::{Element, Node};

/// The schemas that are known by name.
pub const SCHEMAS: [&str; 25] = [
    "pacemaker-0.6",
    "pacemaker-1.0",
    "pacemaker-1.2",
    "pacemaker-1.3",
    "pacemaker-2.0",
    "pacemaker-2.1",
    "pacemaker-2.2",
    "pacemaker-2.3",
    "pacemaker-2.4",
    "pacemaker-2.5",
    "pacemaker-2.6",
    "pacemaker-2.7",
    "pacemaker-2.8",
    "pacemaker-2.9",
    "pacemaker-2.10",
    "pacemaker-3.0",
    "pacemaker-3.1",
    "pacemaker-3.2",
    "pacemaker-3.3",
    "pacemaker-3.4",
    "pacemaker-3.5",
    "pacemaker-3.6",
    "pacemaker-3.7",
    "pacemaker-3.8",
    "pacemaker-3.9",
];

/// Schemas that later versions of Pacemaker added, and the words that name no version.
const OTHER_SCHEMAS: [&str; 4] = ["pacemaker-3.10", "pacemaker-4.0", "pacemaker-next", "none"];

/// Returns all problems of a document, in document order; errors mean that it is to be refused.
pub fn validate(cib: &Element) -> Vec<Problem> {
    let mut problems = Vec::new();
    check_root(cib, &mut problems);
    if let Some(configuration) = cib.child("configuration") {
        check_element(configuration, &mut problems);
        identifiers::check(configuration, &mut problems);
        options::check(configuration, &mut problems);
    }
    if cib.attribute("validate-with") == Some("none") {
        problems.iter_mut().for_each(|problem| problem.level = Level::Warning);
    }
    problems.sort_by_key(|problem| problem.line);
    problems
}

/// Returns whether nothing speaks against taking the document.
pub fn is_valid(cib: &Element) -> bool {
    validate(cib).iter().all(|problem| problem.level < Level::Error)
}

fn check_root(cib: &Element, problems: &mut Vec<Problem>) {
    if cib.name != "cib" {
        problems.push(Problem::error(cib, "the root element must be <cib>"));
        return;
    }
    check_attributes(cib, &shapes::CIB, problems);
    check_children(cib, &shapes::CIB, problems);
    if let Some(schema) = cib.attribute("validate-with")
        && !SCHEMAS.contains(&schema)
        && !OTHER_SCHEMAS.contains(&schema)
    {
        problems
            .push(Problem::error(cib, format!("validate-with=\"{schema}\" is no known schema; the newest of Debian 12 is pacemaker-3.9")));
    }
    for section in ["configuration", "status"] {
        if cib.child(section).is_none() {
            problems.push(Problem::error(cib, format!("the section <{section}> is missing")));
        }
    }
}

fn check_element(element: &Element, problems: &mut Vec<Problem>) {
    let Some(shape) = shapes::of(&element.name) else { return };
    check_attributes(element, shape, problems);
    check_children(element, shape, problems);
    conditions::check(element, problems);
    for child in element.elements() {
        check_element(child, problems);
    }
}

fn check_attributes(element: &Element, shape: &Shape, problems: &mut Vec<Problem>) {
    // What refers to another element takes everything from there.
    let refers = element.has("id-ref") && shape.attributes.iter().any(|(name, ..)| *name == "id-ref");
    for (name, value) in &element.attributes {
        match shape.attributes.iter().find(|(known, ..)| *known == name) {
            Some((_, kind, _)) => {
                if let Err(wanted) = kind.accepts(value) {
                    problems.push(Problem::error(element, format!("{name}=\"{value}\" must be {wanted}")));
                }
            }
            // Names with a prefix belong to somebody else.
            None if name.contains(':') || name == "xmlns" => {}
            None => {
                let known: Vec<&str> = shape.attributes.iter().map(|(name, ..)| *name).collect();
                problems.push(Problem::error(element, format!("the attribute {name} is not known here; {}", suggestion(name, &known))));
            }
        }
    }
    for (name, _, need) in shape.attributes {
        if *need == Need::Required && !refers && !element.has(name) {
            problems.push(Problem::error(element, format!("the attribute {name} is missing")));
        }
    }
}

fn check_children(element: &Element, shape: &Shape, problems: &mut Vec<Problem>) {
    let mut seen: Vec<&str> = Vec::new();
    for child in &element.children {
        match child {
            Node::Element(child) if !shape.children.contains(&child.name.as_str()) => {
                let message = match shapes::parents_of(&child.name).as_slice() {
                    [] => format!("the element is not known; {}", suggestion(&child.name, shape.children)),
                    parents => format!("the element does not belong into <{}>, but into <{}>", element.name, parents.join(">, <")),
                };
                problems.push(Problem::error(child, message));
            }
            Node::Element(child) => {
                if shapes::is_single(&element.name, &child.name) && seen.contains(&child.name.as_str()) {
                    problems.push(Problem::error(child, format!("<{}> may have one <{}> only", element.name, child.name)));
                }
                seen.push(&child.name);
            }
            Node::Text(text) => {
                let shown: String = text.trim().chars().take(20).collect();
                problems.push(Problem::error(element, format!("text does not belong here: {shown:?}")));
            }
            Node::Comment(_) => {}
        }
    }
}

/// Returns what was perhaps meant.
fn suggestion(name: &str, known: &[&str]) -> String {
    let distances = known.iter().map(|candidate| (distance(name, candidate), candidate));
    match distances.filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4).min_by_key(|(distance, _)| *distance) {
        Some((_, candidate)) => format!("did you mean {candidate}?"),
        None if known.is_empty() => "nothing is".to_owned(),
        None => format!("known are {}", known.join(", ")),
    }
}

/// Counts the letters to insert, remove or replace to turn one word into another; `_` and `-` are alike.
fn distance(a: &str, b: &str) -> usize {
    let letters = |word: &str| word.chars().map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect::<Vec<_>>();
    let (a, b) = (letters(a), letters(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
