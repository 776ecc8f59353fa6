//! A plan and a rehearsal as XML: what `crm_simulate --output-as=xml` prints.
//!
//! Compat: elements, attributes and their order are those of 2.1.5.

use crate::steps::{NodeChange, Step, TicketChange};
use transition::{PlannedChange, ScoreLine};
use xml::Element;

/// Returns an item of the transition summary as an element.
pub fn change_element(change: &PlannedChange) -> Element {
    let PlannedChange { verb, subject, place, reason } = change;
    if place.is_empty() {
        return Element::new("node_action").with("task", verb).with("node", subject).with("reason", reason);
    }
    let mut element = Element::new("rsc_action").with("action", verb.to_lowercase()).with("resource", subject);
    let starts = verb == "Start";
    let ends = verb == "Stop";
    let halves: Vec<Vec<&str>> = place.split(" -> ").map(|half| half.split_whitespace().collect()).collect();
    let named: Vec<(&str, &str)> = match &halves[..] {
        [one] => match one[..] {
            [role, node] => vec![("role", role), (if ends { "node" } else { "source" }, node)],
            _ => vec![(if starts || ends { "node" } else { "source" }, place.as_str())],
        },
        [from, to] => match (&from[..], &to[..]) {
            ([role], [next, node]) if role.chars().next().is_some_and(char::is_uppercase) && is_role(role) => {
                vec![("role", *role), ("next-role", *next), (if starts { "dest" } else { "source" }, *node)]
            }
            ([source], [dest, role]) => vec![("role", *role), ("source", *source), ("dest", *dest)],
            ([source], [dest]) => vec![("source", *source), ("dest", *dest)],
            ([role, source], [next, dest]) => vec![("role", *role), ("next-role", *next), ("source", *source), ("dest", *dest)],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    for (name, value) in named {
        element.set(name, value);
    }
    let plain = reason.strip_suffix(" (blocked)").unwrap_or(reason);
    if let Some(reason) = plain.strip_prefix("due to ") {
        element.set("reason", reason);
    }
    if reason.ends_with("(blocked)") || reason == "blocked" {
        element.set("blocked", "true");
    }
    element
}

fn is_role(word: &str) -> bool {
    matches!(word, "Stopped" | "Started" | "Unpromoted" | "Promoted" | "Unknown")
}

/// Returns a line of scores or of utilization as an element.
pub fn score_element(line: &ScoreLine) -> Element {
    let node = line.node.as_ref().map_or("", |node| node.as_str());
    match line.text.as_str() {
        "allocation score" => Element::new("node_weight")
            .with("function", &line.step)
            .with("node", node)
            .with("score", line.score.to_string())
            .with("id", line.resource.as_str()),
        "promotion score" => {
            let element = Element::new("promotion_score").with("id", line.resource.as_str()).with("score", line.score.to_string());
            if node.is_empty() { element } else { element.with("node", node) }
        }
        text => {
            let (who, values) = text.rsplit_once(':').unwrap_or((text, ""));
            let first = who.split(':').next().unwrap_or_default();
            let mut element = match line.resource.as_str() {
                "" => Element::new("capacity").with("node", node).with("comment", first),
                id => Element::new("utilization").with("resource", id).with("node", node).with("function", first),
            };
            for (name, value) in values.split_whitespace().filter_map(|pair| pair.split_once('=')) {
                element.set(name, value);
            }
            element
        }
    }
}

/// Returns the changes that were asked for, in the order of the schema.
pub fn modifications(steps: &[Step]) -> Element {
    let mut element = Element::new("modifications");
    let rank = |step: &&Step| match step {
        Step::Node { .. } => 0,
        Step::Ticket { .. } => 1,
        Step::Operation(_) => 2,
        _ => 3,
    };
    for step in steps {
        match step {
            Step::Quorum(value) => element.set("quorum", value),
            Step::Watchdog(value) => element.set("watchdog", value),
            _ => {}
        }
    }
    let mut sorted: Vec<&Step> = steps.iter().collect();
    sorted.sort_by_key(rank);
    let children = sorted.into_iter().filter_map(|step| {
        Some(match step {
            Step::Node { change, node } => {
                let action = match change {
                    NodeChange::Online => "Online",
                    NodeChange::Offline => "Offline",
                    NodeChange::Failing => "Failing",
                };
                Element::new("modify_node").with("action", action).with("node", node)
            }
            Step::Ticket { change, ticket } => {
                let action = match change {
                    TicketChange::Granting => "Granting",
                    TicketChange::Revoking => "Revoking",
                    TicketChange::Standby => "Standby",
                    TicketChange::Activating => "Activating",
                };
                Element::new("modify_ticket").with("action", action).with("ticket", ticket)
            }
            Step::Operation(specification) => Element::new("inject_spec").with("spec", specification),
            Step::Attribute { name, value, node_id } => Element::new("inject_attr")
                .with("name", name)
                .with("value", value)
                .with("node_path", "/node_state")
                .with("cib_node", node_id),
            _ => return None,
        })
    });
    element.with_children(children.collect::<Vec<_>>())
}

/// Returns an action that was carried out on paper as an element; `None` for a remark.
pub fn step_element(step: &Step) -> Option<Element> {
    Some(match step {
        Step::Pseudo { key, node } => {
            let element = Element::new("pseudo_action").with("task", key);
            match node {
                Some(node) => element.with("node", node),
                None => element,
            }
        }
        Step::Resource { resource, operation, interval_ms, node } => {
            let element = Element::new("rsc_action").with("resource", resource).with("op", operation).with("node", node);
            if *interval_ms > 0 { element.with("interval", interval_ms.to_string()) } else { element }
        }
        Step::Cluster { operation, resource, node } => {
            let element = Element::new("cluster_action").with("task", operation).with("node", node);
            match resource {
                Some(resource) => element.with("id", resource),
                None => element,
            }
        }
        Step::Fencing { target, action } => Element::new("fencing_action").with("target", target).with("op", action),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_is_told_in_attributes() {
        for (verb, place, reason, expected) in [
            ("Start", "n1", "due to no quorum (blocked)", r#"action="start" resource="r" node="n1" reason="no quorum" blocked="true""#),
            (
                "Stop",
                "Promoted n1",
                "due to node availability",
                r#"action="stop" resource="r" role="Promoted" node="n1" reason="node availability""#,
            ),
            ("Move", "n1 -> n2", "", r#"action="move" resource="r" source="n1" dest="n2""#),
            (
                "Promote",
                "Unpromoted -> Promoted n1",
                "",
                r#"action="promote" resource="r" role="Unpromoted" next-role="Promoted" source="n1""#,
            ),
            (
                "Start",
                "Stopped -> Promoted n1",
                "blocked",
                r#"action="start" resource="r" role="Stopped" next-role="Promoted" dest="n1" blocked="true""#,
            ),
            ("Move", "n1 -> n2 Promoted", "", r#"action="move" resource="r" role="Promoted" source="n1" dest="n2""#),
            (
                "Move",
                "Promoted n1 -> Unpromoted n2",
                "",
                r#"action="move" resource="r" role="Promoted" next-role="Unpromoted" source="n1" dest="n2""#,
            ),
            ("Restart", "n1", "", r#"action="restart" resource="r" source="n1""#),
        ] {
            let change = PlannedChange { verb: verb.into(), subject: "r".into(), place: place.into(), reason: reason.into() };
            assert_eq!(change_element(&change).to_compact(), format!("<rsc_action {expected}/>"), "{verb} {place}");
        }
        let fence = PlannedChange { verb: "Fence (off)".into(), subject: "n".into(), place: String::new(), reason: "it is gone".into() };
        assert_eq!(change_element(&fence).to_compact(), r#"<node_action task="Fence (off)" node="n" reason="it is gone"/>"#);
    }
}
