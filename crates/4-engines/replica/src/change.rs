//! What a wish makes of a CIB, and the marks of the copies before and after.

use crate::edited::edited;
use crate::node_ids;
use cib::Version;
use cib::acl::{self, Permissions};
use cib::digest::{DigestForm, content_digest, md5};
use cib::patch::Patch;
use messages::client::{CONFIGURATION_BYTES_MAX, CibEdit, ClientError};
use messages::peer::{CibChange, CibMark, CibWish};
use model::Now;
use xml::Element;

/// What became of a wish.
pub(crate) struct Outcome {
    /// The CIB after the change, with its version raised; nothing when there was nothing to change.
    pub cib: Option<Element>,
    /// What the edit returns to whoever asked.
    pub output: Option<String>,
    pub is_configuration: bool,
}

/// Returns the CIB of a cluster that was never configured.
///
/// Compat: `validate-with` is the newest schema of Debian 12's Pacemaker, so that the cluster can be handed back to it.
pub fn empty_cib() -> Element {
    cib::edit::empty_cib("pacemaker-3.9")
}

/// Returns the mark of a document that was read from a disk or made anew.
pub(crate) fn mark_of(cib: &Element, lineage: u64) -> CibMark {
    let version = Version::of(cib);
    CibMark {
        admin_epoch: version.admin_epoch,
        lineage,
        epoch: version.epoch,
        num_updates: version.num_updates,
        digest: content_digest(cib, DigestForm::default()),
    }
}

/// Returns the patch as it is sent, and the mark after it; `is_digested` says whether the digest of the whole document goes with it.
pub(crate) fn next_mark(from: &CibMark, cib: &Element, patch: &mut Patch, is_digested: bool) -> (String, CibMark) {
    if is_digested {
        patch.digest = Some(content_digest(cib, DigestForm::default()));
    }
    let text = patch.to_xml().to_compact();
    let version = Version::of(cib);
    let mark = CibMark {
        admin_epoch: version.admin_epoch,
        lineage: from.lineage,
        epoch: version.epoch,
        num_updates: version.num_updates,
        digest: next_digest(from, patch, &text),
    };
    (text, mark)
}

/// Returns the digest of a mark after a patch, which was sent as this text.
///
/// A patch that carries the digest of the whole document (`apply` checks it) leads to that. Any other continues the digest before with
/// that of its text: copies that made the same steps from the same document are the same, and hundreds of changes a second need not
/// read the whole document each.
pub(crate) fn next_digest(from: &CibMark, patch: &Patch, text: &str) -> String {
    match &patch.digest {
        Some(digest) => digest.clone(),
        None => md5(&format!("{}{text}", from.digest)),
    }
}

/// Returns the document if it is the one that the mark speaks of.
pub(crate) fn check(cib: Element, mark: &CibMark) -> Result<Element, String> {
    let version = Version::of(&cib);
    let is_marked = (version.admin_epoch, version.epoch, version.num_updates) == (mark.admin_epoch, mark.epoch, mark.num_updates);
    if cib.name != "cib" || !is_marked {
        return Err(format!("it is version {version} and was announced as {}.{}.{}", mark.admin_epoch, mark.epoch, mark.num_updates));
    }
    Ok(cib)
}

/// Carries out a wish on a copy.
///
/// # Errors
/// The refusal, with the exit code that a tool ends with.
pub(crate) fn carry_out(cib: &Element, wish: &CibWish, is_quorate: bool, now: Now) -> Result<Outcome, ClientError> {
    match &wish.change {
        CibChange::Status(edits) => Ok(status(cib, edits)),
        CibChange::Edit(edit) => client_edit(cib, wish, edit, is_quorate, now),
    }
}

/// The cluster's own bookkeeping: what does not apply (a node that was forgotten meanwhile) is left out.
fn status(cib: &Element, edits: &[CibEdit]) -> Outcome {
    let mut changed: Option<Element> = None;
    for edit in edits {
        let before = changed.as_ref().unwrap_or(cib);
        if let Ok(next) = edited(before, edit, addressed(before, edit).as_ref()) {
            changed = Some(next);
        }
    }
    let Some(mut next) = changed.filter(|next| next != cib) else { return Outcome { cib: None, output: None, is_configuration: false } };
    let is_configuration = next.child("configuration") != cib.child("configuration");
    Version::of(cib).after_change(is_configuration).write_to(&mut next);
    Outcome { cib: Some(next), output: None, is_configuration }
}

/// What is recorded of a node is written under the id it has now: returns the element that takes the place of the edit's.
fn addressed(cib: &Element, edit: &CibEdit) -> Option<Element> {
    let is_of_nodes = edit.operation == "modify" && matches!(edit.section.as_deref(), Some("status" | "nodes"));
    let text = edit.xml.as_ref().filter(|_| is_of_nodes)?;
    let given = xml::parse(text.as_bytes(), &xml::Limits::default()).ok()?;
    Some(node_ids::addressed(cib, given))
}

fn client_edit(cib: &Element, wish: &CibWish, edit: &CibEdit, is_quorate: bool, now: Now) -> Result<Outcome, ClientError> {
    let mut next = edited(cib, edit, None)?;
    let output = None;
    if let Some(user) = wish.user.as_deref().filter(|user| acl::applies(cib, user)) {
        let groups: Vec<&str> = wish.groups.iter().map(String::as_str).collect();
        let checked = Permissions::of(cib, user, &groups).check(cib, &next);
        checked.map_err(|denied| ClientError { exit_code: 4, message: denied.to_string() })?;
    }
    if next == *cib || edit.dry_run {
        return Ok(Outcome { cib: None, output, is_configuration: false });
    }
    let (before, after) = (Version::of(cib), Version::of(&next));
    let is_configuration = next.child("configuration") != cib.child("configuration") || after.admin_epoch != before.admin_epoch;
    if is_configuration && !is_quorate && !edit.force {
        let message = "the cluster has no quorum: the configuration is not changed unless forced".to_owned();
        return Err(ClientError { exit_code: 106, message });
    }
    if is_configuration {
        refuse_oversized(&next)?;
        refuse_invalid(cib, &next)?;
        node_ids::settle(&mut next);
    }
    if after <= before {
        before.after_change(is_configuration).write_to(&mut next);
    }
    if is_configuration {
        next.set("cib-last-written", written_at(now));
        next.set("update-origin", wish.origin.as_str());
        next.set("update-client", &wish.client);
        // Compat: whoever is bound by no access rules is told to be root.
        next.set("update-user", wish.user.as_deref().unwrap_or("root"));
    }
    Ok(Outcome { cib: Some(next), output, is_configuration })
}

/// Compat: the time of the last change as `ctime` writes it; in UTC, since nodes may stand in different zones.
fn written_at(now: Now) -> String {
    jiff::Timestamp::from_second(now.wall.seconds()).map(|time| time.strftime("%a %b %e %H:%M:%S %Y").to_string()).unwrap_or_default()
}

/// A configuration that would hold up the event loops is not taken: the one in force stays.
fn refuse_oversized(cib: &Element) -> Result<(), ClientError> {
    let length = cib.child("configuration").map_or(0, |configuration| configuration.to_compact().len());
    match length <= CONFIGURATION_BYTES_MAX {
        true => Ok(()),
        false => {
            let message = format!("the configuration would be {length} bytes long; at most {CONFIGURATION_BYTES_MAX} are taken");
            Err(ClientError { exit_code: 65, message })
        }
    }
}

/// What every schema refuses is not taken, forced or not: the configuration in force stays.
fn refuse_invalid(before: &Element, cib: &Element) -> Result<(), ClientError> {
    let mut problems = cib::validate::validate(cib);
    problems.extend(cib::validate::out_of_time(before, cib));
    let errors = problems.iter().filter(|problem| problem.level == cib::Level::Error).map(ToString::to_string);
    let errors: Vec<String> = errors.chain(node_ids::doubled(cib)).collect();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(ClientError { exit_code: 78, message: errors.join("\n") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIB: &str = "<cib validate-with='pacemaker-3.9' admin_epoch='0' epoch='3' num_updates='0'><configuration><crm_config>\
        <cluster_property_set id='o'><nvpair id='o-a' name='enable-acl' value='true'/><nvpair id='o-b' name='batch-limit' value='1'/></cluster_property_set>\
        </crm_config><nodes/><resources/><constraints/><acls><acl_role id='r'><acl_permission id='p' kind='write' xpath=\"//nvpair[@name='batch-limit']\"/></acl_role>\
        <acl_target id='anna'><role id='r'/></acl_target><acl_group id='staff'><role id='r'/></acl_group></acls></configuration><status/></cib>";

    fn outcome(user: Option<&str>, pair: &str) -> Result<bool, i32> {
        outcome_in(user, &[], pair)
    }

    fn outcome_in(user: Option<&str>, groups: &[&str], pair: &str) -> Result<bool, i32> {
        let cib = xml::parse(CIB.as_bytes(), &xml::Limits::default()).unwrap();
        let edit = CibEdit {
            operation: "modify".into(),
            section: Some("crm_config".into()),
            xml: Some(format!("<nvpair {pair}/>")),
            ..CibEdit::default()
        };
        let wish = CibWish {
            request: "1".into(),
            client: "test".into(),
            user: user.map(str::to_owned),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            origin: "n".into(),
            change: CibChange::Edit(edit),
        };
        carry_out(&cib, &wish, true, Now::default()).map(|outcome| outcome.cib.is_some()).map_err(|error| error.exit_code)
    }

    #[test]
    fn a_user_changes_what_the_access_rules_allow() {
        let (limit, switch) = ("id='o-b' value='2'", "id='o-a' value='false'");
        assert_eq!(outcome(None, switch), Ok(true));
        assert_eq!(outcome(Some("hacluster"), switch), Ok(true));
        assert_eq!(outcome(Some("anna"), limit), Ok(true));
        assert_eq!(outcome(Some("anna"), switch), Err(4));
        assert_eq!(outcome(Some("bert"), limit), Err(4));
        assert_eq!(outcome_in(Some("bert"), &["staff"], limit), Ok(true));
        assert_eq!(outcome_in(Some("bert"), &["staff"], switch), Err(4));
    }
}
