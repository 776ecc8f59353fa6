//! Looks into this node's mailbox on one disk, again and again, on a thread of its own: a disk that hangs holds up nobody else.

use crate::disk::{Disk, DiskError};
use crate::layout::{Header, Message};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long to wait before a disk that failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What a watcher has seen. `disk` is the number it was given.
#[derive(Clone, PartialEq, Debug)]
pub enum Told {
    /// The disk is open and the slot is this node's.
    Found { disk: usize, header: Header, slot: u8 },
    /// The mailbox was read, and was asked for at this time.
    Read { disk: usize, asked: Instant },
    /// Somebody wrote into the mailbox.
    Received { disk: usize, message: Message, from: String },
    /// The mailbox could not be read; it is tried again.
    Failed { disk: usize, problem: String },
}

/// Watches a node's mailbox until `tell` says that nobody listens.
///
/// What lies in the mailbox at the start is told where `is_kept`, else it is from an earlier life of the host and cleared.
pub fn watch(disk: usize, path: PathBuf, node: String, is_kept: bool, tell: impl Fn(Told) -> bool + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(format!("sbd-{disk}")).spawn(move || {
        let mut is_first = true;
        loop {
            let told = match attend(disk, &path, &node, is_kept, &mut is_first, &tell) {
                Ok(()) => return,
                Err(error) => tell(Told::Failed { disk, problem: error.to_string() }),
            };
            if !told {
                return;
            }
            std::thread::sleep(AGAIN);
        }
    })?;
    Ok(())
}

fn attend(
    number: usize,
    path: &std::path::Path,
    node: &str,
    is_kept: bool,
    is_first: &mut bool,
    tell: &impl Fn(Told) -> bool,
) -> Result<(), DiskError> {
    let disk = Disk::open(path)?;
    let slot = disk.allocate(node)?;
    // Safety: only once. After a disk came back its mailbox may hold what others wrote meanwhile.
    if std::mem::replace(is_first, false) && !is_kept {
        disk.clear(slot)?;
    }
    if !tell(Told::Found { disk: number, header: disk.header().clone(), slot }) {
        return Ok(());
    }
    loop {
        let asked = Instant::now();
        disk.check(slot, node)?;
        let (message, from) = disk.message(slot)?;
        // A test, or what nobody understands, is taken out; what ends the host stays for whoever wants to see it.
        if matches!(message, Message::Test | Message::Exit | Message::Unknown(_)) {
            disk.clear(slot)?;
        }
        let is_heard = message == Message::Clear || tell(Told::Received { disk: number, message, from });
        if !is_heard || !tell(Told::Read { disk: number, asked }) {
            return Ok(());
        }
        std::thread::sleep(disk.header().wait);
    }
}
