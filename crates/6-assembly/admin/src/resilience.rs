//! What the loss of every single node, or of every pair, would cost: what moves, what is left down, and why.
//!
//! Each loss is a rehearsal of its own from the state that the cluster comes to by itself; they share nothing and run
//! on all processors. The answer does not depend on how many there are.

use crate::explain::{Down, downs};
use crate::outlook::{Outlook, Places};
use crate::planned;
use crate::what_if::{Change, ShiftKind, joined, left_down, shifts};
use model::Timestamp;
use serde::Serialize;
use status::{Facts, NodeKind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use xml::Element;

/// What the loss of some nodes would cost.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Loss {
    pub nodes: Vec<String>,
    pub has_quorum: bool,
    pub fenced: Vec<String>,
    /// Resources that run elsewhere afterwards.
    pub moved: Vec<String>,
    /// Resources of which no instance is promoted any more.
    pub demoted: Vec<String>,
    /// Resources that may still run on a node that is not fenced.
    pub uncertain: Vec<String>,
    /// Resources that run nowhere afterwards, with the causes and what would bring them back.
    pub down: Vec<Down>,
}

impl Loss {
    /// Returns whether everything still runs, and in its roles.
    pub fn is_survived(&self) -> bool {
        self.down.is_empty() && self.demoted.is_empty() && self.uncertain.is_empty()
    }

    fn weight(&self) -> (usize, usize, usize) {
        (self.down.len() + self.uncertain.len(), self.demoted.len(), self.moved.len())
    }
}

/// How a cluster stands the loss of nodes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Resilience {
    /// The members that are online.
    pub nodes: Vec<String>,
    /// How many resources run.
    pub resources: usize,
    /// What holds of every loss.
    pub notes: Vec<String>,
    /// In the order of the nodes; the single ones first.
    pub losses: Vec<Loss>,
}

/// Rehearses the loss of every node that is online, and of every pair of them where asked.
pub fn resilience(cib: &Element, now: Timestamp, pairs: bool) -> Resilience {
    rehearsed(cib, now, pairs, true)
}

/// The same; `by_plan`: where a plan tells where everything would be, it is not carried out.
fn rehearsed(cib: &Element, now: Timestamp, pairs: bool, by_plan: bool) -> Resilience {
    let base = Outlook::settled(cib, now);
    let before = base.places();
    let members = base.facts.nodes.iter().filter(|node| node.kind == NodeKind::Member && node.online && !node.unclean);
    let mut nodes: Vec<String> = members.map(|node| node.name.to_string()).collect();
    nodes.sort();
    let mut lost: Vec<Vec<String>> = nodes.iter().map(|node| vec![node.clone()]).collect();
    if pairs {
        for (at, one) in nodes.iter().enumerate() {
            lost.extend(nodes[at + 1..].iter().map(|other| vec![one.clone(), other.clone()]));
        }
    }
    let losses = on_all_processors(&lost, &|nodes| lose(&base.cib, &base.facts, &before, nodes.clone(), by_plan));
    let resources = before.values().filter(|place| !place.nodes.is_empty()).count();
    Resilience { resources, notes: notes(&base, &nodes), nodes, losses }
}

fn notes(base: &Outlook, nodes: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    if base.is_stuck {
        notes.push("the cluster does not come to rest on paper: what follows begins in the middle of its work".to_owned());
    } else if base.plans.iter().any(|plan| !plan.changes.is_empty()) {
        notes.push("the cluster has things to do now; what follows begins when they are done".to_owned());
    }
    if !base.facts.options.fencing_enabled {
        notes.push("fencing is switched off: resources are started elsewhere without knowing that the lost node is off".to_owned());
    } else if !base.facts.resources.iter().any(|resource| resource.fence_device) {
        notes.push("there is no fence device: fencing would fail, and nothing of a lost node would be recovered".to_owned());
    }
    if !base.facts.have_quorum {
        notes.push("there is no quorum now".to_owned());
    }
    let others = base.facts.nodes.iter().filter(|node| node.kind == NodeKind::Member).count() - nodes.len();
    if others > 0 {
        notes.push(format!("{others} of the nodes are not online now and count as lost already"));
    }
    notes
}

fn lose(cib: &Element, facts: &Facts, before: &Places, nodes: Vec<String>, by_plan: bool) -> Loss {
    let imagined = Change::Crash(nodes.clone()).imagine(cib, facts).map_or_else(|_| cib.clone(), |imagined| imagined.cib);
    let facts = facts.deduce_beside(&imagined, facts.now);
    let plan = scheduler::schedule(&facts);
    let planned = if by_plan { planned::places_after(&facts, &plan) } else { None };
    if let Some(after) = planned.filter(|after| left_down(before, after).is_empty()) {
        return loss(nodes, before, &after, &Outlook { plans: vec![plan], cib: imagined, facts, is_stuck: false }, Vec::new());
    }
    let mut outlook = Outlook::after_first(imagined, facts, plan);
    let mut after = outlook.places();
    let mut down = left_down(before, &after);
    if !down.is_empty() {
        // What takes a second plan (a guest, a connection) is not left down.
        let rest = Outlook::settled_beside(&outlook.cib, &outlook.facts);
        let plans = outlook.plans.into_iter().chain(rest.plans).collect();
        outlook = Outlook { plans, ..rest };
        after = outlook.places();
        down = left_down(before, &after);
    }
    let explained = downs(&outlook.cib, outlook.facts.now, &down, false);
    loss(nodes, before, &after, &outlook, explained)
}

fn loss(nodes: Vec<String>, before: &Places, after: &Places, outlook: &Outlook, down: Vec<Down>) -> Loss {
    let changed = shifts(before, after, &[]);
    let of = |wanted: &[ShiftKind]| -> Vec<String> {
        changed.iter().filter(|shift| wanted.contains(&shift.kind)).map(|shift| shift.resource.clone()).collect()
    };
    Loss {
        nodes,
        has_quorum: outlook.facts.have_quorum,
        fenced: outlook.fenced().into_keys().collect(),
        moved: of(&[ShiftKind::Moves, ShiftKind::Promotes]),
        demoted: of(&[ShiftKind::Demoted]),
        uncertain: of(&[ShiftKind::Uncertain]),
        down,
    }
}

/// Does something for each item, on as many threads as there are processors; the results have the items' order.
fn on_all_processors<T: Sync, R: Send>(items: &[T], work: &(dyn Fn(&T) -> R + Sync)) -> Vec<R> {
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let take = || {
        while let Some((item, result)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            items.get(at).zip(results.get(at))
        } {
            let done = work(item);
            if let Ok(mut slot) = result.lock() {
                *slot = Some(done);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(take);
        }
        take();
    });
    results.into_iter().filter_map(|result| result.into_inner().ok().flatten()).collect()
}

impl Resilience {
    /// Returns the losses that are not survived, the worst first.
    pub fn worst(&self) -> Vec<&Loss> {
        let mut losses: Vec<&Loss> = self.losses.iter().filter(|loss| !loss.is_survived()).collect();
        losses.sort_by_key(|loss| std::cmp::Reverse(loss.weight()));
        losses
    }

    /// Returns the answer as lines of text: the verdict, a table, and the causes.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (count, what) in [(1, "any single node"), (2, "any two nodes")] {
            lines.extend(self.verdict(count, what));
        }
        lines.extend(self.notes.iter().map(|note| format!("Note: {note}.")));
        lines.push(String::new());
        lines.extend(self.table());
        for loss in self.worst() {
            lines.push(String::new());
            lines.push(format!("Without {}:", joined(&loss.nodes)));
            if !loss.has_quorum {
                lines.push("  quorum is lost".to_owned());
            }
            if !loss.demoted.is_empty() {
                lines.push(format!("  no longer promoted anywhere: {}", loss.demoted.join(", ")));
            }
            if !loss.uncertain.is_empty() {
                lines.push(format!("  unknown, because the lost node cannot be fenced: {}", loss.uncertain.join(", ")));
            }
            lines.extend(grouped(&loss.down));
        }
        lines
    }

    fn verdict(&self, count: usize, what: &str) -> Option<String> {
        let losses: Vec<&Loss> = self.losses.iter().filter(|loss| loss.nodes.len() == count).collect();
        let fatal: Vec<&&Loss> = losses.iter().filter(|loss| !loss.is_survived()).collect();
        let worst = self.worst().into_iter().find(|loss| loss.nodes.len() == count);
        let size = format!("{} nodes, {} resources", self.nodes.len(), self.resources);
        Some(match (losses.len(), worst) {
            (0, _) => return None,
            (_, None) => format!("Survives the loss of {what} ({size})."),
            (all, Some(worst)) => format!(
                "Does NOT survive the loss of {what} ({size}): {} of {all} losses leave something down. The worst is {}, with {} down.",
                fatal.len(),
                joined(&worst.nodes),
                worst.weight().0
            ),
        })
    }

    fn table(&self) -> Vec<String> {
        let name = |loss: &Loss| loss.nodes.join(" + ");
        let shown: Vec<&Loss> = self.losses.iter().filter(|loss| loss.nodes.len() == 1 || !loss.is_survived()).collect();
        let width = shown.iter().map(|loss| name(loss).chars().count()).max().unwrap_or(0).max(4);
        let mut lines = vec![format!("{:<width$}  {:<6}  {:>5}  {:>4}  {:>9}", "LOST", "QUORUM", "MOVED", "DOWN", "DEMOTED")];
        for loss in shown {
            let quorum = if loss.has_quorum { "holds" } else { "lost" };
            let down = loss.down.len() + loss.uncertain.len();
            lines.push(format!("{:<width$}  {quorum:<6}  {:>5}  {down:>4}  {:>9}", name(loss), loss.moved.len(), loss.demoted.len()));
        }
        lines
    }
}

/// Returns lines about what is left down: the main cause, and what would change it; resources of which the same is told share it.
fn grouped(downs: &[Down]) -> Vec<String> {
    let mut groups: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for down in downs {
        let told = down.lines(1);
        match groups.iter_mut().find(|(lines, _)| *lines == told) {
            Some((_, names)) => names.push(down.resource.clone()),
            None => groups.push((told, vec![down.resource.clone()])),
        }
    }
    let mut lines = Vec::new();
    for (told, names) in groups {
        lines.push(format!("  LEFT DOWN: {}", names.join(", ")));
        lines.extend(told.iter().map(|line| format!("  {line}")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    /// Whether the loss of the first node needs no plan carried out.
    fn is_quick(cib: &Element, now: Timestamp) -> bool {
        let base = Outlook::settled(cib, now);
        let Some(node) = base.facts.nodes.iter().find(|node| node.online) else { return false };
        let imagined = Change::Crash(vec![node.name.to_string()]).imagine(&base.cib, &base.facts).expect("the node is known");
        let facts = base.facts.deduce_beside(&imagined.cib, now);
        planned::places_after(&facts, &scheduler::schedule(&facts)).is_some()
    }

    /// Over the incumbent's cases: that a plan is not carried out where it says enough changes no answer.
    #[test]
    fn a_plan_says_what_carrying_it_out_would() {
        let directory = std::env::var_os("SYSTOLE_CORPUS")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpus"), PathBuf::from)
            .join("scheduler/xml");
        let files: Vec<PathBuf> = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|file| file.path()).collect();
        if files.is_empty() {
            eprintln!("skipped: a_plan_says_what_carrying_it_out_would: no corpus");
            return;
        }
        let quick = AtomicUsize::new(0);
        let differing: Vec<Option<String>> = on_all_processors(&files, &|file| {
            let bytes = std::fs::read(file).expect("the corpus is readable");
            if bytes.len() > 60_000 {
                return None;
            }
            let cib = xml::parse(&bytes, &xml::Limits::default()).expect("the corpus is well-formed");
            let now = crate::outlook::moment(&cib).min(Timestamp::from_seconds(1_782_900_000));
            quick.fetch_add(usize::from(is_quick(&cib, now)), Ordering::Relaxed);
            let (quick, slow) = (rehearsed(&cib, now, true, true), rehearsed(&cib, now, true, false));
            let differs = |(a, b): &(&Loss, &Loss)| a != b;
            let found = quick.losses.iter().zip(&slow.losses).find(differs);
            found.map(|(quick, slow)| format!("{:?}:\n {quick:?}\n {slow:?}", file.file_name()))
        });
        let differing: Vec<String> = differing.into_iter().flatten().collect();
        assert!(quick.into_inner() > 50, "the short way is hardly ever taken");
        assert!(differing.is_empty(), "{} differ\n{}", differing.len(), differing.join("\n"));
    }
}
