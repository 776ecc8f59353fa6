//! How the run of an imagined agent goes.

use crate::host::Truth;
use messages::agent::AgentOutcome;
use std::time::Duration;

/// Decided when the run begins, brought about when it ends.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub after: Duration,
    /// `Exited(i32::MIN)`: what the resource really does at that moment.
    pub outcome: AgentOutcome,
    pub stdout: String,
    /// When the power of a fence device's target goes, if it does; the device may say so much later.
    pub cuts_after: Option<Duration>,
    /// What the resource does afterwards, where the run changes it.
    pub leaves: Option<Option<Truth>>,
}

impl Ending {
    /// Returns how a run ends that is ended.
    pub(crate) fn cancelled() -> Self {
        Self { after: Duration::ZERO, outcome: AgentOutcome::Cancelled, stdout: String::new(), cuts_after: None, leaves: None }
    }
}
