//! The tree itself: elements with ordered attributes and children.
//!
//! Child elements are shared ([`Arc`]) and copied only when changed, so that a snapshot of a whole document costs
//! nothing and two versions of a document can be compared by pointer where they are the same.
//! Equality looks at names, attributes (in order) and children (in order), never at line numbers.

use compact_str::CompactString;
use std::sync::Arc;

/// An element, its attributes and everything below it.
#[derive(Clone, Debug, Default)]
pub struct Element {
    pub name: CompactString,
    /// In document order; a name occurs once.
    pub attributes: Vec<(CompactString, CompactString)>,
    /// In document order.
    pub children: Vec<Node>,
    /// The line where the element starts in the text it was parsed from; 0 when it was not parsed.
    pub line: u32,
}

/// What an element may contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    Element(Arc<Element>),
    /// The text between `<!--` and `-->`.
    Comment(CompactString),
    /// Character data, entities resolved.
    Text(CompactString),
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || (self.name == other.name && self.attributes == other.attributes && self.children == other.children)
    }
}

impl Eq for Element {}

impl Element {
    /// Returns an empty element of this name.
    pub fn new(name: impl AsRef<str>) -> Self {
        Self { name: CompactString::new(name), ..Self::default() }
    }

    /// Returns the value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Returns whether the attribute is there, even if empty.
    pub fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    /// Returns the `id` attribute.
    pub fn id(&self) -> Option<&str> {
        self.attribute("id")
    }

    /// Sets an attribute: in its place when it is there, else behind the others.
    pub fn set(&mut self, name: impl AsRef<str>, value: impl AsRef<str>) {
        let (name, value) = (name.as_ref(), CompactString::new(value));
        match self.attributes.iter_mut().find(|(n, _)| n == name) {
            Some(slot) => slot.1 = value,
            None => self.attributes.push((CompactString::new(name), value)),
        }
    }

    /// Removes an attribute and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<CompactString> {
        let at = self.attributes.iter().position(|(n, _)| n == name)?;
        Some(self.attributes.remove(at).1)
    }

    /// Returns the element with an attribute set; for building trees in one expression.
    #[must_use]
    pub fn with(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.set(name, value);
        self
    }

    /// Returns the element with a child appended; for building trees in one expression.
    #[must_use]
    pub fn with_child(mut self, child: impl Into<Node>) -> Self {
        self.children.push(child.into());
        self
    }

    /// Returns the element with the children appended; for building trees in one expression.
    #[must_use]
    pub fn with_children<N: Into<Node>>(mut self, children: impl IntoIterator<Item = N>) -> Self {
        self.children.extend(children.into_iter().map(Into::into));
        self
    }

    /// Returns the element with a text appended; for building trees in one expression.
    #[must_use]
    pub fn with_text(mut self, text: impl AsRef<str>) -> Self {
        self.children.push(Node::Text(CompactString::new(text)));
        self
    }

    /// Appends a child and returns it for further building.
    pub fn push(&mut self, child: Element) -> &mut Element {
        self.children.push(Node::Element(Arc::new(child)));
        match self.children.last_mut() {
            Some(Node::Element(element)) => Arc::make_mut(element),
            _ => unreachable!("an element was pushed on the line above"),
        }
    }

    /// Returns the child elements in order.
    pub fn elements(&self) -> impl DoubleEndedIterator<Item = &Element> {
        self.children.iter().filter_map(Node::as_element)
    }

    /// Returns the child elements in order, for changing them. Each one taken is copied first when it is shared.
    pub fn elements_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Element> {
        self.children.iter_mut().filter_map(Node::as_element_mut)
    }

    /// Returns the child elements of this name in order.
    pub fn elements_named<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a Element> {
        self.elements().filter(move |e| e.name == name)
    }

    /// Returns the first child element of this name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.elements().find(|e| e.name == name)
    }

    /// Returns the first child element of this name, for changing it.
    pub fn child_mut(&mut self, name: &str) -> Option<&mut Element> {
        self.element_mut(|element| element.name == name)
    }

    /// Returns the first child element that is meant, for changing it. The others stay shared.
    pub fn element_mut(&mut self, is_meant: impl Fn(&Element) -> bool) -> Option<&mut Element> {
        self.children.iter_mut().find(|node| node.as_element().is_some_and(&is_meant)).and_then(Node::as_element_mut)
    }

    /// Returns the first child element of this name, made when there is none.
    pub fn child_or_new(&mut self, name: &str) -> &mut Element {
        let at = match self.children.iter().position(|n| matches!(n, Node::Element(e) if e.name == name)) {
            Some(at) => at,
            None => {
                self.children.push(Element::new(name).into());
                self.children.len() - 1
            }
        };
        match &mut self.children[at] {
            Node::Element(element) => Arc::make_mut(element),
            _ => unreachable!("the position is that of an element"),
        }
    }

    /// Returns the element at the end of a path of child names.
    pub fn descend(&self, path: &[&str]) -> Option<&Element> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }

    /// Returns the element at the end of a path of child names, for changing it.
    pub fn descend_mut(&mut self, path: &[&str]) -> Option<&mut Element> {
        path.iter().try_fold(self, |element, name| element.child_mut(name))
    }

    /// Returns this element or the first one below it, in document order, that has this id.
    pub fn find_by_id(&self, id: &str) -> Option<&Element> {
        self.descendants().find(|e| e.id() == Some(id))
    }

    /// Returns this element or the first one below it that has this id, for changing it.
    pub fn find_by_id_mut(&mut self, id: &str) -> Option<&mut Element> {
        let path = self.path_to(&mut |e| e.id() == Some(id))?;
        self.at_path_mut(&path)
    }

    /// Returns this element and all below it in document order.
    pub fn descendants(&self) -> Descendants<'_> {
        Descendants { pending: vec![self] }
    }

    /// Returns the positions among children that lead to the first match in document order; empty for `self`.
    pub fn path_to(&self, matches: &mut dyn FnMut(&Element) -> bool) -> Option<Vec<usize>> {
        if matches(self) {
            return Some(Vec::new());
        }
        let mut open: Vec<(&Element, usize)> = vec![(self, 0)];
        while let Some((element, next)) = open.last_mut() {
            let Some(node) = element.children.get(*next) else {
                open.pop();
                continue;
            };
            *next += 1;
            if let Node::Element(child) = node {
                if matches(child) {
                    return Some(open.iter().map(|(_, next)| next - 1).collect());
                }
                open.push((child, 0));
            }
        }
        None
    }

    /// Returns the element that positions among children lead to.
    pub fn at_path(&self, path: &[usize]) -> Option<&Element> {
        path.iter().try_fold(self, |element, at| element.children.get(*at)?.as_element())
    }

    /// Returns the element that positions among children lead to, for changing it.
    pub fn at_path_mut(&mut self, path: &[usize]) -> Option<&mut Element> {
        path.iter().try_fold(self, |element, at| element.children.get_mut(*at)?.as_element_mut())
    }

    /// Returns the character data directly below this element, joined.
    pub fn text(&self) -> String {
        self.children.iter().filter_map(|n| if let Node::Text(text) = n { Some(text.as_str()) } else { None }).collect()
    }

    /// Removes the first child element with this name and id; returns whether there was one.
    pub fn remove_child(&mut self, name: &str, id: Option<&str>) -> bool {
        let at = self.children.iter().position(|n| matches!(n, Node::Element(e) if e.name == name && (id.is_none() || e.id() == id)));
        at.map(|at| self.children.remove(at)).is_some()
    }
}

impl Node {
    /// Returns whether the node is an element.
    pub fn is_element(&self) -> bool {
        matches!(self, Node::Element(_))
    }

    /// Returns the element, unless the node is text or a comment.
    pub fn as_element(&self) -> Option<&Element> {
        if let Node::Element(element) = self { Some(element) } else { None }
    }

    /// Returns the element for changing it, unless the node is text or a comment. A shared element is copied first.
    pub fn as_element_mut(&mut self) -> Option<&mut Element> {
        if let Node::Element(element) = self { Some(Arc::make_mut(element)) } else { None }
    }
}

impl From<Element> for Node {
    fn from(element: Element) -> Self {
        Node::Element(Arc::new(element))
    }
}

impl From<Arc<Element>> for Node {
    fn from(element: Arc<Element>) -> Self {
        Node::Element(element)
    }
}

/// Walks an element and all below it in document order.
pub struct Descendants<'a> {
    pending: Vec<&'a Element>,
}

impl<'a> Iterator for Descendants<'a> {
    type Item = &'a Element;

    fn next(&mut self) -> Option<&'a Element> {
        let element = self.pending.pop()?;
        self.pending.extend(element.elements().rev());
        Some(element)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Element {
        Element::new("a")
            .with("id", "1")
            .with_child(Element::new("b").with("id", "2").with_child(Element::new("d")))
            .with_child(Element::new("c").with("id", "3"))
    }

    #[test]
    fn a_snapshot_is_not_touched_by_later_changes() {
        let mut tree = sample();
        let snapshot = tree.clone();
        tree.find_by_id_mut("2").unwrap().set("x", "y");
        assert_eq!(snapshot, sample());
        assert_ne!(tree, snapshot);
        // What was not touched is still shared.
        assert!(std::ptr::eq(tree.child("c").unwrap(), snapshot.child("c").unwrap()));
    }

    #[test]
    fn equality_ignores_lines_and_sees_order() {
        let mut tree = sample();
        tree.line = 7;
        assert_eq!(tree, sample());
        tree.children.reverse();
        assert_ne!(tree, sample());
    }

    #[test]
    fn elements_come_in_document_order() {
        let tree = sample();
        assert_eq!(tree.descendants().map(|e| e.name.as_str()).collect::<String>(), "abdc");
        assert_eq!(tree.path_to(&mut |e| e.name == "d"), Some(vec![0, 0]));
        assert_eq!(tree.path_to(&mut |e| e.name == "c"), Some(vec![1]));
        assert_eq!(tree.path_to(&mut |e| e.name == "z"), None);
        assert_eq!(tree.at_path(&[0, 0]).unwrap().name, "d");
    }

    #[test]
    fn attributes_keep_their_place() {
        let mut e = Element::new("x").with("a", "1").with("b", "2");
        e.set("a", "3");
        assert_eq!(e.remove("a").as_deref(), Some("3"));
        e.set("a", "4");
        assert_eq!(e.attributes.iter().map(|(n, _)| n.as_str()).collect::<String>(), "ba");
        e.child_or_new("k").set("v", "1");
        e.child_or_new("k").set("v", "2");
        assert_eq!(e.elements().count(), 1);
    }
}
