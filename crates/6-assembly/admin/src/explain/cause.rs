//! One cause: its kind, the id of what it comes from, the nodes that it is about, and the words.

use super::answer::CauseAnswer;
use super::fix::Fix;
use crate::what_if::joined;

/// A cause as it is found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Cause {
    pub kind: &'static str,
    pub id: Option<String>,
    pub nodes: Vec<String>,
    /// The words, with `{node}` where the nodes are named and `{is}` where a verb follows them.
    words: String,
    /// What would take it away, on each of the nodes.
    pub fixes: Vec<Fix>,
}

impl Cause {
    pub fn new(kind: &'static str, words: impl Into<String>) -> Self {
        Self { kind, id: None, nodes: Vec::new(), words: words.into(), fixes: Vec::new() }
    }

    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    pub fn on(mut self, node: impl Into<String>) -> Self {
        self.nodes.push(node.into());
        self
    }

    pub fn fix(mut self, fix: Fix) -> Self {
        self.fixes.push(fix);
        self
    }

    /// Returns the cause as one that nobody would mend.
    pub fn without_fixes(mut self) -> Self {
        self.fixes.clear();
        self
    }

    /// Returns the cause as a sentence's part.
    pub fn words(&self) -> String {
        self.words.replace("{node}", &joined(&self.nodes)).replace("{is}", if self.nodes.len() == 1 { "is" } else { "are" })
    }

    /// Returns the cause as the row of a node tells it.
    pub fn row(&self) -> String {
        let words = self.words.strip_prefix("{node} {is} ").map_or(self.words.clone(), str::to_owned);
        let words = words.replace("it off {node}", "it off").replace(" on {node}", " here").replace("{node} {is}", "the node is");
        words.replace("{node}", "the node").replace("{is}", "is")
    }

    /// Joins causes that differ in their nodes alone; the order stays.
    pub fn merged(causes: Vec<Cause>) -> Vec<Cause> {
        let mut merged: Vec<Cause> = Vec::new();
        for cause in causes {
            match merged.iter_mut().find(|known| (known.kind, &known.id, &known.words) == (cause.kind, &cause.id, &cause.words)) {
                Some(known) => {
                    let new = |all: &[String], one: &String| !all.contains(one);
                    let nodes: Vec<String> = cause.nodes.into_iter().filter(|node| new(&known.nodes, node)).collect();
                    known.nodes.extend(nodes);
                    let fixes: Vec<Fix> = cause.fixes.into_iter().filter(|fix| !known.fixes.contains(fix)).collect();
                    known.fixes.extend(fixes);
                }
                None => merged.push(cause),
            }
        }
        merged
    }

    pub fn answer(&self) -> CauseAnswer {
        CauseAnswer { kind: self.kind, id: self.id.clone(), nodes: self.nodes.clone(), words: self.words() }
    }
}
