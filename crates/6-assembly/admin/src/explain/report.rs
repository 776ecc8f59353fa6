//! The answers in words, for somebody who is awake at three in the morning: what it does, why, what to do, then the rest.

use super::answer::{CauseAnswer, Explanation, NodeExplanation, Part, Remedy};
use crate::what_if::joined;

/// The most causes that are told below the first.
const CAUSES_MAX: usize = 6;

impl Explanation {
    /// Returns the answer as lines of text.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for part in &self.parts {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.push(format!("{}.", part.summary));
            lines.extend(cause_lines(&part.causes));
            if self.parts.len() == 1 {
                lines.extend(self.what_to_do());
            }
            lines.extend(table(part));
            if !part.waits_for.is_empty() {
                lines.push("  What is due, and waits:".to_owned());
                lines.extend(part.waits_for.iter().map(|line| format!("    {line}")));
            }
        }
        if self.parts.len() != 1 {
            let changes = self.what_to_do();
            if !changes.is_empty() {
                lines.push(String::new());
            }
            lines.extend(changes.into_iter().map(|line| line.strip_prefix("  ").map_or(line.clone(), str::to_owned)));
        }
        lines
    }

    fn what_to_do(&self) -> Vec<String> {
        change_lines(self.remedies.iter().chain(&self.after_loss))
    }
}

/// Returns what would change it, with what to type, as lines.
pub(super) fn change_lines<'r>(remedies: impl IntoIterator<Item = &'r Remedy>) -> Vec<String> {
    let mut lines = Vec::new();
    for remedy in remedies {
        if lines.is_empty() {
            lines.push("  What would change that:".to_owned());
        }
        lines.push(format!("    {} if {}", remedy.outcome, remedy.condition));
        let caution = remedy.caution.as_ref().map_or(String::new(), |caution| format!("   ({caution})"));
        lines.extend(remedy.commands.iter().map(|command| format!("      {command}{caution}")));
    }
    lines
}

/// Returns the causes as lines, of many the first ones.
pub(super) fn cause_lines(causes: &[CauseAnswer]) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, cause) in causes.iter().take(CAUSES_MAX + 1).enumerate() {
        let begin = if at == 0 { "Why:" } else { "And:" };
        lines.push(format!("  {begin} {}.", cause.words));
    }
    let more = causes.len().saturating_sub(CAUSES_MAX + 1);
    if more > 0 {
        lines.push(format!("  And {more} more, below."));
    }
    lines
}

/// Returns what a part thinks of each node; nodes of which it thinks the same share a line.
fn table(part: &Part) -> Vec<String> {
    // Of what goes nowhere, the causes say what closes each node.
    let is_told = part.planned.is_empty() && part.causes.len() <= CAUSES_MAX + 1 && !part.causes.is_empty();
    let follows = is_told || part.causes.first().is_some_and(|cause| cause.kind == "group") && part.causes.len() == 1;
    let mut rows: Vec<(Vec<String>, &str)> = Vec::new();
    for verdict in part.nodes.iter().filter(|_| !follows) {
        let Some(row) = &verdict.row else { continue };
        match rows.iter_mut().find(|(_, words)| *words == row) {
            Some((nodes, _)) => nodes.push(verdict.node.clone()),
            None => rows.push((vec![verdict.node.clone()], row)),
        }
    }
    if rows.is_empty() {
        return Vec::new();
    }
    let width = rows.iter().map(|(nodes, _)| nodes.join(", ").chars().count()).filter(|width| *width <= 32).max().unwrap_or(0);
    let mut lines = vec!["  Node by node:".to_owned()];
    lines.extend(rows.iter().map(|(nodes, words)| format!("    {:<width$}  {words}", nodes.join(", "))));
    lines
}

impl NodeExplanation {
    /// Returns the answer as lines of text.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{}.", self.summary)];
        lines.extend(cause_lines(&self.causes));
        lines.extend(change_lines(&self.remedies));
        for (standing, title) in [("stays", "Runs here"), ("leaves", "Leaves"), ("comes", "Comes here"), ("barred", "May not run here")] {
            let these: Vec<_> = self.resources.iter().filter(|resource| resource.standing == standing).collect();
            if these.is_empty() {
                continue;
            }
            if standing == "stays" {
                lines.push(format!("  {title}: {}.", joined(&these.iter().map(|r| r.resource.clone()).collect::<Vec<_>>())));
                continue;
            }
            lines.push(format!("  {title}:"));
            let width = these.iter().map(|resource| resource.resource.chars().count()).max().unwrap_or(0);
            lines.extend(
                these.iter().map(|resource| format!("    {:<width$}  {}", resource.resource, resource.words).trim_end().to_owned()),
            );
        }
        lines
    }
}
