//! Changes of a CIB file, as the running cluster would make them.

use crate::exit::{Exit, Refusal};
use cib::edit::{self, EditError, Modify, Section, Target};
use cib::patch::{self, Patch};
use cib::{Version, digest};
use messages::client::CibEdit;
use std::path::Path;
use xml::{Element, XPath};

/// Changes the file, unless that fails or is a trial; returns what the change answered.
pub fn edit(path: &Path, edit: &CibEdit, client: &str) -> Result<Option<Element>, Refusal> {
    let old = crate::read_file(path)?;
    let (mut new, answer) = edited(&old, edit)?;
    if new != old {
        let changes = patch::diff(&old, &new);
        if Version::of(&new) <= Version::of(&old) {
            Version::of(&old).after_change(changes.changes_configuration()).write_to(&mut new);
        }
        new.set("update-client", client);
    }
    if !edit.dry_run {
        write(path, &new)?;
    }
    Ok(answer)
}

/// Returns the document after an edit, and what the edit answers.
///
/// # Errors
/// With the exit code that `cibadmin` ends with.
pub fn edited(cib: &Element, edit: &CibEdit) -> Result<(Element, Option<Element>), Refusal> {
    let target = target(edit)?;
    let section = edit.section.as_deref().and_then(Section::named).unwrap_or(Section::Cib);
    let input = edit.xml.as_deref().map(|text| crate::parse(text.as_bytes(), "the given XML")).transpose()?;
    let needed = || input.as_ref().ok_or_else(|| Refusal::new(Exit::USAGE, format!("{} needs an element", edit.operation)));
    let how = Modify { allow_create: edit.allow_create, expand_increments: edit.expand_increments };
    let changed = match edit.operation.as_str() {
        "create" => edit::create(cib, section, needed()?),
        "modify" => edit::modify(cib, &target, needed()?, how),
        "replace" => edit::replace(cib, &target, needed()?),
        "delete" if edit.xpath.is_some() => edit::delete_matches(cib, &target, false),
        "delete-all" => edit::delete_matches(cib, &target, true),
        "delete" => edit::delete(cib, section, needed()?),
        "erase" => Ok(edit::erase(cib)),
        "bump" => Ok(edit::bump(cib)),
        "patch" => return patched(cib, needed()?, edit.force).map(|new| (new, None)),
        other => Err(EditError::Invalid(format!("{other:?} is no change of the CIB"))),
    };
    Ok((changed?, None))
}

fn target(edit: &CibEdit) -> Result<Target, Refusal> {
    if let Some(text) = &edit.xpath {
        let xpath = XPath::parse(text).map_err(|error| Refusal::new(Exit::USAGE, format!("{text:?} is no XPath expression: {error}")))?;
        return Ok(Target::XPath(xpath));
    }
    match edit.section.as_deref() {
        None => Ok(Target::Section(Section::Cib)),
        Some(name) => {
            Section::named(name).map(Target::Section).ok_or_else(|| Refusal::new(Exit::USAGE, format!("the CIB has no section {name:?}")))
        }
    }
}

fn patched(cib: &Element, patch: &Element, force: bool) -> Result<Element, Refusal> {
    let patch = Patch::from_xml(patch).map_err(|error| Refusal::new(Exit::DATA, error.to_string()))?;
    patch::apply(&patch, cib, !force).map_err(|error| Refusal::new(Exit::OLD, error.to_string()))
}

/// Writes a CIB file so that a crash leaves the old one or the new one; a digest file beside it is kept right.
fn write(path: &Path, cib: &Element) -> Result<(), Refusal> {
    let problem = |error: std::io::Error| Refusal::new(Exit::CANNOT_CREATE, format!("failed to write {}: {error}", path.display()));
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&temporary, format!("{}\n", cib.to_text().trim_end())).map_err(problem)?;
    let signature = path.with_file_name(format!("{}.sig", path.file_name().unwrap_or_default().to_string_lossy()));
    if signature.exists() {
        std::fs::write(&signature, digest::file_digest(cib, digest::DigestForm::default())).map_err(problem)?;
    }
    std::fs::rename(&temporary, path).map_err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIB: &str = "<cib admin_epoch=\"0\" epoch=\"3\" num_updates=\"7\"><configuration><crm_config/><nodes/><resources/><constraints/></configuration><status/></cib>";

    #[test]
    fn a_change_of_the_configuration_raises_the_epoch_and_a_refused_one_leaves_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cib.xml");
        std::fs::write(&path, CIB).unwrap();
        let change = |operation: &str, xml: &str| CibEdit {
            operation: operation.into(),
            section: Some("resources".into()),
            xml: Some(xml.into()),
            ..CibEdit::default()
        };
        edit(&path, &change("create", "<primitive id='a' class='ocf' provider='systole' type='Dummy'/>"), "test").unwrap();
        let cib = crate::read_file(&path).unwrap();
        assert_eq!(Version::of(&cib).to_string(), "0.4.0");
        assert_eq!(edit(&path, &change("create", "<primitive id='a'/>"), "test").unwrap_err().exit, Exit::EXISTS);
        assert_eq!(edit(&path, &change("modify", "<primitive id='b'/>"), "test").unwrap_err().exit, Exit::NO_SUCH);
        assert_eq!(edit(&path, &change("modify", "<primitive"), "test").unwrap_err().exit, Exit::CONFIG);
        assert_eq!(crate::read_file(&path).unwrap(), cib);
    }
}
