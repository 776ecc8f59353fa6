//! Paths of patches: a name, and an id where there is one, for each level from the root on.

use compact_str::CompactString;
use std::fmt;
use xml::{Element, Node};

/// A place in a document, such as `/cib/status/node_state[@id='1']`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Path {
    /// From the root on.
    pub steps: Vec<Step>,
}

/// One level of a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Step {
    /// The element's name, or `comment` for a comment.
    pub name: CompactString,
    pub id: Option<CompactString>,
}

impl Path {
    /// Reads a path.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("path=\"{text}\" is no path such as /cib/status/node_state[@id='1']");
        let mut steps = Vec::new();
        let mut rest = text;
        while let Some(step) = rest.strip_prefix('/') {
            let end = step.find(['/', '[']).unwrap_or(step.len());
            let (name, tail) = step.split_at(end);
            if name.is_empty() {
                return Err(wrong());
            }
            let id = match tail.strip_prefix("[@id='") {
                None => {
                    rest = tail;
                    None
                }
                // An id may contain anything, so that only a quote before the end of a step ends it.
                Some(quoted) => {
                    let ends = quoted.match_indices("']").map(|(at, _)| at);
                    let mut ends = ends.filter(|at| matches!(quoted.as_bytes().get(at + 2), None | Some(b'/')));
                    let end = ends.next().ok_or_else(wrong)?;
                    rest = &quoted[end + 2..];
                    Some(CompactString::new(&quoted[..end]))
                }
            };
            steps.push(Step { name: CompactString::new(name), id });
        }
        if !rest.is_empty() || steps.is_empty() { Err(wrong()) } else { Ok(Self { steps }) }
    }

    /// Returns the path of a child.
    #[must_use]
    pub(crate) fn with(&self, step: Step) -> Self {
        let mut steps = Vec::with_capacity(self.steps.len() + 1);
        steps.extend(self.steps.iter().cloned());
        steps.push(step);
        Self { steps }
    }

    /// Returns the positions among children that lead to the node in this document; empty for the root.
    ///
    /// Compat: where several siblings have the same name and id, the first is meant; of comments the one at `position`.
    pub(crate) fn locate(&self, root: &Element, position: Option<usize>) -> Option<Vec<usize>> {
        let (first, rest) = self.steps.split_first()?;
        if !first.matches(root) {
            return None;
        }
        let mut at = Vec::with_capacity(rest.len());
        let mut element = root;
        for (depth, step) in rest.iter().enumerate() {
            let is_last = depth + 1 == rest.len();
            let found = element.children.iter().enumerate().position(|(index, node)| match node {
                Node::Element(child) => step.matches(child),
                Node::Comment(_) => is_last && step.name == "comment" && position.is_none_or(|position| position == index),
                Node::Text(_) => false,
            })?;
            at.push(found);
            match &element.children[found] {
                Node::Element(child) => element = child,
                _ if is_last => {}
                _ => return None,
            }
        }
        Some(at)
    }
}

impl Step {
    /// Returns the step that leads to an element.
    pub(crate) fn to(element: &Element) -> Self {
        Self { name: element.name.clone(), id: element.id().map(CompactString::new) }
    }

    /// Compat: a step without an id leads to any element of the name, with or without one.
    fn matches(&self, element: &Element) -> bool {
        self.name == element.name && (self.id.is_none() || self.id.as_deref() == element.id())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            match &step.id {
                Some(id) => write!(f, "/{}[@id='{id}']", step.name)?,
                None => write!(f, "/{}", step.name)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_and_written() {
        for text in ["/cib", "/cib/status/node_state[@id='1']/lrm[@id='1']", "/a/b[@id='it's/odd']/c", "/a/comment"] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "cib", "/", "//a", "/a[@id='x]", "/a[1]", "/a/", "/a[@id='x']y"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }
}
