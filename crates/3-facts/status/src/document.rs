//! The document that facts are deduced from, and the references in it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use xml::{Element, Node};

/// A CIB; cheap to clone, since the tree is shared.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    root: Arc<Element>,
    /// Elements of the configuration by name and id, made when the first reference is met.
    by_id: OnceLock<BTreeMap<(String, String), Arc<Element>>>,
}

impl Document {
    pub(crate) fn new(cib: &Element) -> Self {
        Self { root: Arc::new(cib.clone()), by_id: OnceLock::new() }
    }

    pub(crate) fn root(&self) -> &Arc<Element> {
        &self.root
    }

    /// Returns a section of the configuration.
    pub(crate) fn section(&self, name: &str) -> Option<Arc<Element>> {
        let configuration = shared_child(&self.root, "configuration")?;
        shared_child(configuration, name).cloned()
    }

    /// Returns the element itself, or what its `id-ref` refers to. A dangling reference gives nothing.
    pub(crate) fn resolve(&self, element: &Arc<Element>) -> Option<Arc<Element>> {
        match element.attribute("id-ref") {
            None => Some(element.clone()),
            Some(id) => self.by_id.get_or_init(|| self.index()).get(&(element.name.to_string(), id.to_owned())).cloned(),
        }
    }

    fn index(&self) -> BTreeMap<(String, String), Arc<Element>> {
        let mut index = BTreeMap::new();
        let mut pending: Vec<&Arc<Element>> = shared_child(&self.root, "configuration").into_iter().collect();
        while let Some(element) = pending.pop() {
            if let Some(id) = element.id() {
                index.entry((element.name.to_string(), id.to_owned())).or_insert_with(|| element.clone());
            }
            pending.extend(shared_children(element));
        }
        index
    }
}

/// Returns the child elements as they are shared.
pub(crate) fn shared_children(element: &Element) -> impl DoubleEndedIterator<Item = &Arc<Element>> {
    element.children.iter().filter_map(|node| match node {
        Node::Element(child) => Some(child),
        _ => None,
    })
}

/// Returns the first child element of this name as it is shared.
pub(crate) fn shared_child<'a>(element: &'a Element, name: &str) -> Option<&'a Arc<Element>> {
    shared_children(element).find(|child| child.name == name)
}
