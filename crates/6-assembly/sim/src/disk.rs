//! The disks of hosts: slow, full, and forgetful of what was not synced when the power went.
//!
//! A disk holds what the daemon's storage leaves there: a file that is replaced as a whole, and a journal of what came since, whose
//! end may be torn. What goes where is decided by the daemon's own [`Journal`].

use crate::host::DiskState;
use crate::sabotage::Sabotage;
use crate::world::{Happening, ToDaemon, World};
use cib::journal::{self, Journal, Rest, Writing};
use member::{MemberEvent, StoreOrder, StoreResult, StoredCib};

/// Of a hundred stores under way when a process or its host ends, so many have reached the disk.
const REACHED: u32 = 40;
/// Of a hundred stores, after so many the daemon has time to bring the file up to its journal.
const CATCHES_UP: u32 = 10;

/// What survives everything but the loss of the disk.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    /// The file, and the digest beside it.
    file: Option<(StoredCib, String)>,
    journal: Vec<u8>,
}

impl Disk {
    /// Returns a disk with a file that somebody put there.
    pub(crate) fn with(stored: StoredCib) -> Self {
        Self { file: Some((stored, String::new())), journal: Vec::new() }
    }

    /// Returns what a daemon that starts finds, and whether a write that was not finished was dropped.
    pub(crate) fn read(&self, sabotage: Option<Sabotage>) -> (Option<StoredCib>, bool) {
        let Some((stored, digest)) = &self.file else { return (None, false) };
        if journal::continues(&self.journal) != Some(digest) || sabotage == Some(Sabotage::Forgetful) {
            return (Some(stored.clone()), false);
        }
        let replayed = journal::replay((*stored.cib).clone(), &self.journal);
        assert!(!matches!(replayed.rest, Rest::Damaged(_)), "no disk here damages what is on it: {:?}", replayed.rest);
        let lineage = replayed.lineage.unwrap_or(stored.lineage);
        (Some(StoredCib { cib: replayed.cib.into(), lineage }), replayed.rest == Rest::Torn)
    }

    /// Does what a journal's owner asks for; of the last write only so many bytes of a thousand.
    fn take(&mut self, writing: Writing, order: &StoreOrder, per_mille: usize) {
        match writing {
            // The file takes the old one's place when it is whole; then the journal is removed, or not any more.
            Writing::Whole { digest } if per_mille >= 500 => {
                self.file = Some((StoredCib { cib: order.cib.clone(), lineage: order.lineage }, digest));
                if per_mille >= 750 {
                    self.journal.clear();
                }
            }
            Writing::Whole { .. } => {}
            Writing::Append { at, bytes } => {
                self.journal.truncate(at);
                self.journal.extend(&bytes[..bytes.len() * per_mille.min(1000) / 1000]);
            }
        }
    }
}

impl World {
    /// Begins a store.
    pub(crate) fn store(&mut self, at: usize, daemon: u64, order: StoreOrder) {
        let wait = match self.hosts[at].disk_state {
            DiskState::Slow => self.random.millis(200, 4000),
            _ => self.random.millis(1, 15),
        };
        let now = self.now;
        let Some(process) = self.hosts[at].daemon.as_mut() else { return };
        // One thread writes, one thing after another.
        let time = (now + wait).max(process.last_stored + std::time::Duration::from_nanos(1));
        process.last_stored = time;
        let life = self.hosts[at].life;
        self.at(time, Happening::Stored { host: at, life, daemon, order });
    }

    /// A store is done, or refused.
    pub(crate) fn stored(&mut self, at: usize, life: u64, daemon: u64, order: StoreOrder) {
        let lives = self.hosts[at].life == life && self.hosts[at].daemon.as_ref().is_some_and(|d| d.number == daemon);
        if !lives {
            return;
        }
        let token = order.token;
        let is_full = self.hosts[at].disk_state == DiskState::Full;
        if self.sabotage != Some(Sabotage::LyingDisk) {
            // A full disk takes a part of what it is given, sometimes.
            let fits = if is_full && self.random.percent(50) { self.random.below(500) } else { 0 };
            self.write(at, &order, if is_full { fits } else { 1000 });
            if is_full {
                self.journal(at, Journal::failed);
            } else {
                self.journal(at, Journal::written);
                if self.random.percent(CATCHES_UP) {
                    self.catch_up(at, &order);
                }
            }
        }
        let result = if is_full { Err("no space left on device".to_owned()) } else { Ok(()) };
        let event = MemberEvent::Stored(StoreResult { token, result });
        self.deliver(at, daemon, ToDaemon::Event(Box::new(event)));
    }

    /// A process or its host ends: what was being stored has reached the disk, or a part of it, or nothing; and nobody was told.
    pub(crate) fn end_stores(&mut self, at: usize) {
        let Some(number) = self.hosts[at].daemon.as_ref().map(|daemon| daemon.number) else { return };
        if self.hosts[at].disk_state == DiskState::Full || self.sabotage == Some(Sabotage::LyingDisk) {
            return;
        }
        let is_its =
            |happening: &Happening| matches!(happening, Happening::Stored { host, daemon, .. } if *host == at && *daemon == number);
        let under_way: Vec<StoreOrder> = self
            .queue
            .all(is_its)
            .into_iter()
            .filter_map(|happening| if let Happening::Stored { order, .. } = happening { Some(order.clone()) } else { None })
            .collect();
        for order in under_way {
            let reaches = self.random.percent(REACHED);
            let per_mille = if reaches { 1000 } else { self.random.below(1000) };
            self.write(at, &order, per_mille);
            if !reaches {
                break;
            }
            self.journal(at, Journal::written);
        }
    }

    /// Writes as the daemon's journal wants it written.
    fn write(&mut self, at: usize, order: &StoreOrder, per_mille: usize) {
        let host = &mut self.hosts[at];
        if let Some(daemon) = host.daemon.as_mut() {
            let writing = daemon.journal.write(&order.cib, order.lineage);
            host.disk.take(writing, order, per_mille);
        }
    }

    /// The file is brought up to its journal.
    fn catch_up(&mut self, at: usize, order: &StoreOrder) {
        let host = &mut self.hosts[at];
        if let Some(daemon) = host.daemon.as_mut() {
            let digest = daemon.journal.write_whole(&order.cib);
            host.disk.take(Writing::Whole { digest }, order, 1000);
            daemon.journal.written();
        }
    }

    /// Tells the daemon's journal what came of a write.
    fn journal(&mut self, at: usize, tell: fn(&mut Journal)) {
        if let Some(daemon) = self.hosts[at].daemon.as_mut() {
            tell(&mut daemon.journal);
        }
    }
}
