//! The side that writes the CIB: a small change goes to the journal, the file follows when there is time.
//!
//! Compat: C-440. A reader of `cib.xml` alone sees the newest version once the daemon rests or has ended.

use crate::cib_files::CibFiles;
use cib::journal::{Journal, Writing};
use std::io;
use std::sync::Arc;
use xml::Element;

/// The folder of the CIB, written by one who knows what is there.
#[derive(Debug)]
pub(crate) struct CibStore {
    files: CibFiles,
    journal: Journal,
    /// What file and journal together come to, and the file alone does not.
    unfiled: Option<(Arc<Element>, u64)>,
    /// The good version before was kept by an attempt that failed afterwards; what stands in its place may be torn.
    has_kept_older: bool,
}

impl CibStore {
    pub(crate) fn new(files: CibFiles) -> Self {
        Self { files, journal: Journal::default(), unfiled: None, has_kept_older: false }
    }

    /// Makes a version durable.
    ///
    /// # Errors
    /// What could not be written, with what was durable before unharmed.
    pub(crate) fn store(&mut self, cib: &Arc<Element>, lineage: u64) -> io::Result<()> {
        let Writing::Append { at, bytes } = self.journal.write(cib, lineage) else { return self.store_whole(cib, lineage) };
        match self.files.append(at, &bytes) {
            Ok(()) => {
                self.journal.written();
                self.unfiled = Some((cib.clone(), lineage));
                Ok(())
            }
            // The journal is not what was left there: somebody else was at it, or another disk was put in its place.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => self.store_whole(cib, lineage),
            Err(error) => {
                self.journal.failed();
                Err(error)
            }
        }
    }

    /// Returns whether the file is behind its journal.
    pub(crate) fn is_behind(&self) -> bool {
        self.unfiled.is_some()
    }

    /// Brings the file up to its journal.
    ///
    /// # Errors
    /// What could not be written; file and journal hold what they did.
    pub(crate) fn catch_up(&mut self) -> io::Result<()> {
        match self.unfiled.clone() {
            Some((cib, lineage)) => self.store_whole(&cib, lineage),
            None => Ok(()),
        }
    }

    fn store_whole(&mut self, cib: &Arc<Element>, lineage: u64) -> io::Result<()> {
        let digest = self.journal.write_whole(cib);
        let kept = if self.has_kept_older { Ok(()) } else { self.files.keep_older() };
        self.has_kept_older = kept.is_ok();
        match kept.and_then(|()| self.files.write(cib, &digest, lineage)) {
            Ok(()) => {
                self.journal.written();
                (self.unfiled, self.has_kept_older) = (None, false);
                Ok(())
            }
            Err(error) => {
                self.journal.failed();
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cib_files::Found;
    use std::fs;
    use std::path::PathBuf;
    use xml::Limits;

    fn version(epoch: u64) -> Arc<Element> {
        let text = format!("<cib epoch=\"{epoch}\" admin_epoch=\"0\" num_updates=\"0\"><configuration><nodes/></configuration></cib>");
        Arc::new(xml::parse(text.as_bytes(), &Limits::default()).unwrap())
    }

    struct Disk {
        root: tempfile::TempDir,
        store: CibStore,
    }

    impl Disk {
        /// A disk with the versions 1 to `last`: the first in the file, the others in the journal.
        fn with(last: u64) -> Self {
            let root = tempfile::tempdir().unwrap();
            let mut disk = Disk { store: CibStore::new(CibFiles::new(root.path())), root };
            (1..=last).for_each(|epoch| disk.store.store(&version(epoch), 10 * epoch).unwrap());
            disk
        }

        fn path(&self, name: &str) -> PathBuf {
            self.root.path().join("var/lib/pacemaker/cib").join(name)
        }

        /// What the next daemon reads, when this one is killed now.
        fn read(&self) -> Found {
            CibFiles::new(self.root.path()).read()
        }

        #[track_caller]
        fn expect(&self, epoch: u64, warnings: usize) {
            let found = self.read();
            let expected = epoch.to_string();
            assert_eq!((found.cib.as_ref().and_then(|cib| cib.attribute("epoch")), found.lineage), (Some(expected.as_str()), 10 * epoch));
            assert_eq!(found.warnings.len(), warnings, "{:?}", found.warnings);
        }

        fn file_has(&self, epoch: u64) -> bool {
            fs::read_to_string(self.path("cib.xml")).unwrap().contains(&format!("epoch=\"{epoch}\""))
        }

        fn cut_journal(&self, by: u64) {
            let journal = fs::OpenOptions::new().write(true).open(self.path("cib.journal")).unwrap();
            journal.set_len(journal.metadata().unwrap().len() - by).unwrap();
        }
    }

    #[test]
    fn a_daemon_that_is_killed_leaves_all_it_wrote() {
        let mut disk = Disk::with(5);
        assert!(disk.file_has(1) && disk.store.is_behind());
        disk.expect(5, 0);
        disk.store.catch_up().unwrap();
        assert!(disk.file_has(5) && !disk.path("cib.journal").exists() && !disk.store.is_behind());
        disk.expect(5, 0);
        disk.store.store(&version(6), 60).unwrap();
        disk.expect(6, 0);
    }

    #[test]
    fn a_record_that_was_being_written_is_dropped_and_the_next_daemon_writes_the_file() {
        let disk = Disk::with(5);
        disk.cut_journal(3);
        disk.expect(4, 1);
        let mut next = CibStore::new(CibFiles::new(disk.root.path()));
        next.store(&version(5), 50).unwrap();
        assert!(disk.file_has(5));
        disk.expect(5, 0);
    }

    /// What is on the disk wherever the power goes while a file with a journal is replaced by a newer one.
    #[test]
    fn between_any_two_steps_of_a_new_file_nothing_is_lost() {
        let after = Disk::with(3);
        let mut next = CibStore::new(CibFiles::new(after.root.path()));
        next.store(&version(4), 40).unwrap();
        // The old file is kept first; then each of the others takes its place; the journal goes last.
        for step in 0..=3 {
            let disk = Disk::with(3);
            CibFiles::new(disk.root.path()).keep_older().unwrap();
            for name in ["cib.lineage", "cib.xml", "cib.xml.sig"].iter().take(step) {
                fs::remove_file(disk.path(name)).unwrap();
                fs::copy(after.path(name), disk.path(name)).unwrap();
            }
            let found = disk.read();
            let expected = if step < 3 { "3" } else { "4" };
            assert_eq!(found.cib.unwrap().attribute("epoch"), Some(expected), "after {step} steps");
            assert_eq!(found.lineage, if step < 3 { 30 } else { 40 }, "after {step} steps");
        }
    }

    #[test]
    fn a_disk_that_takes_nothing_is_an_error_and_harms_nothing() {
        let mut disk = Disk::with(3);
        // Folders where files belong stand for a disk that refuses; root writes through permissions.
        let journal = fs::read(disk.path("cib.journal")).unwrap();
        fs::remove_file(disk.path("cib.journal")).unwrap();
        fs::create_dir(disk.path("cib.journal")).unwrap();
        fs::create_dir(disk.path("cib.xml.new")).unwrap();
        assert!(disk.store.store(&version(4), 40).is_err() && disk.store.catch_up().is_err());
        fs::remove_dir(disk.path("cib.journal")).unwrap();
        fs::write(disk.path("cib.journal"), journal).unwrap();
        disk.expect(3, 0);
        let kept = fs::read_to_string(disk.path("cib.last")).unwrap();
        assert!(disk.store.store(&version(4), 40).is_err());
        assert_eq!(fs::read_to_string(disk.path("cib.last")).unwrap(), kept, "attempts in vain do not push older versions out");
        fs::remove_dir(disk.path("cib.xml.new")).unwrap();
        disk.store.store(&version(4), 40).unwrap();
        assert!(disk.file_has(4));
        disk.expect(4, 0);
    }

    #[test]
    fn a_journal_that_somebody_else_changed_or_took_away_is_not_relied_on() {
        for harm in [(|disk: &Disk| fs::remove_file(disk.path("cib.journal")).unwrap()) as fn(&Disk), |disk| disk.cut_journal(1)] {
            let mut disk = Disk::with(3);
            harm(&disk);
            disk.store.store(&version(4), 40).unwrap();
            assert!(disk.file_has(4));
            disk.expect(4, 0);
        }
    }

    #[test]
    fn a_file_that_was_put_there_by_hand_counts_and_the_journal_does_not() {
        let disk = Disk::with(3);
        fs::remove_file(disk.path("cib.xml.sig")).unwrap();
        fs::write(disk.path("cib.xml"), version(9).to_text()).unwrap();
        let found = disk.read();
        assert_eq!((found.cib.unwrap().attribute("epoch"), found.warnings.len()), (Some("9"), 0));
    }

    #[test]
    fn a_damaged_file_is_replaced_by_an_older_one_and_its_journal_is_told_to_be_lost() {
        let mut disk = Disk::with(1);
        disk.store.catch_up().unwrap();
        let mut next = CibStore::new(CibFiles::new(disk.root.path()));
        next.store(&version(2), 20).unwrap();
        next.store(&version(3), 30).unwrap();
        fs::remove_file(disk.path("cib.xml")).unwrap();
        fs::write(disk.path("cib.xml"), "<cib epoch=\"2\"><confi").unwrap();
        let found = disk.read();
        assert_eq!(found.cib.unwrap().attribute("epoch"), Some("1"));
        assert!(found.warnings.iter().any(|warning| warning.contains("what it holds is lost")), "{:?}", found.warnings);
    }
}
