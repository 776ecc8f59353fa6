//! Facts as the sentences of a time line.

use messages::event::{Fact, PlannedAction};
use model::format_duration;

/// Returns what a fact says, or nothing for facts that no time line needs.
pub(crate) fn of(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::HostLost { node, cause } => format!("{node} is gone: {cause}"),
        Fact::HostJoined { node } => format!("{node} has joined"),
        Fact::DaemonLost { node, cause } => format!("the daemon of {node} is gone ({cause}); its host is present, so it may come back"),
        Fact::DaemonBack { node } => format!("the daemon of {node} is back and has adopted what runs there"),
        Fact::CoordinatorElected { node, term } => format!("{node} coordinates (term {term})"),
        Fact::QuorumGained => "the cluster has quorum".to_owned(),
        Fact::QuorumLost => "the cluster has lost quorum".to_owned(),
        Fact::GroupLost { reason } => format!("the engine below is gone: {reason}"),
        Fact::GroupBack => "the engine below is back".to_owned(),
        Fact::ConfigurationChanged { version, client } => format!("configuration {version}, changed by {client}"),
        Fact::OperationFailed { resource, node, operation, exit, reason } => {
            let why = if reason.is_empty() { format!("exit code {exit}") } else { reason.clone() };
            format!("{operation} of {resource} failed on {node}: {why}")
        }
        Fact::Planned { plan, actions, .. } if actions.is_empty() => format!("plan {plan}: nothing to do"),
        Fact::Planned { plan, actions, .. } => format!("plan {plan}: {}", actions.iter().map(planned).collect::<Vec<_>>().join(", then ")),
        Fact::ActionStarted { .. } => return None,
        Fact::ActionFinished { resource, node, operation, exit, took, .. } => {
            let what = resource.as_ref().map_or_else(|| "the node".to_owned(), ToString::to_string);
            match (operation.as_str(), *exit) {
                ("start", 0) => format!("{what} runs on {node} (start took {})", format_duration(*took)),
                ("stop", 0) => format!("{what} is stopped on {node} (took {})", format_duration(*took)),
                ("promote", 0) => format!("{what} is promoted on {node} (took {})", format_duration(*took)),
                ("demote", 0) => format!("{what} is demoted on {node} (took {})", format_duration(*took)),
                ("monitor", _) => return None,
                (other, 0) => format!("{other} of {what} is done on {node} (took {})", format_duration(*took)),
                (other, exit) => format!("{other} of {what} on {node} ended with exit code {exit} after {}", format_duration(*took)),
            }
        }
        Fact::FencingStarted { target, action, device, by } => format!("{action} of {target} is asked of {device} by {by}"),
        Fact::FencingFinished { target, error: Some(error), took, .. } => {
            format!("{target} could not be fenced in {}: {error}", format_duration(*took))
        }
        Fact::FencingFinished { target, action, device, took, .. } => {
            let state = if action == "on" { "on" } else { "off" };
            match device {
                Some(device) => format!("{target} is {state}, confirmed by {device} in {}", format_duration(*took)),
                None => format!("{target} is {state}, confirmed in {}", format_duration(*took)),
            }
        }
        Fact::PlanEnded { .. } => return None,
        Fact::Warning { text } => format!("warning: {text}"),
    })
}

fn planned(action: &PlannedAction) -> String {
    let because = match action.reason.as_str() {
        "" => String::new(),
        reason if reason.starts_with("due to") => format!(", {reason}"),
        reason => format!(", because {reason}"),
    };
    let place = match action.place.as_str() {
        "" => String::new(),
        place if place.contains("->") => format!(" ({place})"),
        place => format!(" on {place}"),
    };
    format!("{} {}{place}{because}", action.verb.to_lowercase(), action.subject)
}
