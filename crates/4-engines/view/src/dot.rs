//! A plan as a picture: DOT, the language of graphviz.

use std::fmt::Write;
use transition::{Diagram, DiagramAction};

/// Which actions a picture has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Picture {
    /// Those of the plan, and those that were wanted and cannot be done.
    Plan,
    /// All that were considered (`crm_simulate -a`).
    Everything,
}

/// Returns the picture of a plan; `numbered` writes each action's number on it.
pub fn dot(diagram: &Diagram, picture: Picture, numbered: bool) -> String {
    let everything = picture == Picture::Everything;
    let mut drawn = vec![false; diagram.actions.len()];
    let labels: Vec<String> = diagram
        .actions
        .iter()
        .map(|action| if numbered { format!("{} ({})", action.label, action.id.0) } else { action.label.clone() })
        .collect();
    let mut text = String::from(" digraph \"g\" {\n");
    for (at, action) in diagram.actions.iter().enumerate() {
        let (style, color, font, is_background) = look(action);
        // Compat: the incumbent marks what it leaves out as drawn too, except what is unmanaged or optional.
        if is_background && !everything {
            continue;
        }
        drawn[at] = true;
        let _ = writeln!(text, "\"{}\" [ style={style} color=\"{color}\" fontcolor=\"{font}\"]", labels[at]);
    }
    for edge in &diagram.edges {
        let (Some(first), Some(then)) = (labels.get(edge.first as usize), labels.get(edge.then as usize)) else { continue };
        let both_drawn = drawn[edge.first as usize] && drawn[edge.then as usize];
        let (style, is_solid) = match (edge.in_plan, both_drawn && !edge.conditional) {
            (true, _) => ("bold", true),
            (false, solid) => ("dashed", solid),
        };
        if everything || is_solid {
            let _ = writeln!(text, "\"{first}\" -> \"{then}\" [ style = {style}]");
        }
    }
    text.push_str("}\n");
    text
}

/// Returns style, line colour, font colour, and whether the action is drawn only in a picture of everything.
fn look(action: &DiagramAction) -> (&'static str, &'static str, &'static str, bool) {
    let font = if action.pseudo { "orange" } else { "black" };
    if action.in_plan {
        ("bold", "green", font, false)
    } else if action.unmanaged {
        ("dashed", "red", "purple", true)
    } else if action.optional {
        ("dashed", "blue", font, true)
    } else {
        ("dashed", "red", font, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use transition::{ActionId, DiagramEdge};

    #[test]
    fn optional_actions_are_in_the_full_picture_only() {
        let action = |id, label: &str, in_plan, optional| DiagramAction {
            id: ActionId(id),
            label: label.into(),
            in_plan,
            pseudo: false,
            optional,
            runnable: true,
            unmanaged: false,
        };
        let diagram = Diagram {
            actions: vec![action(2, "b n1", true, false), action(1, "a n1", false, true)],
            edges: vec![DiagramEdge { first: 1, then: 0, in_plan: false, conditional: false }],
        };
        let plan = dot(&diagram, Picture::Plan, false);
        assert_eq!(plan, " digraph \"g\" {\n\"b n1\" [ style=bold color=\"green\" fontcolor=\"black\"]\n}\n");
        let everything = dot(&diagram, Picture::Everything, true);
        assert!(everything.contains("\"a n1 (1)\" -> \"b n1 (2)\" [ style = dashed]"));
    }
}
