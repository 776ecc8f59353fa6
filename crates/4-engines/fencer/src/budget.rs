//! The whole time a fencing may take, computed in this one place.
//!
//! Compat: the sum of what its devices may take, each with its own time-out and longest delay, and a fifth more for the way there and back.

use crate::Fencer;
use crate::fencing::{Fencing, Stage};
use std::time::Duration;

impl Fencer {
    /// Returns the total budget: every level may be tried, and of several devices without topology each one.
    pub(crate) fn total_budget(&self, fencing: &Fencing) -> Duration {
        let stages = fencing.alternatives.iter().flatten().chain(&fencing.stages);
        let sum: Duration = stages.map(|stage| self.stage_budget(fencing, stage)).sum();
        let sum = if sum.is_zero() { fencing.timeout } else { sum };
        (sum + fencing.delay).mul_f64(1.2)
    }

    fn stage_budget(&self, fencing: &Fencing, stage: &Stage) -> Duration {
        let Some(device) = self.configuration.devices.get(&stage.device) else { return fencing.timeout };
        if device.is_watchdog() {
            return self.configuration.watchdog.unwrap_or_default();
        }
        let delay = if stage.action == "on" { Duration::ZERO } else { device.delay(&fencing.target).1 };
        device.timeout(stage.action, fencing.timeout) + delay
    }
}
