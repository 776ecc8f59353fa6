//! Patches: the difference between two documents as a value (Pacemaker's format 2).
//!
//! [`diff`] makes one, [`apply`] carries it out; both work on trees and never change their arguments. A patch made
//! by [`diff`] turns the one document into exactly the other. [`Patch`] has an XML form that Pacemaker's tools read
//! and write as well.

mod apply;
mod diff;
mod path;

pub use apply::{PatchError, apply};
pub use diff::diff;
pub use path::{Path, Step};

use crate::Version;
use compact_str::CompactString;
use xml::{Element, Node};

/// The steps from one document to another.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Patch {
    /// The versions before and after; patches made without versions apply to any document.
    pub versions: Option<(Version, Version)>,
    /// The content digest of the result, if it is to be checked.
    pub digest: Option<String>,
    /// In the order in which they are carried out.
    pub changes: Vec<Change>,
}

/// One step. Positions count all children of the parent, comments too, from 0, and are those of the result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Adds a node with all that is below it.
    Create { parent: Path, position: usize, node: Node },
    /// Replaces all attributes of an element; `changed` tells, for people, which ones differ (`None`: removed).
    Modify { path: Path, changed: Vec<(CompactString, Option<CompactString>)>, result: Vec<(CompactString, CompactString)> },
    /// Moves an element among its siblings.
    Move { path: Path, position: usize },
    /// Removes the first node that the path names; a comment needs its position at that moment.
    Delete { path: Path, position: Option<usize> },
}

impl Patch {
    /// Returns whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Returns whether the configuration changes, so that the epoch must rise.
    pub fn changes_configuration(&self) -> bool {
        self.changes.iter().any(|change| change.touches(&["cib", "configuration"]))
    }

    /// Returns whether anything of this section of the configuration, such as `alerts`, changes or may change.
    pub fn changes_section(&self, section: &str) -> bool {
        let path: &[&str] = match section {
            "cib" => &["cib"],
            "status" | "configuration" => &["cib", section],
            _ => &["cib", "configuration", section],
        };
        self.changes.iter().any(|change| change.touches(path))
    }

    /// Returns the `<diff>` element.
    pub fn to_xml(&self) -> Element {
        let mut root = Element::new("diff").with("format", "2");
        if let Some(digest) = &self.digest {
            root.set("digest", digest);
        }
        if let Some((source, target)) = self.versions {
            let version = root.push(Element::new("version"));
            source.write_to(version.push(Element::new("source")));
            target.write_to(version.push(Element::new("target")));
        }
        root.with_children(self.changes.iter().map(Change::to_xml))
    }

    /// Reads a `<diff>` element.
    ///
    /// # Errors
    /// [`PatchError::Malformed`] when it is no patch of format 2 or a change lacks what it needs.
    pub fn from_xml(root: &Element) -> Result<Self, PatchError> {
        let malformed = |message: String| PatchError::Malformed(message);
        if root.attribute("format") != Some("2") {
            let format = root.attribute("format").unwrap_or("none");
            return Err(malformed(format!("the patch has format {format}; only 2 is known")));
        }
        let version = root.child("version");
        let side = |name| version.and_then(|v| v.child(name)).map(Version::of);
        Ok(Self {
            versions: side("source").zip(side("target")),
            digest: root.attribute("digest").map(str::to_owned),
            changes: root
                .elements_named("change")
                .filter(|e| e.has("operation"))
                .map(|e| Change::from_xml(e).map_err(|m| malformed(format!("line {}: {m}", e.line))))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Change {
    /// Returns where the change takes place: for a creation the parent, else the node.
    pub fn path(&self) -> &Path {
        match self {
            Change::Create { parent: path, .. } | Change::Modify { path, .. } | Change::Move { path, .. } | Change::Delete { path, .. } => {
                path
            }
        }
    }

    /// Returns whether the change is at or below these elements, or creates or removes one of them.
    fn touches(&self, names: &[&str]) -> bool {
        let mut path: Vec<&str> = self.path().steps.iter().map(|step| step.name.as_str()).collect();
        if let Change::Create { node: Node::Element(element), .. } = self {
            path.push(&element.name);
        }
        let is_whole = matches!(self, Change::Create { .. } | Change::Delete { .. });
        path.starts_with(names) || (is_whole && names.starts_with(&path))
    }

    fn to_xml(&self) -> Element {
        let change = |operation, path: &Path| Element::new("change").with("operation", operation).with("path", path.to_string());
        match self {
            Change::Create { parent, position, node } => {
                change("create", parent).with("position", position.to_string()).with_child(node.clone())
            }
            Change::Move { path, position } => change("move", path).with("position", position.to_string()),
            Change::Delete { path, position } => match position {
                Some(position) => change("delete", path).with("position", position.to_string()),
                None => change("delete", path),
            },
            Change::Modify { path, changed, result } => {
                let list = changed.iter().map(|(name, value)| {
                    let attribute = Element::new("change-attr").with("name", name);
                    match value {
                        Some(value) => attribute.with("operation", "set").with("value", value),
                        None => attribute.with("operation", "unset"),
                    }
                });
                let mut after = Element::new(path.steps.last().map_or("", |step| &step.name));
                after.attributes.clone_from(result);
                change("modify", path)
                    .with_child(Element::new("change-list").with_children(list))
                    .with_child(Element::new("change-result").with_child(after))
            }
        }
    }

    fn from_xml(element: &Element) -> Result<Self, String> {
        let operation = element.attribute("operation").unwrap_or_default();
        let path = Path::parse(element.attribute("path").ok_or("a change needs a path")?)?;
        let position = match element.attribute("position") {
            None => None,
            Some(text) => Some(text.parse::<usize>().map_err(|_| format!("position=\"{text}\" is no position"))?),
        };
        match operation {
            "create" => {
                let node = element.children.first().cloned().ok_or("a creation needs something to create")?;
                Ok(Change::Create { parent: path, position: position.unwrap_or(0), node })
            }
            "move" => Ok(Change::Move { path, position: position.unwrap_or(0) }),
            "delete" => Ok(Change::Delete { path, position }),
            "modify" => {
                let result =
                    element.child("change-result").and_then(|e| e.elements().next()).ok_or("a modification needs a change-result")?;
                let list = element.child("change-list").into_iter().flat_map(|list| list.elements_named("change-attr"));
                let changed = list.map(|e| {
                    let value = e.attribute("value").filter(|_| e.attribute("operation") != Some("unset"));
                    (CompactString::new(e.attribute("name").unwrap_or_default()), value.map(CompactString::new))
                });
                Ok(Change::Modify { path, changed: changed.collect(), result: result.attributes.clone() })
            }
            other => Err(format!("operation=\"{other}\" is none of create, modify, move, delete")),
        }
    }
}
