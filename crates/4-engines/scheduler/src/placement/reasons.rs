//! The terms of every score in words, each with the id of where it came from.
//!
//! They add up to the score that is shown; a term that replaces the score drops those before it.

use super::board::{Board, Change, Origin, Tie};
use crate::scores::{Scores, Term};
use compact_str::CompactString;
use model::Score;
use status::{NodeIndex, ResourceIndex};
use transition::Reason;

/// Returns the terms of all scores, by resource and in the order in which they came.
pub(super) fn reasons(board: &Board<'_>, scores: &Scores) -> Vec<Reason> {
    let mut before: Vec<Vec<&Term>> = vec![Vec::new(); board.seats.len()];
    for term in &scores.terms {
        before[term.resource.position()].push(term);
    }
    let mut reasons = Vec::new();
    for (at, terms) in before.iter().enumerate() {
        let resource = ResourceIndex(at as u32);
        if board.resource(resource).orphan && board.resource(resource).active_nodes.is_empty() {
            continue;
        }
        let changes = &board.seat(resource).terms;
        let replaced: Vec<(NodeIndex, usize)> =
            changes.iter().enumerate().filter(|(_, change)| change.replaces).map(|(position, change)| (change.node, position)).collect();
        let cut = |node: NodeIndex| replaced.iter().rev().find(|(known, _)| *known == node).map(|(_, position)| *position);
        for term in terms {
            if cut(term.node).is_none() {
                reasons.push(of_term(board, resource, term));
            }
        }
        for (position, change) in changes.iter().enumerate() {
            if cut(change.node).is_none_or(|first| position >= first) {
                reasons.push(of_change(board, resource, change));
            }
        }
    }
    reasons
}

fn of_term(board: &Board<'_>, resource: ResourceIndex, term: &Term) -> Reason {
    let text = match term.source {
        "location" => format!("location {}", term.id),
        "stickiness" => "it runs there and is sticky".to_owned(),
        "failure" => "it failed there as often as migration-threshold allows".to_owned(),
        "lock" => "it is locked to a node that shut down".to_owned(),
        "discovery" => "it is confined to the nodes of its exclusive locations".to_owned(),
        "quorum" => "without quorum nothing goes to a remote node".to_owned(),
        "node" => "the node's own score, or nothing of its kind runs there".to_owned(),
        _ => term.id.to_string(),
    };
    reason(board, resource, term.node, term.score, term.source, term.id.to_string(), text)
}

fn of_change(board: &Board<'_>, resource: ResourceIndex, change: &Change) -> Reason {
    let score = Score::new(change.delta);
    match change.origin {
        Origin::Colocation(at) => {
            let link = &board.links[at as usize];
            let id = board.constraints.colocations.get(at as usize).map(|colocation| colocation.id.clone());
            let id = id.unwrap_or_else(|| CompactString::const_new("#replica-remote-with-host-remote"));
            let names = |resource| &board.resource(resource).id;
            let text = format!("{} with {}", names(link.dependent), names(link.primary));
            reason(board, resource, change.node, score, "colocation", id.to_string(), text)
        }
        Origin::Tie(tie) => reason(board, resource, change.node, score, "tie", "tie".to_owned(), tie_words(board, tie)),
        Origin::Rule(source, name) => reason(board, resource, change.node, score, source, name.to_owned(), words(source, name).to_owned()),
    }
}

fn tie_words(board: &Board<'_>, tie: Tie) -> String {
    match tie {
        Tie::Present => "runs it already".to_owned(),
        Tie::Capacity => "has more capacity left".to_owned(),
        Tie::Load { here, other, there } => {
            let noun = if here == 1 { "resource" } else { "resources" };
            format!("has been given fewer resources ({here} {noun}, {} {there})", board.facts.node(other).name)
        }
        Tie::Name => "comes first by its name".to_owned(),
    }
}

fn words(source: &'static str, name: &'static str) -> &'static str {
    match (source, name) {
        ("target-role", _) => "its target role is Stopped",
        ("capacity", _) => "the node has not enough capacity left",
        ("clone", "collective_limit_reached") => "enough instances are placed",
        ("clone", _) => "the node cannot take one more instance",
        ("promotion-score", _) => "promotion score",
        ("ticket", _) => "it needs a ticket that is not granted",
        ("bundle", _) => "it belongs into its own container",
        _ => name,
    }
}

fn reason(board: &Board<'_>, resource: ResourceIndex, node: NodeIndex, score: Score, source: &str, id: String, text: String) -> Reason {
    Reason {
        resource: board.resource(resource).id.clone(),
        node: Some(board.facts.node(node).name.clone()),
        score,
        source: source.to_owned(),
        id,
        text,
    }
}
