//! Which watchdog and which poison-pill disks a host uses: the files an administrator of Pacemaker and sbd knows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Compat: later files win, as the field's units read them. The last is our own.
const FILES: [&str; 6] = [
    "etc/sysconfig/pacemaker",
    "etc/default/pacemaker",
    "etc/sysconfig/sbd",
    "etc/default/sbd",
    "etc/sysconfig/systole",
    "etc/default/systole",
];
/// Compat: the default of `SBD_WATCHDOG_TIMEOUT`.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long a host waits after its start before it takes part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartDelay {
    None,
    /// As long as a message on the disk takes to count as delivered.
    MessageWait,
    Fixed(Duration),
}

/// What a host does to itself when nobody lets it live any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeoutAction {
    Reboot,
    Off,
    Crashdump,
}

/// What the files say.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// The watchdog; `None` where `SBD_WATCHDOG_DEV` is `/dev/null`.
    pub device: Option<PathBuf>,
    pub timeout: Duration,
    /// How long before its reset the kernel is to tell of it; zero: not at all.
    pub pretimeout: Duration,
    /// The poison-pill disks.
    pub disks: Vec<PathBuf>,
    /// A message that was left in this host's slot keeps it from starting.
    pub only_clean: bool,
    pub start_delay: StartDelay,
    pub timeout_action: TimeoutAction,
}

impl Settings {
    /// Reads the settings of the host below `root`; `None` where neither a watchdog nor a disk is to be used.
    ///
    /// They are used where `SBD_DEVICE` names disks, or where `SYSTOLE_WATCHDOG=yes` says so; `SYSTOLE_WATCHDOG=no` says that they
    /// are not. That Debian's `sbd.service` is enabled says nothing: its package does that by itself.
    ///
    /// # Errors
    /// A value makes no sense: file, name and what would be right.
    pub fn read(root: &Path) -> Result<Option<Self>, String> {
        let mut values = BTreeMap::new();
        for file in FILES {
            if let Ok(text) = std::fs::read_to_string(root.join(file)) {
                values.extend(variables(&text).map(|(name, value)| (name, (value, file))));
            }
        }
        let value = |name: &str| values.get(name).map(|(value, _)| value.as_str()).filter(|value| !value.is_empty());
        let wrong = |name: &str, right: &str| {
            let (value, file) = &values[name];
            format!("/{file}: {name}={value}: {right} is expected")
        };
        let disks: Vec<PathBuf> = value("SBD_DEVICE")
            .unwrap_or_default()
            .split(';')
            .map(str::trim)
            .filter(|path| !path.is_empty())
            .map(|path| below(root, path))
            .collect();
        let is_used = match value("SYSTOLE_WATCHDOG") {
            None | Some("auto") => !disks.is_empty(),
            Some(text) => truth(text).ok_or_else(|| wrong("SYSTOLE_WATCHDOG", "yes, no or auto"))?,
        };
        if !is_used {
            return Ok(None);
        }
        if disks.len() > 3 {
            return Err(wrong("SBD_DEVICE", "one to three disks, separated by `;`,"));
        }
        let seconds = |name: &str| match value(name) {
            None => Ok(None),
            Some(text) => match text.trim().parse::<u64>() {
                Ok(seconds) => Ok(Some(Duration::from_secs(seconds))),
                Err(_) => Err(wrong(name, "a number of seconds")),
            },
        };
        let start_delay = match value("SBD_DELAY_START") {
            None => StartDelay::None,
            // Compat: 1 means yes.
            Some(text) => match (truth(text), text.parse::<u64>()) {
                (Some(true), _) => StartDelay::MessageWait,
                (Some(false), _) => StartDelay::None,
                (None, Ok(seconds)) => StartDelay::Fixed(Duration::from_secs(seconds)),
                (None, Err(_)) => return Err(wrong("SBD_DELAY_START", "yes, no or a number of seconds")),
            },
        };
        let timeout = seconds("SBD_WATCHDOG_TIMEOUT")?.unwrap_or(TIMEOUT);
        if timeout.is_zero() {
            return Err(wrong("SBD_WATCHDOG_TIMEOUT", "at least one second"));
        }
        let actions = value("SBD_TIMEOUT_ACTION").unwrap_or_default();
        let timeout_action = match actions.split(',').map(str::trim).find(|word| !matches!(*word, "" | "flush" | "noflush")) {
            None | Some("reboot") => TimeoutAction::Reboot,
            Some("off") => TimeoutAction::Off,
            Some("crashdump") => TimeoutAction::Crashdump,
            Some(_) => return Err(wrong("SBD_TIMEOUT_ACTION", "reboot, off or crashdump")),
        };
        Ok(Some(Self {
            device: Some(value("SBD_WATCHDOG_DEV").unwrap_or("/dev/watchdog"))
                .filter(|path| *path != "/dev/null")
                .map(|path| below(root, path)),
            timeout,
            pretimeout: seconds("SYSTOLE_WATCHDOG_PRETIMEOUT")?.unwrap_or_default(),
            only_clean: value("SBD_STARTMODE") == Some("clean"),
            start_delay,
            timeout_action,
            disks,
        }))
    }
}

/// Devices of a host below another root are below it as well, so that no test touches the machine's.
fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "y" | "1" => Some(true),
        "no" | "false" | "off" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// Returns the assignments of a file that shells and systemd read: `NAME=value`, `NAME="value"`, comments.
fn variables(text: &str) -> impl Iterator<Item = (String, String)> {
    text.lines().filter_map(|line| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
        let quoted = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.split(quote).next());
        let plain = || value.split(" #").next().unwrap_or_default().trim();
        Some((name.trim().to_owned(), quoted.unwrap_or_else(plain).to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let strip = |path: PathBuf| Path::new("/").join(path.strip_prefix(root.path()).unwrap());
        Settings::read(root.path()).map(|found| {
            found.map(|found| Settings { device: found.device.map(strip), disks: found.disks.into_iter().map(strip).collect(), ..found })
        })
    }

    const DEBIAN: &str =
        "#SBD_DEVICE=\"\"\nSBD_PACEMAKER=yes\nSBD_WATCHDOG_DEV=/dev/watchdog\nSBD_WATCHDOG_TIMEOUT=5\nSBD_TIMEOUT_ACTION=flush,reboot\n";

    #[test]
    fn a_package_that_is_merely_installed_arms_nothing() {
        assert_eq!(read(&[("etc/default/sbd", DEBIAN)]), Ok(None));
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn our_own_word_arms_the_watchdog_or_forbids_it() {
        let enabled = [("etc/default/sbd", DEBIAN), ("etc/systemd/system/corosync.service.requires/sbd.service", "")];
        assert_eq!(read(&enabled), Ok(None), "Debian's package is enabled as soon as it is installed");
        let own = "SYSTOLE_WATCHDOG=yes\nSBD_WATCHDOG_DEV='/dev/watchdog1' # the second\nSBD_WATCHDOG_TIMEOUT=15";
        let found = read(&[("etc/default/sbd", DEBIAN), ("etc/default/systole", own)]).unwrap().unwrap();
        assert_eq!((found.device, found.timeout), (Some("/dev/watchdog1".into()), Duration::from_secs(15)));
        let no = [("etc/default/sbd", "SBD_DEVICE=/dev/sda1"), ("etc/default/systole", "SYSTOLE_WATCHDOG=no")];
        assert_eq!(read(&no), Ok(None));
    }

    #[test]
    fn disks_modes_and_delays_are_sbd_s() {
        let text = "SBD_DEVICE=\"/dev/sda1; /dev/sdb1;/dev/sdc1\"\nSBD_WATCHDOG_DEV=/dev/null\nSBD_STARTMODE=clean\nSBD_DELAY_START=1\nSBD_TIMEOUT_ACTION=noflush,off";
        let found = read(&[("etc/default/sbd", text)]).unwrap().unwrap();
        assert_eq!(found.disks, [PathBuf::from("/dev/sda1"), "/dev/sdb1".into(), "/dev/sdc1".into()]);
        assert_eq!((found.device, found.only_clean), (None, true));
        assert_eq!((found.start_delay, found.timeout_action), (StartDelay::MessageWait, TimeoutAction::Off));
    }

    #[test]
    fn a_value_that_makes_no_sense_names_file_and_remedy() {
        let error = read(&[("etc/default/sbd", "SBD_DEVICE=/dev/sda1\nSBD_WATCHDOG_TIMEOUT=soon")]).unwrap_err();
        assert_eq!(error, "/etc/default/sbd: SBD_WATCHDOG_TIMEOUT=soon: a number of seconds is expected");
        assert!(read(&[("etc/default/sbd", "SBD_DEVICE=a;b;c;d")]).unwrap_err().contains("one to three disks"));
    }
}
