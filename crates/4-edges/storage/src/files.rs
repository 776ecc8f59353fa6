//! Files that are replaced as a whole, durably.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Whether the caller must be sure that the bytes survive a loss of power.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    Synced,
    /// Only the death of a process has to be survived.
    Loose,
}

/// Writes a file beside `path` and puts it in its place; a reader finds the old file or the new one, never a part.
/// The folder itself is not synced: see [`sync_folder`].
pub(crate) fn replace(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let result = write(Path::new(&new), bytes, durability).and_then(|()| fs::rename(&new, path));
    if result.is_err() {
        // A full disk must not stay full because of what was written in vain.
        let _ = fs::remove_file(&new);
    }
    result.map_err(|error| io::Error::new(error.kind(), format!("failed to write {}: {error}", path.display())))
}

fn write(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    if durability == Durability::Synced { file.sync_all() } else { Ok(()) }
}

/// Makes renames in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Reads the number in a series' `.last` file: the next one to be used. 0 when there is none.
pub(crate) fn read_sequence(folder: &Path, series: &str) -> u64 {
    fs::read_to_string(folder.join(format!("{series}.last"))).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Writes the number that a series uses next.
pub(crate) fn write_sequence(folder: &Path, series: &str, next: u64) -> io::Result<()> {
    replace(&folder.join(format!("{series}.last")), next.to_string().as_bytes(), Durability::Loose)
}
