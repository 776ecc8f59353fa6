//! What a cluster would come to: plans made and carried out on paper until nothing is left to do.
//!
//! From a CIB alone; the answer is the scheduler's own. `what-if` and `resilience` compare two of these.

use model::{Role, Timestamp};
use rehearsal::Ending;
use serde::Serialize;
use status::Facts;
use std::collections::{BTreeMap, BTreeSet};
use transition::{Action, ActionKind, Plan};
use xml::Element;

/// How often a cluster may plan again on paper before that is called endless.
const ROUNDS_MAX: usize = 8;

/// Where a resource is; instances that cannot be told apart count as one resource.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Place {
    /// The nodes that run it, with its role there.
    pub nodes: BTreeMap<String, Role>,
    /// Nodes that may run it and do not answer.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub uncertain: BTreeSet<String>,
    /// Its configuration says that it is to be stopped.
    pub disabled: bool,
}

impl Place {
    /// Returns on how many nodes it is promoted.
    pub fn promoted(&self) -> usize {
        self.nodes.values().filter(|role| **role == Role::Promoted).count()
    }
}

/// Places by the names of resources as people know them.
pub type Places = BTreeMap<String, Place>;

/// What a cluster would come to.
#[derive(Debug)]
pub struct Outlook {
    /// What was done, plan by plan.
    pub plans: Vec<Plan>,
    /// What is known in the end.
    pub facts: Facts,
    /// The CIB in the end.
    pub cib: Element,
    /// A plan could not be carried out to its end, or planning never came to an end.
    pub is_stuck: bool,
}

impl Outlook {
    /// Plans and carries out, until nothing is to be done.
    pub fn settled(cib: &Element, now: Timestamp) -> Self {
        Self::from(cib, Facts::deduce(cib, now), ROUNDS_MAX)
    }

    /// The same for a CIB of which most is known: what these facts were deduced from is not read again.
    pub fn settled_beside(cib: &Element, known: &Facts) -> Self {
        Self::from(cib, known.deduce_beside(cib, known.now), ROUNDS_MAX)
    }

    /// Plans and carries out so many times at most.
    pub fn after_rounds(cib: &Element, known: &Facts, rounds: usize) -> Self {
        Self::from(cib, known.deduce_beside(cib, known.now), rounds)
    }

    /// Carries out a plan that was made of these facts, once.
    pub(crate) fn after_first(cib: Element, facts: Facts, plan: Plan) -> Self {
        Self { plans: Vec::new(), facts, cib, is_stuck: false }.carry_out(Some(plan), 1)
    }

    fn from(cib: &Element, facts: Facts, rounds: usize) -> Self {
        Self { plans: Vec::new(), facts, cib: cib.clone(), is_stuck: false }.carry_out(None, rounds)
    }

    fn carry_out(self, first: Option<Plan>, rounds: usize) -> Self {
        let (mut outlook, mut first) = (self, first);
        let now = outlook.facts.now;
        for _ in 0..rounds {
            let plan = first.take().unwrap_or_else(|| scheduler::schedule(&outlook.facts));
            if plan.graph.actions.is_empty() {
                outlook.plans.push(plan);
                return outlook;
            }
            let execution = rehearsal::execute(&mut outlook.cib, &outlook.facts, &plan.graph, &rehearsal::Injections::default(), now);
            let changes_something = plan.graph.actions.iter().any(changes_something);
            outlook.plans.push(plan);
            if execution.ending == Ending::Terminated {
                outlook.is_stuck = true;
                break;
            }
            outlook.facts = outlook.facts.deduce_again(&outlook.cib, now);
            if !changes_something {
                return outlook;
            }
        }
        outlook.is_stuck |= rounds == ROUNDS_MAX;
        outlook
    }

    /// Returns where everything is in the end.
    pub fn places(&self) -> Places {
        places(&self.facts)
    }

    /// Returns the nodes that are fenced, with the reasons.
    pub fn fenced(&self) -> BTreeMap<String, String> {
        let actions = self.plans.iter().flat_map(|plan| &plan.graph.actions);
        let fencing = actions.filter(|a| a.operation == "stonith" && a.meta("stonith_action") != Some("on"));
        let reason = |node: &str| {
            let lines = self.plans.iter().flat_map(|plan| &plan.changes);
            lines.into_iter().find(|line| {
                line.verb == "Fence" && line.place.split_whitespace().any(|w| w.trim_matches('\'') == node) || line.subject == node
            })
        };
        fencing
            .filter_map(|action| {
                let node = action.node.as_ref()?.name.to_string();
                let why = if action.reason.is_empty() {
                    reason(&node).map(|line| line.reason.clone()).unwrap_or_default()
                } else {
                    action.reason.clone()
                };
                Some((node, why))
            })
            .collect()
    }
}

/// Returns whether an action changes what runs where. Others may be asked for again and again on paper, where a
/// node that was told to leave stays.
fn changes_something(action: &Action) -> bool {
    const CHANGES: [&str; 9] = ["start", "stop", "promote", "demote", "migrate_to", "migrate_from", "reload", "reload-agent", "stonith"];
    action.kind != ActionKind::Pseudo && CHANGES.contains(&action.operation.as_str())
}

/// Returns where everything is.
pub fn places(facts: &Facts) -> Places {
    let mut places = Places::new();
    for index in facts.walk() {
        let resource = facts.resource(index);
        if !resource.is_primitive() || (resource.orphan && resource.active_nodes.is_empty()) {
            continue;
        }
        let place = places.entry(facts.printable_id(index).to_owned()).or_default();
        place.disabled |=
            facts.is_disabled(index) && resource.target_role == Some(Role::Stopped) || facts.is_disabled(facts.top_of(index, true));
        for node in &resource.active_nodes {
            let node = facts.node(*node);
            let name = node.name.to_string();
            if node.unclean || !node.online {
                place.uncertain.insert(name);
            } else {
                let role = place.nodes.entry(name).or_default();
                *role = (*role).max(resource.role);
            }
        }
    }
    places
}

/// Returns the moment a document is about: when a saved input was made, else the present.
pub fn moment(cib: &Element) -> Timestamp {
    let recorded = cib.attribute("execution-date").and_then(|text| text.trim().parse().ok());
    recorded.map_or_else(crate::now, Timestamp::from_seconds)
}
