//! What befalls a cluster, drawn at random: faults and edits at their times, and the end, in which everything is mended.

use crate::agents::Health;
use crate::host::DiskState;
use crate::world::{Happening, World};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One thing that someone or something does to the cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Deed {
    Crash {
        host: usize,
    },
    PowerOn {
        host: usize,
    },
    KillDaemon {
        host: usize,
        back_after: Duration,
    },
    KillAllDaemons,
    KillRootRole {
        host: usize,
    },
    Freeze {
        host: usize,
    },
    Thaw {
        host: usize,
    },
    /// Each host goes to one of two parts.
    Split {
        parts: Vec<usize>,
    },
    Merge,
    /// One host is cut off: one direction that fails is enough for its engine to lose the others.
    CutOff {
        host: usize,
    },
    /// One direction of a host's cable fails: its engine sees it come and go.
    OneWay {
        host: usize,
    },
    EngineDown,
    EngineUp,
    Health(Health),
    Disk {
        host: usize,
        state: DiskState,
    },
    /// The power goes, and the disk is replaced by an empty one.
    LoseDisk {
        host: usize,
    },
    /// A calendar clock jumps, and goes wrong from then on.
    Clock {
        host: usize,
        jump: i64,
        drift: i64,
    },
    /// A resource ends by itself.
    Break {
        host: usize,
    },
    Write {
        host: usize,
        number: u64,
    },
    Register {
        host: usize,
        value: u64,
    },
    /// Raises a counter by one.
    Increment {
        host: usize,
    },
    Standby {
        host: usize,
        on: bool,
    },
    Maintenance {
        on: bool,
    },
    TargetRole {
        resource: String,
        stopped: bool,
    },
    Ban {
        resource: String,
        host: usize,
    },
    LiftBans,
    Parameter {
        resource: String,
        value: u64,
    },
    Ticket {
        granted: bool,
    },
    Attribute {
        host: usize,
        value: u64,
    },
    Cleanup {
        host: usize,
    },
    ShutDown {
        host: usize,
    },
    Fence {
        host: usize,
    },
    /// Everything that is broken is mended.
    Heal,
}

impl Deed {
    /// Returns the name of its kind, to be counted by.
    pub(crate) fn kind(&self) -> String {
        let text = format!("{self:?}");
        text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
    }
}

/// A deed, what it brings about later included.
pub(crate) struct Chapter {
    pub number: usize,
    pub deeds: Vec<(Duration, Deed)>,
}

impl World {
    /// Draws so many deeds between two times, numbered from `first`.
    pub(crate) fn draw_story(&mut self, first: usize, from: Duration, to: Duration, deeds: usize, singles: &[String]) -> Vec<Chapter> {
        // A disk is lost for good only where nothing else happens: with another host gone as well, what a majority had on disk may be lost.
        if self.random.percent(4) {
            let host = self.random.below(self.hosts.len());
            let back = from + self.random.millis(3000, 20_000);
            return vec![Chapter { number: first, deeds: vec![(from, Deed::LoseDisk { host }), (back, Deed::PowerOn { host })] }];
        }
        let span = (to - from).as_millis() as u64;
        (first..first + deeds)
            .map(|number| {
                let time = from + self.random.millis(0, span);
                Chapter { number, deeds: self.draw_deed(number, time, singles) }
            })
            .collect()
    }

    fn draw_deed(&mut self, number: usize, time: Duration, singles: &[String]) -> Vec<(Duration, Deed)> {
        let host = self.random.below(self.hosts.len());
        // What is asked is asked of members.
        let member = host % self.members;
        let later = |world: &mut Self, low: u64, high: u64| time + world.random.millis(low, high);
        let single = |world: &mut Self| singles.get(world.random.below(singles.len())).cloned().unwrap_or_default();
        let value = number as u64 * 100;
        let one = |deed: Deed| vec![(time, deed)];
        match self.random.below(42) {
            0..=2 => vec![(time, Deed::Crash { host }), (later(self, 3000, 20_000), Deed::PowerOn { host })],
            3..=5 => one(Deed::KillDaemon { host, back_after: self.random.millis(50, 8000) }),
            6 => one(Deed::KillAllDaemons),
            7..=8 => vec![(time, Deed::Freeze { host }), (later(self, 500, 12_000), Deed::Thaw { host })],
            9..=10 => {
                let parts = (0..self.hosts.len()).map(|_| self.random.below(2)).collect();
                vec![(time, Deed::Split { parts }), (later(self, 1000, 15_000), Deed::Merge)]
            }
            11 => vec![(time, Deed::EngineDown), (later(self, 500, 15_000), Deed::EngineUp)],
            12..=13 => {
                let health = Health { failing: 25, slow: 30, hanging: 10, device_failing: 30, device_slow: 30, lying: 0 };
                vec![(time, Deed::Health(health)), (later(self, 1000, 15_000), Deed::Health(Health::default()))]
            }
            14..=15 => one(Deed::Break { host }),
            16 => one(Deed::Write { host: member, number: value }),
            17 => one(Deed::Standby { host: member, on: self.random.percent(60) }),
            18 => one(Deed::TargetRole { resource: single(self), stopped: self.random.percent(60) }),
            19 => one(Deed::Attribute { host: member, value }),
            20 => one(Deed::Cleanup { host: member }),
            21 => one(Deed::ShutDown { host }),
            22..=23 => one(Deed::KillRootRole { host }),
            24 => {
                let state = if self.random.percent(50) { DiskState::Full } else { DiskState::Slow };
                vec![(time, Deed::Disk { host, state }), (later(self, 500, 20_000), Deed::Disk { host, state: DiskState::Good })]
            }
            25 => {
                let jump = [-86_400, -3600, -5, 5, 3600, 86_400][self.random.below(6)];
                one(Deed::Clock { host, jump, drift: self.random.between(0, 1000) as i64 - 500 })
            }
            26 => self.flapping(host, time),
            27 => vec![(time, Deed::CutOff { host }), (later(self, 200, 9000), Deed::Merge)],
            28..=29 => one(Deed::Register { host: member, value }),
            30 => vec![(time, Deed::Maintenance { on: true }), (later(self, 500, 12_000), Deed::Maintenance { on: false })],
            31 => vec![(time, Deed::Ban { resource: single(self), host }), (later(self, 500, 12_000), Deed::LiftBans)],
            32 => one(Deed::Parameter { resource: single(self), value }),
            33 => one(Deed::Ticket { granted: self.random.percent(50) }),
            34 => one(Deed::Fence { host }),
            35 => one(Deed::Register { host: member, value }),
            36..=37 => one(Deed::Increment { host: member }),
            38 => self.one_way(host, time),
            39..=40 => self.rush(time, value, singles),
            _ => {
                let health = Health { lying: 30, ..Health::default() };
                vec![(time, Deed::Health(health)), (later(self, 1000, 15_000), Deed::Health(Health::default()))]
            }
        }
    }

    /// Several administrators at the same moment, at different nodes.
    fn rush(&mut self, time: Duration, value: u64, singles: &[String]) -> Vec<(Duration, Deed)> {
        let mut deeds = Vec::new();
        for value in value..value + self.random.between(2, 6) as u64 {
            let host = self.random.below(self.members);
            let resource = singles.get(self.random.below(singles.len())).cloned().unwrap_or_default();
            deeds.push(match self.random.below(10) {
                0 => Deed::Write { host, number: value },
                1..=2 => Deed::Register { host, value },
                3..=4 => Deed::Increment { host },
                5 => Deed::Standby { host, on: self.random.percent(50) },
                6 => Deed::TargetRole { resource, stopped: self.random.percent(50) },
                7 => Deed::Parameter { resource, value },
                8 => Deed::Cleanup { host },
                _ => Deed::Ban { resource, host },
            });
        }
        let mut deeds: Vec<(Duration, Deed)> = deeds.into_iter().map(|deed| (time, deed)).collect();
        deeds.push((time + self.random.millis(500, 12_000), Deed::LiftBans));
        deeds
    }

    /// An engine with a host that hears and is not heard, or the other way round, forms view after view with it and without it.
    fn one_way(&mut self, host: usize, time: Duration) -> Vec<(Duration, Deed)> {
        let mut deeds = Vec::new();
        let mut at = time;
        for _ in 0..self.random.between(3, 8) {
            deeds.push((at, Deed::OneWay { host }));
            at += self.random.millis(400, 2500);
            deeds.push((at, Deed::Merge));
            at += self.random.millis(100, 700);
        }
        deeds
    }

    /// A host that is there and gone and there again.
    fn flapping(&mut self, host: usize, time: Duration) -> Vec<(Duration, Deed)> {
        let mut deeds = Vec::new();
        let mut at = time;
        for _ in 0..self.random.between(2, 6) {
            deeds.push((at, Deed::CutOff { host }));
            at += self.random.millis(30, 1500);
            deeds.push((at, Deed::Merge));
            at += self.random.millis(30, 1500);
        }
        deeds
    }

    /// Lets a story happen.
    pub(crate) fn tell(&mut self, story: Vec<Chapter>) {
        for (time, deed) in story.into_iter().flat_map(|chapter| chapter.deeds) {
            self.at(time, Happening::Told(deed));
        }
    }
}
