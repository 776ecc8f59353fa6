//! Access control lists: who may see or change what.

use xml::Element;

/// A named collection of permissions.
#[derive(Clone, Debug)]
pub struct AclRole<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    /// In document order.
    pub permissions: Vec<AclPermission<'a>>,
}

/// Allows or denies access to a part of the document.
#[derive(Clone, Copy, Debug)]
pub struct AclPermission<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    /// `None` when the kind is no known word; such a permission counts as a denial.
    pub kind: Option<PermissionKind>,
    pub xpath: Option<&'a str>,
    /// The id of the element that is meant.
    pub reference: Option<&'a str>,
    /// The name of the elements that are meant.
    pub object_type: Option<&'a str>,
    /// The attribute that those elements must have.
    pub attribute: Option<&'a str>,
}

/// What a permission permits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PermissionKind {
    Read,
    Write,
    Deny,
}

/// Whether roles are given to a user or a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AclSubject {
    User,
    Group,
}

/// A user or group and its roles.
#[derive(Clone, Debug)]
pub struct AclTarget<'a> {
    pub element: &'a Element,
    pub subject: AclSubject,
    /// The name of the user or group in the operating system.
    pub name: &'a str,
    /// The ids of roles, in document order.
    pub roles: Vec<&'a str>,
}

impl<'a> AclRole<'a> {
    pub(crate) fn new(element: &'a Element) -> Self {
        let permissions = element.elements_named("acl_permission").map(AclPermission::new).collect();
        Self { element, id: element.id().unwrap_or_default(), permissions }
    }
}

impl<'a> AclPermission<'a> {
    fn new(element: &'a Element) -> Self {
        Self {
            element,
            id: element.id().unwrap_or_default(),
            kind: match element.attribute("kind") {
                Some("read") => Some(PermissionKind::Read),
                Some("write") => Some(PermissionKind::Write),
                Some("deny") => Some(PermissionKind::Deny),
                _ => None,
            },
            xpath: element.attribute("xpath"),
            reference: element.attribute("reference"),
            object_type: element.attribute("object-type"),
            attribute: element.attribute("attribute"),
        }
    }
}

impl<'a> AclTarget<'a> {
    /// Reads a target; `None` for other elements.
    pub(crate) fn new(element: &'a Element) -> Option<Self> {
        let subject = match element.name.as_str() {
            "acl_target" => AclSubject::User,
            "acl_group" => AclSubject::Group,
            _ => return None,
        };
        Some(Self {
            element,
            subject,
            name: element.attribute("name").or_else(|| element.id()).unwrap_or_default(),
            roles: element.elements_named("role").filter_map(Element::id).collect(),
        })
    }
}
