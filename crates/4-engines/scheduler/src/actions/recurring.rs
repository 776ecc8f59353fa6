//! Recurring operations: started with the role they are for, cancelled when it ends, watched where the resource is not.

use super::{ActionIndex, Draft, End, Flags, Relation};
use compact_str::CompactString;
use model::{AgentExit, Role};
use status::{NodeIndex, Operation, ResourceIndex};

/// A configured operation that is repeated.
struct Recurring {
    name: CompactString,
    key: CompactString,
    interval_ms: u64,
    /// `Unknown`: any role but promoted and stopped.
    role: Role,
}

impl Draft<'_> {
    /// Makes a resource's recurring operations.
    pub(super) fn create_recurring_actions(&mut self, resource: ResourceIndex) {
        let fact = self.fact(resource);
        if self.r(resource).blocked || fact.maintenance {
            return;
        }
        let assigned = self.r(resource).assigned;
        let wanted = self.r(resource).next_role != Role::Stopped || !self.r(resource).managed;
        let start = match assigned {
            Some(node) if !self.facts.node(node).maintenance && wanted => Some(self.operation(resource, "start", assigned, true)),
            _ => None,
        };
        for operation in fact.operations.iter() {
            let Some(recurring) = self.recurring(resource, operation) else { continue };
            if let Some(start) = start {
                self.create_recurring_where_active(resource, start, assigned, &recurring);
            }
            if recurring.role == Role::Stopped {
                self.create_recurring_where_inactive(resource, assigned, &recurring, &operation.id);
            }
        }
    }

    fn recurring(&mut self, resource: ResourceIndex, operation: &Operation) -> Option<Recurring> {
        if operation.interval_ms == 0 || operation.id.is_empty() {
            return None;
        }
        let name = operation.name.as_str();
        if matches!(name, "stop" | "start" | "demote" | "promote" | "reload-agent" | "migrate_to" | "migrate_from") {
            self.problem(format!("Ignoring {} because {name} action cannot be recurring", operation.id));
            return None;
        }
        let fact = self.fact(resource);
        let same = |other: &&Operation| other.name == operation.name && other.interval_ms == operation.interval_ms && !other.id.is_empty();
        if fact.operations.iter().filter(same).nth(1).is_some() {
            self.problem(format!(
                "Operation {} is a duplicate (do not use same name and interval combination more than once per resource)",
                operation.id
            ));
            return None;
        }
        let role = match operation.xml.attribute("role") {
            None => Role::Unknown,
            Some(text) => match Role::parse(text).filter(|role| *role != Role::Unknown) {
                Some(role) => role,
                None => {
                    self.problem(format!("Ignoring {} role because {text} is not a valid role", operation.id));
                    return None;
                }
            },
        };
        if !operation.enabled {
            return None;
        }
        let key = self.key(resource, name, operation.interval_ms);
        Some(Recurring { name: operation.name.clone(), key, interval_ms: operation.interval_ms, role })
    }

    fn problem(&mut self, text: String) {
        self.problems.push(transition::Problem { is_error: true, text });
    }

    fn create_recurring_where_active(
        &mut self,
        resource: ResourceIndex,
        start: ActionIndex,
        node: Option<NodeIndex>,
        recurring: &Recurring,
    ) {
        if recurring.role == Role::Stopped {
            return;
        }
        let optional = self.runs_already(resource, start, node, &recurring.key);
        let next_role = self.r(resource).next_role;
        let for_this_role = match recurring.role {
            Role::Unknown => next_role != Role::Promoted,
            role => next_role == role,
        };
        if !for_this_role {
            if optional {
                self.cancel_for_role_change(resource, node, recurring);
            }
            return;
        }
        let key = recurring.key.clone();
        let monitor = self.action(resource, key, &recurring.name, recurring.interval_ms, node, optional);
        let node_usable = node.is_some_and(|node| self.n(node).online && !self.n(node).unclean);
        if !self.a(start).has(Flags::RUNNABLE) || !node_usable {
            self.a_mut(monitor).flags.clear(Flags::RUNNABLE);
        }
        if next_role == Role::Promoted {
            self.expect(monitor, AgentExit::RUNNING_PROMOTED);
        }
        if node.is_some() && !self.r(resource).managed {
            return;
        }
        let follows = Relation::FIRST_IMPLIES_THEN | Relation::UNRUNNABLE_FIRST_BLOCKS;
        self.order_operation_before(resource, "start", monitor, follows);
        self.order_operation_before(resource, "reload-agent", monitor, follows);
        let after_role = Relation::ORDERED | Relation::UNRUNNABLE_FIRST_BLOCKS;
        if next_role == Role::Promoted {
            self.order_operation_before(resource, "promote", monitor, after_role);
        } else if self.r(resource).role == Role::Promoted {
            self.order_operation_before(resource, "demote", monitor, after_role);
        }
    }

    /// Returns whether a recurring operation is under way already and may go on as it is.
    fn runs_already(&mut self, resource: ResourceIndex, start: ActionIndex, node: Option<NodeIndex>, key: &str) -> bool {
        if node.is_none() || !self.summary_flags(start, None).has(Flags::OPTIONAL) {
            return false;
        }
        let found = self.find_actions_exact(resource, key, node);
        !found.is_empty() && found.iter().all(|&action| !self.a(action).has(Flags::RESCHEDULE))
    }

    fn cancel_for_role_change(&mut self, resource: ResourceIndex, node: Option<NodeIndex>, recurring: &Recurring) {
        let cancel = self.cancel(resource, &recurring.name, recurring.interval_ms, node);
        let state = self.r(resource);
        let before = match (state.role, state.next_role) {
            (Role::Unpromoted | Role::Started, Role::Promoted) => "promote",
            (Role::Unpromoted | Role::Started, Role::Stopped) => "stop",
            (Role::Promoted, _) => "demote",
            _ => return,
        };
        self.order_operation_after(cancel, resource, before, Relation::UNRUNNABLE_FIRST_BLOCKS);
    }

    /// Watches that a resource does not run where it should not.
    fn create_recurring_where_inactive(&mut self, resource: ResourceIndex, node: Option<NodeIndex>, recurring: &Recurring, id: &str) {
        if !self.fact(resource).unique {
            let text = format!("Ignoring {id} (recurring monitors for Stopped role are not supported for anonymous clones)");
            self.warn(text);
            return;
        }
        for elsewhere in self.facts.node_order.clone() {
            if node == Some(elsewhere) {
                self.cancel_where_it_starts(resource, node, recurring);
                continue;
            }
            let optional = !self.find_actions_exact(resource, &recurring.key, Some(elsewhere)).is_empty();
            let key = recurring.key.clone();
            let monitor = self.action(resource, key, &recurring.name, recurring.interval_ms, Some(elsewhere), optional);
            self.expect(monitor, AgentExit::NOT_RUNNING);
            if self.r(resource).managed {
                for probe in self.operations(resource, "monitor", Some(elsewhere)) {
                    self.order(probe, monitor, Relation::UNRUNNABLE_FIRST_BLOCKS);
                }
            }
            self.order_after_stops(resource, elsewhere, monitor);
            if !self.n(elsewhere).online || self.n(elsewhere).unclean {
                self.a_mut(monitor).flags.clear(Flags::RUNNABLE);
            }
        }
    }

    fn cancel_where_it_starts(&mut self, resource: ResourceIndex, node: Option<NodeIndex>, recurring: &Recurring) {
        if self.find_actions_exact(resource, &recurring.key, node).is_empty() {
            return;
        }
        let cancel = self.cancel(resource, &recurring.name, recurring.interval_ms, node);
        if matches!(self.r(resource).next_role, Role::Started | Role::Unpromoted) {
            self.order_operation_after(cancel, resource, "start", Relation::UNRUNNABLE_FIRST_BLOCKS);
        }
    }

    fn order_after_stops(&mut self, resource: ResourceIndex, node: NodeIndex, monitor: ActionIndex) {
        let managed = self.r(resource).managed;
        let key = self.key(resource, "stop", 0);
        for stop in self.find_actions_exact(resource, &key, Some(node)) {
            if !self.a(stop).has(Flags::OPTIONAL) && !self.a(monitor).has(Flags::OPTIONAL) && !managed {
                self.a_mut(monitor).flags.set(Flags::OPTIONAL);
            }
            if !self.a(stop).has(Flags::RUNNABLE) {
                self.a_mut(monitor).flags.clear(Flags::RUNNABLE);
            }
            if managed {
                let follows = Relation::FIRST_IMPLIES_THEN | Relation::UNRUNNABLE_FIRST_BLOCKS;
                self.order_ends(End::Action(stop), End::Action(monitor), follows);
            }
        }
    }

    /// Notes the exit code that counts as success.
    pub(super) fn expect(&mut self, action: ActionIndex, exit: AgentExit) {
        self.a_mut(action).set_meta("op_target_rc", exit.0.to_string());
    }

    /// Returns the action that cancels a recurring operation.
    pub(super) fn cancel(&mut self, resource: ResourceIndex, task: &str, interval_ms: u64, node: Option<NodeIndex>) -> ActionIndex {
        let key = self.key(resource, task, interval_ms);
        let cancel = self.action(resource, key, "cancel", interval_ms, node, false);
        self.rename_task(cancel, "cancel");
        let action = self.a_mut(cancel);
        action.cancelled = Some(task.into());
        action.set_meta("operation", task);
        action.set_meta("interval", interval_ms.to_string());
        cancel
    }

    /// Cancels a recurring operation that is recorded as under way.
    pub(super) fn schedule_cancel(&mut self, resource: ResourceIndex, task: &str, interval_ms: u64, node: NodeIndex, call: &str) {
        let cancel = self.cancel(resource, task, interval_ms, Some(node));
        self.a_mut(cancel).set_meta("call-id", call);
        self.order_operation_before(resource, "stop", cancel, Relation::ORDERED);
    }
}
