//! The answers as values: what programs read as JSON, and `report` puts into words.
//!
//! The names of fields and the words of `kind` and `standing` stay as they are; new ones may come. They are listed in
//! `docs/design/explain.md`, and a test compares.

use serde::Serialize;

/// Every kind of cause.
pub const CAUSE_KINDS: [&str; 46] = [
    "in-flight",
    "target-role",
    "is-managed",
    "maintenance",
    "unmanaged",
    "blocked",
    "no-fence-device",
    "option",
    "removed",
    "quorum",
    "ticket",
    "failures",
    "stop-failed",
    "location",
    "opt-in",
    "discovery",
    "not-considered",
    "container",
    "remote",
    "node-score",
    "score",
    "tie",
    "colocation",
    "order",
    "group",
    "capacity",
    "health",
    "clone-max",
    "clone-node-max",
    "shutdown-lock",
    "stickiness",
    "offline",
    "pending-node",
    "unclean",
    "standby",
    "shutting-down",
    "fencing",
    "no-fencing",
    "fence-device",
    "unfencing",
    "promotion-score",
    "multiple-active",
    "stop",
    "changed",
    "guest",
    "other",
];

/// Why a resource, a group or a clone is as it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Explanation {
    /// What was asked about.
    pub resource: String,
    /// Each primitive in it; the instances of a clone together.
    pub parts: Vec<Part>,
    /// What alone would change it, each tried by asking the scheduler again; the best first.
    pub remedies: Vec<Remedy>,
    /// Where it would run if the node that runs it were lost, node by node.
    pub after_loss: Vec<Remedy>,
}

/// A primitive, or all instances of a cloned one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Part {
    pub resource: String,
    /// What it is in: the group, the clone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Where it is now.
    pub now: Vec<Spot>,
    /// Where it is to be.
    pub planned: Vec<Spot>,
    /// `stays-stopped`, `stays`, `starts`, `waits`, `restarts`, `moves`, `stops`, `promotes`, `demotes`, `left-alone`;
    /// of several instances the one that is worth telling most.
    pub standing: &'static str,
    /// The same in a sentence.
    pub summary: String,
    /// Why, the main cause first.
    pub causes: Vec<CauseAnswer>,
    pub nodes: Vec<NodeVerdict>,
    /// What its actions that are due wait for.
    pub waits_for: Vec<String>,
}

/// A node, and a role there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Spot {
    pub node: String,
    pub role: String,
}

/// One cause.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CauseAnswer {
    pub kind: &'static str,
    /// The id of the constraint, pair, operation or resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
    /// A sentence without its full stop.
    pub words: String,
}

/// What a part thinks of a node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NodeVerdict {
    pub node: String,
    /// `here` (it goes or stays there), `open`, `closed`.
    pub verdict: &'static str,
    /// The score, `INFINITY` included; absent where the node was never considered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<String>,
    pub terms: Vec<Term>,
    pub words: String,
    /// The words without what was told before; absent where that is all.
    #[serde(skip)]
    pub row: Option<String>,
}

/// A part of a score.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Term {
    pub score: String,
    /// `location`, `colocation`, `stickiness`, …
    pub source: String,
    pub id: String,
    pub words: String,
}

/// One thing that would change where a resource runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Remedy {
    pub kind: &'static str,
    pub id: String,
    /// The condition: `constraint ban-1 were gone`.
    pub condition: String,
    /// What would be then: `it would run on node2`.
    pub outcome: String,
    pub would_run_on: Vec<String>,
    /// What to type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// What to make certain before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caution: Option<String>,
}

/// Why a node is as it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NodeExplanation {
    pub node: String,
    /// `online`, `standby`, `maintenance`, `offline`, `unclean`, `pending`, `shutting-down`.
    pub state: &'static str,
    pub summary: String,
    pub causes: Vec<CauseAnswer>,
    /// How to end that state.
    pub remedies: Vec<Remedy>,
    pub resources: Vec<NodeResource>,
}

/// What a node has to do with a resource.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NodeResource {
    pub resource: String,
    /// `stays`, `comes`, `leaves`, `barred`.
    pub standing: &'static str,
    pub words: String,
}
