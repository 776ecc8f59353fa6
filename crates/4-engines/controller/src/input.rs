//! The CIB as a plan should see it while actions are under way.
//!
//! A note that an operation is pending stands in the place of what was known before. The plan is made as if what is under way had not
//! begun: then it contains the same action again, which is adopted, and everything that waits for it waits for the right thing.

use crate::Controller;
use crate::record::{pending_id, record_elements};
use xml::{Element, Node};

impl Controller {
    /// Returns the CIB as the scheduler is to see it: notes of operations this coordinator has under way are replaced by what they
    /// hide. What is saved as a plan's input is this document, so that a replay gives the same plan.
    pub fn planning_input(&self, cib: &Element) -> Element {
        let mut input = cib.clone();
        let Some(status) = input.child_mut("status") else { return input };
        for step in self.progress.at_work().filter(|step| step.noted) {
            let (Some(order), Some(node)) = (step.operation_order(), step.node()) else { continue };
            let is_its = |state: &Element| state.name == "node_state" && state.attribute("uname") == Some(node.as_str());
            let Some(state) = status.element_mut(is_its) else { continue };
            let Some(resources) = state.descend_mut(&["lrm", "lrm_resources"]) else { continue };
            let id = pending_id(&order);
            let known = self.recorded.get(&(node.clone(), order.resource.clone())).and_then(|records| records.get(&id));
            let known = known.and_then(|report| record_elements(report).into_iter().find(|element| element.id() == Some(&id)));
            uncover(resources, order.resource.as_str(), &id, known);
        }
        input
    }
}

/// Puts what is known in the place of a note; a resource of which nothing else is known disappears, so that it is probed.
fn uncover(resources: &mut Element, resource: &str, id: &str, known: Option<Element>) {
    let is_note = |element: &Element| element.id() == Some(id) && element.attribute("op-status") == Some("-1");
    let has_note = |history: &Element| history.id() == Some(resource) && history.elements().any(is_note);
    let Some(history) = resources.element_mut(has_note) else { return };
    match known {
        Some(known) => {
            if let Some(note) = history.element_mut(is_note) {
                *note = known;
            }
        }
        None => history.children.retain(|child| !child.as_element().is_some_and(is_note)),
    }
    if history.elements().next().is_none() {
        resources.children.retain(|child: &Node| child.as_element().is_none_or(|element| element.id() != Some(resource)));
    }
}
