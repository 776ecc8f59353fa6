//! Access control lists: what one user may see and change.
//!
//! [`Permissions::of`] collects what a document allows a user; then [`Permissions::readable`] gives the part that
//! the user may see, and [`Permissions::check`] whether a change is allowed. Nothing is allowed that no permission
//! allows; what cannot be understood denies. Who the user is, and which groups the user is in, must be known for sure
//! before.

use crate::patch::{Change, diff};
use crate::{AclPermission, Cib, PermissionKind};
use std::collections::BTreeMap;
use xml::{Element, Node, Place, XPath};

/// Users whom nothing is denied.
const PRIVILEGED: [&str; 2] = ["root", "hacluster"];

/// Returns whether lists matter for this user: the document switches them on and the user is not privileged.
pub fn applies(cib: &Element, user: &str) -> bool {
    let is_on = || Cib::new(cib).configuration.options.get_unconditional("enable-acl").and_then(model::parse_boolean).unwrap_or(false);
    !PRIVILEGED.contains(&user) && is_on()
}

/// What a document allows one user.
#[derive(Clone, Debug, Default)]
pub struct Permissions {
    rules: Vec<(PermissionKind, XPath)>,
    /// A denial that cannot be understood denies everything.
    denies_all: bool,
}

/// A change that is not allowed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("permission denied: {operation} {path}")]
pub struct Denied {
    pub operation: &'static str,
    pub path: String,
}

/// What a user may do with one element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    Denied,
    Readable,
    Writable,
}

/// The kinds that permissions give to one element itself.
#[derive(Clone, Copy, Default)]
struct Marks {
    read: bool,
    write: bool,
    deny: bool,
}

impl Permissions {
    /// Collects what a document allows a user, by name and by the groups that the user is in.
    pub fn of(cib: &Element, user: &str, groups: &[&str]) -> Self {
        let has_old_lists = cib.descend(&["configuration", "acls"]).is_some_and(|acls| acls.child("acl_user").is_some());
        let upgraded = has_old_lists.then(|| crate::upgrade(cib).cib);
        let document = Cib::new(upgraded.as_ref().unwrap_or(cib));
        let configuration = &document.configuration;
        let is_meant = |subject, name: &str| match subject {
            crate::AclSubject::User => name == user,
            crate::AclSubject::Group => groups.contains(&name),
        };
        let mut permissions = Self::default();
        for target in configuration.acl_targets.iter().filter(|target| is_meant(target.subject, target.name)) {
            for role in target.roles.iter().filter_map(|id| configuration.acl_roles.iter().find(|role| role.id == *id)) {
                role.permissions.iter().for_each(|permission| permissions.add(permission));
            }
        }
        permissions
    }

    fn add(&mut self, permission: &AclPermission<'_>) {
        let kind = permission.kind.unwrap_or(PermissionKind::Deny);
        match selection(permission).map(|text| XPath::parse(&text)) {
            Some(Ok(xpath)) => self.rules.push((kind, xpath)),
            _ => self.denies_all |= kind == PermissionKind::Deny,
        }
    }

    /// Returns the part of a document that the user may see; `None` for nothing at all.
    ///
    /// What stands around something visible is shown without attributes other than ids.
    pub fn readable(&self, cib: &Element) -> Option<Element> {
        if self.denies_all {
            return None;
        }
        visible(cib, &self.marks(cib), &mut Vec::new(), false)
    }

    /// Returns what the user may do with each element, by its position.
    pub fn accesses(&self, cib: &Element) -> BTreeMap<Vec<usize>, Access> {
        let marks = self.marks(cib);
        let mut accesses = BTreeMap::new();
        let mut open = vec![(cib, Vec::new(), Access::Denied)];
        while let Some((element, path, outer)) = open.pop() {
            let own = marks.get(&path).copied().unwrap_or_default();
            let access = match own {
                _ if self.denies_all => Access::Denied,
                Marks { deny: true, .. } => Access::Denied,
                Marks { write: true, .. } => Access::Writable,
                Marks { read: true, .. } => Access::Readable,
                _ => outer,
            };
            for (at, child) in element.children.iter().enumerate() {
                if let Node::Element(child) = child {
                    let mut path = path.clone();
                    path.push(at);
                    open.push((child, path, access));
                }
            }
            accesses.insert(path, access);
        }
        accesses
    }

    /// Checks a change of a document, made by the user alone: before versions and notes on who wrote it are updated.
    ///
    /// # Errors
    /// The first part of the change that is not allowed. Permissions are those of the *old* document.
    pub fn check(&self, old: &Element, new: &Element) -> Result<(), Denied> {
        let patch = diff(old, new);
        if patch.is_empty() {
            return Ok(());
        }
        let (old_marks, new_marks) = (self.marks(old), self.marks(new));
        for change in &patch.changes {
            let position = if let Change::Delete { position, .. } = change { *position } else { None };
            let at = change.path().locate(old, position);
            let (is_allowed, operation) = match change {
                Change::Modify { .. } => (at.is_some_and(|at| self.may_write(&old_marks, &at)), "modify"),
                Change::Move { .. } => (at.is_some_and(|at| self.may_write(&old_marks, &at)), "move"),
                Change::Delete { .. } => (at.is_some_and(|at| self.may_write(&old_marks, &at)), "delete"),
                Change::Create { parent, position, .. } => {
                    let at = parent.locate(new, None).map(|mut at| {
                        at.push(*position);
                        at
                    });
                    (at.is_some_and(|at| self.may_create(&new_marks, new, &at)), "create below")
                }
            };
            if !is_allowed {
                return Err(Denied { operation, path: change.path().to_string() });
            }
        }
        Ok(())
    }

    fn marks(&self, root: &Element) -> BTreeMap<Vec<usize>, Marks> {
        let mut marks: BTreeMap<Vec<usize>, Marks> = BTreeMap::new();
        for (kind, xpath) in &self.rules {
            for place in xpath.select(root) {
                // Compat: what selects an attribute or text means the element around it.
                let mut path = match place {
                    Place::Document => Vec::new(),
                    Place::Node(path) | Place::Attribute(path, _) => path,
                };
                if root.at_path(&path).is_none() {
                    path.pop();
                }
                let marks = marks.entry(path).or_default();
                match kind {
                    PermissionKind::Read => marks.read = true,
                    PermissionKind::Write => marks.write = true,
                    PermissionKind::Deny => marks.deny = true,
                }
            }
        }
        marks
    }

    /// The nearest permission on the way up decides; none is a denial.
    fn may_write(&self, marks: &BTreeMap<Vec<usize>, Marks>, at: &[usize]) -> bool {
        let nearest = (0..=at.len()).rev().find_map(|depth| marks.get(&at[..depth]).filter(|marks| marks.deny || marks.write));
        !self.denies_all && nearest.is_some_and(|marks| !marks.deny)
    }

    /// Every element that is new needs permission, except scaffolding: what has nothing but an id, outside of the
    /// lists themselves.
    fn may_create(&self, marks: &BTreeMap<Vec<usize>, Marks>, root: &Element, at: &[usize]) -> bool {
        let Some(element) = root.at_path(at) else { return self.may_write(marks, &at[..at.len().saturating_sub(1)]) };
        let in_lists = (0..at.len()).any(|depth| root.at_path(&at[..depth]).is_some_and(|e| e.name == "acls"));
        let is_scaffolding = !in_lists && element.attributes.iter().all(|(name, _)| name == "id");
        let below = || {
            (0..element.children.len()).all(|index| {
                let mut path = at.to_vec();
                path.push(index);
                self.may_create(marks, root, &path)
            })
        };
        (is_scaffolding || self.may_write(marks, at)) && below()
    }
}

/// Returns the expression that a permission stands for.
fn selection(permission: &AclPermission<'_>) -> Option<String> {
    if let Some(xpath) = permission.xpath {
        return Some(xpath.to_owned());
    }
    if permission.reference.is_none() && permission.object_type.is_none() {
        return None;
    }
    let mut conditions = Vec::new();
    if let Some(id) = permission.reference {
        // An id with both kinds of quotes cannot be written in an expression, nor be an id.
        let quote = if id.contains('\'') { '"' } else { '\'' };
        conditions.push(format!("@id={quote}{id}{quote}"));
    }
    conditions.extend(permission.attribute.map(|attribute| format!("@{attribute}")));
    let name = permission.object_type.unwrap_or("*");
    Some(if conditions.is_empty() { format!("//{name}") } else { format!("//{name}[{}]", conditions.join(" and ")) })
}

fn visible(element: &Element, marks: &BTreeMap<Vec<usize>, Marks>, path: &mut Vec<usize>, inherited: bool) -> Option<Element> {
    let own = marks.get(path.as_slice()).copied().unwrap_or_default();
    let is_readable = !own.deny && (inherited || own.read || own.write);
    let has_marks_below =
        marks.range(path.clone()..).nth(usize::from(marks.contains_key(path.as_slice()))).is_some_and(|(below, _)| below.starts_with(path));
    if is_readable && !has_marks_below {
        return Some(element.clone());
    }
    let mut shown = Element { name: element.name.clone(), line: element.line, ..Element::default() };
    let attributes = element.attributes.iter().filter(|(name, _)| is_readable || name == "id");
    shown.attributes = attributes.cloned().collect();
    for (index, child) in element.children.iter().enumerate() {
        match child {
            Node::Element(child) => {
                path.push(index);
                shown.children.extend(visible(child, marks, path, is_readable).map(Node::from));
                path.pop();
            }
            other if is_readable => shown.children.push(other.clone()),
            _ => {}
        }
    }
    (is_readable || !shown.children.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xml::{Limits, parse};

    fn document(permissions: &str) -> Element {
        let text = format!(
            "<cib validate-with='pacemaker-3.9' epoch='1'><configuration><crm_config/><resources><primitive id='a' type='x'><meta_attributes id='m'>\
             <nvpair id='secret' name='password' value='1'/><nvpair id='plain' name='p' value='2'/></meta_attributes></primitive>\
             <primitive id='b' type='y'/></resources><constraints/><acls><acl_role id='r'>{permissions}</acl_role>\
             <acl_target id='alice'><role id='r'/></acl_target><acl_group id='g' name='staff'><role id='r'/></acl_group></acls></configuration><status/></cib>"
        );
        parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn shown(permissions: &str, user: &str, groups: &[&str]) -> Option<String> {
        let cib = document(permissions);
        let seen = Permissions::of(&cib, user, groups).readable(&cib)?;
        Some(seen.descend(&["configuration", "resources"]).map(Element::to_compact).unwrap_or_default())
    }

    #[test]
    fn only_what_is_allowed_is_seen() {
        let all = "<acl_permission id='1' kind='read' xpath='/cib'/>";
        assert_eq!(shown(all, "bob", &[]), None);
        assert!(shown(all, "alice", &[]).unwrap().contains("password"));
        assert!(shown(all, "bob", &["staff"]).unwrap().contains("password"));
        let one = "<acl_permission id='1' kind='write' reference='b'/>";
        assert_eq!(shown(one, "alice", &[]).as_deref(), Some("<resources><primitive id=\"b\" type=\"y\"/></resources>"));
        let without = format!("{all}<acl_permission id='2' kind='deny' object-type='nvpair' attribute='name'/>");
        assert_eq!(
            shown(&without, "alice", &[]).as_deref(),
            Some(
                "<resources><primitive id=\"a\" type=\"x\"><meta_attributes id=\"m\"/></primitive><primitive id=\"b\" type=\"y\"/></resources>"
            )
        );
        let inside =
            format!("{all}<acl_permission id='2' kind='deny' reference='a'/><acl_permission id='3' kind='read' reference='plain'/>");
        assert_eq!(
            shown(&inside, "alice", &[]).as_deref(),
            Some(
                "<resources><primitive id=\"a\"><meta_attributes id=\"m\"><nvpair id=\"plain\" name=\"p\" value=\"2\"/></meta_attributes></primitive><primitive id=\"b\" type=\"y\"/></resources>"
            )
        );
        let by_attribute = "<acl_permission id='1' kind='read' xpath='//@uname | //primitive[@id=\"b\"]/@type'/>";
        assert_eq!(shown(by_attribute, "alice", &[]).as_deref(), Some("<resources><primitive id=\"b\" type=\"y\"/></resources>"));
        let broken = format!("{all}<acl_permission id='2' kind='deny' xpath='//['/>");
        assert_eq!(shown(&broken, "alice", &[]), None);
    }

    fn change(permissions: &str, edit: impl Fn(&mut Element)) -> Result<(), String> {
        let old = document(permissions);
        let mut new = old.clone();
        edit(&mut new);
        Permissions::of(&old, "alice", &[]).check(&old, &new).map_err(|denied| denied.to_string())
    }

    #[test]
    fn only_what_is_allowed_is_changed() {
        let write = "<acl_permission id='1' kind='write' xpath='//resources'/><acl_permission id='2' kind='deny' reference='secret'/><acl_permission id='3' kind='read' xpath='/cib'/>";
        let set = |id: &'static str| move |cib: &mut Element| cib.find_by_id_mut(id).unwrap().set("value", "9");
        assert_eq!(change(write, |_| {}), Ok(()));
        assert_eq!(change(write, set("plain")), Ok(()));
        assert!(change(write, set("secret")).unwrap_err().contains("modify /cib/configuration/resources/primitive[@id='a']"));
        assert!(change(write, |cib| cib.set("epoch", "2")).unwrap_err().contains("modify /cib"));
        assert_eq!(change(write, |cib| cib.descend_mut(&["configuration", "resources"]).unwrap().children.truncate(1)), Ok(()));
        let add = |section: &'static str, new: Element| {
            move |cib: &mut Element| {
                cib.descend_mut(&["configuration", section]).unwrap().push(new.clone());
            }
        };
        let primitive = Element::new("primitive").with("id", "c").with("type", "z");
        assert_eq!(change(write, add("resources", primitive.clone())), Ok(()));
        assert!(change(write, add("constraints", primitive)).is_err());
        // Scaffolding harms nobody, except in the lists.
        assert_eq!(change(write, add("constraints", Element::new("anything").with("id", "c"))), Ok(()));
        assert!(change(write, add("acls", Element::new("acl_role").with("id", "c"))).is_err());
        assert!(change("", set("plain")).is_err());
    }

    #[test]
    fn lists_apply_when_switched_on_and_not_to_the_privileged() {
        let mut cib = document("");
        assert!(!applies(&cib, "alice"));
        cib = crate::edit::set_pair(
            &cib,
            crate::edit::PairPlace::Option,
            crate::edit::Wanted { name: Some("enable-acl"), ..Default::default() },
            "true",
        )
        .unwrap();
        assert!(applies(&cib, "alice") && !applies(&cib, "root") && !applies(&cib, "hacluster"));
    }
}
