//! Interim edits by section and id, until `cib::edit` is there.

use messages::client::{CibEdit, ClientError};
use xml::{Element, Limits, parse};

fn refusal(exit_code: i32, message: impl Into<String>) -> ClientError {
    ClientError { exit_code, message: message.into() }
}

pub(crate) fn edited(cib: &Element, edit: &CibEdit) -> Result<(Element, Option<String>), ClientError> {
    let mut next = cib.clone();
    let given = match &edit.xml {
        Some(text) => parse(text.as_bytes(), &Limits::default()).map_err(|error| refusal(65, error.to_string()))?,
        None => return Err(refusal(64, "an edit needs an element")),
    };
    let target = match edit.section.as_deref() {
        None => &mut next,
        Some(section @ ("configuration" | "status")) => next.child_or_new(section),
        Some(section) => next.child_or_new("configuration").child_or_new(section),
    };
    match edit.operation.as_str() {
        "replace" => *target = given,
        "create" | "modify" if target.name == given.name => merge(target, &given),
        "create" | "modify" => merge(target, &Element::new("x").with_child(given)),
        "delete" => {
            target.remove_child(&given.name, given.id());
        }
        other => return Err(refusal(64, format!("{other} is no edit"))),
    }
    Ok((next, None))
}

fn merge(into: &mut Element, from: &Element) {
    for (name, value) in &from.attributes {
        into.set(name, value);
    }
    for child in from.elements() {
        let at = into.elements_mut().find(|e| e.name == child.name && e.id() == child.id());
        match at {
            Some(own) => merge(own, child),
            None => into.children.push(child.clone().into()),
        }
    }
}
