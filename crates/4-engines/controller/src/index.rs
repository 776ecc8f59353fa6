//! What of a plan's steps is looked at with each event: those under way, and those that only lack their turn.
//!
//! A plan may have a hundred thousand actions, and each of them leads to an event: what is looked at must not be all of them.

use crate::step::{State, Step};
use model::NodeName;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use transition::ActionKind;

/// A step's turn. Compat: the order of the plan; but what brings resources to where they should be goes before what watches over them.
pub(crate) type Turn = (bool, usize);

/// The node that is ordered to do a step; none where nobody's limits apply to it.
pub(crate) type Lane = Option<NodeName>;

/// Invariant: it is what [`Index::of`] makes of the steps.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Index {
    pub under_way: BTreeSet<usize>,
    /// The waiting steps before which everything has ended, well or not.
    ready: BTreeMap<Lane, BTreeSet<Turn>>,
    /// Of each step, how many of those it waits for have not ended.
    open: Vec<usize>,
    /// The steps that wait for each.
    followers: Vec<Vec<usize>>,
}

/// One way through the steps that are ready.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pass {
    last: Option<Turn>,
    /// Lanes in which nothing may begin any more.
    pub closed: BTreeSet<Lane>,
}

impl Index {
    pub fn of(steps: &[Step]) -> Self {
        let mut this = Self { open: vec![0; steps.len()], followers: vec![Vec::new(); steps.len()], ..Self::default() };
        for (place, step) in steps.iter().enumerate() {
            for before in &step.after {
                this.followers[*before].push(place);
                this.open[place] += usize::from(!steps[*before].has_ended());
            }
        }
        for (place, step) in steps.iter().enumerate() {
            this.put(place, step);
        }
        this
    }

    /// Takes note of a step at the end that waits for nothing.
    pub fn push(&mut self, step: &Step) {
        debug_assert!(step.after.is_empty());
        self.open.push(0);
        self.followers.push(Vec::new());
        self.put(self.open.len() - 1, step);
    }

    fn put(&mut self, place: usize, step: &Step) {
        match step.state {
            State::UnderWay { .. } => drop(self.under_way.insert(place)),
            State::Waiting if self.open[place] == 0 => drop(self.ready.entry(lane(step)).or_default().insert((step.is_watch(), place))),
            _ => {}
        }
    }

    /// Takes note of the state that a step has now; `before` is the one it had.
    pub fn moved(&mut self, place: usize, before: State, steps: &[Step]) {
        let step = &steps[place];
        if let (State::Waiting, Some(turns)) = (before, self.ready.get_mut(&lane(step))) {
            turns.remove(&(step.is_watch(), place));
        }
        self.under_way.remove(&place);
        self.put(place, step);
        if !step.has_ended() || matches!(before, State::Succeeded | State::Failed) {
            return;
        }
        for follower in std::mem::take(&mut self.followers[place]) {
            self.open[follower] -= 1;
            self.put(follower, &steps[follower]);
            self.followers[place].push(follower);
        }
    }

    /// Returns the next step of a pass, and its lane.
    pub fn next(&self, pass: &mut Pass) -> Option<(usize, Lane)> {
        let from = pass.last.map_or(Bound::Unbounded, Bound::Excluded);
        let open = self.ready.iter().filter(|(lane, _)| !pass.closed.contains(*lane));
        let (turn, lane) = open.filter_map(|(lane, turns)| Some((*turns.range((from, Bound::Unbounded)).next()?, lane))).min()?;
        pass.last = Some(turn);
        Some((turn.1, lane.clone()))
    }

    /// Returns whether the invariant holds.
    pub fn is_of(&self, steps: &[Step]) -> bool {
        let mut fresh = Self::of(steps);
        let mut own = self.clone();
        [&mut fresh, &mut own].into_iter().for_each(|index| index.ready.retain(|_, turns| !turns.is_empty()));
        fresh == own
    }

    /// Returns the waiting steps before which everything has ended.
    pub fn ready(&self) -> impl Iterator<Item = usize> {
        self.ready.values().flatten().map(|(_, place)| *place)
    }
}

fn lane(step: &Step) -> Lane {
    step.executor().filter(|_| step.action.kind == ActionKind::Resource).cloned()
}
