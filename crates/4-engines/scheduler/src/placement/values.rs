//! Node attributes that colocations compare, as small numbers: two nodes are the same place where the numbers match.
//!
//! Compat: values are compared without regard to case, and nodes without the attribute match each other.

use super::board::Board;
use crate::constraints::Constraints;
use compact_str::CompactString;
use status::{Facts, NodeIndex, NodeKind, ResourceIndex};
use std::collections::BTreeMap;

/// The attributes that colocations name, by position, with a number for each node's value; 0 means none.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    names: Vec<CompactString>,
    values: Vec<Vec<u32>>,
    kinds: Vec<u32>,
    /// For each resource whether attributes of guest nodes are those of their hosts.
    host: Vec<bool>,
}

impl Values {
    pub fn new(facts: &Facts, constraints: &Constraints) -> Self {
        let mut names: Vec<CompactString> = vec![CompactString::const_new("#uname")];
        for colocation in &constraints.colocations {
            if !names.contains(&colocation.attribute) {
                names.push(colocation.attribute.clone());
            }
        }
        let mut values = Vec::new();
        let mut kinds = Vec::new();
        for name in &names {
            let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
            let mut of_nodes = Vec::with_capacity(facts.nodes.len());
            for node in &facts.nodes {
                let value =
                    if name == "#uname" { Some(node.name.as_str()) } else { node.attributes.get(name.as_str()).map(CompactString::as_str) };
                let next = numbers.len() as u32 + 1;
                of_nodes.push(value.map_or(0, |value| *numbers.entry(value.to_ascii_lowercase()).or_insert(next)));
            }
            kinds.push(numbers.len() as u32 + 1);
            values.push(of_nodes);
        }
        let host = facts
            .resources
            .iter()
            .map(|resource| resource.meta.get("container-attribute-target").is_some_and(|target| target.eq_ignore_ascii_case("host")))
            .collect();
        Values { names, values, kinds, host }
    }

    /// Returns the position of an attribute.
    pub fn attribute(&self, name: &str) -> usize {
        self.names.iter().position(|known| known == name).unwrap_or(0)
    }

    /// Returns how many different values (none included) an attribute has.
    pub fn kinds(&self, attribute: usize) -> usize {
        self.kinds[attribute] as usize
    }
}

impl Board<'_> {
    /// Returns the number of a node's value as this resource sees it.
    pub fn value(&self, node: NodeIndex, attribute: usize, resource: ResourceIndex) -> usize {
        let values = &self.values.values[attribute];
        if let NodeKind::Guest { launcher } = self.facts.node(node).kind
            && (self.values.host[resource.position()] || (self.is_bundle_node(node) && self.is_inside_bundle(resource)))
        {
            return self.seat(launcher).node.map_or(0, |host| values[host.position()] as usize);
        }
        values[node.position()] as usize
    }

    /// Returns whether it is the clone of a bundle's primitive, or part of it.
    pub fn is_inside_bundle(&self, resource: ResourceIndex) -> bool {
        let top = self.top(resource);
        self.parent(top).is_some_and(|bundle| self.bundled_child(bundle) == Some(top))
    }
}
