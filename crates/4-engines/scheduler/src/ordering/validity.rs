//! Which orders hold in the plan, and which are dropped because they cannot.

use crate::actions::{ActionIndex, Draft, EdgeIndex, Flags, Relation};

impl Draft<'_> {
    /// Drops orders that contradict themselves: with what runs inside oneself, or in a circle of loads.
    pub(super) fn drop_invalid_orders(&mut self) {
        for position in (0..self.actions.len()).rev() {
            let then = ActionIndex(position as u32);
            for place in (0..self.a(then).before.len()).rev() {
                let edge = self.a(then).before[place];
                if self.is_invalid(then, edge) {
                    self.edges[edge.0 as usize].now = Relation::NONE;
                }
            }
        }
    }

    fn is_invalid(&mut self, then: ActionIndex, edge: EdgeIndex) -> bool {
        let (first, relation) = (self.edges[edge.0 as usize].first, self.edges[edge.0 as usize].now);
        let (resource, node) = (self.a(then).resource, self.a(first).node);
        let inside = node.and_then(|node| self.launcher_of_node(node));
        if !relation.has(Relation::GUEST_ALLOWED) && self.a(first).resource.is_some() && inside.is_some() && inside == resource {
            return true;
        }
        if relation == Relation::IF_ON_SAME_NODE_OR_TARGET && resource.is_some() && self.a(then).task == "migrate_to" {
            self.generation += 1;
            self.marks.resize(self.actions.len(), 0);
            return self.leads_to(then, then, edge);
        }
        false
    }

    /// Returns whether the first action of this order waits for `origin`.
    fn leads_to(&mut self, origin: ActionIndex, action: ActionIndex, edge: EdgeIndex) -> bool {
        let mut open = vec![(action, edge)];
        while let Some((then, edge)) = open.pop() {
            let first = self.edges[edge.0 as usize].first;
            if self.marks[first.position()] == self.generation || !self.keeps_order(then, edge) {
                continue;
            }
            if first == origin {
                return true;
            }
            self.marks[first.position()] = self.generation;
            open.extend(self.a(first).before.iter().map(|&before| (first, before)));
        }
        false
    }

    /// Returns whether an action belongs into the graph.
    pub(crate) fn belongs_in_graph(&mut self, index: ActionIndex) -> bool {
        let action = self.a(index);
        if !action.has(Flags::RUNNABLE) {
            return false;
        }
        if action.has(Flags::OPTIONAL) && !action.has(Flags::ALWAYS_IN_GRAPH) {
            return false;
        }
        if let Some(resource) = action.resource {
            // Of what is not managed only monitors and cancellations are carried out.
            let once = action.meta("interval").is_none_or(|interval| interval == "0");
            if !self.r(resource).managed && action.task != "monitor" && once {
                return false;
            }
        }
        if action.has(Flags::PSEUDO) || matches!(action.task.as_str(), "stonith" | "do_shutdown") {
            return true;
        }
        let Some(node) = action.node else { return false };
        if action.has(Flags::ON_COORDINATOR) || (self.is_guest(node) && !self.n(node).remote_reset) {
            return true;
        }
        self.n(node).online && !self.n(node).unclean
    }

    /// Returns whether an order holds in the graph; drops it for good where it never can.
    pub(crate) fn keeps_order(&mut self, then: ActionIndex, edge: EdgeIndex) -> bool {
        let place = edge.0 as usize;
        let (first, relation) = (self.edges[place].first, self.edges[place].now);
        if self.edges[place].graphed {
            return true;
        }
        if relation == Relation::NONE {
            return false;
        }
        let passive = Relation::THEN_IMPLIES_FIRST_GRAPHED | Relation::FIRST_IMPLIES_THEN_GRAPHED | Relation::ORDERED;
        let input = self.a(first);
        let is_stop = input.key.ends_with("_stop_0");
        if !input.has(Flags::RUNNABLE) {
            let harmless = relation.without(passive) == Relation::NONE;
            if harmless || relation.has(Relation::MIN_RUNNABLE) || relation.has(Relation::UNMIGRATABLE_THEN_BLOCKS) {
                return false;
            }
        }
        if relation.has(Relation::IF_FIRST_UNMIGRATABLE) && input.has(Flags::MIGRATABLE) {
            return false;
        }
        if relation == Relation::ORDERED && input.has(Flags::MIGRATABLE) && is_stop {
            return false;
        }
        if relation == Relation::IF_ON_SAME_NODE_OR_TARGET {
            return self.keeps_load_order(then, edge);
        }
        if relation == Relation::IF_REQUIRED_ON_SAME_NODE {
            let (at, other) = (self.a(first).node, self.a(then).node);
            let apart = at.is_some() && other.is_some() && at != other;
            if apart || self.a(first).has(Flags::OPTIONAL) {
                self.edges[place].now = Relation::NONE;
                return false;
            }
            return true;
        }
        let of = self.a(first).resource;
        let then_resource = self.a(then).resource;
        if let Some(of) = of.filter(|&of| Some(of) != then_resource && is_stop) {
            let then_clone = then_resource.is_some_and(|then| self.fact(then).is_clone());
            if self.r(of).failed && !self.r(of).managed && then_clone {
                // A failed instance that may not be touched does not hold up the rest of the clone.
                return false;
            }
        }
        let input = self.a(first);
        if input.has(Flags::OPTIONAL) && !input.flags.has_any(Flags::ALWAYS_IN_GRAPH | Flags::ADDED) {
            return self.belongs_in_graph(first);
        }
        true
    }

    fn keeps_load_order(&mut self, then: ActionIndex, edge: EdgeIndex) -> bool {
        let first = self.edges[edge.0 as usize].first;
        let at = self.a(first).node;
        let action = self.a(then);
        let migrates = action.resource.filter(|_| action.task == "migrate_to");
        let wanted = match migrates {
            Some(resource) => self.r(resource).assigned,
            None => action.node,
        };
        let same = at.is_some() && at == wanted;
        if !same || (migrates.is_none() && self.a(first).has(Flags::OPTIONAL)) {
            self.edges[edge.0 as usize].now = Relation::NONE;
            return false;
        }
        true
    }
}
