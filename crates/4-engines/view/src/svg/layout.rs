//! Where each action of a plan stands in a picture: its phase (how many must be done before it), and its row there.
//!
//! Points that nobody carries out are left out; what waits for one waits for what that waits for.

use std::collections::{BTreeMap, BTreeSet};
use transition::{Action, ActionId, ActionKind, Graph};

/// How often rows are sorted by their neighbours.
const SWEEPS: usize = 6;

/// A plan as columns of boxes.
pub(super) struct Layout<'g> {
    /// In the order of the plan.
    pub boxes: Vec<Placed<'g>>,
    /// Pairs of positions in `boxes`; what follows from others is left out.
    pub edges: Vec<(usize, usize)>,
    /// The positions in each phase, from top to bottom.
    pub phases: Vec<Vec<usize>>,
    /// One of the longest chains, from its first action to its last.
    pub critical: Vec<usize>,
}

/// An action in its place.
pub(super) struct Placed<'g> {
    pub action: &'g Action,
    pub phase: usize,
}

/// Lays a plan out; actions that wait for themselves are left out.
pub(super) fn layout(graph: &Graph) -> Layout<'_> {
    let boxes: Vec<&Action> = graph.actions.iter().filter(|action| action.kind != ActionKind::Pseudo).collect();
    let position: BTreeMap<ActionId, usize> = boxes.iter().enumerate().map(|(at, action)| (action.id, at)).collect();
    let before = waits(graph, &boxes, &position);
    let phase = phases(&before);
    let mut phases: Vec<Vec<usize>> = vec![Vec::new(); phase.iter().max().map_or(0, |last| last + 1)];
    for (at, phase) in phase.iter().enumerate() {
        phases[*phase].push(at);
    }
    let edges = reduced(&before, &phase);
    sort_rows(&mut phases, &edges, &boxes);
    let critical = critical(&edges, &phase);
    let boxes = boxes.into_iter().zip(phase).map(|(action, phase)| Placed { action, phase }).collect();
    Layout { boxes, edges, phases, critical }
}

/// Returns for each box the boxes that it waits for, through points that nobody carries out.
fn waits(graph: &Graph, boxes: &[&Action], position: &BTreeMap<ActionId, usize>) -> Vec<BTreeSet<usize>> {
    let by_id: BTreeMap<ActionId, &Action> = graph.actions.iter().map(|action| (action.id, action)).collect();
    let through = |action: &Action| {
        let (mut found, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), action.after.clone());
        while let Some(id) = open.pop() {
            match position.get(&id) {
                Some(at) => {
                    found.insert(*at);
                }
                None if seen.insert(id) => open.extend(by_id.get(&id).into_iter().flat_map(|pseudo| &pseudo.after)),
                None => {}
            }
        }
        found
    };
    boxes.iter().map(|action| through(action)).collect()
}

/// Returns the length of the longest chain that ends before each box.
fn phases(before: &[BTreeSet<usize>]) -> Vec<usize> {
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); before.len()];
    let mut missing: Vec<usize> = before.iter().map(BTreeSet::len).collect();
    for (at, firsts) in before.iter().enumerate() {
        firsts.iter().for_each(|first| followers[*first].push(at));
    }
    let mut phase = vec![0; before.len()];
    let mut ready: Vec<usize> = (0..before.len()).filter(|at| missing[*at] == 0).collect();
    while let Some(at) = ready.pop() {
        for &follower in &followers[at] {
            phase[follower] = phase[follower].max(phase[at] + 1);
            missing[follower] -= 1;
            if missing[follower] == 0 {
                ready.push(follower);
            }
        }
    }
    phase
}

/// Returns the edges that do not follow from others.
fn reduced(before: &[BTreeSet<usize>], phase: &[usize]) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..before.len()).collect();
    order.sort_by_key(|at| phase[*at]);
    let mut above: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); before.len()];
    let mut edges = Vec::new();
    for at in order {
        let mut firsts: Vec<usize> = before[at].iter().copied().filter(|first| phase[*first] < phase[at]).collect();
        firsts.sort_by_key(|first| std::cmp::Reverse(phase[*first]));
        let mut known = BTreeSet::new();
        for first in firsts {
            if known.insert(first) {
                edges.push((first, at));
                known.extend(above[first].iter().copied());
            }
        }
        above[at] = known;
    }
    edges
}

/// Sorts the rows of each phase so that lines cross little: by node first, then by the mean row of the neighbours.
fn sort_rows(phases: &mut [Vec<usize>], edges: &[(usize, usize)], boxes: &[&Action]) {
    for phase in phases.iter_mut() {
        phase.sort_by_key(|at| (boxes[*at].node.as_ref().map(|node| node.name.clone()), *at));
    }
    let mut neighbours: Vec<(Vec<usize>, Vec<usize>)> = vec![(Vec::new(), Vec::new()); boxes.len()];
    for (first, then) in edges {
        neighbours[*then].0.push(*first);
        neighbours[*first].1.push(*then);
    }
    for sweep in 0..SWEEPS {
        let mut row = vec![0.0; boxes.len()];
        for phase in phases.iter() {
            for (at, index) in phase.iter().enumerate() {
                row[*index] = (at as f64 + 0.5) / phase.len() as f64;
            }
        }
        for phase in phases.iter_mut() {
            let mean = |index: usize| {
                let around = if sweep % 2 == 0 { &neighbours[index].0 } else { &neighbours[index].1 };
                if around.is_empty() { row[index] } else { around.iter().map(|n| row[*n]).sum::<f64>() / around.len() as f64 }
            };
            phase.sort_by(|a, b| mean(*a).total_cmp(&mean(*b)).then(a.cmp(b)));
        }
    }
}

/// Returns one of the longest chains; of several, the one that ends first in the plan.
fn critical(edges: &[(usize, usize)], phase: &[usize]) -> Vec<usize> {
    let Some(last) = (0..phase.len()).rev().max_by_key(|at| phase[*at]) else { return Vec::new() };
    let mut chain = vec![last];
    while let Some((first, _)) = edges.iter().find(|(first, then)| chain.last() == Some(then) && phase[*first] + 1 == phase[*then]) {
        chain.push(*first);
    }
    chain.reverse();
    chain
}
