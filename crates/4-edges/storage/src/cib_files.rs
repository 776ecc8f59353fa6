//! `cib.xml` with `cib.xml.sig`, the last hundred files as `cib-N.raw`, and in `cib.journal` what came since the file was written.
//!
//! Compat: names, digest and rotation are Pacemaker's, so that either can take over from the other; the journal, which Pacemaker
//! does not know, is there only while the daemon works or after it was killed (C-440).

use crate::files::{Durability, read_sequence, replace, sync_folder, write_sequence};
use cib::digest::is_file_digest;
use cib::journal::{self, Rest};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use xml::{Element, Limits};

/// How many older versions are kept.
const OLDER_MAX: u64 = 100;
const SERIES: &str = "cib";

/// What was found on disk.
#[derive(Debug, Default)]
pub struct Found {
    pub cib: Option<Arc<Element>>,
    /// What was stored beside this very version; 0 when it is not known.
    pub lineage: u64,
    /// What is wrong with newer files, for people.
    pub warnings: Vec<String>,
}

/// The folder of the CIB.
#[derive(Clone, Debug)]
pub struct CibFiles {
    folder: PathBuf,
    older_max: u64,
}

impl CibFiles {
    /// Returns the files of the host below `root`.
    pub fn new(root: &Path) -> Self {
        Self { folder: root.join("var/lib/pacemaker/cib"), older_max: OLDER_MAX }
    }

    /// Returns the newest version that is whole: the present one, or else the newest good older one.
    pub fn read(&self) -> Found {
        let mut found = Found::default();
        let present = self.folder.join("cib.xml");
        let older = self.older_newest_first();
        if !present.exists() && older.is_empty() {
            return found;
        }
        for path in std::iter::once(present).chain(older) {
            match read_verified(&path) {
                Ok((cib, digest)) => {
                    if !found.warnings.is_empty() {
                        found.warnings.push(format!("the configuration in {} is used instead", path.display()));
                    }
                    self.carry_on(&mut found, cib, digest);
                    return found;
                }
                Err(reason) => found.warnings.push(format!("{}: {reason}", path.display())),
            }
        }
        found
    }

    /// Carries out what the journal holds beyond a file that is good.
    fn carry_on(&self, found: &mut Found, cib: Element, digest: Option<String>) {
        found.lineage = digest.as_deref().map_or(0, |digest| self.lineage_of(digest));
        let bytes = fs::read(self.journal_path()).unwrap_or_default();
        // The journal of another file is left over from before this one was written, by us or by Pacemaker.
        if bytes.is_empty() || digest.is_none() || journal::continues(&bytes) != digest.as_deref() {
            if !bytes.is_empty() && !found.warnings.is_empty() {
                found.warnings.push("its journal continues another file: what it holds is lost".to_owned());
            }
            found.cib = Some(Arc::new(cib));
            return;
        }
        let replayed = journal::replay(cib, &bytes);
        found.lineage = replayed.lineage.unwrap_or(found.lineage);
        found.cib = Some(Arc::new(replayed.cib));
        let path = self.journal_path();
        match replayed.rest {
            Rest::Nothing => {}
            Rest::Torn => found.warnings.push(format!("{}: the last write was not finished when this host went down", path.display())),
            Rest::Damaged(reason) => {
                found.warnings.push(format!("{} is damaged; what it holds from here on is lost: {reason}", path.display()));
            }
        }
    }

    /// Replaces the file by a version with this digest, durably, and ends its journal.
    ///
    /// # Errors
    /// What could not be written; what [`CibFiles::keep_older`] kept is unharmed.
    pub(crate) fn write(&self, cib: &Element, digest: &str, lineage: u64) -> io::Result<()> {
        let mut text = String::from("<?xml version=\"1.0\"?>\n");
        text.push_str(&cib.to_text());
        // The record names the digest it belongs to and keeps the one before, since the three files cannot change at once.
        let known = fs::read_to_string(self.lineage_path()).unwrap_or_default();
        let before = known.lines().next().unwrap_or_default();
        replace(&self.lineage_path(), format!("{digest} {lineage}\n{before}\n").as_bytes(), Durability::Synced)?;
        replace(&self.folder.join("cib.xml"), text.as_bytes(), Durability::Synced)?;
        // Safety: between the two renames the new file has the old digest and counts as torn; nobody was told yet that it is durable. The
        // file before and the journal that continues it are there.
        replace(&self.folder.join("cib.xml.sig"), digest.as_bytes(), Durability::Synced)?;
        sync_folder(&self.folder)?;
        match fs::remove_file(self.journal_path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Appends to the journal, durably, what follows its first `at` bytes; at 0 begins a new one.
    ///
    /// # Errors
    /// `NotFound` and `InvalidData` when the journal is not the one that was left there; others when the disk does not take it.
    pub(crate) fn append(&self, at: usize, bytes: &[u8]) -> io::Result<()> {
        let path = self.journal_path();
        let is_new = at == 0;
        let result =
            OpenOptions::new().write(true).append(!is_new).create(is_new).truncate(is_new).mode(0o600).open(&path).and_then(|mut file| {
                if file.metadata()?.len() != at as u64 {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "it has another length than it was left with"));
                }
                file.write_all(bytes)?;
                if is_new { file.sync_all().and_then(|()| sync_folder(&self.folder)) } else { file.sync_data() }
            });
        result.map_err(|error| io::Error::new(error.kind(), format!("failed to write {}: {error}", path.display())))
    }

    fn journal_path(&self) -> PathBuf {
        self.folder.join("cib.journal")
    }

    fn lineage_path(&self) -> PathBuf {
        self.folder.join("cib.lineage")
    }

    fn lineage_of(&self, digest: &str) -> u64 {
        let text = fs::read_to_string(self.lineage_path()).unwrap_or_default();
        text.lines().find_map(|line| line.split_once(' ').filter(|(of, _)| *of == digest)?.1.parse().ok()).unwrap_or(0)
    }

    /// Links the present file to the next name of the series.
    ///
    /// # Errors
    /// What could not be linked.
    pub(crate) fn keep_older(&self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let present = self.folder.join("cib.xml");
        if !present.exists() {
            return Ok(());
        }
        let number = read_sequence(&self.folder, SERIES);
        let older = self.folder.join(format!("{SERIES}-{number}.raw"));
        for (from, to) in [(present.clone(), older.clone()), (signature(&present), signature(&older))] {
            let _ = fs::remove_file(&to);
            match fs::hard_link(&from, &to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        write_sequence(&self.folder, SERIES, (number + 1) % self.older_max)
    }

    fn older_newest_first(&self) -> Vec<PathBuf> {
        let is_older = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.strip_prefix("cib-").and_then(|rest| rest.strip_suffix(".raw")).is_some_and(|number| number.parse::<u64>().is_ok())
        };
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path()).filter(is_older);
        let mut dated: Vec<_> = entries.filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path))).collect();
        dated.sort();
        dated.into_iter().rev().map(|(_, path)| path).collect()
    }
}

fn signature(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// Reads a file and compares its digest. Compat: one without a digest file is taken as it is.
fn read_verified(path: &Path) -> Result<(Element, Option<String>), String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let cib = xml::parse(&bytes, &Limits::default()).map_err(|error| format!("it is not whole: {error}"))?;
    if &*cib.name != "cib" {
        return Err(format!("it holds no configuration but <{}>", cib.name));
    }
    match fs::read_to_string(signature(path)) {
        Ok(recorded) if is_file_digest(&cib, &recorded) => Ok((cib, Some(recorded.trim().to_owned()))),
        Ok(_) => Err("it does not have the digest that was recorded for it: it is torn, or was changed by hand".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((cib, None)),
        Err(error) => Err(format!("its digest cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cib::digest::{DigestForm, file_digest};

    fn version(epoch: u64) -> Element {
        let text = format!("<cib epoch=\"{epoch}\" admin_epoch=\"0\" num_updates=\"0\"><configuration><nodes/></configuration></cib>");
        xml::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn epoch(found: &Found) -> Option<&str> {
        found.cib.as_ref()?.attribute("epoch")
    }

    impl CibFiles {
        fn write_file(&self, cib: &Element, lineage: u64) -> io::Result<()> {
            self.keep_older()?;
            self.write(cib, &file_digest(cib, DigestForm::default()), lineage)
        }
    }

    fn written(epochs: std::ops::RangeInclusive<u64>) -> (tempfile::TempDir, CibFiles) {
        let folder = tempfile::tempdir().unwrap();
        let files = CibFiles::new(folder.path());
        epochs.for_each(|epoch| files.write_file(&version(epoch), 10 * epoch).unwrap());
        (folder, files)
    }

    #[test]
    fn what_was_written_is_found_with_its_lineage() {
        let (_folder, files) = written(1..=3);
        let found = files.read();
        assert_eq!((epoch(&found), found.lineage, found.warnings.len()), (Some("3"), 30, 0));
    }

    #[test]
    fn an_empty_host_has_no_cib_and_no_warning() {
        let folder = tempfile::tempdir().unwrap();
        let found = CibFiles::new(folder.path()).read();
        assert!(found.cib.is_none() && found.warnings.is_empty());
    }

    #[test]
    fn a_torn_or_changed_file_gives_way_to_the_newest_good_older_one() {
        type Harm = fn(&Path);
        let harms: [Harm; 4] = [
            |folder| fs::write(folder.join("cib.xml"), "<cib epoch=\"3\"><confi").unwrap(),
            |folder| fs::write(folder.join("cib.xml"), "<cib epoch=\"9\"/>").unwrap(),
            |folder| fs::write(folder.join("cib.xml.sig"), "0123456789abcdef0123456789abcdef").unwrap(),
            |folder| fs::remove_file(folder.join("cib.xml")).unwrap(),
        ];
        for (number, harm) in harms.into_iter().enumerate() {
            let (_folder, files) = written(1..=3);
            // Links share the inode: what harms the present file must not be written through to older ones.
            let present = files.folder.join("cib.xml");
            let copy = fs::read(&present).unwrap();
            fs::remove_file(&present).unwrap();
            fs::write(&present, copy).unwrap();
            harm(&files.folder);
            let found = files.read();
            assert_eq!((epoch(&found), found.lineage), (Some("2"), 20), "harm {number}");
            assert_eq!(found.warnings.len(), 2, "harm {number}: {:?}", found.warnings);
        }
    }

    #[test]
    fn a_configuration_put_there_by_hand_without_a_digest_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let files = CibFiles::new(folder.path());
        fs::create_dir_all(&files.folder).unwrap();
        fs::write(files.folder.join("cib.xml"), version(5).to_text()).unwrap();
        assert_eq!(epoch(&files.read()), Some("5"));
    }

    #[test]
    fn a_disk_that_takes_nothing_is_an_error_and_harms_nothing() {
        let (_folder, files) = written(1..=2);
        // A folder where the new file belongs stands for a disk that refuses; root writes through permissions.
        fs::create_dir(files.folder.join("cib.xml.new")).unwrap();
        assert!(files.write_file(&version(3), 30).is_err());
        let found = files.read();
        assert_eq!((epoch(&found), found.lineage), (Some("2"), 20));
    }

    #[test]
    fn the_series_goes_round() {
        let (_folder, mut files) = written(1..=1);
        files.older_max = 3;
        (2..=6).for_each(|epoch| files.write_file(&version(epoch), 0).unwrap());
        assert_eq!(files.older_newest_first().len(), 3);
        assert_eq!(read_sequence(&files.folder, SERIES), 2);
    }
}
