//! The judges of plans, one a property: each says what does not hold, or that it does not apply.

use crate::variants::dice::Dice;
use model::Timestamp;
use rehearsal::Ending;
use status::{Facts, NodeKind};
use std::collections::{BTreeMap, BTreeSet};
use transition::{Action, ActionId, ActionKind, Graph};
use xml::{Element, Node};

/// What came of one input.
#[derive(Default)]
pub struct Judged {
    /// The property that does not hold, and what is wrong.
    pub failed: Vec<(&'static str, String)>,
}

/// An input, its plan, and what it leaves when everything succeeds.
pub struct Trial {
    pub cib: Element,
    pub facts: Facts,
    pub graph: Graph,
    pub ending: Ending,
    pub after: Facts,
}

/// Returns what is wrong, if anything.
pub type Judge = fn(&Trial) -> Option<String>;

/// The properties that hold wherever their preconditions do.
pub const JUDGES: &[(&str, Judge)] =
    &[("acyclic", acyclic), ("fence-first", fence_first), ("never-twice", never_twice), ("settles", settles), ("any-order", any_order)];

fn now(cib: &Element) -> Timestamp {
    Timestamp::from_seconds(cib.attribute("execution-date").and_then(|text| text.parse().ok()).unwrap_or(1_782_864_000))
}

impl Trial {
    pub fn of(cib: &Element) -> Self {
        let now = now(cib);
        let facts = Facts::deduce(cib, now);
        let graph = scheduler::schedule(&facts).graph;
        let mut after = cib.clone();
        let ending = rehearsal::execute(&mut after, &facts, &graph, &rehearsal::Injections::default(), now).ending;
        let after = Facts::deduce(&after, now);
        Self { cib: cib.clone(), facts, graph, ending, after }
    }
}

/// Judges an input by every property.
pub fn judge(cib: &Element) -> Judged {
    let trial = Trial::of(cib);
    Judged { failed: JUDGES.iter().filter_map(|(name, judge)| Some((*name, judge(&trial)?))).collect() }
}

/// Judges an input by what must hold even of a configuration that is at odds with itself.
pub fn judge_always(cib: &Element) -> Judged {
    let trial = Trial::of(cib);
    let always: [(&'static str, Judge); 2] = [("acyclic", acyclic), ("fence-first", fence_first)];
    Judged { failed: always.into_iter().filter_map(|(name, judge)| Some((name, judge(&trial)?))).collect() }
}

/// What a made-up cluster must not have for a property to be judged, beyond the property's own preconditions.
///
/// Where capacity counts, what fits where depends on what was placed before, which is another order once things run; a
/// failure that was recovered from is still recorded on paper, and so is what was under way.
pub const RICHLY: &[(&str, &[&str])] = &[("settles", &["utilization", "failure", "pending"])];

/// Judges a made-up cluster with these things in it.
pub fn judge_richly(cib: &Element, added: &[&str]) -> Judged {
    let trial = Trial::of(cib);
    let applies = |property: &str| {
        let without = RICHLY.iter().filter(|(name, _)| *name == property).flat_map(|(_, without)| without.iter());
        !without.into_iter().any(|thing| added.contains(thing))
    };
    let judges = JUDGES.iter().filter(|(name, _)| applies(name));
    Judged { failed: judges.filter_map(|(name, judge)| Some((*name, judge(&trial)?))).collect() }
}

/// No action waits for itself. No preconditions.
fn acyclic(trial: &Trial) -> Option<String> {
    let actions = &trial.graph.actions;
    let position: BTreeMap<ActionId, usize> = actions.iter().enumerate().map(|(at, action)| (action.id, at)).collect();
    let mut missing: Vec<usize> = actions.iter().map(|action| action.after.iter().filter(|id| position.contains_key(id)).count()).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); actions.len()];
    for (at, action) in actions.iter().enumerate() {
        action.after.iter().filter_map(|id| position.get(id)).for_each(|first| followers[*first].push(at));
    }
    let mut ready: Vec<usize> = (0..actions.len()).filter(|at| missing[*at] == 0).collect();
    while let Some(at) = ready.pop() {
        for &follower in &followers[at] {
            missing[follower] -= 1;
            if missing[follower] == 0 {
                ready.push(follower);
            }
        }
    }
    let stuck: Vec<&str> =
        actions.iter().zip(&missing).filter(|(_, missing)| **missing > 0).map(|(a, _)| a.operation_key.as_str()).take(6).collect();
    (!stuck.is_empty()).then(|| format!("in a circle: {}", stuck.join(", ")))
}

/// Returns every action that must have succeeded before one starts.
fn all_before(graph: &Graph, start: &Action) -> BTreeSet<ActionId> {
    let by_id: BTreeMap<ActionId, &Action> = graph.actions.iter().map(|action| (action.id, action)).collect();
    let (mut found, mut open) = (BTreeSet::new(), start.after.clone());
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(by_id.get(&id).into_iter().flat_map(|action| &action.after));
        }
    }
    found
}

fn fences(action: &Action, node: &str) -> bool {
    action.operation == "stonith" && action.meta("stonith_action") != Some("on") && action.node.as_ref().is_some_and(|n| n.name == *node)
}

/// What may still run on an unclean node starts elsewhere only after that node is fenced.
///
/// Preconditions: the resource requires fencing, is managed, and the plan fences the node at all (without fencing it
/// does not start elsewhere, which `never-twice` sees). Guests are fenced by stopping what launched them.
fn fence_first(trial: &Trial) -> Option<String> {
    let (facts, graph) = (&trial.facts, &trial.graph);
    for resource in facts.resources.iter().filter(|r| r.is_primitive() && r.requires >= status::Requires::Fencing && r.managed) {
        let key = format!("{}_start_0", resource.id);
        let is_start =
            |a: &&Action| a.internal_operation_key.as_ref().unwrap_or(&a.operation_key) == &key && a.kind == ActionKind::Resource;
        for start in graph.actions.iter().filter(is_start) {
            let before = all_before(graph, start);
            for node in resource.active_nodes.iter().map(|node| facts.node(*node)).filter(|node| node.unclean) {
                let fencing: Vec<ActionId> = graph.actions.iter().filter(|a| fences(a, node.name.as_str())).map(|a| a.id).collect();
                if !fencing.is_empty() && !fencing.iter().any(|id| before.contains(id)) {
                    return Some(format!("{key} does not wait for the fencing of {}", node.name));
                }
            }
        }
    }
    None
}

/// A resource that may run once is not started where it does not run while it may run elsewhere.
///
/// Preconditions: the plan can be carried out, the resource is managed and not blocked, `multiple-active` is no
/// `block`, and it was not active on several nodes before.
fn never_twice(trial: &Trial) -> Option<String> {
    if trial.ending == Ending::Terminated {
        return None;
    }
    let (before, after) = (&trial.facts, &trial.after);
    for (index, resource) in after.resources.iter().enumerate().filter(|(_, r)| r.is_primitive() && r.managed && !r.blocked && !r.orphan) {
        let was = before.find_resource(resource.id.as_str()).map_or(0, |at| before.resource(at).active_nodes.len());
        if resource.active_nodes.len() > 1 && was <= 1 {
            let names: Vec<&str> = resource.active_nodes.iter().map(|node| after.node(*node).name.as_str()).collect();
            return Some(format!("{} ({index}) runs on {}", resource.id, names.join(" and ")));
        }
    }
    None
}

/// When a plan was carried out and all went well, nothing is left to do that changes what runs where.
///
/// Preconditions: the plan can be carried out; it asks no node to leave (on paper the node stays); there are no guests
/// and remote nodes (that a connection is up is seen by the next plan only). Deleting histories, clearing fail counts,
/// cancelling monitors and probes do not count: on paper they leave no trace.
fn settles(trial: &Trial) -> Option<String> {
    const CHANGES: [&str; 9] = ["start", "stop", "promote", "demote", "migrate_to", "migrate_from", "reload", "reload-agent", "stonith"];
    let asks_to_leave = trial.graph.actions.iter().any(|a| a.operation == "do_shutdown");
    let has_others = trial.facts.nodes.iter().any(|node| node.kind != NodeKind::Member);
    if trial.ending == Ending::Terminated || asks_to_leave || has_others {
        return None;
    }
    let again = scheduler::schedule(&trial.after).graph;
    let left: Vec<String> = again
        .actions
        .iter()
        .filter(|a| a.kind != ActionKind::Pseudo && CHANGES.contains(&a.operation.as_str()))
        .map(|a| format!("{} on {}", a.operation_key, a.node.as_ref().map_or("-", |n| n.name.as_str())))
        .take(6)
        .collect();
    (!left.is_empty()).then(|| left.join(", "))
}

/// The order of histories and of pairs with different names changes no plan.
///
/// Preconditions: ids and names are unique in each list (else the first or last one counts). Which of several instances that
/// cannot be told apart gets which number is a tie, and so is left out; the order of nodes decides ties and stays.
fn any_order(trial: &Trial) -> Option<String> {
    let mut shuffled = trial.cib.clone();
    if !shuffle(&mut shuffled, &mut Dice::new(7, 7)) {
        return None;
    }
    let facts = Facts::deduce(&shuffled, trial.facts.now);
    let plan = scheduler::schedule(&facts).graph;
    let (one, other) = (essence(&trial.graph), essence(&plan));
    if one == other {
        return None;
    }
    let gone = one.iter().filter(|action| !other.contains(action)).map(|action| format!("-{action}"));
    let new = other.iter().filter(|action| !one.contains(action)).map(|action| format!("+{action}"));
    Some(gone.chain(new).take(6).collect::<Vec<_>>().join(", "))
}

/// Returns what a plan does, without the numbers of actions and instances.
fn essence(graph: &Graph) -> Vec<String> {
    let unnumbered = |key: &str| match key.split_once(':') {
        Some((name, rest)) => format!("{name}{}", rest.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => key.to_owned(),
    };
    let name = |a: &Action| format!("{} on {}", unnumbered(&a.operation_key), a.node.as_ref().map_or("-", |n| n.name.as_str()));
    let mut actions: Vec<String> = graph.actions.iter().map(name).collect();
    actions.sort();
    actions
}

/// Shuffles lists whose order says nothing; returns whether there was any, and ids are unique.
fn shuffle(cib: &mut Element, dice: &mut Dice) -> bool {
    let mut shuffled = false;
    let lists = ["lrm_resources", "cluster_property_set", "meta_attributes"];
    fn walk(element: &mut Element, dice: &mut Dice, lists: &[&str], shuffled: &mut bool) {
        if lists.contains(&element.name.as_str()) {
            let names: Vec<&str> = element.elements().filter_map(|e| e.attribute("name").or(e.id())).collect();
            let unique: BTreeSet<&str> = names.iter().copied().collect();
            if unique.len() == names.len() && names.len() > 1 {
                permute(&mut element.children, dice);
                *shuffled = true;
            }
        }
        element.elements_mut().for_each(|child| walk(child, dice, lists, shuffled));
    }
    walk(cib, dice, &lists, &mut shuffled);
    shuffled
}

fn permute(children: &mut [Node], dice: &mut Dice) {
    for at in (1..children.len()).rev() {
        children.swap(at, dice.below(at + 1));
    }
}

/// Returns whether a judge objects to a plan that was spoilt for it.
pub fn catches(name: &str, judge: Judge) -> bool {
    (0..200).any(|seed| {
        let mut trial = Trial::of(&crate::variants::cluster::made_up(&mut Dice::new(seed, 0)));
        if judge(&trial).is_some() {
            return false;
        }
        match name {
            "acyclic" => {
                let Some(first) = trial.graph.actions.first_mut() else { return false };
                first.after.push(first.id);
            }
            "fence-first" => trial.graph.actions.iter_mut().for_each(|action| action.after.clear()),
            "never-twice" => {
                let Some(at) = trial.after.resources.iter().position(|r| r.is_primitive() && r.active_nodes.len() == 1) else {
                    return false;
                };
                let other = trial.after.node_order.iter().copied().find(|node| !trial.after.resources[at].active_nodes.contains(node));
                trial.after.resources[at].active_nodes.extend(other);
            }
            "settles" => trial.after = trial.facts.clone(),
            _ => {
                trial.graph.actions.pop();
            }
        }
        judge(&trial).is_some()
    })
}
