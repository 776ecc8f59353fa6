//! Where a tool takes its CIB from: a file (compressed ones too), standard input, a text, or the cluster.
//!
//! A file is opened once and read to its end, so that it may be a pipe.

use admin::{Cluster, Exit, Refusal};
use rehearsal::{Injections, Prepared};
use status::Facts;
use std::io::Read;
use std::path::{Path, PathBuf};
use xml::{Element, Limits};

/// Where a CIB comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CibInput {
    /// The running cluster, or what `CIB_file` and `CIB_shadow` put in its place.
    Live,
    File(PathBuf),
    Stdin,
    /// A text given on the command line.
    Text(String),
}

impl CibInput {
    /// Returns the input that a file argument names; `-` is standard input.
    pub fn from_argument(path: &str) -> Self {
        if path == "-" { CibInput::Stdin } else { CibInput::File(path.into()) }
    }

    /// Reads the document as it is.
    pub fn read(&self, tool: &str) -> Result<Element, Refusal> {
        match self {
            CibInput::Live => {
                let cluster = Cluster::from_environment(tool);
                // A compressed file is one of ours or of an administrator, whom no access rules hold back.
                match cluster.file().filter(|path| path.extension().is_some_and(|extension| extension == "bz2")) {
                    Some(path) => read_file(path),
                    None => cluster.cib().map_err(not_connected),
                }
            }
            CibInput::File(path) => read_file(path),
            CibInput::Stdin => admin::read_file(Path::new("-")),
            CibInput::Text(text) => admin::parse(text.as_bytes(), "the given text"),
        }
    }

    /// Reads the document and brings it into the present form.
    pub fn prepared(&self, tool: &str) -> Result<Prepared, Refusal> {
        rehearsal::prepare(self.read(tool)?).map_err(|problems| Refusal::new(Exit::CONFIG, problems.join("\n")))
    }
}

/// Compat: to who only looks at a configuration, a file that is not there is missing input; to others, a cluster that cannot be reached.
pub fn not_connected(refusal: Refusal) -> Refusal {
    if refusal.exit == Exit::NO_SUCH { Refusal::new(Exit::NO_INPUT, refusal.message) } else { refusal }
}

/// Refuses events on nodes that are not there: nothing would come of them.
pub fn check_nodes(input: &Prepared, injections: &Injections) -> Result<(), Refusal> {
    if injections.is_empty() {
        return Ok(());
    }
    let facts = Facts::deduce(&input.cib, admin::now());
    injections.unknown_node(&facts).map_or(Ok(()), |name| Err(no_node(name, &facts)))
}

/// Returns the refusal of a node that is not there, with those that are.
pub fn no_node(name: &str, facts: &Facts) -> Refusal {
    let all: Vec<&str> = facts.nodes.iter().map(|node| node.name.as_str()).collect();
    Refusal::new(Exit::NO_SUCH, format!("there is no node {name:?}; there are {}", all.join(", ")))
}

/// Refuses the value of an option that is neither true nor false.
pub fn check_truth(option: &str, value: Option<&str>) -> Result<(), Refusal> {
    match value.filter(|value| model::parse_boolean(value).is_none()) {
        Some(value) => Err(Refusal::new(Exit::USAGE, format!("{value:?} is no value of {option}; true and false are"))),
        None => Ok(()),
    }
}

fn read_file(path: &Path) -> Result<Element, Refusal> {
    if path == Path::new("-") {
        return admin::read_file(path);
    }
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| Refusal::new(Exit::NO_INPUT, format!("failed to read {name}: {error}")))?;
    if !bytes.starts_with(b"BZh") {
        return admin::parse(&bytes, &name);
    }
    let limit = Limits::default().bytes_max as u64;
    let mut plain = Vec::new();
    let unpacked = bzip2::read::MultiBzDecoder::new(&bytes[..]).take(limit + 1).read_to_end(&mut plain);
    unpacked.map_err(|error| Refusal::new(Exit::DATA, format!("failed to unpack {name}: {error}")))?;
    admin::parse(&plain, &name)
}
