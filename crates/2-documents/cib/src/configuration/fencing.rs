//! Fencing topology: which devices, in which order, fence a node.

use xml::Element;

/// Devices that must all succeed; levels of one target are tried by ascending index.
#[derive(Clone, Debug)]
pub struct FencingLevel<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    /// `None` when it names no target.
    pub target: Option<FencingTarget<'a>>,
    /// `None` when it is no number from 1 to 9.
    pub index: Option<LevelIndex>,
    /// Ids of fencing resources, in order.
    pub devices: Vec<&'a str>,
}

/// The place of a level in its target's topology, 1 to 9.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LevelIndex(pub u8);

/// The nodes that a level is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FencingTarget<'a> {
    Node(&'a str),
    /// Nodes whose name matches the extended regular expression.
    Pattern(&'a str),
    /// Nodes whose attribute has the value.
    Attribute(&'a str, &'a str),
}

impl<'a> FencingLevel<'a> {
    pub(crate) fn new(element: &'a Element) -> Self {
        let target = match (element.attribute("target"), element.attribute("target-pattern"), element.attribute("target-attribute")) {
            (Some(node), _, _) => Some(FencingTarget::Node(node)),
            (None, Some(pattern), _) => Some(FencingTarget::Pattern(pattern)),
            (None, None, Some(name)) => element.attribute("target-value").map(|value| FencingTarget::Attribute(name, value)),
            (None, None, None) => None,
        };
        let index = element.attribute("index").and_then(|text| text.trim().parse().ok()).filter(|index| (1..=9).contains(index));
        Self {
            element,
            id: element.id().unwrap_or_default(),
            target,
            index: index.map(LevelIndex),
            devices: element.attribute("devices").unwrap_or_default().split(',').map(str::trim).filter(|d| !d.is_empty()).collect(),
        }
    }
}
