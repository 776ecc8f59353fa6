//! What the scheduler returns: the graph with scores, reasons and problems.

use crate::Graph;
use model::{NodeName, ResourceId, Score, Timestamp};
use serde::{Deserialize, Serialize};

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
