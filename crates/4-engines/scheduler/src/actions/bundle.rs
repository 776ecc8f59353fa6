//! Actions of bundles: of each replica's address, container and connection, and of what runs inside.

use super::Draft;
use model::Score;
use status::{Kind, NodeIndex, Replica, ResourceIndex};

impl Draft<'_> {
    pub(super) fn create_bundle_actions(&mut self, bundle: ResourceIndex) {
        let Kind::Bundle(kind) = &self.fact(bundle).kind else { return };
        for replica in &kind.replicas {
            for part in [replica.ip, Some(replica.container), replica.remote].into_iter().flatten() {
                self.create_actions(part);
            }
        }
        let containers = self.instances(bundle);
        self.create_instance_actions(bundle, &containers);
        let Some(child) = kind.child else { return };
        self.create_actions(child);
        if !self.fact(child).promotable {
            return;
        }
        let infinity = Score::INFINITY.value();
        for (task, done) in [("promote", "promoted"), ("demote", "demoted")] {
            self.resource_pseudo(bundle, task, true, true);
            let done = self.resource_pseudo(bundle, done, true, true);
            self.a_mut(done).priority = infinity;
        }
    }

    /// Returns the bundle's replica whose connection this is.
    pub(crate) fn replica_of_connection(&self, connection: ResourceIndex) -> Option<&Replica> {
        let bundle = self.fact(connection).parent?;
        match &self.fact(bundle).kind {
            Kind::Bundle(bundle) => bundle.replicas.iter().find(|replica| replica.remote == Some(connection)),
            _ => None,
        }
    }

    /// Returns the host of the container that a connection without a fixed address leads to.
    pub(crate) fn connection_host(&self, connection: ResourceIndex) -> Option<NodeIndex> {
        let container = self.replica_of_connection(connection)?.container;
        self.r(container).assigned.or_else(|| self.current_node(container))
    }
}
