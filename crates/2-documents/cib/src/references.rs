//! Finds what an `id-ref` refers to, and collects the problems met while a document is read.

use crate::Problem;
use xml::Element;

/// An index of the configuration by id, made when the first reference is met.
pub(crate) struct References<'a> {
    root: &'a Element,
    /// Sorted by id and name; the first in document order of each is kept.
    index: Option<Vec<(&'a str, &'a str, &'a Element)>>,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> References<'a> {
    pub(crate) fn new(root: &'a Element) -> Self {
        Self { root, index: None, problems: Vec::new() }
    }

    /// Returns the element with this name and id.
    pub(crate) fn find(&mut self, name: &str, id: &str) -> Option<&'a Element> {
        let root = self.root;
        let index = self.index.get_or_insert_with(|| {
            let section = root.child("configuration").unwrap_or(root);
            let mut entries: Vec<_> = section.descendants().filter_map(|e| Some((e.id()?, e.name.as_str(), e))).collect();
            entries.sort_by_key(|(id, name, _)| (*id, *name));
            entries.dedup_by_key(|(id, name, _)| (*id, *name));
            entries
        });
        let at = index.binary_search_by_key(&(id, name), |(id, name, _)| (*id, *name)).ok()?;
        Some(index[at].2)
    }

    /// Returns the element itself, or what its `id-ref` refers to; a dangling one is a problem.
    ///
    /// Compat: one step only; what is referred to is used as it stands, even if it refers on.
    pub(crate) fn resolve(&mut self, element: &'a Element) -> Option<&'a Element> {
        let Some(id) = element.attribute("id-ref") else { return Some(element) };
        let found = self.find(&element.name, id);
        if found.is_none() {
            let message = format!("id-ref \"{id}\" names no <{}>; it is ignored", element.name);
            self.problems.push(Problem::error(element, message));
        }
        found
    }

    pub(crate) fn error(&mut self, element: &Element, message: impl Into<String>) {
        self.problems.push(Problem::error(element, message));
    }

    pub(crate) fn warning(&mut self, element: &Element, message: impl Into<String>) {
        self.problems.push(Problem::warning(element, message));
    }

    /// Returns a boolean attribute; a value that is none is a problem and counts as absent.
    pub(crate) fn boolean(&mut self, element: &Element, name: &str) -> Option<bool> {
        let text = element.attribute(name)?;
        let value = model::parse_boolean(text);
        if value.is_none() {
            self.warning(element, format!("{name}=\"{text}\" is neither true nor false; the default is used"));
        }
        value
    }

    /// Returns a role attribute; a value that is none is a problem and counts as absent.
    pub(crate) fn role(&mut self, element: &Element, name: &str) -> Option<model::Role> {
        let text = element.attribute(name)?;
        let value = model::Role::parse(text);
        if value.is_none() {
            self.error(element, format!("{name}=\"{text}\" is no role; Stopped, Started, Unpromoted and Promoted are"));
        }
        value
    }
}
