//! Who is to blame that a resource is left down: what, taken away alone, would let it run.
//!
//! Found by asking the scheduler again with one thing changed at a time.

use super::change::without;
use crate::decision::{Decision, state_that_closes};
use crate::explain::fix::{Fix, without_failures};
use crate::outlook::Outlook;
use cib::edit::{PairPlace, Wanted, set_pair};
use serde::Serialize;
use status::{Facts, ResourceIndex};
use std::collections::{BTreeMap, BTreeSet};
use xml::Element;

/// The most changes that are tried for one answer; each is one or two more decisions of the scheduler.
const TRIALS_MAX: usize = 24;

/// A resource that is left down, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Down {
    pub resource: String,
    /// Where it ran.
    pub was: Vec<String>,
    /// What closes each node to it, node by node, or holds it back.
    pub why: Vec<String>,
    /// What alone would bring it back.
    pub blame: Vec<Blame>,
}

/// One thing without which a resource would run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Blame {
    /// `constraint`, `quorum`, `failures`, `standby`, `capacity`, `option`.
    pub kind: &'static str,
    /// The id of the constraint, or the name of the node or option.
    pub id: String,
    /// The condition in words: `constraint ban-1 were gone`.
    pub words: String,
    /// Where it would run then.
    pub would_run_on: Vec<String>,
}

struct Trial {
    kind: &'static str,
    id: String,
    words: String,
    cib: Element,
}

/// Finds who is to blame for resources that are down in the end; `was` says where each ran.
pub fn blame(outlook: &Outlook, was: &BTreeMap<String, Vec<String>>) -> Vec<Down> {
    if was.is_empty() {
        return Vec::new();
    }
    let decision = Decision::of(&outlook.cib, outlook.facts.now);
    let mut downs: Vec<Down> = was
        .iter()
        .map(|(resource, was)| Down {
            resource: resource.clone(),
            was: was.clone(),
            why: why(&decision, outlook, resource),
            blame: Vec::new(),
        })
        .collect();
    for trial in trials(&outlook.cib, &decision, was.keys()) {
        let places = Outlook::after_rounds(&trial.cib, &outlook.facts, 2).places();
        for down in &mut downs {
            let Some(place) = places.get(&down.resource).filter(|place| !place.nodes.is_empty()) else { continue };
            down.blame.push(Blame {
                kind: trial.kind,
                id: trial.id.clone(),
                words: trial.words.clone(),
                would_run_on: place.nodes.keys().cloned().collect(),
            });
        }
    }
    downs
}

/// Returns what keeps a resource down, in the words of the scheduler.
fn why(decision: &Decision, outlook: &Outlook, resource: &str) -> Vec<String> {
    let facts = &decision.facts;
    let mut lines: Vec<String> = Vec::new();
    let held_back = outlook
        .plans
        .iter()
        .flat_map(|plan| &plan.changes)
        .filter(|change| change.reason.contains("blocked") && change.subject.split(':').next() == Some(resource));
    lines.extend(held_back.map(|change| format!("{} is held back: {}", change.verb.to_lowercase(), change.reason)));
    lines.dedup();
    let Some(index) = facts.walk().into_iter().find(|at| facts.resource(*at).is_primitive() && facts.printable_id(*at) == resource) else {
        lines.push("it is not configured any more".to_owned());
        return lines;
    };
    if !decision.placement.managed[index.position()] {
        lines.push("it is not managed".to_owned());
    }
    if let Some(reason) = decision.placement.role_reason[index.position()].filter(|reason| *reason != "node availability") {
        lines.push(format!("it is to be stopped: {reason}"));
    }
    if let Some(node) = decision.placement.node[index.position()].filter(|_| lines.is_empty()) {
        lines.push(format!("it belongs on {}, but what must be done first cannot be done", decision.name(node)));
    }
    for node in facts.node_order.iter().filter(|node| decision.placement.node[index.position()] != Some(**node)) {
        let words = decision.words_about(index, *node);
        lines.push(format!("{}: {words}", decision.name(*node)));
    }
    lines
}

fn trials<'d>(cib: &Element, decision: &Decision, down: impl Iterator<Item = &'d String>) -> Vec<Trial> {
    let facts = &decision.facts;
    let related = related(facts, down);
    let names: BTreeSet<&str> = related.iter().map(|index| facts.resource(*index).id.as_str()).collect();
    let mut trials = Vec::new();
    let mut add = |kind, id: &str, words: String, cib: Element| trials.push(Trial { kind, id: id.to_owned(), words, cib });
    if !facts.have_quorum {
        let mut changed = cib.clone();
        changed.set("have-quorum", "1");
        add("quorum", "quorum", "there were quorum".to_owned(), changed);
    }
    let mut tried = BTreeSet::new();
    let reasons = decision.placement.reasons.iter().filter(|r| names.contains(r.resource.as_str()));
    for reason in reasons.filter(|r| r.score.is_forbidden()) {
        match reason.source.as_str() {
            "location" | "colocation" | "ticket" => {
                if tried.insert(reason.id.as_str())
                    && let Some(changed) = without(cib, &reason.id)
                {
                    add("constraint", &reason.id, format!("constraint {} were gone", reason.id), changed);
                }
            }
            "capacity" => {
                if tried.insert("placement-strategy")
                    && let Some(changed) = with_option(cib, "placement-strategy", "default")
                {
                    add("capacity", "placement-strategy", "capacities did not count (placement-strategy=default)".to_owned(), changed);
                }
            }
            _ => {}
        }
    }
    let linking = linking(cib, facts, &related);
    for id in linking.iter().filter(|id| tried.insert(id.as_str())) {
        if let Some(changed) = without(cib, id) {
            add("constraint", id, format!("constraint {id} were gone"), changed);
        }
    }
    let bases: BTreeSet<String> = names.iter().map(|name| name.split(':').next().unwrap_or(name).to_owned()).collect();
    if let Some(changed) = without_failures(cib, facts, &bases) {
        add("failures", "failures", "the failures were forgotten (systole cleanup)".to_owned(), changed);
    }
    for (_, node) in facts.nodes_in_order().filter(|(_, node)| node.online && state_that_closes(node) == Some("is in standby")) {
        let fix = Fix::Unstandby { node: node.name.to_string() };
        if let Some(changed) = fix.apply(cib, facts) {
            add("standby", node.name.as_str(), fix.condition(), changed);
        }
    }
    for (is_set, name, value) in [
        (!facts.options.symmetric_cluster, "symmetric-cluster", "true"),
        (facts.options.stop_all_resources, "stop-all-resources", "false"),
        (facts.options.maintenance_mode, "maintenance-mode", "false"),
    ] {
        if let (true, Some(changed)) = (is_set, with_option(cib, name, value)) {
            add("option", name, format!("{name} were {value}"), changed);
        }
    }
    trials.truncate(TRIALS_MAX);
    trials
}

fn with_option(cib: &Element, name: &str, value: &str) -> Option<Element> {
    set_pair(cib, PairPlace::Option, Wanted { name: Some(name), ..Wanted::default() }, value).ok()
}

/// Returns the primitives that have a say: those that are down, what they share a group with, and what they are
/// colocated with or ordered after, and so on.
fn related<'d>(facts: &Facts, down: impl Iterator<Item = &'d String>) -> BTreeSet<ResourceIndex> {
    let down: BTreeSet<&str> = down.map(String::as_str).collect();
    let is_down = |index: &ResourceIndex| down.contains(facts.printable_id(*index));
    let mut tops: BTreeSet<ResourceIndex> = facts.walk().into_iter().filter(is_down).map(|index| facts.top_of(index, true)).collect();
    let links = links(facts);
    loop {
        let before = tops.len();
        for (then, first) in &links {
            if tops.contains(then) {
                tops.insert(*first);
            }
        }
        if tops.len() == before {
            break;
        }
    }
    facts.walk().into_iter().filter(|index| facts.resource(*index).is_primitive() && tops.contains(&facts.top_of(*index, true))).collect()
}

/// Returns pairs of top-level resources of which the first depends on the second.
fn links(facts: &Facts) -> Vec<(ResourceIndex, ResourceIndex)> {
    let mut links = Vec::new();
    let top = |id: &str| facts.resolve(id).into_iter().map(|index| facts.top_of(index, true)).collect::<Vec<_>>();
    for constraint in constraints(facts.cib()) {
        let (thens, firsts) = match constraint.name.as_str() {
            "rsc_colocation" | "rsc_order" => sides(constraint),
            _ => continue,
        };
        for then in thens.iter().flat_map(|id| top(id)) {
            links.extend(firsts.iter().flat_map(|id| top(id)).filter(|first| *first != then).map(|first| (then, first)));
        }
    }
    links
}

/// Returns the constraints of a configuration.
pub(crate) fn constraints(cib: &Element) -> impl Iterator<Item = &Element> {
    cib.descend(&["configuration", "constraints"]).into_iter().flat_map(Element::elements)
}

/// Returns the element that configures a resource.
pub(crate) fn resource_element<'c>(cib: &'c Element, id: &str) -> Option<&'c Element> {
    cib.descend(&["configuration", "resources"])?.descendants().find(|element| element.id() == Some(id))
}

/// Returns the ids that depend and the ids that are depended on; of sets, all of both.
pub(crate) fn sides(constraint: &Element) -> (Vec<&str>, Vec<&str>) {
    let (then, first) = if constraint.name == "rsc_order" { ("then", "first") } else { ("rsc", "with-rsc") };
    let in_sets: Vec<&str> = constraint.descendants().filter(|e| e.name == "resource_ref").filter_map(Element::id).collect();
    if in_sets.is_empty() {
        return (constraint.attribute(then).into_iter().collect(), constraint.attribute(first).into_iter().collect());
    }
    (in_sets.clone(), in_sets)
}

/// Returns the orders and colocations that make one of these resources depend on others.
fn linking(cib: &Element, facts: &Facts, related: &BTreeSet<ResourceIndex>) -> Vec<String> {
    let tops: BTreeSet<ResourceIndex> = related.iter().map(|index| facts.top_of(*index, true)).collect();
    let depends = |e: &&Element| {
        let is_link = matches!(e.name.as_str(), "rsc_order" | "rsc_colocation");
        is_link && sides(e).0.iter().flat_map(|id| facts.resolve(id)).any(|index| tops.contains(&facts.top_of(index, true)))
    };
    constraints(cib).filter(depends).filter_map(Element::id).map(str::to_owned).collect()
}
