//! Live migration in the place of a stop and a start.

use super::{ActionIndex, Draft, Flags, Relation};
use status::{NodeIndex, ResourceIndex};

impl Draft<'_> {
    /// Returns whether a resource can move without a stop.
    pub(super) fn can_migrate(&self, resource: ResourceIndex, current: Option<NodeIndex>) -> bool {
        let state = self.r(resource);
        let clean = |node: Option<NodeIndex>| node.is_some_and(|node| !self.n(node).unclean);
        self.fact(resource).migratable && state.managed && !state.failed && !state.start_pending && clean(current) && clean(state.assigned)
    }

    /// Makes a migration of a resource that moves; whether it takes place is settled with the orders.
    pub(super) fn create_migration(&mut self, resource: ResourceIndex, current: NodeIndex) {
        let Some(target) = self.r(resource).assigned else { return };
        let under_way = self.r(resource).migrating_to.is_some();
        let start = self.operation(resource, "start", Some(target), true);
        let stop = self.operation(resource, "stop", Some(current), true);
        let migrate_to = if under_way { None } else { Some(self.operation(resource, "migrate_to", Some(current), true)) };
        let migrate_from = self.operation(resource, "migrate_from", Some(target), true);
        self.a_mut(start).flags.set(Flags::MIGRATABLE | Flags::PSEUDO);
        self.a_mut(stop).flags.set(Flags::MIGRATABLE);
        self.a_mut(migrate_from).flags.set(Flags::MIGRATABLE);
        let needs = self.a(start).needs;
        let after_probe = match migrate_to {
            Some(migrate_to) => {
                self.a_mut(migrate_to).flags.set(Flags::MIGRATABLE);
                self.a_mut(migrate_to).needs = needs;
                "migrate_to"
            }
            None => {
                self.a_mut(migrate_from).needs = needs;
                "migrate_from"
            }
        };
        let blocks = Relation::ORDERED | Relation::UNMIGRATABLE_THEN_BLOCKS;
        self.order_operations(resource, "monitor", resource, after_probe, Relation::ORDERED);
        if migrate_to.is_some() {
            self.order_operations(resource, "migrate_to", resource, "migrate_from", blocks);
        }
        self.order_operations(resource, "migrate_from", resource, "stop", blocks);
        self.order_operations(resource, "migrate_from", resource, "start", blocks | Relation::FIRST_ELSE_THEN);
        if let Some(migrate_to) = migrate_to {
            self.add_migration_ends(migrate_to, current, target);
            if !self.fact(resource).remote_connection {
                // A migration whose outcome is not known must not be forgotten.
                self.a_mut(migrate_to).set_meta("record-pending", "true");
            }
        }
        self.add_migration_ends(migrate_from, current, target);
    }

    fn add_migration_ends(&mut self, action: ActionIndex, source: NodeIndex, target: NodeIndex) {
        let (source, target) = (&self.facts.node(source).name, &self.facts.node(target).name);
        let action = self.a_mut(action);
        action.set_meta("migrate_source", source);
        action.set_meta("migrate_target", target);
    }

    /// Cleans up the source of a migration that did not finish.
    pub(super) fn abort_dangling_migration(&mut self, resource: ResourceIndex, source: NodeIndex) {
        let stop = self.operation(resource, "stop", Some(source), false);
        self.a_mut(stop).flags.set(Flags::MIGRATION_ABORT);
    }
}
