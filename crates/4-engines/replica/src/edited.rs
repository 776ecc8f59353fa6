//! From an edit as clients and engines word it to the document it comes to.

use cib::Version;
use cib::edit::{self, EditError, Modify, Section, Target};
use cib::patch::{Patch, apply};
use messages::client::{CibEdit, ClientError};
use xml::{Element, Limits, parse};

fn refusal(exit_code: i32, message: impl Into<String>) -> ClientError {
    ClientError { exit_code, message: message.into() }
}

fn refused(error: EditError) -> ClientError {
    refusal(error.exit_status(), error.to_string())
}

/// Returns the document after an edit, and what the edit returns. Versions are raised by whoever takes the result.
///
/// # Errors
/// The refusal, with the exit code that a tool ends with.
pub(crate) fn edited(cib: &Element, edit: &CibEdit) -> Result<(Element, Option<String>), ClientError> {
    let section = match edit.section.as_deref() {
        None => Section::Cib,
        Some(name) => Section::named(name).ok_or_else(|| refusal(105, format!("there is no section {name}")))?,
    };
    let target = match &edit.xpath {
        Some(xpath) => Target::xpath(xpath).map_err(refused)?,
        None => Target::Section(section),
    };
    let given = || match &edit.xml {
        Some(text) => parse(text.as_bytes(), &Limits::default()).map_err(|error| refusal(78, error.to_string())),
        None => Err(refusal(64, format!("{} needs an element", edit.operation))),
    };
    let how = Modify { allow_create: edit.allow_create, expand_increments: edit.expand_increments };
    let result = match edit.operation.as_str() {
        "create" => edit::create(cib, section, &given()?),
        "modify" => edit::modify(cib, &target, &given()?, how),
        "replace" if edit.force && edit.xpath.is_none() => edit::replace(cib, &target, &raised(&given()?, cib)),
        "replace" => edit::replace(cib, &target, &given()?),
        "delete" if edit.xpath.is_some() => edit::delete_matches(cib, &target, false),
        "delete-all" if edit.xpath.is_some() => edit::delete_matches(cib, &target, true),
        "delete" | "delete-all" => edit::delete(cib, section, &given()?),
        "erase" => Ok(edit::erase(cib)),
        "bump" => Ok(edit::bump(cib)),
        "patch" => return patched(cib, &given()?).map(|next| (next, None)),
        "upgrade" => return Err(refusal(95, "the configuration is of a schema that is read as it is; there is nothing to upgrade")),
        other => return Err(refusal(64, format!("{other} is no edit"))),
    };
    Ok((result.map_err(refused)?, None))
}

/// A forced replacement may be older: it becomes as new as what it replaces.
fn raised(given: &Element, cib: &Element) -> Element {
    let mut given = given.clone();
    if given.name == "cib" && Version::of(&given) < Version::of(cib) {
        Version::of(cib).write_to(&mut given);
    }
    given
}

fn patched(cib: &Element, given: &Element) -> Result<Element, ClientError> {
    let patch = Patch::from_xml(given).map_err(|error| refusal(65, error.to_string()))?;
    apply(&patch, cib, true).map_err(|error| {
        use cib::patch::PatchError;
        let code = if matches!(error, PatchError::Malformed(_)) { 65 } else { 103 };
        refusal(code, error.to_string())
    })
}
