//! Carries a plan out on paper: which action fires when, and what each leaves behind in the CIB.
//!
//! Compat: the order is that of the incumbent's engine, which goes through the graph from its start again and again;
//! an action fires when its turn comes and all it waits for has succeeded, and completes at once.

use crate::Injections;
use crate::result::OperationResult;
use crate::tree::{self, AgentOf, Histories};
use model::Timestamp;
use status::{Facts, Kind};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use transition::{Action, ActionId, ActionKind, Graph};
use view::Step;
use xml::Element;

/// How a plan ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Everything was done, or a failure stopped it.
    Complete,
    /// Some actions wait for each other, or for nothing there is.
    Terminated,
}

/// What was carried out, and how it ended.
#[derive(Clone, Debug)]
pub struct Execution {
    pub steps: Vec<Step>,
    pub ending: Ending,
}

/// Carries out a plan on a CIB; of what is imagined the operations that fail count.
///
/// Compat: where a node was imagined to come, every node that does something is configured as a member of its name (but for
/// nodes of bundles, which that would break).
pub fn execute(cib: &mut Element, facts: &Facts, graph: &Graph, imagined: &Injections, now: Timestamp) -> Execution {
    let mut names = BTreeSet::new();
    for resource in &facts.resources {
        names.insert(resource.id.as_str());
        names.extend(resource.history_id.as_ref().map(|id| id.as_str()));
    }
    let is_of_bundle = |r: &&status::Resource| r.parent.is_some_and(|parent| matches!(facts.resource(parent).kind, Kind::Bundle(_)));
    let inside_bundles = facts.resources.iter().filter(is_of_bundle).map(|r| r.id.as_str()).collect();
    let mut paper =
        Paper { cib, places: BTreeMap::new(), names, inside_bundles, graph, imagined, now, steps: Vec::new(), recorded: 0, aborted: false };
    let ending = paper.run();
    let Paper { cib, steps, recorded, .. } = paper;
    tree::note_changes(cib, false, recorded);
    Execution { steps, ending }
}

/// Where an action stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Waiting,
    Done,
}

struct Paper<'a> {
    cib: &'a mut Element,
    /// Where the states of nodes stand, by name, and the histories in each.
    places: BTreeMap<String, (usize, Histories)>,
    /// The ids by which resources are known at the moment, in configuration or history.
    names: BTreeSet<&'a str>,
    /// What bundles are made of, their nodes' connections included.
    inside_bundles: BTreeSet<&'a str>,
    graph: &'a Graph,
    imagined: &'a Injections,
    now: Timestamp,
    steps: Vec<Step>,
    /// How many results were put into histories.
    recorded: u64,
    /// An action failed: from now on only those of highest priority are carried out.
    aborted: bool,
}

impl Paper<'_> {
    fn run(&mut self) -> Ending {
        let actions = &self.graph.actions;
        let position: BTreeMap<ActionId, usize> = actions.iter().enumerate().map(|(at, action)| (action.id, at)).collect();
        let mut followers: Vec<Vec<usize>> = vec![Vec::new(); actions.len()];
        let mut missing: Vec<usize> = vec![0; actions.len()];
        for (at, action) in actions.iter().enumerate() {
            missing[at] = action.after.len();
            for first in action.after.iter().filter_map(|id| position.get(id)) {
                followers[*first].push(at);
            }
        }
        let mut standing = vec![Standing::Waiting; actions.len()];
        let mut waiting: Vec<usize> = (0..actions.len()).collect();
        loop {
            let mut fired = false;
            for &at in &waiting {
                let action = &actions[at];
                let is_held_back = self.aborted && action.kind != ActionKind::Pseudo && action.priority < 1_000_000;
                if missing[at] > 0 || is_held_back {
                    continue;
                }
                fired = true;
                standing[at] = Standing::Done;
                let succeeded = self.fire(action);
                for &follower in &followers[at] {
                    if succeeded || actions[follower].priority == 1_000_000 {
                        missing[follower] -= 1;
                    }
                }
            }
            waiting.retain(|&at| standing[at] == Standing::Waiting);
            if !fired {
                let stuck = !waiting.is_empty() && !self.aborted;
                return if stuck { Ending::Terminated } else { Ending::Complete };
            }
        }
    }

    /// Does one action; returns whether it succeeded.
    fn fire(&mut self, action: &Action) -> bool {
        let node = action.node.as_ref().map(|n| n.name.to_string());
        match action.kind {
            ActionKind::Pseudo => {
                self.steps.push(Step::Pseudo { key: action.operation_key.clone(), node });
                true
            }
            ActionKind::Cluster if action.operation == "stonith" => {
                self.fence(action, &node.unwrap_or_default());
                true
            }
            ActionKind::Cluster => {
                let resource = action.resource.as_ref().map(|r| r.id.to_string());
                self.steps.push(Step::Cluster { operation: action.operation.clone(), resource, node: node.unwrap_or_default() });
                true
            }
            ActionKind::Resource => self.call_agent(action, &node.unwrap_or_default()),
        }
    }

    fn fence(&mut self, action: &Action, target: &str) {
        let how = action.meta("stonith_action").unwrap_or_default();
        self.steps.push(Step::Fencing { target: target.to_owned(), action: how.to_owned() });
        if !how.eq_ignore_ascii_case("on") {
            self.places.remove(target);
            self.configure(target);
            let state = tree::node_state(self.cib, target, None);
            tree::set_membership(state, false, "simulate_fencing_action");
            tree::forget(state);
        }
    }

    fn configure(&mut self, node: &str) {
        if !self.imagined.nodes_up.is_empty() && !self.inside_bundles.contains(node) {
            tree::configured_node(self.cib, node);
        }
    }

    fn call_agent(&mut self, action: &Action, node: &str) -> bool {
        if action.operation == "probe_complete" {
            return true;
        }
        let Some(resource) = &action.resource else { return false };
        let configured = resource.id.as_str();
        // An instance is known by the name in its history, where it has one, else by its number.
        let shown = match resource.long_id.as_ref().map(|id| id.as_str()) {
            Some(long) if !self.names.contains(configured) && self.names.contains(long) => long,
            _ => configured,
        };
        let interval_ms: u64 = action.meta("interval").and_then(|text| text.parse().ok()).unwrap_or(0);
        let step = |interval_ms| Step::Resource {
            resource: shown.to_owned(),
            operation: action.operation.clone(),
            interval_ms,
            node: node.to_owned(),
        };
        if matches!(action.operation.as_str(), "delete" | "meta-data") {
            self.steps.push(step(0));
            return true;
        }
        let target_rc: i32 = action.meta("op_target_rc").and_then(|text| text.parse().ok()).unwrap_or(0);
        let id = match (&action.router_node, &action.node) {
            (None, Some(at)) => at.id.clone(),
            _ => node.to_owned(),
        };
        let agent = AgentOf { class: Some(&resource.class), provider: resource.provider.as_deref(), name: Some(&resource.kind) };
        if !self.places.contains_key(node) {
            self.configure(node);
            let at = tree::state_position(self.cib, node, Some(&id));
            let histories = tree::histories(tree::state_at(self.cib, at));
            self.places.insert(node.to_owned(), (at, histories));
        }
        let Some((at, histories)) = self.places.get_mut(node) else { return false };
        let state = tree::state_at(self.cib, *at);
        if let Err(text) = tree::history(state, histories, [shown, configured], agent) {
            self.steps.push(Step::Fault(text));
            self.aborted = true;
            return false;
        }
        self.steps.push(step(interval_ms));
        // A name that XML cannot have as an attribute is a parameter all the same, and counts in the digest.
        let mut parameters = Cow::Borrowed(&action.attributes);
        if !action.numbered_parameters.is_empty() {
            parameters.to_mut().extend(action.numbered_parameters.clone());
        }
        let mut result = OperationResult {
            resource: configured,
            operation: &action.operation,
            interval_ms,
            rc: target_rc,
            target_rc,
            node,
            exit_reason: "User-injected result",
            at: self.now,
            parameters: Some(&parameters),
        };
        let names = if shown == configured { vec![shown] } else { vec![shown, configured] };
        let pretended = self.pretended_failure(&names, &result);
        if let Some((name, rc)) = pretended {
            result.rc = rc;
            self.steps.push(Step::PretendedFailure { action: action.id.0, rc });
            let is_final = self.is_final(&action.operation);
            let state = tree::node_state(self.cib, node, Some(&id));
            self.steps.extend(result.count_failure(state, name, is_final));
            self.aborted = true;
        }
        if let Some((at, histories)) = self.places.get_mut(node) {
            let history = tree::history(tree::state_at(self.cib, *at), histories, [shown, configured], agent);
            history.into_iter().for_each(|history| result.record(history));
            self.recorded += 1;
        }
        pretended.is_none()
    }

    /// Returns the name under which an operation was said to fail, and with which exit code.
    fn pretended_failure<'n>(&mut self, names: &[&'n str], result: &OperationResult<'_>) -> Option<(&'n str, i32)> {
        for specification in &self.imagined.failures {
            for name in names {
                let key = format!("{name}_{}_{}@{}=", result.operation, result.interval_ms, result.node);
                let is_meant = specification.get(..key.len()).is_some_and(|start| start.eq_ignore_ascii_case(&key));
                if !is_meant {
                    continue;
                }
                match specification[key.len()..].trim().parse() {
                    Ok(rc) => return Some((name, rc)),
                    Err(_) => {
                        let text = format!("Invalid failed operation '{specification}' (result code must be integer)");
                        self.steps.push(Step::Fault(text));
                        break;
                    }
                }
            }
        }
        None
    }

    /// Returns whether one failure of the operation closes the node to the resource.
    fn is_final(&self, operation: &str) -> bool {
        let option = match operation {
            "start" => "failed-start-offset",
            "stop" => "failed-stop-offset",
            _ => return false,
        };
        self.graph.option(option).unwrap_or("INFINITY").eq_ignore_ascii_case("INFINITY")
    }
}
