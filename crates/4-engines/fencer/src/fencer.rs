//! The fencer itself: takes events, gives commands.

use crate::{Command, Configuration, Event, Situation};
use messages::client::FenceRecord;
use model::{NodeName, Now};

/// One node's fencer; only the coordinator's is active, all keep the history.
#[derive(Debug, Default)]
pub struct Fencer {
    configuration: Configuration,
    situation: Situation,
    history: Vec<FenceRecord>,
}

impl Fencer {
    /// Returns a fencer that is not in charge.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one event and returns what is to be done, in order.
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Command> {
        let _ = (now, event, &self.configuration, &self.situation);
        Vec::new()
    }

    /// Returns the fencings known of, of one target or of all, newest first.
    pub fn history(&self, target: Option<&NodeName>) -> Vec<FenceRecord> {
        self.history.iter().filter(|record| target.is_none_or(|target| record.target == *target)).cloned().collect()
    }
}
