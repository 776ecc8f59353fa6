//! The controller itself: takes events, gives commands.

use crate::{Command, Event, InFlight, Settings};
use model::Now;
use xml::Element;

/// One node's controller; idle unless the node is the coordinator.
#[derive(Debug, Default)]
pub struct Controller {
    settings: Settings,
}

impl Controller {
    /// Returns a controller that is not in charge.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one event and returns what is to be done, in order.
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Command> {
        let _ = (now, event, &self.settings);
        Vec::new()
    }

    /// Returns the CIB as the scheduler is to see it while actions are in flight: without the notes that they are under
    /// way, so that the new plan contains them again and they are adopted.
    pub fn planning_input(&self, cib: &Element) -> Element {
        cib.clone()
    }

    /// Returns the actions that have been ordered and have not ended.
    pub fn in_flight(&self) -> Vec<InFlight> {
        Vec::new()
    }

    /// Returns whether no transition runs and none is due.
    pub fn is_idle(&self) -> bool {
        true
    }
}
