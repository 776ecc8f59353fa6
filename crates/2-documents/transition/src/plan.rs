//! What the scheduler returns: the graph with scores, reasons and problems.

use crate::Graph;
use model::{NodeName, ResourceId, Score, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One line of the placement trace (`crm_simulate -s`): kept in the order of creation, never edited.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ScoreLine {
    /// The step that shows it, as the field's tools name it: `pcmk__primitive_assign`, …
    pub step: String,
    pub resource: ResourceId,
    pub node: Option<NodeName>,
    /// `allocation score`, `promotion score`, …: the words of the line.
    pub text: String,
    pub score: Score,
}

impl ScoreLine {
    /// Returns whether the line is about capacity and use (`crm_simulate -U`), and its text is the whole line.
    pub fn is_about_utilization(&self) -> bool {
        !matches!(self.text.as_str(), "allocation score" | "promotion score")
    }
}

/// A term of a decision: where a part of a score, a veto or an order came from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reason {
    pub resource: ResourceId,
    pub node: Option<NodeName>,
    /// What it adds to the score; `MINUS_INFINITY` closes the node.
    pub score: Score,
    /// `location`, `colocation`, `stickiness`, `failure`, `health`, `ticket`, `target-role`, `standby`, `capacity`, …
    pub source: String,
    /// The id of the constraint, attribute or operation.
    pub id: String,
    /// The same in words.
    pub text: String,
}

/// What changes for one resource or node: a line of the transition summary.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PlannedChange {
    /// `Start`, `Stop`, `Move`, `Migrate`, `Recover`, `Restart`, `Reload`, `Promote`, `Demote`, `Fence`, `Leave`, …
    pub verb: String,
    pub subject: String,
    /// As the summary shows it: `( node1 -> node2 )` without the brackets.
    pub place: String,
    /// Why, as the summary shows it (`due to …`).
    pub reason: String,
}

/// Something the configuration or status got wrong; the plan was made all the same.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Problem {
    pub is_error: bool,
    pub text: String,
}

/// A decision: what to do, and why. The same input gives the same plan, byte for byte.
#[must_use]
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    pub graph: Graph,
    pub scores: Vec<ScoreLine>,
    pub reasons: Vec<Reason>,
    pub changes: Vec<PlannedChange>,
    pub problems: Vec<Problem>,
    /// What the field's tools print while they plan, line by line.
    #[serde(default)]
    pub remarks: Vec<String>,
    /// When to plan again although nothing happens (a rule or an expiry changes then).
    pub recheck_by: Option<Timestamp>,
}

/// The reasons and the trace of a plan by resource: a plan may have ten thousand changes, and each is asked for its reason.
#[derive(Debug, Default)]
pub struct Choices<'p> {
    reasons: BTreeMap<&'p str, Vec<&'p Reason>>,
    lines: BTreeMap<&'p str, Vec<&'p ScoreLine>>,
}

impl Plan {
    /// Returns why each resource goes where it goes.
    pub fn choices(&self) -> Choices<'_> {
        let mut this = Choices::default();
        self.reasons.iter().for_each(|reason| this.reasons.entry(reason.resource.as_str()).or_default().push(reason));
        self.scores.iter().for_each(|line| this.lines.entry(line.resource.as_str()).or_default().push(line));
        this
    }

    /// Returns why a resource goes to a node, where no more is to be asked.
    pub fn choice(&self, resource: &str, node: &str) -> Option<String> {
        self.choices().of(resource, node)
    }
}

impl Choices<'_> {
    fn terms(&self, resource: &str, node: &str) -> impl Iterator<Item = &Reason> {
        let reasons = self.reasons.get(resource).into_iter().flatten().copied();
        reasons.filter(move |reason| reason.node.as_ref().is_some_and(|n| *n == *node))
    }

    /// Returns why a resource goes to a node: the score it has there and what that is made of, in the words of a
    /// sentence's part; `None` when the scores say nothing about it.
    pub fn of(&self, resource: &str, node: &str) -> Option<String> {
        let total = |node: &str| self.terms(resource, node).fold(Score::ZERO, |sum, reason| sum + reason.score);
        let here: Vec<String> =
            self.terms(resource, node).filter(|r| r.score != Score::ZERO).map(|r| format!("{} {}", r.score, r.words())).collect();
        // Between nodes of the same score something else decided.
        let tie = self.terms(resource, node).find(|reason| reason.source == "tie").map(|reason| reason.text.as_str());
        // A closed node may be chosen all the same (what is there already stays); its score is not why.
        if (here.is_empty() && tie.is_none()) || total(node).is_forbidden() {
            return None;
        }
        // A node that nothing speaks for or against has no reason, and a line of the trace all the same.
        let lines = self.lines.get(resource).into_iter().flatten();
        let traced = lines.filter(|line| !line.score.is_forbidden()).filter_map(|line| line.node.as_ref());
        let reasoned = self.reasons.get(resource).into_iter().flatten().filter_map(|reason| reason.node.as_ref());
        let others: BTreeSet<&NodeName> =
            traced.chain(reasoned).filter(|other| **other != *node && !total(other.as_str()).is_forbidden()).collect();
        let (score, here) = (total(node), if here.is_empty() { String::new() } else { format!(" = {}", here.join(" + ")) });
        let rivals: Vec<&str> = others.iter().filter(|other| total(other.as_str()) == score).map(|other| other.as_str()).collect();
        Some(match (others.is_empty(), rivals.is_empty()) {
            (true, _) => format!("{node} is the only node left ({score}{here})"),
            (false, true) => format!("{node} has the highest score ({score}{here}) of the nodes left"),
            (false, false) => format!(
                "{node} has the highest score ({score}{here}), as {} has, and {}",
                rivals.join(" and "),
                tie.unwrap_or("comes first")
            ),
        })
    }
}

impl Reason {
    /// Returns where the score came from, with the id of the constraint.
    pub fn words(&self) -> String {
        match self.source.as_str() {
            "location" => format!("location {}", self.id),
            "colocation" => format!("colocation {} ({})", self.id, self.text),
            _ => self.text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(node: &str, score: i32, id: &str) -> Reason {
        Reason {
            resource: "web".into(),
            node: Some(node.into()),
            score: Score::new(score),
            source: "location".into(),
            id: id.into(),
            text: String::new(),
        }
    }

    #[test]
    fn a_choice_names_the_score_and_its_terms() {
        let plan = Plan { reasons: vec![reason("a", 100, "likes-a"), reason("b", 50, "likes-b")], ..Plan::default() };
        assert_eq!(plan.choice("web", "a").unwrap(), "a has the highest score (100 = 100 location likes-a) of the nodes left");
        assert_eq!(plan.choice("web", "c"), None);
        let plan = Plan { reasons: vec![reason("a", -1_000_000, "never-a"), reason("b", 50, "likes-b")], ..Plan::default() };
        assert!(plan.choice("web", "b").unwrap().starts_with("b is the only node left"));
        let line = |node: &str| ScoreLine {
            step: String::new(),
            resource: "web".into(),
            node: Some(node.into()),
            text: "allocation score".into(),
            score: Score::ZERO,
        };
        let plan = Plan { scores: vec![line("a"), line("b"), line("c")], ..plan };
        assert!(plan.choice("web", "b").unwrap().ends_with("of the nodes left"), "nothing speaks against c, nor for it");
        let plan = Plan { reasons: vec![reason("a", 50, "likes-a"), reason("b", 50, "likes-b")], ..Plan::default() };
        assert_eq!(plan.choice("web", "a").unwrap(), "a has the highest score (50 = 50 location likes-a), as b has, and comes first");
        let tie = Reason { source: "tie".into(), text: "has been given fewer resources (1 resource, b 3)".into(), ..reason("a", 0, "tie") };
        let plan = Plan { reasons: vec![tie], scores: vec![line("a"), line("b")], ..Plan::default() };
        let words = "a has the highest score (0), as b has, and has been given fewer resources (1 resource, b 3)";
        assert_eq!(plan.choice("web", "a").unwrap(), words, "a move to spread the load has a reason");
    }
}
