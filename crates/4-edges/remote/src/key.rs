//! The key that both sides share: the bytes of a file.

use std::path::{Path, PathBuf};

/// Compat: the file that `pcs` and administrators distribute, its place of old, and the variable that names another.
const PLACES: [&str; 2] = ["etc/pacemaker/authkey", "etc/corosync/authkey"];
const VARIABLE: &str = "PCMK_authkey_location";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the key of remote nodes, {}, cannot be read: {error}", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("the key of remote nodes, {}, is empty: it is to hold random bytes, the same on every node", path.display())]
    Empty { path: PathBuf },
}

/// Returns the key of the host below `root`.
///
/// # Errors
/// The first place that was looked at, and why it gives none.
pub fn read_key(root: &Path) -> Result<Vec<u8>, KeyError> {
    let named = std::env::var(VARIABLE).ok().filter(|name| !name.is_empty());
    let places: Vec<PathBuf> = match named {
        Some(name) => vec![root.join(name.trim_start_matches('/'))],
        None => PLACES.iter().map(|place| root.join(place)).collect(),
    };
    let mut first = None;
    for path in places {
        match std::fs::read(&path) {
            Ok(key) if key.is_empty() => drop(first.get_or_insert(KeyError::Empty { path })),
            Ok(key) => return Ok(key),
            Err(error) => drop(first.get_or_insert(KeyError::Unreadable { path, error })),
        }
    }
    Err(first.unwrap_or_else(|| KeyError::Empty { path: root.join(PLACES[0]) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_looked_for_in_the_field_s_places() {
        let root = std::env::temp_dir().join(format!("systole-key-{}", std::process::id()));
        std::fs::create_dir_all(root.join("etc/pacemaker")).unwrap();
        std::fs::create_dir_all(root.join("etc/corosync")).unwrap();
        let told = read_key(&root).unwrap_err().to_string();
        assert!(told.contains("etc/pacemaker/authkey") && told.contains("cannot be read"), "{told}");
        std::fs::write(root.join("etc/corosync/authkey"), b"old").unwrap();
        assert_eq!(read_key(&root).unwrap(), b"old");
        std::fs::write(root.join("etc/pacemaker/authkey"), b"new\n").unwrap();
        assert_eq!(read_key(&root).unwrap(), b"new\n");
        std::fs::remove_dir_all(root).unwrap();
    }
}
