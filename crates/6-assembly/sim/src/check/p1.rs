//! P1: nothing that is active is stopped, demoted or moved away but by a plan that says why.

use std::collections::BTreeMap;
use std::time::Duration;
use transition::{ActionKind, Plan};

/// How long after its plan an action may begin: what it waits for may take its whole time, more than once.
const MEMORY: Duration = Duration::from_secs(180);

/// Whether the last plan with an action on a resource on a node gave a reason, and when that was.
#[derive(Default)]
pub(crate) struct Reasons(BTreeMap<(String, String, String), (Duration, bool)>);

impl Reasons {
    pub(crate) fn planned(&mut self, now: Duration, plan: &Plan) {
        let ends =
            plan.graph.actions.iter().filter(|action| {
                action.kind == ActionKind::Resource && matches!(action.operation.as_str(), "stop" | "demote" | "migrate_to")
            });
        for action in ends {
            let (Some(resource), Some(node)) = (&action.resource, &action.node) else { continue };
            let key = (action.operation.clone(), resource.id.to_string(), node.name.to_string());
            self.0.insert(key, (now, !action.reason.is_empty() || says_why(plan, resource.id.as_str())));
        }
    }

    pub(crate) fn missing(&self, now: Duration, action: &str, resource: &str, node: &str) -> Option<String> {
        match self.0.get(&(action.to_owned(), resource.to_owned(), node.to_owned())) {
            Some((at, true)) if now <= *at + MEMORY => None,
            Some((at, _)) if now > *at + MEMORY => {
                Some(format!("P1: {action} of {resource} on {node} begins {:?} after its plan", now - *at))
            }
            Some(_) => Some(format!("P1: {action} of {resource} on {node} is planned without a reason")),
            None => Some(format!("P1: {action} of {resource} on {node} is in no plan")),
        }
    }
}

/// Whether the plan shows the change, or has something to say for or against a place of the resource: what an action without a reason of
/// its own follows from. Between nodes of equal score the balance decides, and no plan says so (docs/compat.md, C-340).
fn says_why(plan: &Plan, resource: &str) -> bool {
    let is_it = |name: &str| name == resource || name.strip_prefix(resource).is_some_and(|rest| rest.starts_with(':'));
    plan.reasons.iter().any(|reason| is_it(reason.resource.as_str()) && !reason.text.is_empty())
        || plan.changes.iter().any(|change| is_it(&change.subject))
}
