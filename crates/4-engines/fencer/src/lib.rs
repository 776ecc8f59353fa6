//! Fences nodes: which device can reach the target, which node runs it, in which order and how long, and what is
//! known of earlier fencings. The coordinator decides; the node with the device only runs its agent.
//! Never decides whether a node must be fenced: that is the scheduler's and the administrator's.
//!
//! Pure: `handle(now, event)` returns commands; devices are run by nodes on `Command::RunDevice`.

mod advance;
mod budget;
mod configuration;
mod device;
mod eligibility;
mod event;
mod fencer;
mod fencing;
mod history;
mod inquiry;
mod overheard;
mod question;
mod self_fencing;
#[cfg(test)]
mod self_fencing_tests;
#[cfg(test)]
mod tests;

pub use configuration::{Circumstances, Configuration, Device, Level, Target, WATCHDOG, WATCHDOG_AGENT, watchdog_wait};
pub use event::{Command, Event, Outcome, Request, Situation};
pub use fencer::Fencer;
pub use question::{DeviceCall, Question, targets};
