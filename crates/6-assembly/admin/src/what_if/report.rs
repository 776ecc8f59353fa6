//! An answer in words, for somebody who is awake at three in the morning: what is lost comes first.

use super::{Answer, Shift, ShiftKind, joined};
use crate::explain::Down;
use crate::outlook::Place;
use model::Role;

impl Answer {
    /// Returns the answer as lines of text.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("If {}:", self.event)];
        lines.extend(self.notes.iter().map(|note| format!("  {note}")));
        for (node, reason) in &self.fenced {
            let because = if reason.is_empty() { String::new() } else { format!(" because {reason}") };
            lines.push(format!("  {node} would be fenced{because}"));
        }
        if self.is_stuck {
            lines.push(
                "  the plans came to no end: actions wait for each other, or each plan leaves something to do for another".to_owned(),
            );
        }
        if !self.down.is_empty() {
            lines.push(String::new());
            lines.push("LEFT DOWN:".to_owned());
            self.down.iter().for_each(|down| lines.extend(down_lines(down)));
        }
        for (kind, title) in TITLES {
            let shifts: Vec<&Shift> = self.shifts.iter().filter(|shift| shift.kind == *kind).collect();
            if shifts.is_empty() {
                continue;
            }
            lines.push(String::new());
            lines.push(format!("{title}:"));
            let width = shifts.iter().map(|shift| shift.resource.chars().count()).max().unwrap_or(0);
            for shift in shifts {
                lines.push(format!("  {:<width$}  {}", shift.resource, way(shift)));
                lines.extend(shift.why.iter().map(|why| format!("  {:<width$}  because {why}", "")));
            }
        }
        lines.push(String::new());
        lines.push(self.sum());
        if !self.due_anyway.is_empty() {
            lines.push(String::new());
            lines.push(format!(
                "This is in it already, and due now whether that happens or not: {}.",
                joined(&self.due_anyway.iter().map(|c| format!("{} {}", c.verb.to_lowercase(), c.subject)).collect::<Vec<_>>())
            ));
        }
        lines
    }

    /// Returns the last sentence: how much is down, how much is untouched.
    fn sum(&self) -> String {
        let down = match self.down.len() {
            0 if self.shifts.iter().any(|shift| shift.kind == ShiftKind::Uncertain) => "Nothing else would be left down.".to_owned(),
            0 => "Nothing would be left down.".to_owned(),
            1 => "One resource would be left down.".to_owned(),
            many => format!("{many} resources would be left down."),
        };
        let rest = match (self.unaffected, self.shifts.is_empty() && self.down.is_empty()) {
            (_, true) => " Every resource would stay as it is.".to_owned(),
            (0, _) => String::new(),
            (1, _) => " One resource would not notice.".to_owned(),
            (many, _) => format!(" {many} resources would not notice."),
        };
        format!("{down}{rest}")
    }
}

const TITLES: &[(ShiftKind, &str)] = &[
    (ShiftKind::Uncertain, "UNKNOWN, on a node that does not answer and is not fenced"),
    (ShiftKind::Demoted, "No longer promoted anywhere"),
    (ShiftKind::Stops, "Stops"),
    (ShiftKind::Shrinks, "Runs on fewer nodes"),
    (ShiftKind::Moves, "Moves"),
    (ShiftKind::Restarts, "Is stopped and started where it is"),
    (ShiftKind::Promotes, "Promoted elsewhere"),
    (ShiftKind::Grows, "Runs on more nodes"),
    (ShiftKind::Starts, "Starts"),
];

/// Returns the lines about a resource that is left down.
fn down_lines(down: &Down) -> Vec<String> {
    let mut lines = vec![format!("  {}", down.title())];
    lines.extend(down.lines(usize::MAX).iter().map(|line| format!("  {line}")));
    lines
}

fn way(shift: &Shift) -> String {
    let (before, after) = (&shift.before, &shift.after);
    match shift.kind {
        ShiftKind::Starts => format!("on {}", nodes(after)),
        ShiftKind::Restarts => format!("on {}", nodes(after)),
        ShiftKind::Uncertain => format!("on {}", joined(&after.uncertain.iter().cloned().collect::<Vec<_>>())),
        ShiftKind::Shrinks | ShiftKind::Grows => format!("{} -> {} ({})", before.nodes.len(), after.nodes.len(), nodes(after)),
        _ => format!("{} -> {}", nodes(before), nodes(after)),
    }
}

fn nodes(place: &Place) -> String {
    let names: Vec<String> =
        place.nodes.iter().map(|(node, role)| if *role == Role::Promoted { format!("{node} (promoted)") } else { node.clone() }).collect();
    if names.is_empty() { "nowhere".to_owned() } else { joined(&names) }
}
