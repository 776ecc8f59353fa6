//! The executor itself: takes events, keeps the queues, gives commands.

use crate::{Command, Event, History, Settings};
use model::{CallId, Now};

/// One node's executor.
#[derive(Debug)]
pub struct Executor {
    settings: Settings,
    history: History,
    next_call: CallId,
}

impl Executor {
    /// Returns an executor that knows of nothing.
    pub fn new(settings: Settings) -> Self {
        Self { settings, history: History::default(), next_call: CallId(1) }
    }

    /// Returns an executor that goes on from what an earlier daemon of this host saved.
    pub fn restore(settings: Settings, history: History) -> Self {
        Self { settings, history, next_call: CallId(1) }
    }

    /// Takes one event and returns what is to be done, in order.
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Command> {
        let _ = (now, event, &self.settings);
        Vec::new()
    }

    /// Returns what must survive a restart of the daemon.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Returns a call id for a run of an agent that is not this engine's (fence devices, alerts): ids are unique on a host,
    /// so one place gives them out.
    pub fn allocate_call(&mut self) -> CallId {
        let id = self.next_call;
        self.next_call = CallId(id.0 + 1);
        id
    }
}
