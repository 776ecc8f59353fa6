//! Where a tool takes its CIB from: a file (compressed ones too), standard input, or the cluster.
//!
//! `CIB_file` and `CIB_shadow` stand in for the cluster, as the field's users expect. A file is opened once and read
//! to its end, so that it may be a pipe.

use crate::commands::exit;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use xml::{Element, Limits};

/// Where a CIB comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CibInput {
    /// The running cluster, or what stands in for it.
    Live,
    File(PathBuf),
    Stdin,
    /// A text given on the command line.
    Text(String),
}

/// Why a CIB could not be read, and the exit code that says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputError {
    pub code: u8,
    pub text: String,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl CibInput {
    /// Returns the input that a file argument names; `-` is standard input.
    pub fn from_argument(path: &str) -> Self {
        if path == "-" { CibInput::Stdin } else { CibInput::File(path.into()) }
    }

    /// Reads the document as it is.
    pub fn read(&self) -> Result<Element, InputError> {
        match self {
            CibInput::Live => read_live(),
            CibInput::File(path) => read_file(path),
            CibInput::Stdin => {
                let mut bytes = Vec::new();
                let read = std::io::stdin().lock().read_to_end(&mut bytes);
                read.map_err(|error| failed(exit::NO_INPUT, format!("failed to read standard input: {error}")))?;
                parse(&bytes, "standard input")
            }
            CibInput::Text(text) => parse(text.as_bytes(), "the given text"),
        }
    }
}

/// Returns the file that stands in for the cluster, if one is named.
pub fn stand_in() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(file) = set("CIB_file") {
        return Some(file.into());
    }
    let shadow = set("CIB_shadow")?;
    let folder = set("CIB_shadow_dir").map_or_else(|| PathBuf::from("/var/lib/pacemaker/cib"), PathBuf::from);
    Some(folder.join(format!("shadow.{}", shadow.to_string_lossy())))
}

fn read_live() -> Result<Element, InputError> {
    match stand_in() {
        Some(file) => read_file(&file),
        None => Err(failed(exit::NOT_CONNECTED, "Could not connect to the CIB: Transport endpoint is not connected")),
    }
}

fn read_file(path: &Path) -> Result<Element, InputError> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| failed(exit::NO_INPUT, format!("failed to read {name}: {error}")))?;
    if !bytes.starts_with(b"BZh") {
        return parse(&bytes, &name);
    }
    let limit = Limits::default().bytes_max as u64;
    let mut plain = Vec::new();
    let unpacked = bzip2::read::MultiBzDecoder::new(&bytes[..]).take(limit + 1).read_to_end(&mut plain);
    unpacked.map_err(|error| failed(exit::DATA_ERROR, format!("failed to unpack {name}: {error}")))?;
    parse(&plain, &name)
}

fn parse(bytes: &[u8], name: &str) -> Result<Element, InputError> {
    xml::parse(bytes, &Limits::default()).map_err(|error| failed(exit::DATA_ERROR, format!("{name}: {error}")))
}

fn failed(code: u8, text: impl Into<String>) -> InputError {
    InputError { code, text: text.into() }
}
