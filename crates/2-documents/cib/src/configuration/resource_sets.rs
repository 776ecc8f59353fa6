//! Resource sets, as constraints contain them.

use crate::references::References;
use model::Role;
use xml::Element;

/// Resources that a constraint treats alike; absent attributes leave it to the constraint.
#[derive(Clone, Debug)]
pub struct ResourceSet<'a> {
    /// The set itself, wherever it stands.
    pub element: &'a Element,
    pub id: &'a str,
    pub sequential: Option<bool>,
    pub require_all: Option<bool>,
    /// `group` or `listed`, for colocation.
    pub ordering: Option<&'a str>,
    pub action: Option<&'a str>,
    pub role: Option<Role>,
    /// As written.
    pub score: Option<&'a str>,
    pub kind: Option<&'a str>,
    /// The ids of resources or tags, in document order.
    pub resources: Vec<&'a str>,
}

impl<'a> ResourceSet<'a> {
    fn new(element: &'a Element, references: &mut References<'a>) -> Option<Self> {
        let element = references.resolve(element)?;
        Some(Self {
            element,
            id: element.id().unwrap_or_default(),
            sequential: references.boolean(element, "sequential"),
            require_all: references.boolean(element, "require-all"),
            ordering: element.attribute("ordering"),
            action: element.attribute("action"),
            role: references.role(element, "role"),
            score: element.attribute("score"),
            kind: element.attribute("kind"),
            resources: element.elements_named("resource_ref").filter_map(Element::id).collect(),
        })
    }

    /// Reads the sets of a constraint.
    pub(crate) fn all(constraint: &'a Element, references: &mut References<'a>) -> Vec<Self> {
        constraint.elements_named("resource_set").filter_map(|set| Self::new(set, references)).collect()
    }
}
