//! The plan under way: which actions are ready, under way, ended; and how a new plan takes over from the one before.
//!
//! A new plan never waits for the old one. What is under way and wanted again is adopted with its key; what is under way and not
//! wanted goes on as *foreign*, and everything of the new plan that touches its resource, or what waited for it, is held until
//! its end leads to another plan. Invariant: nothing is ordered twice, and a resource has one state-changing action under way on a host.

use crate::index::{Index, Lane, Pass};
use crate::step::{Identity, State, Step};
use model::{NodeName, ResourceId, TransitionKey};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use transition::{ActionId, ActionKind, Graph, Plan};

/// Resource actions, and migrations of them, by node.
pub(crate) type Jobs = BTreeMap<String, (usize, usize)>;

/// Counts a step that is under way for its nodes.
pub(crate) fn count_job(jobs: &mut Jobs, step: &Step) {
    for node in step.job_nodes() {
        let (all, migrations) = jobs.entry(node.to_owned()).or_default();
        *all += 1;
        *migrations += usize::from(step.is_migration());
    }
}

/// The actions of the present plan, and what is left of earlier ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    pub graph: Graph,
    pub steps: Vec<Step>,
    /// The plan has not been reported as ended.
    pub running: bool,
    index: Index,
}

impl Progress {
    /// Lets a new plan take over.
    pub fn take_over(&mut self, plan: Plan, uuid: &str) {
        let old = std::mem::take(&mut self.steps);
        let mut graph = plan.graph;
        let actions = std::mem::take(&mut graph.actions);
        let places: BTreeMap<ActionId, usize> = actions.iter().enumerate().map(|(place, action)| (action.id, place)).collect();
        let mut steps: Vec<Step> = actions
            .into_iter()
            .map(|action| {
                let after = action.after.iter().filter_map(|id| places.get(id).copied()).collect();
                Step { after, ..Step::waiting(action, graph.transition, uuid) }
            })
            .collect();
        let mut wanted: BTreeMap<Identity, usize> = BTreeMap::new();
        for (place, step) in steps.iter().enumerate() {
            wanted.entry(step.identity()).or_insert(place);
        }
        let mut moved: BTreeMap<usize, usize> = BTreeMap::new();
        let mut foreign = Vec::new();
        for (place, step) in old.iter().enumerate().filter(|(_, step)| step.is_under_way()) {
            let same = wanted.get(&step.identity()).filter(|place| !steps[**place].is_under_way() && !comes_after_change(&steps, **place));
            match same {
                Some(new) => {
                    let step = step.clone();
                    steps[*new] = Step { key: step.key, state: step.state, noted: step.noted, asks: step.asks, ..steps[*new].clone() };
                    moved.insert(place, *new);
                }
                None => {
                    moved.insert(place, steps.len());
                    foreign.push(place);
                    steps.push(Step { foreign: true, held: false, after: Vec::new(), ..step.clone() });
                }
            }
        }
        skip_answered_probes(&mut steps);
        carry_over(&old, &mut steps, &mut moved, &wanted, &foreign);
        for place in foreign {
            hold_contradicting(&old, place, &mut steps);
        }
        *self = Progress { graph, index: Index::of(&steps), steps, running: true };
    }

    /// Lets a step enter another state: the only way in which it does.
    pub fn enter(&mut self, place: usize, state: State) {
        let before = std::mem::replace(&mut self.steps[place].state, state);
        self.index.moved(place, before, &self.steps);
    }

    /// Returns the next step of a pass that waits for nothing but its turn, and the node that would be ordered.
    pub fn next_turn(&self, pass: &mut Pass) -> Option<(usize, Lane)> {
        self.index.next(pass)
    }

    /// Returns the waiting steps before which everything has ended.
    pub fn ready(&self) -> impl Iterator<Item = &Step> {
        self.index.ready().map(|place| &self.steps[place])
    }

    /// Returns the steps under way, in the order of the plan.
    pub fn at_work(&self) -> impl Iterator<Item = &Step> {
        self.index.under_way.iter().map(|place| &self.steps[*place])
    }

    /// Returns the places of the steps under way, in the order of the plan.
    pub fn places_at_work(&self) -> Vec<usize> {
        self.index.under_way.iter().copied().collect()
    }

    /// Returns whether what is looked at is what a look at all steps would find.
    pub fn is_indexed(&self) -> bool {
        self.index.is_of(&self.steps)
    }

    /// Adds an order that an earlier coordinator gave and a node is at.
    pub fn inherit(&mut self, step: Step) {
        if self.find(&step.key).is_none() {
            self.index.push(&step);
            self.steps.push(step);
        }
    }

    /// Returns the place of the step under way that has this key.
    pub fn find(&self, key: &TransitionKey) -> Option<usize> {
        self.index.under_way.iter().copied().find(|place| self.steps[*place].key == *key)
    }

    /// Returns how many actions may be under way at once; zero sets no limit.
    pub fn batch_limit(&self) -> usize {
        self.graph.option("batch-limit").and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Returns whether everything a waiting step waits for has been done.
    pub fn is_ready(&self, step: &Step) -> bool {
        // Compat: what has priority INFINITY (notifications) also follows what failed.
        let anyway = step.outlives_its_plan();
        step.state == State::Waiting
            && !step.held
            && step.after.iter().all(|place| match self.steps[*place].state {
                State::Succeeded => anyway || !self.steps[*place].tainted,
                State::Failed => anyway,
                _ => false,
            })
    }

    /// Returns whether the plan starts a resource.
    pub fn starts(&self, resource: &str) -> bool {
        let is_its = |step: &Step| step.action.resource.as_ref().is_some_and(|its| its.id.as_str() == resource);
        self.steps.iter().any(|step| matches!(step.action.operation.as_str(), "start" | "migrate_from") && is_its(step))
    }

    /// Returns whether a step follows something that failed, at whatever distance.
    ///
    /// Safety: a clone's pseudo action "demoted" follows a demotion that failed; the promotion elsewhere that waits for it must not.
    /// (Found by the simulator, seed 1053.)
    pub fn follows_failure(&self, step: &Step) -> bool {
        step.after.iter().any(|place| self.steps[*place].state == State::Failed || self.steps[*place].tainted)
    }

    pub fn under_way(&self) -> usize {
        self.index.under_way.len()
    }

    /// Returns how many resource actions, and how many migrations of them, each node is at.
    pub fn jobs(&self) -> Jobs {
        let mut jobs = Jobs::new();
        for step in self.at_work() {
            count_job(&mut jobs, step);
        }
        jobs
    }

    /// Returns the next moment an action under way is overdue.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.at_work().filter_map(|step| if let State::UnderWay { deadline, .. } = step.state { deadline } else { None }).min()
    }

    /// Returns the steps that are overdue.
    pub fn overdue(&self, now: Duration) -> Vec<usize> {
        let late = |step: &Step| matches!(step.state, State::UnderWay { deadline: Some(deadline), .. } if deadline <= now);
        self.index.under_way.iter().copied().filter(|place| late(&self.steps[*place])).collect()
    }

    /// Returns whether what is active on a node may still change, or is still to be found out.
    ///
    /// Safety: a node that leaves in good order is believed to run nothing. One that leaves with an action under way, or before a probe
    /// there has found nothing, takes what it runs with it, and that would be started elsewhere as well. (Found by the simulator: seeds
    /// 21559 and 21696 with 20 deeds.)
    pub fn is_at_work(&self, node: &NodeName) -> bool {
        self.steps.iter().any(|step| {
            let is_here = step.action.kind == ActionKind::Resource && step.node() == Some(node) && step.concerns_state();
            is_here && (step.is_under_way() || (step.action.operation == "monitor" && step.state != State::Succeeded))
        })
    }

    /// Holds what has not begun of a resource: what the plan believes of it is not so. Only a new plan decides about it.
    pub fn hold_resource(&mut self, resource: &ResourceId) {
        for step in self.steps.iter_mut().filter(|step| step.has_no_order() && step.resource() == Some(resource)) {
            step.held = true;
        }
    }

    /// Holds everything that has not begun and is to be done to resources.
    pub fn hold_all(&mut self) {
        for step in self.steps.iter_mut().filter(|step| step.has_no_order() && step.action.kind == ActionKind::Resource) {
            step.held = true;
        }
    }

    /// Expects no answer of a node any more; returns the steps that too few others can answer for.
    pub fn expect_no_answer_of(&mut self, node: &NodeName) -> Vec<usize> {
        let mut unanswered = Vec::new();
        for (place, step) in self.steps.iter_mut().enumerate() {
            if let Some(question) = &mut step.asks
                && question.open.remove(node)
                && question.open.len() < question.needed
            {
                unanswered.push(place);
            }
        }
        unanswered
    }

    /// Returns the steps not ended that need this node to do something.
    pub fn unfinished_on(&self, node: &NodeName) -> Vec<usize> {
        let concerned = |step: &Step| {
            let active = step.action.kind == ActionKind::Resource || step.action.operation == "lrm_delete";
            !step.has_ended() && active && [step.executor(), step.node()].contains(&Some(node))
        };
        (0..self.steps.len()).filter(|place| concerned(&self.steps[*place])).collect()
    }
}

/// Returns whether the plan first changes the resource on that very node (a restart): what is under way there now is not yet what it wants.
fn comes_after_change(steps: &[Step], place: usize) -> bool {
    let step = &steps[place];
    let (Some(resource), Some(node)) = (step.resource(), step.node()) else { return false };
    let mut reached: BTreeSet<usize> = BTreeSet::new();
    let mut open: Vec<usize> = step.after.clone();
    while let Some(before) = open.pop() {
        if !reached.insert(before) {
            continue;
        }
        let other = &steps[before];
        let changes = other.state == State::Waiting && other.concerns_state() && !other.is_probe();
        if changes && other.action.kind == ActionKind::Resource && other.resource() == Some(resource) && other.node() == Some(node) {
            return true;
        }
        open.extend(&other.after);
    }
    false
}

/// Counts a probe as done when its resource is being changed on that node already: the probe ended, and the change began, while the plan
/// was made. Asked again it would find what the change makes, and take that for an unexpected state. Where a resource is migrating to, a
/// probe would find what is so for a moment only (its history there may have been forgotten just now).
fn skip_answered_probes(steps: &mut [Step]) {
    let place = |step: &Step| Some((step.node()?.clone(), step.resource()?.clone()));
    let target = |step: &Step| Some((NodeName::new(step.migrates_to()?), step.resource()?.clone()));
    let changes = steps.iter().filter(|step| step.is_under_way() && !step.foreign && step.concerns_state() && !step.is_probe());
    let changing: BTreeSet<(NodeName, ResourceId)> = changes.flat_map(|step| place(step).into_iter().chain(target(step))).collect();
    for step in steps.iter_mut().filter(|step| step.state == State::Waiting && step.is_probe()) {
        if place(step).is_some_and(|place| changing.contains(&place)) {
            step.state = State::Succeeded;
        }
    }
}

/// Returns these steps and all that follow them, at whatever distance.
fn following(steps: &[Step], places: &[usize]) -> BTreeSet<usize> {
    let mut reached: BTreeSet<usize> = places.iter().copied().collect();
    loop {
        let before = reached.len();
        for (place, step) in steps.iter().enumerate() {
            if step.after.iter().any(|after| reached.contains(after)) {
                reached.insert(place);
            }
        }
        if reached.len() == before {
            return reached;
        }
    }
}

/// Lets what outlives its plan follow into the new one, with its order among itself. What the new plan would tell as well is left to it,
/// unless it follows something that the new plan does not want: that one's end is not what the new plan would tell of.
/// (Found on hosts with Redis: the plan changed its mind about whom to promote, and nobody was told who had been.)
fn carry_over(
    old: &[Step],
    steps: &mut Vec<Step>,
    moved: &mut BTreeMap<usize, usize>,
    wanted: &BTreeMap<Identity, usize>,
    unwanted: &[usize],
) {
    let behind_unwanted = following(old, unwanted);
    let mut carried: BTreeSet<usize> = BTreeSet::new();
    // Everything a carried step waits for must be done, under way, or carried too; the order of a graph is not topological.
    loop {
        let add = (0..old.len()).find(|place| {
            let step = &old[*place];
            let follows = |before: &usize| old[*before].state != State::Waiting || carried.contains(before);
            step.state == State::Waiting
                && step.outlives_its_plan()
                && !carried.contains(place)
                && (behind_unwanted.contains(place) || !wanted.contains_key(&step.identity()))
                && !step.after.is_empty()
                && step.after.iter().all(follows)
        });
        let Some(place) = add else { break };
        carried.insert(place);
    }
    for place in &carried {
        moved.insert(*place, steps.len());
        steps.push(Step { foreign: true, held: false, ..old[*place].clone() });
    }
    for place in carried {
        let after = old[place].after.iter().filter_map(|before| moved.get(before).copied()).collect();
        steps[moved[&place]].after = after;
    }
}

/// Holds what must not go on while a foreign action is under way: whatever concerns its resource (or, of fencing and shutdown, its
/// node), the shutdown of its node, the connection to it, and the resources whose actions waited for it in the old plan: the new plan
/// believes it never began.
fn hold_contradicting(old: &[Step], place: usize, steps: &mut [Step]) {
    let foreign = &old[place];
    if !foreign.concerns_state() {
        return;
    }
    let resources: BTreeSet<ResourceId> = following(old, &[place]).into_iter().filter_map(|place| old[place].resource().cloned()).collect();
    let node = foreign.node().filter(|_| foreign.action.kind == ActionKind::Cluster).cloned();
    for step in steps.iter_mut().filter(|step| step.state == State::Waiting && step.action.kind != ActionKind::Pseudo && !step.foreign) {
        let same_resource = step.resource().is_some_and(|resource| resources.contains(resource));
        let same_node = node.is_some() && step.node() == node.as_ref() && step.action.kind == ActionKind::Resource;
        // Safety: what it did must be known to the plan by which its node leaves. (Found by the simulator: seed 20484 with 20 deeds.)
        let its_shutdown = step.is_shutdown() && step.node().is_some() && step.node() == foreign.node();
        // Safety: a remote node that has just started something is not let go before that is stopped.
        let its_connection =
            step.resource().is_some_and(|resource| step.action.kind == ActionKind::Resource && foreign.is_behind(resource));
        step.held |= same_resource || same_node || its_shutdown || its_connection;
    }
}
