//! The disks of hosts: slow, full, and forgetful of what was not synced when the power went.

use crate::host::DiskState;
use crate::sabotage::Sabotage;
use crate::world::{Happening, ToDaemon, World};
use member::{MemberEvent, StoreOrder, StoreResult, StoredCib};

/// Of a hundred stores under way when a process or its host ends, so many have reached the disk.
const REACHED: u32 = 40;

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
        let is_full = self.hosts[at].disk_state == DiskState::Full;
        let token = order.token;
        if !is_full && self.sabotage != Some(Sabotage::LyingDisk) {
            self.hosts[at].disk = Some(StoredCib { cib: order.cib, lineage: order.lineage });
        }
        let result = if is_full { Err("no space left on device".to_owned()) } else { Ok(()) };
        let event = MemberEvent::Stored(StoreResult { token, result });
        self.deliver(at, daemon, ToDaemon::Event(Box::new(event)));
    }

    /// A process or its host ends: what was being stored has reached the disk or not, and nobody was told. A file is never torn: it is
    /// written beside the old one and takes its place when it is whole (storage's own tests tear it).
    pub(crate) fn end_stores(&mut self, at: usize) {
        let Some(number) = self.hosts[at].daemon.as_ref().map(|daemon| daemon.number) else { return };
        if self.hosts[at].disk_state == DiskState::Full || self.sabotage == Some(Sabotage::LyingDisk) {
            return;
        }
        let under_way: Vec<StoredCib> = self
            .queue
            .values()
            .filter_map(|happening| match happening {
                Happening::Stored { host, daemon, order, .. } if *host == at && *daemon == number => {
                    Some(StoredCib { cib: order.cib.clone(), lineage: order.lineage })
                }
                _ => None,
            })
            .collect();
        for stored in under_way {
            if !self.random.percent(REACHED) {
                break;
            }
            self.hosts[at].disk = Some(stored);
        }
    }
}
