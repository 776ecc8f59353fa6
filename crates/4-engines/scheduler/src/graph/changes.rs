//! The transition summary: what changes for whom, and why, as people read it.

use crate::actions::{ActionIndex, Draft, Flags};
use model::Role;
use status::{Kind, NodeIndex, ResourceIndex};
use transition::PlannedChange;

impl Draft<'_> {
    /// Returns what changes: nodes first, newest first, then resources in their order.
    pub(crate) fn planned_changes(&mut self) -> Vec<PlannedChange> {
        let mut changes = Vec::new();
        for action in self.actions.iter().rev() {
            if action.resource.is_some() || action.has(Flags::OPTIONAL) {
                continue;
            }
            let verb = match action.task.as_str() {
                "do_shutdown" => "Shutdown".to_owned(),
                "stonith" => format!("Fence ({})", action.meta("stonith_action").unwrap_or_default()),
                _ => continue,
            };
            let Some(node) = action.node else { continue };
            let name = self.node_name(node);
            let subject = match self.launcher_of_node(node) {
                Some(launcher) => format!("{name} (resource: {})", self.fact(launcher).id),
                None => name.to_string(),
            };
            changes.push(PlannedChange { verb, subject, place: String::new(), reason: action.reason.clone().unwrap_or_default() });
        }
        for root in self.roots.clone() {
            self.add_changes(root, &mut changes);
        }
        changes
    }

    fn add_changes(&mut self, resource: ResourceIndex, changes: &mut Vec<PlannedChange>) {
        let fact = self.fact(resource);
        if let Kind::Bundle(bundle) = &fact.kind {
            for replica in &bundle.replicas {
                for part in [replica.ip, Some(replica.container), replica.remote, replica.child].into_iter().flatten() {
                    self.add_changes(part, changes);
                }
            }
            return;
        }
        let children = self.r(resource).children.clone();
        if !children.is_empty() {
            for child in children {
                self.add_changes(child, changes);
            }
            return;
        }
        let next = self.r(resource).assigned;
        let mut current = None;
        if !fact.active_nodes.is_empty() {
            current = self.current_node(resource);
            if self.r(resource).role == Role::Stopped {
                self.r_mut(resource).role = Role::Started;
            }
        }
        if current.is_none() && fact.orphan {
            return;
        }
        if !self.r(resource).managed || (current.is_none() && next.is_none()) {
            return;
        }
        self.add_change(resource, current, next, changes);
    }

    fn add_change(
        &mut self,
        resource: ResourceIndex,
        current: Option<NodeIndex>,
        next: Option<NodeIndex>,
        changes: &mut Vec<PlannedChange>,
    ) {
        let moving = current.is_some() && next.is_some() && current != next;
        let start = self.operations(resource, "start", next).first().copied();
        let start_runs = start.is_some_and(|start| self.a(start).has(Flags::RUNNABLE));
        let stop_node = if start_runs { current } else { None };
        let mut stop = self.operations(resource, "stop", stop_node).first().copied();
        if stop.is_none() && self.r(resource).stop_unexpected {
            stop = self.operations(resource, "stop", None).first().copied();
        }
        let promote = self.operations(resource, "promote", next).first().copied();
        let demote = self.operations(resource, "demote", next).first().copied();
        let state = self.r(resource);
        if state.role == state.next_role {
            let change = self.same_role_change(resource, current, next, moving, [start, stop, promote, demote]);
            changes.extend(change);
            return;
        }
        let (role, next_role, failed) = (state.role, state.next_role, state.failed && state.stop_if_failed);
        let required = |draft: &Self, action: Option<ActionIndex>| action.is_some_and(|action| !draft.a(action).has(Flags::OPTIONAL));
        let mut push = |draft: &Self, verb: &str, to: Option<NodeIndex>, action: Option<ActionIndex>, source: Option<ActionIndex>| {
            changes.extend(draft.change(verb, resource, current, to, action, source));
        };
        if stop.is_some() && (next_role == Role::Stopped || (start.is_some() && !start_runs)) {
            self.add_stops(resource, start, changes);
        } else if stop.is_some() && failed {
            push(self, "Recover", next, stop, start);
        } else if moving {
            push(self, "Move", next, stop, None);
        } else if state.reload {
            push(self, "Reload", next, start, None);
        } else if required(self, stop) {
            push(self, "Restart", next, start, None);
        } else if role == Role::Promoted {
            push(self, "Demote", next, demote, None);
        } else if next_role == Role::Promoted {
            push(self, "Promote", next, promote, None);
        } else if role == Role::Stopped && next_role > Role::Stopped {
            push(self, "Start", next, start, None);
        }
    }

    fn add_stops(&mut self, resource: ResourceIndex, start: Option<ActionIndex>, changes: &mut Vec<PlannedChange>) {
        for &node in &self.fact(resource).active_nodes {
            let stop = self.operations(resource, "stop", Some(node)).first().copied();
            let mut source = start;
            if let Some(stop) = stop.filter(|&stop| self.a(stop).reason.is_some()) {
                source = Some(stop);
            }
            changes.extend(self.change("Stop", resource, Some(node), None, stop, source));
        }
    }

    fn same_role_change(
        &mut self,
        resource: ResourceIndex,
        current: Option<NodeIndex>,
        next: Option<NodeIndex>,
        moving: bool,
        [start, stop, promote, demote]: [Option<ActionIndex>; 4],
    ) -> Option<PlannedChange> {
        let migrate = self.operations(resource, "migrate_from", next).first().copied();
        let state = self.r(resource);
        let runs = |action: ActionIndex| self.a(action).has(Flags::RUNNABLE);
        if current.is_some() && migrate.is_some_and(runs) {
            return self.change("Migrate", resource, current, next, start, None);
        }
        if state.reload {
            return self.change("Reload", resource, current, next, start, None);
        }
        let Some(started) = start.filter(|&start| !self.a(start).has(Flags::OPTIONAL)) else {
            let required = |action: Option<ActionIndex>| action.is_some_and(|action| !self.a(action).has(Flags::OPTIONAL));
            if required(demote) && required(promote) {
                return self.change("Re-promote", resource, current, next, promote, demote);
            }
            return None;
        };
        if !runs(started) {
            let source = stop.filter(|&stop| self.a(stop).reason.is_some()).or(start);
            return self.change("Stop", resource, current, None, stop, source);
        }
        if moving {
            return self.change(if state.failed { "Recover" } else { "Move" }, resource, current, next, stop, None);
        }
        if state.failed {
            return self.change("Recover", resource, current, None, stop, None);
        }
        self.change("Restart", resource, current, next, start, None)
    }

    /// Returns a line of the summary. The reason is that of `source`, else that of the action itself.
    fn change(
        &self,
        verb: &str,
        resource: ResourceIndex,
        from: Option<NodeIndex>,
        to: Option<NodeIndex>,
        action: Option<ActionIndex>,
        source: Option<ActionIndex>,
    ) -> Option<PlannedChange> {
        let action = self.a(action.or(source)?);
        let source = source.map_or(action, |source| self.a(source));
        let blocked = !action.has(Flags::RUNNABLE);
        let reason = match &source.reason {
            Some(reason) if blocked => format!("due to {reason} (blocked)"),
            Some(reason) => format!("due to {reason}"),
            None if blocked => "blocked".to_owned(),
            None => String::new(),
        };
        let subject = self.fact(resource).id.to_string();
        Some(PlannedChange { verb: verb.to_owned(), subject, place: self.place(resource, from, to), reason })
    }

    fn place(&self, resource: ResourceIndex, from: Option<NodeIndex>, to: Option<NodeIndex>) -> String {
        let state = self.r(resource);
        let (role, next) = (state.role, state.next_role);
        let tells_role = role > Role::Started || next > Role::Unpromoted;
        let same_role = role == next;
        let name = |node: NodeIndex| self.node_name(node).as_str();
        match (from, to) {
            (None, Some(to)) if tells_role => format!("{role} -> {next} {}", name(to)),
            (None, Some(to)) => name(to).to_owned(),
            (Some(from), None) if tells_role => format!("{role} {}", name(from)),
            (Some(from), None) => name(from).to_owned(),
            (Some(from), Some(to)) if same_role && from == to && tells_role => format!("{role} {}", name(from)),
            (Some(from), Some(to)) if same_role && from == to => name(from).to_owned(),
            (Some(from), Some(to)) if same_role && tells_role => format!("{} -> {} {role}", name(from), name(to)),
            (Some(from), Some(to)) if same_role => format!("{} -> {}", name(from), name(to)),
            (Some(from), Some(to)) if from == to => format!("{role} -> {next} {}", name(from)),
            (Some(from), Some(to)) => format!("{role} {} -> {next} {}", name(from), name(to)),
            (None, None) => String::new(),
        }
    }
}
