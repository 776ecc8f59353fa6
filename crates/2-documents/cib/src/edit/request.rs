//! An edit as clients word it, and the document it comes to: one place for the running cluster and for CIB files.

use super::{EditError, Modify, Section, Target, bump, create, delete, delete_matches, erase, modify, replace};
use crate::patch::{Patch, PatchError, apply};
use crate::upgrade::{SchemaVersion, upgrade_to};
use crate::{Level, Version};
use std::borrow::Cow;
use xml::{Element, Limits, parse};

/// The newest schema that Pacemaker 2.1.5 knows; configurations are upgraded to it, so that they can be handed back.
pub const UPGRADE_TARGET: SchemaVersion = SchemaVersion { major: 3, minor: 9 };

/// One change, in the words of `cibadmin`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'r> {
    /// `create`, `modify`, `replace`, `delete`, `delete-all`, `erase`, `bump`, `upgrade` or `patch`.
    pub operation: &'r str,
    /// The name of a section; absent: the whole document.
    pub section: Option<&'r str>,
    /// An expression that takes the section's place.
    pub xpath: Option<&'r str>,
    /// The element (or patch set) as XML text.
    pub xml: Option<&'r str>,
    /// The same where it was read already; then the text does not count.
    pub element: Option<&'r Element>,
    /// `modify` may create what is missing.
    pub allow_create: bool,
    /// Scores like `value++` are computed.
    pub expand_increments: bool,
    /// A replacement may be older, a patch may be for another version.
    pub force: bool,
}

/// Returns the document after a change. Versions are raised by whoever takes the result.
///
/// # Errors
/// The refusal; its [`EditError::exit_status`] is what a tool ends with.
pub fn edited(cib: &Element, request: &Request<'_>) -> Result<Element, EditError> {
    let section = match request.section {
        None => Section::Cib,
        Some(name) => Section::named(name).ok_or_else(|| EditError::NoSuchObject(format!("section {name}")))?,
    };
    let target = match request.xpath {
        Some(xpath) => Target::xpath(xpath)?,
        None => Target::Section(section),
    };
    let given = || match (request.element, request.xml) {
        (Some(element), _) => Ok(Cow::Borrowed(element)),
        (None, Some(text)) => {
            parse(text.as_bytes(), &Limits::default()).map(Cow::Owned).map_err(|error| EditError::NotWellFormed(error.to_string()))
        }
        (None, None) => Err(EditError::Usage(format!("{} needs an element", request.operation))),
    };
    let how = Modify { allow_create: request.allow_create, expand_increments: request.expand_increments };
    let result = match request.operation {
        "create" => create(cib, section, &*given()?),
        "modify" => modify(cib, &target, &*given()?, how),
        "replace" if request.force && request.xpath.is_none() => replace(cib, &target, &raised(&*given()?, cib)),
        "replace" => replace(cib, &target, &*given()?),
        "delete" if request.xpath.is_some() => delete_matches(cib, &target, false),
        "delete-all" if request.xpath.is_some() => delete_matches(cib, &target, true),
        "delete" | "delete-all" => delete(cib, section, &*given()?),
        "erase" => Ok(erase(cib)),
        "bump" => Ok(bump(cib)),
        "upgrade" => upgraded(cib),
        "patch" => patched(cib, &*given()?, !request.force),
        other => Err(EditError::Usage(format!("{other:?} is no change of the CIB"))),
    }?;
    refuse_strangers(cib, &result)?;
    Ok(result)
}

/// A change puts nothing beside the configuration and the status: what names no section has its place in neither.
fn refuse_strangers(cib: &Element, result: &Element) -> Result<(), EditError> {
    let is_stranger = |e: &&Element| !matches!(e.name.as_str(), "configuration" | "status") && cib.child(&e.name).is_none();
    match result.elements().find(is_stranger) {
        Some(stranger) => Err(EditError::Unfit(format!("<{}> has no place directly in <cib>; name its section", stranger.name))),
        None => Ok(()),
    }
}

/// A forced replacement may be older: it becomes as new as what it replaces.
fn raised(given: &Element, cib: &Element) -> Element {
    let mut given = given.clone();
    if given.name == "cib" && Version::of(&given) < Version::of(cib) {
        Version::of(cib).write_to(&mut given);
    }
    given
}

fn patched(cib: &Element, given: &Element, checks_version: bool) -> Result<Element, EditError> {
    let patch = Patch::from_xml(given).map_err(|error| EditError::MalformedPatch(error.to_string()))?;
    apply(&patch, cib, checks_version).map_err(|error| match error {
        PatchError::Malformed(_) => EditError::MalformedPatch(error.to_string()),
        other => EditError::PatchFailed(other.to_string()),
    })
}

/// Compat: what is of the newest schema already is refused, with the code that tools take for success.
fn upgraded(cib: &Element) -> Result<Element, EditError> {
    let known = cib.attribute("validate-with").and_then(SchemaVersion::parse);
    if known.is_some_and(|version| version >= UPGRADE_TARGET) {
        return Err(EditError::UpToDate);
    }
    let mut result = upgrade_to(cib, UPGRADE_TARGET).cib;
    // Compat: an upgrade begins a new generation of the configuration.
    let version = Version::of(cib);
    Version { admin_epoch: version.admin_epoch.saturating_add(1), epoch: 2, num_updates: 0 }.write_to(&mut result);
    let errors: Vec<String> =
        crate::validate(&result).iter().filter(|problem| problem.level == Level::Error).map(ToString::to_string).collect();
    if errors.is_empty() { Ok(result) } else { Err(EditError::Unfit(errors.join("\n"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIB: &str = "<cib validate-with='pacemaker-2.10' admin_epoch='0' epoch='3' num_updates='7'><configuration><crm_config/><nodes/><resources><primitive id='a' class='ocf' provider='systole' type='Dummy'/></resources><constraints/></configuration><status/></cib>";

    fn outcome(request: &Request<'_>) -> Result<Element, i32> {
        edited(&parse(CIB.as_bytes(), &Limits::default()).unwrap(), request).map_err(|error| error.exit_status())
    }

    #[test]
    fn every_refusal_has_the_code_of_the_tools() {
        let request = |operation, section, xml| Request { operation, section, xml, ..Request::default() };
        for (request, code) in [
            (request("create", Some("resources"), Some("<primitive id='a'/>")), 108),
            (request("modify", Some("resources"), Some("<primitive id='b'/>")), 105),
            (request("create", Some("nowhere"), Some("<primitive id='b'/>")), 105),
            (request("create", None, Some("<primitive")), 78),
            (request("create", None, None), 64),
            (request("create", None, Some("<primitive id='b'/>")), 105),
            (request("create", Some("tags"), Some("<tag id='b'/>")), 70),
            (Request { allow_create: true, ..request("modify", None, Some("<primitive id='b'/>")) }, 78),
            (request("dance", None, None), 64),
            (request("replace", None, Some("<cib epoch='1'/>")), 103),
            (request("patch", None, Some("<other/>")), 65),
        ] {
            assert_eq!(outcome(&request).unwrap_err(), code, "{request:?}");
        }
    }

    #[test]
    fn an_upgrade_goes_to_the_newest_schema_of_2_1_5_once() {
        let upgrade = Request { operation: "upgrade", ..Request::default() };
        let result = outcome(&upgrade).unwrap();
        assert_eq!(result.attribute("validate-with"), Some("pacemaker-3.9"));
        assert_eq!(edited(&result, &upgrade), Err(EditError::UpToDate));
    }
}
