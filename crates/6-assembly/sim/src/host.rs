//! One host: what is on its disk, what its root role does, its daemon if one runs.

use crate::disk::Disk;
use crate::remote::Reach;
use cib::journal::Journal;
use member::Member;
use messages::agent::{AgentCall, AgentResult};
use messages::group::Incarnation;
use model::{CallId, NodeName};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A daemon's process.
pub(crate) struct Daemon {
    pub member: Member,
    /// Counts the starts of daemons; a late event for an earlier one is dropped.
    pub number: u64,
    /// The time of the world it wants to be woken at.
    pub wake_at: Option<Duration>,
    /// Stopped (SIGSTOP): what comes is kept.
    pub is_frozen: bool,
    pub kept: VecDeque<crate::world::ToDaemon>,
    /// The id of the view that the group delivered last.
    pub view: u64,
    /// Its messages arrive in the order they were sent.
    pub last_delivery: Duration,
    pub last_sequenced: Duration,
    pub last_stored: Duration,
    /// What its storage knows of the disk.
    pub journal: Journal,
    /// When it last stood still.
    pub stood_still: Option<Duration>,
}

/// A machine.
pub(crate) struct Host {
    pub name: NodeName,
    pub id: u32,
    pub is_up: bool,
    /// Counts its lives.
    pub life: u64,
    pub daemon: Option<Daemon>,
    /// What survives everything but the loss of the disk.
    pub disk: Disk,
    pub disk_state: DiskState,
    /// How far its calendar clock is off, and how fast it goes wrong.
    pub clock: HostClock,
    /// Whether the last view its daemon was in had quorum.
    pub had_quorum: bool,
    /// What survives the daemon, not the host.
    pub history: Option<Box<member::Kept>>,
    /// Runs of agents at work.
    pub running: BTreeMap<CallId, AgentCall>,
    /// Results not yet acknowledged.
    pub results: BTreeMap<CallId, AgentResult>,
    pub next_call: u64,
    /// What really is active here: the truth that no engine sees directly.
    pub active: BTreeMap<String, Truth>,
    /// How it is reached when it is no member; absent on one that is.
    pub reach: Option<Reach>,
}

/// What a resource really does on a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Truth {
    /// A start is under way: it may touch shared things already.
    Starting,
    Active,
    Promoted,
}

/// How a disk does what it is asked to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum DiskState {
    Good,
    /// It takes seconds.
    Slow,
    /// It takes nothing.
    Full,
}

/// What is wrong with a host's clocks.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct HostClock {
    pub offset_seconds: i64,
    /// Millionths of a second that the calendar clock gains in a second.
    pub drift: i64,
    /// The same of the monotonic clock; it begins anew with each life of the host.
    pub rate: i64,
    pub began: Duration,
}

/// What a monotonic clock shows when its host begins to live.
const FIRST: Duration = Duration::from_secs(1);

impl HostClock {
    /// Returns what the monotonic clock shows at a time of the world.
    pub(crate) fn monotonic(&self, now: Duration) -> Duration {
        let passed = now.saturating_sub(self.began).as_nanos() as i128;
        FIRST + Duration::from_nanos((passed + passed * i128::from(self.rate) / 1_000_000) as u64)
    }

    /// Returns when in the world the monotonic clock shows at least this.
    pub(crate) fn when_monotonic(&self, shown: Duration) -> Duration {
        let passed = shown.saturating_sub(FIRST).as_nanos() as i128;
        self.began + Duration::from_nanos((passed * 1_000_000 / (1_000_000 + i128::from(self.rate))) as u64 + 2)
    }

    /// Returns what the calendar clock shows when so much time of the world has passed, in microseconds.
    pub(crate) fn shows(&self, epoch_seconds: i64, passed: Duration) -> i64 {
        let passed = passed.as_micros() as i64;
        (epoch_seconds + self.offset_seconds) * 1_000_000 + passed + passed / 1_000_000 * self.drift
    }
}

impl Host {
    pub(crate) fn new(name: NodeName, id: u32) -> Self {
        Self {
            name,
            id,
            is_up: false,
            life: 0,
            daemon: None,
            disk: Disk::default(),
            disk_state: DiskState::Good,
            clock: HostClock::default(),
            had_quorum: false,
            history: None,
            running: BTreeMap::new(),
            results: BTreeMap::new(),
            next_call: 1,
            active: BTreeMap::new(),
            reach: None,
        }
    }

    /// Returns whether it lives in a resource.
    pub(crate) fn is_guest(&self) -> bool {
        self.reach.as_ref().is_some_and(|reach| reach.container.is_some())
    }

    pub(crate) fn incarnation(&self) -> Incarnation {
        Incarnation(format!("{}-life-{}", self.name, self.life))
    }

    /// The power goes: nothing but the disk is left.
    pub(crate) fn lose_power(&mut self) {
        self.is_up = false;
        self.daemon = None;
        self.history = None;
        self.running.clear();
        self.results.clear();
        self.active.clear();
        if let Some(reach) = &mut self.reach {
            reach.end();
        }
    }
}
