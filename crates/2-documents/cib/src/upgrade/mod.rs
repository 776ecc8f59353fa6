//! Brings old documents to the words of the newest schema, so that whoever decides knows one form only.
//!
//! The effect is that of Pacemaker's schema upgrades 1.3 → 2.0 → 3.0 → 4.0 on what the configuration means; ids of
//! what is made anew differ. Nothing is written back unasked: a cluster may have to be handed back to an older
//! program. What an upgrade cannot keep is told as a [`Problem`]. A document without a schema version
//! (`validate-with="none"`) is left as it is.

mod to_2;
mod to_3;
mod to_4;

use crate::Problem;
use xml::{Element, Node};

/// A document in the words of the newest schema.
#[derive(Clone, Debug)]
pub struct Upgraded {
    pub cib: Element,
    /// What was dropped or changed its meaning.
    pub notes: Vec<Problem>,
}

/// The newest schema that documents are brought to.
pub const NEWEST: SchemaVersion = SchemaVersion { major: 4, minor: 0 };

/// The version in a schema's name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SchemaVersion {
    pub major: u16,
    pub minor: u16,
}

impl SchemaVersion {
    /// Reads `pacemaker-3.9`; `None` for other names.
    pub fn parse(name: &str) -> Option<Self> {
        let (major, minor) = name.strip_prefix("pacemaker-")?.split_once('.')?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

impl std::fmt::Display for SchemaVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pacemaker-{}.{}", self.major, self.minor)
    }
}

/// Returns the document in the words of the newest schema.
///
/// The copy shares everything that stays as it is, so that the cost is that of what changes.
pub fn upgrade(cib: &Element) -> Upgraded {
    upgrade_to(cib, NEWEST)
}

/// Returns the document in the words of this schema, unless it is of a newer one: what is older stays as it is.
pub fn upgrade_to(cib: &Element, target: SchemaVersion) -> Upgraded {
    let mut upgraded = Upgraded { cib: cib.clone(), notes: Vec::new() };
    let Some(version) = cib.attribute("validate-with").and_then(SchemaVersion::parse) else { return upgraded };
    if version >= target {
        return upgraded;
    }
    let Some(configuration) = upgraded.cib.child_mut("configuration") else { return upgraded };
    if version.major < 2 && target.major >= 2 {
        to_2::upgrade(configuration);
    }
    if version.major < 3 && target.major >= 3 {
        to_3::upgrade(configuration, &mut upgraded.notes);
    }
    if target.major >= 4 {
        to_4::upgrade(configuration, &mut upgraded.notes);
    }
    upgraded.cib.set("validate-with", target.to_string());
    upgraded
}

/// What becomes of an element.
enum Fate {
    Keep,
    Drop,
    /// These take its place.
    Replace(Vec<Element>),
}

/// Decides on every element that is `concerned`, outermost first, without touching the others. The path to it, from
/// the configuration on, is told along.
fn rewrite(root: &mut Element, concerned: &dyn Fn(&Element) -> bool, decide: &mut dyn FnMut(&[&str], &Element) -> Fate) {
    fn inside(
        element: &mut Element,
        path: &[&str],
        concerned: &dyn Fn(&Element) -> bool,
        decide: &mut dyn FnMut(&[&str], &Element) -> Fate,
    ) {
        let name = element.name.clone();
        let path: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
        let mut index = 0;
        while index < element.children.len() {
            let mut next = index + 1;
            if let Node::Element(child) = &element.children[index]
                && child.descendants().any(concerned)
            {
                let fate = if concerned(child) { decide(&path, child) } else { Fate::Keep };
                match fate {
                    Fate::Keep => {
                        if let Some(child) = element.children[index].as_element_mut() {
                            inside(child, &path, concerned, decide);
                        }
                    }
                    Fate::Drop => {
                        element.children.remove(index);
                        next = index;
                    }
                    Fate::Replace(new) => {
                        next = index + new.len();
                        element.children.splice(index..=index, new.into_iter().map(Node::from));
                        for child in &mut element.children[index..next] {
                            if child.as_element().is_some_and(|e| e.elements().any(|e| e.descendants().any(concerned)))
                                && let Some(child) = child.as_element_mut()
                            {
                                inside(child, &path, concerned, decide);
                            }
                        }
                    }
                }
            }
            index = next;
        }
    }
    if root.descendants().any(concerned) {
        inside(root, &[], concerned, decide);
    }
}

#[cfg(test)]
mod tests;
