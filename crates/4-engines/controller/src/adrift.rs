//! What may have arrived by live migration from a node that cannot tell any more: it is looked for where it was to go.
//!
//! While the source's history is there, plans reckon with it. Once it is dropped (the source is fenced, or back in another life) all that is left
//! is what the target told before, namely that the resource is not there. Unless a plan has stopped it there at once (in maintenance mode it has
//! not), it would be started elsewhere.

use crate::controller::{Controller, push_edit};
use crate::step::Step;
use crate::{Command, StatusEdit};
use messages::operation::{NodeOrder, OperationOrder, OperationReport};
use model::{NodeName, Now, ResourceId};

impl Controller {
    /// The history of a node is dropped: what was adrift from there has to be looked for.
    pub(crate) fn source_forgotten(&mut self, source: &NodeName, adrift: Vec<(ResourceId, NodeName)>) {
        let places = adrift.into_iter().map(|(resource, target)| (target, resource));
        self.adrift.extend(places.filter(|(target, _)| target != source));
    }

    /// A node that joined tells what it knows of its migrations itself; of the others it knows nothing.
    pub(crate) fn source_joined(
        &mut self,
        source: &NodeName,
        adrift: Vec<(ResourceId, NodeName)>,
        at_work: &[OperationOrder],
        history: &[OperationReport],
    ) {
        let mut rest = adrift;
        rest.retain(|(resource, _)| {
            let is_ordered = at_work.iter().any(|order| order.operation == "migrate_to" && order.resource == *resource);
            let is_told = history.iter().any(|report| report.operation == "migrate_to" && report.resource == *resource);
            !is_ordered && !is_told
        });
        self.source_forgotten(source, rest);
    }

    /// Something was done to a resource on a node: by now it is known whether it is there.
    pub(crate) fn found_again(&mut self, report: &OperationReport) {
        if !report.direct && report.interval.is_zero() && report.operation != "monitor" {
            self.adrift.remove(&(report.on_node.clone(), report.resource.clone()));
        }
    }

    /// Drops what targets told before, so that they are probed. Where something is under way of the resource, or begins at once, its end tells.
    pub(crate) fn look_for_what_is_adrift(&mut self, now: Now, commands: &mut Vec<Command>) {
        for (node, resource) in self.adrift.clone() {
            let is_its = |step: &Step| step.node() == Some(&node) && step.resource() == Some(&resource) && step.interval().is_zero();
            let tells = |step: &Step| step.is_under_way() || (step.action.operation != "monitor" && self.is_due(step));
            let executor = self.connections.get(&node).unwrap_or(&node).clone();
            let is_reachable = self.nodes.get(&executor).is_some_and(|known| known.reachable);
            if !is_reachable || self.progress.steps.iter().any(|step| is_its(step) && tells(step)) {
                continue;
            }
            self.adrift.remove(&(node.clone(), resource.clone()));
            self.recorded.remove(&(node.clone(), resource.clone()));
            push_edit(commands, StatusEdit::DropResource { node: self.action_node(&node), resource: resource.clone() });
            let on_node = (executor != node).then(|| node.clone());
            commands.push(Command::Order { node: executor, order: NodeOrder::Forget { resource: resource.clone(), on_node } });
            // Safety: what the plan under way believes of it may not be so.
            self.changed_meanwhile.insert(resource.clone());
            self.progress.hold_resource(&resource);
            self.want_plan(now, format!("{resource} may have arrived on {node}"));
        }
    }
}
