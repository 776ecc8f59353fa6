//! A tree laid out flat in document order, so that every axis is a walk over numbers.

use super::Place;
use crate::{Element, Node};
use compact_str::CompactString;

/// A tree prepared for evaluation.
pub(super) struct Document<'a> {
    /// In document order: the document itself, the root element, and so on.
    entries: Vec<Entry<'a>>,
}

struct Entry<'a> {
    parent: u32,
    /// The number behind the last entry below this one.
    end: u32,
    /// The position among the parent's children.
    index: u32,
    content: Content<'a>,
}

#[derive(Clone, Copy)]
pub(super) enum Content<'a> {
    Document,
    Element(&'a Element),
    Comment(&'a str),
    Text(&'a str),
}

/// A node or attribute; ordered as in the document.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct NodeId {
    pub entry: u32,
    /// The position of the attribute; `None` for the node itself.
    pub attribute: Option<u32>,
}

impl NodeId {
    pub(super) fn node(entry: u32) -> Self {
        Self { entry, attribute: None }
    }
}

impl<'a> Document<'a> {
    pub(super) fn new(root: &'a Element) -> Self {
        let mut entries = vec![
            Entry { parent: 0, end: 0, index: 0, content: Content::Document },
            Entry { parent: 0, end: 0, index: 0, content: Content::Element(root) },
        ];
        let mut open: Vec<(u32, &Element, usize)> = vec![(1, root, 0)];
        while let Some((number, element, next)) = open.last_mut() {
            let (parent, index) = (*number, *next);
            let Some(node) = element.children.get(index) else {
                entries[parent as usize].end = entries.len() as u32;
                open.pop();
                continue;
            };
            *next += 1;
            let own = entries.len() as u32;
            let content = match node {
                Node::Element(child) => {
                    open.push((own, child, 0));
                    Content::Element(child)
                }
                Node::Comment(text) => Content::Comment(text),
                Node::Text(text) => Content::Text(text),
            };
            entries.push(Entry { parent, end: own + 1, index: index as u32, content });
        }
        entries[0].end = entries.len() as u32;
        Self { entries }
    }

    pub(super) fn content(&self, node: NodeId) -> Content<'a> {
        self.entries[node.entry as usize].content
    }

    pub(super) fn element(&self, node: NodeId) -> Option<&'a Element> {
        if let Content::Element(element) = self.content(node) { Some(element) } else { None }
    }

    /// Returns the attribute's name and value, or `None` for what is no attribute.
    pub(super) fn attribute(&self, node: NodeId) -> Option<&'a (CompactString, CompactString)> {
        self.element(node)?.attributes.get(node.attribute? as usize)
    }

    pub(super) fn parent(&self, node: NodeId) -> Option<NodeId> {
        match node.attribute {
            Some(_) => Some(NodeId::node(node.entry)),
            None if node.entry == 0 => None,
            None => Some(NodeId::node(self.entries[node.entry as usize].parent)),
        }
    }

    pub(super) fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let entry = &self.entries[node.entry as usize];
        let end = if node.attribute.is_some() { 0 } else { entry.end };
        let mut next = node.entry + 1;
        std::iter::from_fn(move || {
            let current = next;
            (current < end).then(|| {
                next = self.entries[current as usize].end;
                NodeId::node(current)
            })
        })
    }

    pub(super) fn descendants(&self, node: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        let end = if node.attribute.is_some() { 0 } else { self.entries[node.entry as usize].end };
        (node.entry + 1..end).map(NodeId::node)
    }

    /// Returns all nodes behind this one that are not below it.
    pub(super) fn following(&self, node: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        // Compat: from an attribute, the content of its element follows.
        let start = if node.attribute.is_some() { node.entry + 1 } else { self.entries[node.entry as usize].end };
        (start..self.entries.len() as u32).map(NodeId::node)
    }

    /// Returns all nodes in front of this one that do not contain it, the nearest first.
    pub(super) fn preceding(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        (1..node.entry).rev().filter(move |entry| self.entries[*entry as usize].end <= node.entry).map(NodeId::node)
    }

    pub(super) fn attributes(&self, node: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        let count = if node.attribute.is_some() { 0 } else { self.element(node).map_or(0, |e| e.attributes.len()) };
        (0..count as u32).map(move |attribute| NodeId { entry: node.entry, attribute: Some(attribute) })
    }

    /// Returns the text of a node: its value, or the character data below it.
    pub(super) fn text(&self, node: NodeId) -> String {
        if let Some((_, value)) = self.attribute(node) {
            return value.to_string();
        }
        match self.content(node) {
            Content::Comment(text) | Content::Text(text) => text.to_owned(),
            Content::Document | Content::Element(_) => {
                let texts = self
                    .descendants(node)
                    .filter_map(|below| if let Content::Text(text) = self.content(below) { Some(text) } else { None });
                texts.collect()
            }
        }
    }

    /// Returns the name of an element or attribute; empty for other nodes.
    pub(super) fn name(&self, node: NodeId) -> &'a str {
        match self.attribute(node) {
            Some((name, _)) => name,
            None => self.element(node).map_or("", |e| &e.name),
        }
    }

    pub(super) fn place(&self, node: NodeId) -> Place {
        if node.entry == 0 {
            return Place::Document;
        }
        let mut path = Vec::new();
        let mut entry = node.entry;
        while entry > 1 {
            path.push(self.entries[entry as usize].index as usize);
            entry = self.entries[entry as usize].parent;
        }
        path.reverse();
        match self.attribute(node) {
            Some((name, _)) => Place::Attribute(path, name.clone()),
            None => Place::Node(path),
        }
    }
}
