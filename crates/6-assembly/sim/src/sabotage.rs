//! Engines and edges that are broken on purpose: each checker must catch the one made for it.

use std::time::Duration;

/// What is broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sabotage {
    /// A fence device says that it worked and did nothing.
    LyingDevice,
    /// A disk says that it has what it has not.
    LyingDisk,
    /// A start that reads the file of the CIB and not its journal.
    Forgetful,
    /// A scheduler that comes to something else the second time.
    MoodyScheduler,
    /// A member that never hears of its plans.
    DeafMember,
    /// A scheduler that takes three seconds.
    SlowScheduler,
    /// A coordinator that fences for no reason.
    TriggerHappy,
    /// Writes are acknowledged and never ordered.
    EarlyAnswers,
    /// Of two writes the later one is overwritten by the earlier.
    BackwardWrites,
    /// A scheduler that takes a minute and a half.
    Crawling,
    /// A member never learns that what it told everyone has arrived.
    Hoarding,
    /// An executor that stops things of its own accord.
    Headstrong,
    /// A write that is carried out twice.
    Stutter,
    /// An agent that never stops adding to the status.
    Chatty,
}

impl Sabotage {
    /// Each with the promise whose checker catches it, and within how many seeds.
    pub const ALL: [(Sabotage, &'static str, u64); 14] = [
        (Sabotage::LyingDevice, "S1", 40),
        (Sabotage::LyingDisk, "S2", 80),
        (Sabotage::Forgetful, "S2", 400),
        (Sabotage::MoodyScheduler, "S3", 80),
        (Sabotage::DeafMember, "L1", 1),
        (Sabotage::SlowScheduler, "S4", 60),
        (Sabotage::TriggerHappy, "F1", 1),
        (Sabotage::EarlyAnswers, "S2", 40),
        (Sabotage::BackwardWrites, "W1", 150),
        (Sabotage::Crawling, "R1", 40),
        (Sabotage::Hoarding, "B1", 10),
        (Sabotage::Headstrong, "P1", 10),
        (Sabotage::Stutter, "W2", 20),
        (Sabotage::Chatty, "B2", 10),
    ];

    /// Returns how much longer a calculation takes.
    pub(crate) fn planning_takes(self) -> Duration {
        match self {
            Sabotage::SlowScheduler => Duration::from_secs(3),
            Sabotage::Crawling => Duration::from_secs(90),
            _ => Duration::ZERO,
        }
    }

    /// Returns whether the sender of this message does not hear it.
    pub(crate) fn swallows_own(self, payload: &str) -> bool {
        self == Sabotage::Hoarding && payload.contains("\"Event\"")
    }
}
