//! The scheduler: from what is known of a cluster to what is to be done about it; a pure function.
//!
//! [`schedule`] is the table of contents. Each pass returns its own frozen type and reads only earlier ones:
//! `constraints` (what the configuration demands, resolved to resources), `scores` (what each resource thinks of each
//! node before anything is placed), `placement` (where each resource goes and in which role), then the actions, their
//! order and the graph, which share one working set, a draft that nobody else sees.
//! It contacts nothing, reads no clock, and never leaves a choice to whoever carries the plan out.

mod actions;
pub mod constraints;
mod fencing;
mod graph;
mod ordering;
pub mod placement;
pub mod scores;
mod values;

use actions::Draft;
use cib::Cib;
use constraints::{Constraints, constraints};
use model::Timestamp;
use ordering::Companions;
use placement::{Placement, placement};
use scores::{Scores, scores};
use status::{Facts, Severity};
use transition::{Plan, Problem};
use values::Values;

/// What becomes of actions that wait for one that is not in the plan.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DeadEnds {
    Removed,
    Kept,
}

/// Returns what is to be done, and why. The same facts give the same plan, byte for byte.
pub fn schedule(facts: &Facts) -> Plan {
    decide(facts, DeadEnds::Removed)
}

/// Returns the plan as the incumbent would write it down, which nobody should carry out.
///
/// Compat: actions that would wait for one that is not in the plan stay in it, and never begin.
pub fn schedule_with_dead_ends(facts: &Facts) -> Plan {
    decide(facts, DeadEnds::Kept)
}

fn decide(facts: &Facts, dead_ends: DeadEnds) -> Plan {
    let document = Cib::new(facts.cib());
    let constraints = constraints(facts, &document.configuration);
    let scores = scores(facts, &constraints);
    let placement = placement(facts, &constraints, &scores);
    plan(facts, &constraints, &scores, placement, dead_ends)
}

/// Returns the plan that brings about what placement decided.
fn plan(facts: &Facts, constraints: &Constraints, scores: &Scores, placement: Placement, dead_ends: DeadEnds) -> Plan {
    let mut draft = Draft::new(facts, Values::new(facts, scores));
    draft.revise(constraints, scores);
    draft.apply_effects();
    draft.order_as_configured(constraints);
    draft.delete_histories_of_broken_locks(scores);
    draft.order_everything_internally();
    draft.handle_changed_configuration();
    draft.adopt(&placement, scores);
    draft.handle_deferred_checks();
    if facts.options.enable_startup_probes {
        draft.schedule_probes();
    }
    draft.clear_fail_counts_of_removed();
    draft.create_all_actions();
    draft.order_remote_connections();
    draft.schedule_fencing_and_shutdowns();
    draft.apply_orderings(&Companions::new(facts, constraints, &placement.colocations));
    let recheck_by = earliest(facts.now, [facts.recheck_by(), constraints.recheck_by, scores.recheck_by]);
    let graph = draft.build_graph(recheck_by, dead_ends);
    let changes = draft.planned_changes();
    let mut problems: Vec<Problem> = facts.problems.iter().chain(&constraints.problems).filter_map(problem).collect();
    problems.append(&mut draft.problems);
    Plan { graph, scores: placement.trace, reasons: placement.reasons, changes, problems, remarks: draft.remarks, recheck_by }
}

/// Returns the first of these moments that is yet to come.
fn earliest(now: Timestamp, times: [Option<Timestamp>; 3]) -> Option<Timestamp> {
    times.into_iter().flatten().filter(|time| *time > now).min()
}

fn problem(problem: &status::Problem) -> Option<Problem> {
    let is_error = problem.severity == Severity::Error;
    (problem.severity != Severity::Notice).then(|| Problem { is_error, text: problem.text.clone() })
}
