//! One decision of the scheduler, kept with what it was made from, for questions about it.

use model::{Role, Score, Timestamp};
use scheduler::constraints::{Constraints, constraints};
use scheduler::placement::{Placement, placement};
use scheduler::scores::scores;
use status::{Facts, Kind, ResourceIndex};
use xml::Element;

/// A decision: what is known, and where everything goes.
pub(crate) struct Decision {
    pub facts: Facts,
    pub constraints: Constraints,
    pub placement: Placement,
}

impl Decision {
    pub fn of(cib: &Element, now: Timestamp) -> Self {
        let facts = Facts::deduce(cib, now);
        let document = cib::Cib::new(facts.cib());
        let constraints = constraints(&facts, &document.configuration);
        let scores = scores(&facts, &constraints);
        let placement = placement(&facts, &constraints, &scores);
        Self { facts, constraints, placement }
    }

    /// Returns the primitives that are, or are below, the resource of this id.
    pub fn primitives(&self, id: &str) -> Vec<ResourceIndex> {
        let is_below = |mut index: ResourceIndex| loop {
            let resource = self.facts.resource(index);
            if resource.id == *id || resource.id.as_str().split_once(':').is_some_and(|(base, _)| base == id) {
                return true;
            }
            match resource.parent {
                Some(parent) => index = parent,
                None => return false,
            }
        };
        (0..self.facts.resources.len() as u32)
            .map(ResourceIndex)
            .filter(|index| matches!(self.facts.resource(*index).kind, Kind::Primitive(_)) && is_below(*index))
            .collect()
    }

    /// Returns the role that a primitive is to have.
    pub fn role_planned(&self, index: ResourceIndex) -> Role {
        match self.placement.role_planned[index.position()] {
            Role::Unknown if self.placement.node[index.position()].is_some() => Role::Started,
            Role::Unknown => Role::Stopped,
            role => role,
        }
    }

    /// Returns the score by which it is decided who is promoted, where there is one.
    pub fn promotion_score(&self, index: ResourceIndex) -> Option<Score> {
        let id = &self.facts.resource(index).id;
        self.placement.trace.iter().rev().find(|line| line.text == "promotion score" && line.resource == *id).map(|line| line.score)
    }
}
