//! One decision of the scheduler, kept with what it was made from, for questions about it.

use model::{Role, Score, Timestamp};
use scheduler::constraints::{Constraints, constraints};
use scheduler::placement::{Placement, placement};
use scheduler::scores::scores;
use status::{Facts, Kind, NodeIndex, ResourceIndex};
use transition::Reason;
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

    pub fn name(&self, node: NodeIndex) -> &str {
        self.facts.node(node).name.as_str()
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

    /// Returns what speaks for and against a node, as one line.
    pub fn words_about(&self, index: ResourceIndex, node: NodeIndex) -> String {
        let known = self.facts.node(node);
        if let Some(state) = state_that_closes(known) {
            return format!("cannot run it: the node {state}");
        }
        let id = &self.facts.resource(index).id;
        let terms: Vec<&Reason> =
            self.placement.reasons.iter().filter(|r| r.resource == *id && r.node.as_ref() == Some(&known.name)).collect();
        let vetoes: Vec<String> = terms.iter().filter(|r| r.score.is_forbidden()).map(|r| r.words()).collect();
        if !vetoes.is_empty() {
            return format!("closed: {}", vetoes.join("; "));
        }
        let Some(entry) = self.placement.allowed[index.position()].get(node) else {
            return "not among the nodes that this resource may use".to_owned();
        };
        let sum: Vec<String> = terms.iter().filter(|r| r.score != Score::ZERO).map(|r| format!("{} {}", r.score, r.words())).collect();
        let chosen = if self.placement.node[index.position()] == Some(node) { "  <- chosen" } else { "" };
        match sum.is_empty() {
            true => format!("score {}{chosen}", entry.score),
            false => format!("score {} = {}{chosen}", entry.score, sum.join(" + ")),
        }
    }
}

/// Returns why a node can run nothing, if so.
pub(crate) fn state_that_closes(node: &status::Node) -> Option<&'static str> {
    if node.unclean {
        Some("is not known to be safe: it must be fenced first")
    } else if !node.online {
        Some(if node.pending { "is coming up" } else { "is offline" })
    } else if node.standby || node.standby_on_fail {
        Some("is in standby")
    } else if node.shutting_down {
        Some("is shutting down")
    } else {
        None
    }
}
