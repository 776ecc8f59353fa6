//! The inputs of plans, compressed, for replay: `pe-input-N.bz2` and its kin.

use crate::files::{Durability, read_sequence, replace, write_sequence};
use bzip2::Compression;
use bzip2::write::BzEncoder;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use xml::Element;

/// The folder of saved inputs.
#[derive(Clone, Debug)]
pub struct InputFiles {
    folder: PathBuf,
}

impl InputFiles {
    /// Returns the files of the host below `root`.
    pub fn new(root: &Path) -> Self {
        Self { folder: root.join("var/lib/pacemaker/pengine") }
    }

    /// Returns the number that a series (`pe-input`) uses next.
    pub fn next_number(&self, series: &str) -> u64 {
        read_sequence(&self.folder, series)
    }

    /// Writes an input under its name (`pe-input-12.bz2`), and the number that its series uses next.
    pub fn write(&self, name: &str, next: u64, input: &Element) -> io::Result<()> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is no name of a saved input"));
        let (series, number) = name.strip_suffix(".bz2").and_then(|stem| stem.rsplit_once('-')).ok_or_else(invalid)?;
        if series.contains('/') || number.parse::<u64>().is_err() {
            return Err(invalid());
        }
        fs::create_dir_all(&self.folder)?;
        // The smallest blocks: larger ones save little and cost megabytes of a daemon's memory.
        let mut encoder = BzEncoder::new(Vec::new(), Compression::new(1));
        encoder.write_all(input.to_text().as_bytes())?;
        replace(&self.folder.join(name), &encoder.finish()?, Durability::Loose)?;
        write_sequence(&self.folder, series, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn an_input_is_found_again_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let files = InputFiles::new(folder.path());
        assert_eq!(files.next_number("pe-input"), 0);
        files.write("pe-input-12.bz2", 13, &Element::new("cib").with("epoch", "7")).unwrap();
        assert_eq!(files.next_number("pe-input"), 13);
        let bytes = fs::read(files.folder.join("pe-input-12.bz2")).unwrap();
        let mut text = String::new();
        bzip2::read::BzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, "<cib epoch=\"7\"/>\n");
        for name in ["pe-input.bz2", "../pe-input-1.bz2", "pe-input-x.bz2", "x"] {
            assert!(files.write(name, 0, &Element::new("cib")).is_err(), "{name}");
        }
    }
}
