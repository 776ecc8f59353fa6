//! One watchdog: a kernel device, or the pipe of a virtual one.
#![expect(unsafe_code, reason = "the kernel's requests for watchdogs have no safe wrapper")]

use rustix::fs::OFlags;
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

const SET_TIMEOUT: Opcode = opcode::read_write::<i32>(b'W', 6);
const SET_PRETIMEOUT: Opcode = opcode::read_write::<i32>(b'W', 8);

/// The letter after which closing a watchdog disarms it.
const MAGIC: &[u8] = b"V";
/// Any other letter pets it.
const PET: &[u8] = b"\n";

/// Why there is no watchdog.
#[derive(Debug, thiserror::Error)]
pub enum WatchdogError {
    #[error("failed to open the watchdog {}: {error}{hint}", path.display())]
    Open { path: PathBuf, error: io::Error, hint: &'static str },
    #[error("{} is neither a watchdog device nor a pipe", path.display())]
    WrongKind { path: PathBuf },
    #[error("{} does not take a time-out of {} s: {error}", path.display(), wanted.as_secs())]
    NoTimeout { path: PathBuf, wanted: Duration, error: io::Error },
    #[error(
        "{} waits for {} s where {} s were asked for: set SBD_WATCHDOG_TIMEOUT={} and let stonith-watchdog-timeout be larger",
        path.display(), actual.as_secs(), wanted.as_secs(), actual.as_secs()
    )]
    LongerTimeout { path: PathBuf, wanted: Duration, actual: Duration },
}

/// A watchdog that is armed: it ends the host unless it is petted within its time-out.
#[derive(Debug)]
pub struct Watchdog {
    path: PathBuf,
    file: File,
    timeout: Duration,
}

impl Watchdog {
    /// Opens and arms a watchdog. With `pretimeout` the kernel tells of the reset that much earlier, where the device can.
    ///
    /// A pipe stands for a watchdog outside of the host, as virtual machines have them: its other end reads
    /// `timeout MILLISECONDS`, and then a letter for each time it is petted.
    ///
    /// # Errors
    /// It is not there, belongs to another program, or cannot be set to the time-out.
    pub fn arm(path: &Path, timeout: Duration, pretimeout: Duration) -> Result<Self, WatchdogError> {
        let opened = OpenOptions::new().write(true).custom_flags((OFlags::NONBLOCK | OFlags::CLOEXEC).bits() as i32).open(path);
        let file = opened.map_err(|error| WatchdogError::Open { path: path.to_owned(), hint: hint(&error), error })?;
        let kind = file.metadata().map(|data| data.file_type());
        let kind = kind.map_err(|error| WatchdogError::Open { path: path.to_owned(), hint: "", error })?;
        let mut watchdog = Self { path: path.to_owned(), file, timeout };
        if kind.is_char_device() {
            watchdog.set_times(timeout, pretimeout)?;
        } else if kind.is_fifo() {
            let told = watchdog.file.write_all(format!("timeout {}\n", timeout.as_millis()).as_bytes());
            told.map_err(|error| WatchdogError::NoTimeout { path: path.to_owned(), wanted: timeout, error })?;
        } else {
            return Err(WatchdogError::WrongKind { path: path.to_owned() });
        }
        Ok(watchdog)
    }

    fn set_times(&mut self, wanted: Duration, pretimeout: Duration) -> Result<(), WatchdogError> {
        let mut seconds = i32::try_from(wanted.as_secs()).unwrap_or(i32::MAX);
        // SAFETY: the kernel reads and writes one int, as this request says.
        let set = unsafe { ioctl(&self.file, Updater::<SET_TIMEOUT, i32>::new(&mut seconds)) };
        let actual = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        if let Err(error) = set {
            self.disarm();
            return Err(WatchdogError::NoTimeout { path: self.path.clone(), wanted, error: error.into() });
        }
        if actual > wanted {
            self.disarm();
            return Err(WatchdogError::LongerTimeout { path: self.path.clone(), wanted, actual });
        }
        self.timeout = actual;
        let mut seconds = i32::try_from(pretimeout.as_secs()).unwrap_or(0);
        if seconds > 0 {
            // SAFETY: as above. A device without this ability refuses, and the time-out itself holds all the same.
            if let Err(error) = unsafe { ioctl(&self.file, Updater::<SET_PRETIMEOUT, i32>::new(&mut seconds)) } {
                eprintln!("watchdog: {} tells of no reset ahead: {error}", self.path.display());
            }
        }
        Ok(())
    }

    /// Returns after how long without being petted the host ends.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the host another time-out to live.
    ///
    /// # Errors
    /// The device did not take it: the host will end.
    pub fn pet(&mut self) -> io::Result<()> {
        self.file.write_all(PET)
    }

    /// Says that closing it, as dropping does, is meant. Without this the host ends after the time-out.
    pub fn disarm(&mut self) {
        if let Err(error) = self.file.write_all(MAGIC) {
            eprintln!("watchdog: {} was not disarmed: {error}", self.path.display());
        }
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(16) => " (another program holds it; for Debian's sbd: systemctl disable --now sbd)",
        Some(2) => " (load the driver of the host's watchdog, or softdog)",
        Some(6) => " (nobody listens at the other end of the pipe)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn arm(path: &Path) -> Result<Watchdog, WatchdogError> {
        Watchdog::arm(path, Duration::from_secs(3), Duration::ZERO)
    }

    #[test]
    fn a_pipe_is_told_the_time_out_each_pet_and_a_clean_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("watchdog");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(arm(&path).unwrap_err().to_string().contains("nobody listens"));
        let mut end = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(&path).unwrap();
        let mut watchdog = arm(&path).unwrap();
        watchdog.pet().unwrap();
        watchdog.disarm();
        drop(watchdog);
        let mut told = String::new();
        end.read_to_string(&mut told).unwrap();
        assert_eq!(told, "timeout 3000\n\nV");
    }

    #[test]
    fn what_is_no_watchdog_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("file");
        std::fs::write(&plain, "").unwrap();
        assert!(arm(&plain).unwrap_err().to_string().contains("neither a watchdog device nor a pipe"));
        assert!(arm(Path::new("/dev/zero")).unwrap_err().to_string().contains("does not take a time-out of 3 s"));
        assert!(arm(&folder.path().join("none")).unwrap_err().to_string().contains("softdog"));
    }
}
