//! Where a resource is, for people and tools that name it by its configured id.

use crate::{Facts, Resource};
use model::NodeName;

impl Facts {
    /// Returns the nodes where a resource, any part of it or any instance is active; sorted, each once.
    pub fn whereabouts(&self, id: &str) -> Vec<&NodeName> {
        let mut nodes: Vec<&NodeName> = self
            .resources
            .iter()
            .filter(|resource| self.is_or_is_below(resource, id))
            .flat_map(|resource| resource.active_nodes.iter().map(|node| &self.node(*node).name))
            .collect();
        nodes.sort();
        nodes.dedup();
        nodes
    }

    fn is_or_is_below(&self, resource: &Resource, id: &str) -> bool {
        // An instance (`web:1`) answers to the name of what was cloned.
        if resource.id == *id || resource.id.as_str().split_once(':').is_some_and(|(base, _)| base == id) {
            return true;
        }
        resource.parent.is_some_and(|parent| self.is_or_is_below(self.resource(parent), id))
    }
}
