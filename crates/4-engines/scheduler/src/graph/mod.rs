//! The plan from the draft: which actions are in it, in which order it lists them, and what each carries.

mod attributes;
mod changes;
mod diagram;

use crate::DeadEnds;
use crate::actions::{ActionIndex, Draft, EdgeIndex, Flags, Relation};
use model::{NodeName, Timestamp};
use status::{Kind, NodeIndex, NodeKind, ResourceIndex};
use std::collections::BTreeSet;
use transition::{Action, ActionId, ActionKind, ActionNode, ActionResource, Graph};

impl Draft<'_> {
    /// Returns the graph of everything that is to be done.
    pub(crate) fn build_graph(&mut self, recheck_by: Option<Timestamp>, dead_ends: DeadEnds) -> Graph {
        let mut order = Vec::new();
        for root in self.roots.clone() {
            self.add_resource(root, &mut order);
        }
        let maintenance = self.maintenance_changes();
        if !maintenance.is_empty() {
            let index = self.pseudo("maintenance_nodes");
            self.a_mut(index).flags.set(Flags::ALWAYS_IN_GRAPH);
        }
        for position in (0..self.actions.len()).rev() {
            self.add_action(ActionIndex(position as u32), &mut order);
        }
        let absent = match dead_ends {
            DeadEnds::Removed => {
                self.remove_what_waits_in_vain(&mut order);
                Vec::new()
            }
            DeadEnds::Kept => self.waited_for_in_vain(&order).into_iter().map(|index| self.finished(index, &maintenance)).collect(),
        };
        let actions = order.into_iter().map(|index| self.finished(index, &maintenance)).collect();
        Graph { transition: 1, options: self.graph_options(recheck_by), actions, absent, diagram: self.diagram() }
    }

    fn graph_options(&self, recheck_by: Option<Timestamp>) -> Vec<(String, String)> {
        let options = &self.facts.options;
        let written = |names: &[&str], default: &str| {
            let value = names.iter().find_map(|name| options.all.get(*name));
            value.map_or_else(|| default.to_owned(), ToString::to_string)
        };
        let start_offset = if options.start_failure_is_fatal { "INFINITY" } else { "1" };
        let mut list = vec![
            ("cluster-delay".to_owned(), written(&["cluster-delay"], "60s")),
            ("fencing-timeout".to_owned(), written(&["fencing-timeout", "stonith-timeout"], "60s")),
            ("failed-stop-offset".to_owned(), "INFINITY".to_owned()),
            ("failed-start-offset".to_owned(), start_offset.to_owned()),
            ("batch-limit".to_owned(), written(&["batch-limit"], "0")),
        ];
        let migration_limit = written(&["migration-limit"], "-1");
        if migration_limit.trim().parse::<i64>().is_ok_and(|limit| limit > 0) {
            list.push(("migration-limit".to_owned(), migration_limit));
        }
        if let Some(recheck_by) = recheck_by {
            list.push(("recheck-by".to_owned(), recheck_by.seconds().to_string()));
        }
        list
    }

    fn add_resource(&mut self, resource: ResourceIndex, order: &mut Vec<ActionIndex>) {
        match &self.fact(resource).kind {
            Kind::Clone(_) => {
                for position in (0..self.r(resource).actions.len()).rev() {
                    let index = self.r(resource).actions[position];
                    self.summary_flags(index, None);
                }
                self.create_clone_notifications(resource);
                for child in self.r(resource).children.clone() {
                    self.add_resource(child, order);
                }
                self.add_own_actions(resource, order);
            }
            Kind::Bundle(bundle) => {
                let parts = bundle.replicas.iter().flat_map(|replica| [replica.ip, Some(replica.container), replica.remote]);
                for part in bundle.child.into_iter().chain(parts.flatten()) {
                    self.add_resource(part, order);
                }
            }
            _ => {
                self.add_own_actions(resource, order);
                for child in self.r(resource).children.clone() {
                    self.add_resource(child, order);
                }
            }
        }
    }

    fn add_own_actions(&mut self, resource: ResourceIndex, order: &mut Vec<ActionIndex>) {
        for position in (0..self.r(resource).actions.len()).rev() {
            let index = self.r(resource).actions[position];
            self.add_action(index, order);
        }
    }

    /// Adds an action to the graph, if it belongs there, and settles which orders hold for it.
    fn add_action(&mut self, index: ActionIndex, order: &mut Vec<ActionIndex>) {
        self.merge_orders(index);
        if self.a(index).has(Flags::ADDED) || !self.belongs_in_graph(index) {
            return;
        }
        self.a_mut(index).flags.set(Flags::ADDED);
        for place in (0..self.a(index).before.len()).rev() {
            let edge = self.a(index).before[place];
            if self.keeps_order(index, edge) {
                self.edges[edge.0 as usize].graphed = true;
            }
        }
        order.push(index);
    }

    /// Removes actions that would wait for one that is not in the plan, and what waits for those.
    ///
    /// Safety: an order that holds is never dropped because its first action cannot be done. (The incumbent leaves such
    /// actions in its graph, where they never start.)
    fn remove_what_waits_in_vain(&mut self, order: &mut Vec<ActionIndex>) {
        let mut open: Vec<ActionIndex> = Vec::new();
        for &index in order.iter() {
            let waits =
                |edge: &&EdgeIndex| self.edges[edge.0 as usize].graphed && !self.a(self.edges[edge.0 as usize].first).has(Flags::ADDED);
            if self.a(index).before.iter().any(|edge| waits(&edge)) {
                open.push(index);
            }
        }
        while let Some(index) = open.pop() {
            if !self.a(index).has(Flags::ADDED) {
                continue;
            }
            self.a_mut(index).flags.clear(Flags::ADDED);
            let after = self.a(index).after.iter().map(|edge| self.edges[edge.0 as usize]);
            open.extend(after.filter(|edge| edge.graphed).map(|edge| edge.then));
        }
        order.retain(|&index| self.a(index).has(Flags::ADDED));
    }

    /// Returns the actions outside of the plan that others in it wait for.
    fn waited_for_in_vain(&self, order: &[ActionIndex]) -> BTreeSet<ActionIndex> {
        let edges = order.iter().flat_map(|&index| &self.a(index).before).map(|edge| self.edges[edge.0 as usize]);
        edges.filter(|edge| edge.graphed && !self.a(edge.first).has(Flags::ADDED)).map(|edge| edge.first).collect()
    }

    /// Makes one order of several with the same first action.
    fn merge_orders(&mut self, index: ActionIndex) {
        if self.merged.len() < self.actions.len() {
            self.merged.resize(self.actions.len(), false);
        }
        if std::mem::replace(&mut self.merged[index.position()], true) {
            return;
        }
        let mut before = std::mem::take(&mut self.a_mut(index).before);
        before.reverse();
        before.sort_by_key(|edge| self.edges[edge.0 as usize].first);
        let mut kept: Vec<EdgeIndex> = Vec::with_capacity(before.len());
        for edge in before {
            let (first, now) = (self.edges[edge.0 as usize].first, self.edges[edge.0 as usize].now);
            match kept.last().filter(|last| self.edges[last.0 as usize].first == first) {
                Some(last) => {
                    let last = last.0 as usize;
                    self.edges[last].now |= now;
                    self.edges[edge.0 as usize].now = Relation::NONE;
                }
                None => kept.push(edge),
            }
        }
        kept.reverse();
        self.a_mut(index).before = kept;
    }

    /// Returns an action as the plan has it.
    fn finished(&self, index: ActionIndex, maintenance: &[(ActionNode, bool)]) -> Action {
        let action = self.a(index);
        let pseudo = action.has(Flags::PSEUDO);
        let kind = match action.task.as_str() {
            "stonith" if !pseudo => ActionKind::Cluster,
            "do_shutdown" | "clear_failcount" | "lrm_delete" => ActionKind::Cluster,
            _ if pseudo => ActionKind::Pseudo,
            _ => ActionKind::Resource,
        };
        let shows_node = kind != ActionKind::Pseudo || action.task == "stonith";
        let node = action.node.filter(|_| shows_node);
        let history_id = action.resource.and_then(|resource| self.fact(resource).history_id.as_ref());
        let (key, internal_key) = match history_id {
            Some(history_id) => (self.recorded_key(index, history_id.as_str()), Some(action.key.to_string())),
            None => (action.key.to_string(), None),
        };
        let mut after: Vec<ActionId> = Vec::new();
        for &edge in &action.before {
            let edge = &self.edges[edge.0 as usize];
            if edge.graphed {
                after.push(id_of(edge.first));
            }
        }
        after.sort_unstable();
        after.dedup();
        let resource_priority = action.resource.map_or(0, |resource| self.r(resource).priority);
        let (attributes, numbered_parameters) = self.attributes(index, shows_node);
        Action {
            id: id_of(index),
            kind,
            operation: action.task.to_string(),
            operation_key: key,
            internal_operation_key: internal_key,
            node: node.map(|node| self.named_node(node)),
            router_node: node.and_then(|_| self.router(index)).map(|node| self.facts.node(node).name.clone()),
            resource: action.resource.filter(|_| !pseudo).map(|resource| self.resource_details(resource)),
            attributes,
            numbered_parameters,
            locked_since: if pseudo { None } else { self.lock_time(index) },
            downed: if node.is_some() || action.task == "stop" { self.downed(index) } else { Vec::new() },
            maintenance: if kind == ActionKind::Pseudo && action.task == "maintenance_nodes" { maintenance.to_vec() } else { Vec::new() },
            after,
            priority: resource_priority.max(action.priority).max(0),
            reason: action.reason.clone().unwrap_or_else(|| default_reason(action).to_owned()),
        }
    }

    /// Returns the key under which a node records an action of a resource that it knows under another id.
    fn recorded_key(&self, index: ActionIndex, history_id: &str) -> String {
        let action = self.a(index);
        if action.task == "notify" {
            let (kind, about) = (action.meta("notify_type").unwrap_or_default(), action.meta("notify_operation").unwrap_or_default());
            return format!("{history_id}_{kind}_notify_{about}_0");
        }
        let task = action.cancelled.as_ref().unwrap_or(&action.task);
        let interval = action.meta("interval").and_then(|interval| interval.parse::<u64>().ok()).unwrap_or(0);
        format!("{history_id}_{task}_{interval}")
    }

    fn named_node(&self, node: NodeIndex) -> ActionNode {
        let fact = self.facts.node(node);
        ActionNode { name: fact.name.clone(), id: fact.id.to_string() }
    }

    fn resource_details(&self, resource: ResourceIndex) -> ActionResource {
        let fact = self.fact(resource);
        let configured = fact.xml.id().unwrap_or(fact.id.as_str());
        let (id, long_id) = match &fact.history_id {
            Some(history_id) if fact.orphan => (history_id.clone(), Some(fact.id.clone())),
            _ if fact.unique => (fact.id.clone(), None),
            Some(history_id) if history_id.as_str() != configured => (configured.into(), Some(history_id.clone())),
            _ => (configured.into(), Some(fact.id.clone())),
        };
        let attribute = |name: &str| fact.meta.get(name).map(ToString::to_string);
        ActionResource {
            id,
            long_id,
            class: attribute("class").unwrap_or_default(),
            provider: attribute("provider"),
            kind: attribute("type").unwrap_or_default(),
        }
    }

    /// Returns since when an action's resource is locked to its node, for actions that keep the lock.
    fn lock_time(&self, index: ActionIndex) -> Option<i64> {
        let action = self.a(index);
        let (resource, node) = (action.resource?, action.node?);
        let state = self.r(resource);
        if state.lock_node != Some(node) || (self.n(node).shutting_down && action.task != "stop") {
            return None;
        }
        Some(state.lock_since.map_or(0, Timestamp::seconds))
    }

    /// Returns the ids of the nodes that are down once an action succeeded.
    fn downed(&self, index: ActionIndex) -> Vec<String> {
        let action = self.a(index);
        let Some(node) = action.node else { return Vec::new() };
        let own = self.facts.node(node).id.to_string();
        match action.task.as_str() {
            "do_shutdown" => vec![own],
            "stonith" if matches!(action.meta("stonith_action"), Some("off" | "reboot" | "poweroff")) => {
                let mut ids = vec![own];
                for &running in &self.facts.node(node).running {
                    let fact = self.fact(running);
                    if fact.remote_connection && fact.launcher.is_some() {
                        let guest = self.facts.find_node(fact.id.as_str());
                        ids.extend(guest.map(|guest| self.facts.node(guest).id.to_string()));
                    }
                }
                ids
            }
            "stop" => {
                let Some(connection) = action.resource.filter(|&resource| self.fact(resource).remote_connection) else { return Vec::new() };
                let migrates = action.before.iter().any(|edge| {
                    let first = self.a(self.edges[edge.0 as usize].first);
                    first.resource == Some(connection) && first.task == "migrate_from"
                });
                if migrates { Vec::new() } else { vec![self.fact(connection).id.to_string()] }
            }
            _ => Vec::new(),
        }
    }

    /// Returns the remote nodes whose maintenance state differs from what is recorded.
    fn maintenance_changes(&self) -> Vec<(ActionNode, bool)> {
        let changed = |node: &&NodeIndex| {
            let fact = self.facts.node(**node);
            !matches!(fact.kind, NodeKind::Member) && fact.maintenance != fact.remote_maintenance
        };
        self.facts.node_order.iter().filter(changed).map(|&node| (self.named_node(node), self.facts.node(node).maintenance)).collect()
    }

    /// Returns a node's name for texts.
    pub(crate) fn node_name(&self, node: NodeIndex) -> &NodeName {
        &self.facts.node(node).name
    }
}

/// Returns why there is an action that nothing else says the reason of.
///
/// What migrated away half-way need not be active anywhere by what is known, so that the plan shows no change of it. (Found by the simulator:
/// seed 5191, half an hour.)
fn default_reason(action: &crate::actions::Action) -> &'static str {
    if action.has(Flags::MIGRATION_ABORT) { "unfinished migration" } else { "" }
}

fn id_of(index: ActionIndex) -> ActionId {
    ActionId(index.0 + 1)
}
