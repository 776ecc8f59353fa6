//! A plan as text: the transition summary, and the scores behind it.

use crate::Lines;
use transition::{Plan, PlannedChange, ScoreLine};

/// Prints the items of the transition summary.
pub fn change_lines(changes: &[PlannedChange], out: &mut Lines) {
    // Compat: the columns of the incumbent are as wide as a first run over all items has made them.
    let (mut subject_width, mut place_width) = (5, 5);
    for change in changes.iter().filter(|c| !is_about_node(c)) {
        let length = change.subject.len();
        if length > subject_width {
            subject_width = length + 2;
        }
        place_width = place_width.max(change.place.len());
    }
    for change in changes {
        let PlannedChange { verb, subject, place, reason } = change;
        if is_about_node(change) {
            if !reason.is_empty() {
                out.item(format_args!("{verb} {subject} '{reason}'"));
            }
            continue;
        }
        let reason = if reason.is_empty() { String::new() } else { format!("  {reason}") };
        out.item(format_args!("{verb:<8}   {subject:<subject_width$}   ( {place:>place_width$} ){reason}"));
    }
}

/// Returns whether a change is about a node and not about a resource.
fn is_about_node(change: &PlannedChange) -> bool {
    change.place.is_empty()
}

/// Returns one line of scores as the tools show it; other texts than the two kinds of score stand as they are.
pub fn score_line(line: &ScoreLine) -> String {
    let ScoreLine { step, resource, node, text, score } = line;
    match (text.as_str(), node) {
        ("allocation score", node) => {
            format!("{step}: {resource} {text} on {}: {score}", node.as_ref().map_or("none", |n| n.as_str()))
        }
        ("promotion score", Some(node)) => format!("{resource} {text} on {node}: {score}"),
        ("promotion score", None) => format!("{resource} {text} (inactive): {score}"),
        _ => text.clone(),
    }
}

/// Prints the scores, in the order in which they came about.
pub fn score_lines(plan: &Plan, out: &mut Lines) {
    for line in &plan.scores {
        out.item(score_line(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(verb: &str, subject: &str, place: &str, reason: &str) -> PlannedChange {
        PlannedChange { verb: verb.into(), subject: subject.into(), place: place.into(), reason: reason.into() }
    }

    #[test]
    fn columns_are_as_wide_as_the_widest() {
        let mut out = Lines::new();
        let changes = [
            change("Fence (reboot)", "n3", "", "it is gone"),
            change("Move", "ip", "n2 -> n1", ""),
            change("Stop", "fencing:0", "n2", "due to node availability"),
        ];
        change_lines(&changes, &mut out);
        let expected = [
            "Fence (reboot) n3 'it is gone'",
            "Move       ip            ( n2 -> n1 )",
            "Stop       fencing:0     (       n2 )  due to node availability",
        ];
        assert_eq!(out.into_text().lines().collect::<Vec<_>>(), expected);
    }
}
