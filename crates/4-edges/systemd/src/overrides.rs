//! The drop-in file that a unit gets while the cluster runs it: systemd neither restarts it nor stops it at shutdown
//! before the cluster has.

use crate::unit::UnitName;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Compat: where Pacemaker writes it, so that either can take over from the other. Gone after a boot.
fn path(name: &UnitName) -> PathBuf {
    Path::new("/run/systemd/system").join(format!("{name}.d")).join("50-pacemaker.conf")
}

fn text(name: &UnitName) -> String {
    let service = if name.is_service() { "\n[Service]\nRestart=no\n" } else { "" };
    format!("[Unit]\nDescription=Cluster Controlled {name}\nBefore=systole.service pacemaker.service pacemaker_remote.service\n{service}")
}

/// Writes the file, readable by everybody.
pub(crate) fn write(name: &UnitName) -> io::Result<()> {
    let (path, readable) = (path(name), |mode| std::fs::Permissions::from_mode(mode));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
        std::fs::set_permissions(folder, readable(0o755))?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&path)?;
    // The root role's mask would keep others from reading it.
    file.set_permissions(readable(0o644))?;
    file.write_all(text(name).as_bytes())
}

/// Removes the file; returns whether there was one.
pub(crate) fn remove(name: &UnitName) -> bool {
    let path = path(name);
    let removed = std::fs::remove_file(&path).is_ok();
    if let Some(folder) = path.parent().filter(|_| removed) {
        // Fails where somebody else keeps a file there.
        let _ = std::fs::remove_dir(folder);
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_services_are_told_not_to_restart() {
        let of = |name: &str| text(&UnitName::parse(name).unwrap());
        assert!(of("web").contains("Description=Cluster Controlled web.service\n") && of("web").contains("Restart=no"));
        assert!(!of("data.mount").contains("[Service]"));
    }
}
