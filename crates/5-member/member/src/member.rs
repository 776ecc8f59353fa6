//! The member itself: one event in, what is to be done out.

use crate::command::MemberCommand;
use crate::config::MemberConfig;
use crate::event::MemberEvent;
use model::Now;

/// One node's part of the cluster.
pub struct Member {
    config: MemberConfig,
}

impl Member {
    /// Returns a member that has not heard of anything yet.
    pub fn new(config: MemberConfig) -> Self {
        Self { config }
    }

    /// Returns the name of this node.
    pub fn node(&self) -> &model::NodeName {
        &self.config.node
    }

    /// Takes one event and returns what is to be done, in this order.
    pub fn handle(&mut self, _now: Now, _event: MemberEvent) -> Vec<MemberCommand> {
        Vec::new()
    }
}
