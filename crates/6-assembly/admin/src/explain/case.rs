//! What an explanation is made from: the CIB, the decision about it, the plan, and what that comes to on paper.

use super::cause::Cause;
use crate::configured::constraints;
use crate::decision::Decision;
use crate::outlook::{Outlook, Place, Places};
use model::{Role, Score, Timestamp};
use scheduler::constraints::Colocation;
use status::{Facts, NodeIndex, OperationRecord, ResourceIndex};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use transition::{Action, Plan, Reason};
use xml::Element;

/// The evidence.
pub(super) struct Case<'a> {
    pub cib: &'a Element,
    pub decision: Decision,
    pub plan: Plan,
    end: OnceCell<Places>,
}

impl<'a> Case<'a> {
    pub fn of(cib: &'a Element, now: Timestamp) -> Self {
        let decision = Decision::of(cib, now);
        let plan = scheduler::schedule(&decision.facts);
        Self { cib, decision, plan, end: OnceCell::new() }
    }

    pub fn facts(&self) -> &Facts {
        &self.decision.facts
    }

    /// Returns where everything is once the cluster has done what it can do now.
    pub fn end(&self) -> &Places {
        self.end.get_or_init(|| Outlook::settled_beside(self.cib, self.facts()).places())
    }

    /// Returns where everything would be in the end if the CIB were this one.
    pub fn end_of(&self, cib: &Element) -> Places {
        Outlook::settled_beside(cib, self.facts()).places()
    }

    pub fn node_name(&self, node: NodeIndex) -> String {
        self.facts().node(node).name.to_string()
    }

    pub fn planned_node(&self, index: ResourceIndex) -> Option<NodeIndex> {
        self.decision.placement.node[index.position()]
    }

    /// Returns whether actions may touch a primitive.
    pub fn is_managed(&self, index: ResourceIndex) -> bool {
        let placement = &self.decision.placement;
        placement.managed[index.position()] && !placement.blocked[index.position()]
    }

    /// Returns where something ends up, by its name as people know it.
    pub fn place(&self, index: ResourceIndex) -> Option<&Place> {
        self.end().get(self.facts().printable_id(index))
    }

    /// Returns the planned actions of a primitive.
    pub fn actions(&self, index: ResourceIndex) -> impl Iterator<Item = &Action> {
        let resource = self.facts().resource(index);
        let there = self.planned_node(index);
        self.plan.graph.actions.iter().filter(move |action| {
            let Some(named) = &action.resource else { return false };
            // Instances may be known by each other's numbers where they were before: the node tells them apart.
            let names = [Some(&named.id), named.long_id.as_ref()];
            let own = [Some(&resource.id), resource.history_id.as_ref()];
            let node = action.node.as_ref().and_then(|node| self.facts().find_node(node.name.as_str()));
            let is_near = node.is_none_or(|node| Some(node) == there || resource.active_nodes.contains(&node));
            is_near && names.iter().flatten().any(|name| own.iter().flatten().any(|own| own == name))
        })
    }

    pub fn has_action(&self, index: ResourceIndex, operation: &str) -> bool {
        self.actions(index).any(|action| action.operation == operation)
    }

    /// Returns the terms of a primitive's score on a node.
    pub fn terms(&self, index: ResourceIndex, node: NodeIndex) -> impl Iterator<Item = &Reason> {
        let (id, name) = (&self.facts().resource(index).id, &self.facts().node(node).name);
        self.decision.placement.reasons.iter().filter(move |r| r.resource == *id && r.node.as_ref() == Some(name))
    }

    /// Returns the score of a primitive on a node, if the node was considered.
    pub fn score(&self, index: ResourceIndex, node: NodeIndex) -> Option<Score> {
        self.decision.placement.allowed[index.position()].get(node).map(|entry| entry.score)
    }

    /// Returns whether a node can run something.
    pub fn is_usable(&self, node: NodeIndex) -> bool {
        let planned = &self.decision.placement.nodes[node.position()];
        let known = self.facts().node(node);
        planned.online && !planned.unclean && !planned.shutting_down && !known.standby && !known.maintenance
    }

    /// Returns the configured constraint that an id (of it, of a rule or a set in it) belongs to.
    pub fn constraint(&self, id: &str) -> Option<&'a Element> {
        constraints(self.cib).find(|element| element.id() == Some(id) || element.descendants().any(|inner| inner.id() == Some(id)))
    }

    pub fn colocation(&self, id: &str, dependent: &str, primary: &str) -> Option<&Colocation> {
        let all = &self.decision.constraints.colocations;
        let name = |index: ResourceIndex| self.facts().resource(index).id.as_str();
        all.iter().find(|link| link.id == id && name(link.dependent) == dependent && name(link.primary) == primary)
    }

    /// Returns the primitives of which a resource consists.
    pub fn primitives_in(&self, index: ResourceIndex) -> Vec<ResourceIndex> {
        let (mut found, mut open) = (Vec::new(), vec![index]);
        while let Some(at) = open.pop() {
            let resource = self.facts().resource(at);
            if resource.is_primitive() {
                found.push(at);
            }
            open.extend(resource.children.iter().rev());
        }
        found
    }

    /// Returns the nodes where any part of a resource is to be.
    pub fn planned_nodes(&self, index: ResourceIndex) -> Vec<NodeIndex> {
        let mut nodes: Vec<NodeIndex> = self.primitives_in(index).into_iter().filter_map(|at| self.planned_node(at)).collect();
        nodes.sort();
        nodes.dedup();
        nodes
    }

    /// Returns the newest failed operation of a resource (on a node).
    pub fn failure(&self, index: ResourceIndex, node: Option<NodeIndex>) -> Option<(NodeIndex, &OperationRecord)> {
        let facts = self.facts();
        let base = facts.resource(index).configured_id.clone();
        let is_its = |of: Option<ResourceIndex>| of.is_some_and(|of| of == index || facts.resource(of).configured_id == base);
        let failures = facts.failures.iter().filter(|f| is_its(f.resource) && node.is_none_or(|node| node == f.node));
        failures.map(|f| (f.node, facts.operation(f.history))).max_by_key(|(_, operation)| operation.last_change)
    }

    /// Returns a failed operation as a sentence's part: `its start on n1 ended with "error" (exit code 1): no such file`.
    pub fn failure_words(&self, node: NodeIndex, operation: &OperationRecord) -> String {
        let what = match (operation.operation.as_str(), operation.interval_ms) {
            ("monitor", 0) => "probe",
            (name, _) => name,
        };
        let exit = operation.effective_exit;
        let how = match operation.effective_status {
            model::ExecutionStatus::Timeout => "took longer than its time-out".to_owned(),
            _ => format!("ended with {:?} ({})", exit.as_str(), exit.0),
        };
        let reason = match operation.exit_reason() {
            "" => String::new(),
            reason => format!(", saying {reason:?}"),
        };
        format!("its {what} on {} {how}{reason}{}", self.node_name(node), self.ago(operation.last_change))
    }

    /// Returns how long ago something was, as it follows what was.
    pub fn ago(&self, when: Option<Timestamp>) -> String {
        let seconds = when.map(|when| self.facts().now.seconds() - when.seconds());
        seconds.filter(|seconds| (0..10 * 365 * 86_400).contains(seconds)).map_or(String::new(), |s| format!(", {} ago", span(s)))
    }

    /// Returns the primitives and what they are part of, by name, whose failures count for one of them.
    pub fn failure_names(&self, index: ResourceIndex) -> std::collections::BTreeSet<String> {
        let resource = self.facts().resource(index);
        [resource.configured_id.to_string(), resource.id.to_string()].into()
    }

    /// Returns the roles in which a primitive is now, by node; and whether that is certain.
    pub fn roles_now(&self, index: ResourceIndex) -> BTreeMap<NodeIndex, Role> {
        let role = self.decision.placement.role_now[index.position()];
        self.facts().resource(index).active_nodes.iter().map(|node| (*node, role)).collect()
    }

    /// Returns the main reason why a resource does not run, for a sentence about another.
    pub fn root_cause(&self, index: ResourceIndex, depth: usize) -> Option<Cause> {
        let primitives = self.primitives_in(index);
        let idle = primitives.iter().find(|at| self.planned_node(**at).is_none() || !self.comes_to_run(**at))?;
        super::causes::why_down(self, *idle, depth).into_iter().next()
    }

    /// Returns whether a primitive runs once the cluster has done what it can.
    pub fn comes_to_run(&self, index: ResourceIndex) -> bool {
        let Some(node) = self.planned_node(index) else { return false };
        let name = self.node_name(node);
        self.place(index).is_some_and(|place| place.nodes.contains_key(&name))
    }
}

/// Returns a span of time in words: `42 s`, `5 min`, `3 h`, `2 days`.
pub(super) fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
