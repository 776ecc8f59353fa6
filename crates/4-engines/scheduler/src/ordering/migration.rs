//! What orders of starts and stops mean where a live migration takes their place.

use crate::actions::{Draft, End, Relation};

impl Draft<'_> {
    /// Adds to an order those that hold for the migrations that may replace its operations.
    pub(super) fn order_migration_equivalents(&mut self, first: &End, then: &End) {
        let (Some(first_resource), Some(then_resource)) = (self.resource_of(first), self.resource_of(then)) else { return };
        if first_resource == then_resource
            || self.is_ancestor(first_resource, then_resource)
            || self.is_ancestor(then_resource, first_resource)
        {
            return;
        }
        let first_migrates = self.fact(first_resource).migratable;
        let then_migrates = self.fact(then_resource).migratable;
        if !first_migrates && !then_migrates {
            return;
        }
        let partly_there = self.r(then_resource).migrating_to.is_some();
        let if_unmigratable = if first_migrates { Relation::ORDERED | Relation::IF_FIRST_UNMIGRATABLE } else { Relation::ORDERED };
        let tasks = (self.task_of(first).to_owned(), self.task_of(then).to_owned());
        let to = |task: &str| End::Operation(then_resource, task.into());
        // What is before keeps its place: what is stopped on a remote node is not what is stopped elsewhere of the same resource. (Found by the
        // simulator: seed 7297, half an hour.)
        match (tasks.0.as_str(), tasks.1.as_str()) {
            ("start", "start") => {
                if first_migrates && then_migrates {
                    self.order_operations(first_resource, "migrate_from", then_resource, "migrate_to", Relation::ORDERED);
                }
                if then_migrates {
                    self.order_ends(first.clone(), to("migrate_to"), if_unmigratable);
                }
            }
            ("stop", "stop") if then_migrates => {
                self.order_ends(first.clone(), to("migrate_to"), if_unmigratable);
                if partly_there {
                    self.order_ends(first.clone(), to("migrate_from"), if_unmigratable);
                }
            }
            ("promote", "start") if then_migrates => self.order_ends(first.clone(), to("migrate_to"), Relation::ORDERED),
            ("demote", "stop") if then_migrates => {
                self.order_ends(first.clone(), to("migrate_to"), Relation::ORDERED);
                if partly_there {
                    self.order_ends(first.clone(), to("migrate_from"), Relation::ORDERED);
                }
            }
            _ => {}
        }
    }
}
