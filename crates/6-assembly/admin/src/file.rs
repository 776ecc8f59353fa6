//! Changes of a CIB file, as the running cluster would make them.
//!
//! Compat: versions are raised as in a cluster; who wrote the change, and when, is not noted in a file.

use crate::exit::{Exit, Refusal};
use cib::acl::{self, Permissions};
use cib::edit::{EditError, Request};
use cib::{Level, Version, digest, patch};
use messages::client::CibEdit;
use std::path::Path;
use xml::Element;

/// Changes the file, unless that fails or is a trial.
///
/// Access rules are those of `user`, whom `CIB_user` or `cibadmin --user` names.
pub fn edit(path: &Path, edit: &CibEdit, user: Option<&str>) -> Result<(), Refusal> {
    let old = crate::cluster::read_in_place(path)?;
    let new = edited(&old, edit, user)?;
    if edit.dry_run || new == old { Ok(()) } else { write(path, &new) }
}

/// Returns the document after an edit by a user, with its version raised.
///
/// # Errors
/// With the exit code that `cibadmin` ends with.
pub fn edited(cib: &Element, edit: &CibEdit, user: Option<&str>) -> Result<Element, Refusal> {
    let request = Request {
        operation: &edit.operation,
        section: edit.section.as_deref(),
        xpath: edit.xpath.as_deref(),
        xml: edit.xml.as_deref(),
        allow_create: edit.allow_create,
        expand_increments: edit.expand_increments,
        force: edit.force,
        element: None,
    };
    let mut new = match cib::edit::edited(cib, &request) {
        Err(EditError::UpToDate) => return Ok(cib.clone()),
        other => other?,
    };
    if let Some(user) = user.filter(|user| acl::applies(cib, user)) {
        let groups = crate::groups_of(user);
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let checked = Permissions::of(cib, user, &groups).check(cib, &new);
        checked.map_err(|denied| Refusal::new(Exit::INSUFFICIENT_PRIVILEGES, denied.to_string()))?;
    }
    if new == *cib {
        return Ok(new);
    }
    // Compat: a document that names no schema is taken without one.
    if !new.has("validate-with") {
        new.set("validate-with", "none");
    }
    let changes = patch::diff(cib, &new);
    let is_configuration = changes.changes_configuration();
    // Compat: a document that says that it follows no schema is not judged.
    let is_judged = new.attribute("validate-with").is_some_and(|schema| schema != "none");
    let schema_changed = new.attribute("validate-with") != cib.attribute("validate-with");
    if (is_configuration || schema_changed) && is_judged {
        let mut problems = cib::validate(&new);
        problems.extend(cib::validate::out_of_time(cib, &new));
        let errors: Vec<String> = problems.iter().filter(|p| p.level == Level::Error).map(ToString::to_string).collect();
        if !errors.is_empty() {
            return Err(Refusal::new(Exit::CONFIG, errors.join("\n")));
        }
    }
    let (before, now) = (Version::of(cib), Version::of(&new));
    if now <= before {
        before.after_change(is_configuration).write_to(&mut new);
    } else if matches!(edit.operation.as_str(), "modify" | "bump" | "erase") {
        // Compat: a change that raises a version by itself is counted as a change as well.
        now.after_change(is_configuration).write_to(&mut new);
    }
    Ok(new)
}

/// Writes a CIB file.
///
/// Compat: a cluster's own file (it has a digest file beside it) is replaced, so that a crash leaves the old one or the
/// new one; any other file is written in place, since whoever has it open (pcs does) wants to read the change.
pub fn write(path: &Path, cib: &Element) -> Result<(), Refusal> {
    let problem = |error: std::io::Error| Refusal::new(Exit::CANNOT_CREATE, format!("failed to write {}: {error}", path.display()));
    let text = format!("{}\n", cib.to_text().trim_end());
    let signature = path.with_file_name(format!("{}.sig", path.file_name().unwrap_or_default().to_string_lossy()));
    if !signature.exists() {
        return std::fs::write(path, text).map_err(problem);
    }
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&temporary, text).map_err(problem)?;
    std::fs::write(&signature, digest::file_digest(cib, digest::DigestForm::default())).map_err(problem)?;
    std::fs::rename(&temporary, path).map_err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIB: &str = "<cib validate-with=\"pacemaker-3.9\" admin_epoch=\"0\" epoch=\"3\" num_updates=\"7\"><configuration><crm_config/><nodes/><resources/><constraints/></configuration><status/></cib>";

    #[test]
    fn a_change_of_the_configuration_raises_the_epoch_and_a_refused_one_leaves_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cib.xml");
        std::fs::write(&path, CIB).unwrap();
        let open = std::fs::File::open(&path).unwrap();
        let change = |operation: &str, xml: &str| CibEdit {
            operation: operation.into(),
            section: Some("resources".into()),
            xml: Some(xml.into()),
            ..CibEdit::default()
        };
        edit(&path, &change("create", "<primitive id='a' class='ocf' provider='systole' type='Dummy'/>"), None).unwrap();
        let cib = crate::read_file(&path).unwrap();
        assert_eq!(Version::of(&cib).to_string(), "0.4.0");
        assert!(!cib.has("update-client"));
        assert_eq!(std::io::read_to_string(&open).unwrap().trim(), cib.to_text().trim(), "who has the file open reads the change");
        for (operation, xml, exit) in [
            ("create", "<primitive id='a'/>", Exit::EXISTS),
            ("modify", "<primitive id='b'/>", Exit::NO_SUCH),
            ("modify", "<primitive", Exit::CONFIG),
            ("create", "<primitive id='a b'/>", Exit::CONFIG),
        ] {
            assert_eq!(edit(&path, &change(operation, xml), None).unwrap_err().exit, exit, "{operation} {xml}");
        }
        assert_eq!(crate::read_file(&path).unwrap(), cib);
        let raised = |operation: &str, xml: Option<&str>| {
            let change = CibEdit { operation: operation.into(), xml: xml.map(Into::into), expand_increments: true, ..CibEdit::default() };
            Version::of(&edited(&cib, &change, None).unwrap()).to_string()
        };
        assert_eq!(raised("modify", Some("<cib admin_epoch='admin_epoch++'/>")), "1.4.1");
        assert_eq!(raised("bump", None), "0.5.1");
        assert_eq!(raised("erase", None), "1.5.0");
    }

    #[test]
    fn a_user_without_permission_changes_nothing() {
        let options = "<crm_config><cluster_property_set id=\"o\"><nvpair id=\"p\" name=\"enable-acl\" value=\"true\"/></cluster_property_set></crm_config>";
        let cib = crate::parse(CIB.replace("<crm_config/>", options).as_bytes(), "a text").unwrap();
        let change = CibEdit { operation: "delete".into(), xml: Some("<nvpair id='p'/>".into()), ..CibEdit::default() };
        assert_eq!(edited(&cib, &change, Some("anna")).unwrap_err().exit, Exit::INSUFFICIENT_PRIVILEGES);
        assert!(edited(&cib, &change, Some("root")).is_ok());
        assert!(edited(&cib, &change, None).is_ok());
    }
}
