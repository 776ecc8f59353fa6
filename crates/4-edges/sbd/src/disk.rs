//! One disk, read and written past every cache: other hosts write to it as well.

use crate::layout::{Header, Message, owner, sector_of, write_owner};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What direct reads and writes want their memory aligned to, whatever the disk.
const ALIGNMENT: usize = 4096;

/// Why a disk cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{}: {problem}", path.display())]
    Unfit { path: PathBuf, problem: String },
}

/// A poison-pill disk that is open.
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
    file: File,
    header: Header,
}

impl Disk {
    /// Opens a disk and reads its header.
    ///
    /// # Errors
    /// It cannot be read, or holds no header.
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        let failed = |error| DiskError::Io { path: path.to_owned(), error };
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags((OFlags::DIRECT | OFlags::SYNC | OFlags::CLOEXEC).bits() as i32);
        let file = options.open(path).map_err(failed)?;
        let header = aligned(ALIGNMENT, |first| file.read_exact_at(first, 0).map(|()| Header::parse(first))).map_err(failed)?;
        let header = header.map_err(|problem| DiskError::Unfit { path: path.to_owned(), problem })?;
        Ok(Self { path: path.to_owned(), file, header })
    }

    /// Returns what the disk says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Finds a node's slot, or takes a free one; waits as long as the disk asks before it believes that no other took the same.
    ///
    /// # Errors
    /// The disk fails, or is full.
    pub fn allocate(&self, node: &str) -> Result<u8, DiskError> {
        // Two nodes may take the same slot at once: the later one has it, the other looks again.
        loop {
            let mut free = None;
            for slot in 0..self.header.slots {
                match self.owner(slot)? {
                    // Compat: names are compared without regard to case.
                    Some(name) if name.eq_ignore_ascii_case(node) => return Ok(slot),
                    None if free.is_none() => free = Some(slot),
                    _ => {}
                }
            }
            let slot = free.ok_or_else(|| self.unfit(format!("all {} slots are taken", self.header.slots)))?;
            self.write(sector_of(slot), |sector| write_owner(sector, node))?;
            std::thread::sleep(self.header.allocate);
        }
    }

    /// Returns the node a slot belongs to.
    ///
    /// # Errors
    /// The disk fails.
    pub fn owner(&self, slot: u8) -> Result<Option<String>, DiskError> {
        self.read(sector_of(slot), owner)
    }

    /// Returns the message in a slot's mailbox and who wrote it.
    ///
    /// # Errors
    /// The disk fails.
    pub fn message(&self, slot: u8) -> Result<(Message, String), DiskError> {
        self.read(sector_of(slot) + 1, Message::parse)
    }

    /// Empties a mailbox.
    ///
    /// # Errors
    /// The disk fails.
    pub fn clear(&self, slot: u8) -> Result<(), DiskError> {
        self.write(sector_of(slot) + 1, |sector| {
            sector.fill(0);
            Ok(())
        })
    }

    /// Looks whether this is still the disk that was opened and the slot still the node's: one that was written anew brings no message.
    ///
    /// # Errors
    /// It is not, or the disk fails.
    pub fn check(&self, slot: u8, node: &str) -> Result<(), DiskError> {
        let header = self.read(0, Header::parse)?.map_err(|problem| self.unfit(problem))?;
        if header != self.header {
            return Err(self.unfit("its header has changed".to_owned()));
        }
        match self.owner(slot)? {
            Some(name) if name.eq_ignore_ascii_case(node) => Ok(()),
            other => Err(self.unfit(format!("slot {slot} belongs to {} now", other.as_deref().unwrap_or("nobody")))),
        }
    }

    fn read<T>(&self, sector: u64, parse: impl FnOnce(&[u8]) -> T) -> Result<T, DiskError> {
        let size = self.header.sector_size;
        let read = aligned(size, |bytes| self.file.read_exact_at(bytes, sector * size as u64).map(|()| parse(bytes)));
        read.map_err(|error| DiskError::Io { path: self.path.clone(), error })
    }

    fn write(&self, sector: u64, fill: impl FnOnce(&mut [u8]) -> Result<(), String>) -> Result<(), DiskError> {
        let size = self.header.sector_size;
        let written = aligned(size, |bytes| fill(bytes).map(|()| self.file.write_all_at(bytes, sector * size as u64)));
        let written = written.map_err(|problem| self.unfit(problem))?;
        written.map_err(|error| DiskError::Io { path: self.path.clone(), error })
    }

    fn unfit(&self, problem: String) -> DiskError {
        DiskError::Unfit { path: self.path.clone(), problem }
    }
}

/// Calls with zeroed memory that direct reads and writes accept.
fn aligned<T>(size: usize, body: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut memory = vec![0; size + ALIGNMENT];
    let offset = memory.as_ptr().align_offset(ALIGNMENT);
    body(&mut memory[offset..offset + size])
}
