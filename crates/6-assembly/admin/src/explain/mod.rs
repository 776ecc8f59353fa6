//! Why a resource is where it is or is not, why not elsewhere, and what would change that; why a node is as it is.
//!
//! The answer is the scheduler's own: the terms of its scores, what its plan lacks, and its answer when asked again with one
//! thing changed. `answer` has the forms, `downs` explains several that are left down, `causes` and `choice` the reasons, `obstacles` what closes a node, `remedies` the
//! trials, `fix` what can be changed, `report` the words.

mod answer;
mod case;
mod cause;
mod causes;
mod choice;
mod downs;
mod fix;
mod node;
mod obstacles;
mod part;
mod remedies;
mod report;
mod rules;
mod standing;

pub use answer::{CAUSE_KINDS, CauseAnswer, Explanation, NodeExplanation, NodeResource, NodeVerdict, Part, Remedy, Spot, Term};
pub use downs::Down;
pub(crate) use downs::downs;

use crate::exit::{Exit, Refusal};
use case::Case;
use cause::Cause;
use fix::Fix;
use model::Timestamp;
use part::{Explained, explained, fixes, units};
use xml::Element;

/// Explains a resource, a group or a clone.
///
/// # Errors
/// When the configuration has no such resource.
pub fn resource(cib: &Element, id: &str, now: Timestamp) -> Result<Explanation, Refusal> {
    let case = Case::of(cib, now);
    let primitives = case.decision.primitives(id);
    if primitives.is_empty() {
        return Err(Refusal::new(Exit::NO_SUCH, format!("there is no resource {id:?}")));
    }
    let mut parts: Vec<Explained> = units(&case, &primitives).into_iter().map(|unit| explained(&case, unit)).collect();
    let findings = remedies::remedies(&case, &parts, fixes(&case, &parts));
    for part in &mut parts {
        rank(&mut part.causes, part.part.standing, &findings.proven);
        part.part.causes = part.causes.iter().map(Cause::answer).collect();
    }
    let after_loss = remedies::after_loss(&case, &parts);
    Ok(Explanation {
        resource: id.to_owned(),
        remedies: findings.remedies,
        after_loss,
        parts: parts.into_iter().map(|explained| explained.part).collect(),
    })
}

/// Puts first what is known to be the cause, because without it all would be well.
fn rank(causes: &mut [Cause], standing: &str, proven: &[Fix]) {
    let is_awaited = matches!(standing, "waits" | "stays-stopped" | "starts" | "left-alone" | "restarts");
    causes.sort_by_key(|cause| match cause.kind {
        "in-flight" if is_awaited => 0,
        _ if cause.fixes.iter().any(|fix| proven.contains(fix)) => 1,
        _ => 2,
    });
}

/// Explains a node: its state, what runs there and what may not.
///
/// # Errors
/// When the cluster has no such node.
pub fn node(cib: &Element, name: &str, now: Timestamp) -> Result<NodeExplanation, Refusal> {
    let case = Case::of(cib, now);
    let found = case.facts().find_node(name);
    let index = found.ok_or_else(|| Refusal::new(Exit::NO_SUCH, format!("there is no resource or node {name:?}")))?;
    Ok(node::explained(&case, index))
}
