//! Edits: what administrators' commands do to a document.
//!
//! Each returns the new document and leaves the old one as it was. Nothing here raises versions, checks validity or
//! asks for permission: that is decided by whoever takes the edit. Errors say what is missing and carry the meaning
//! that Pacemaker's tools give as exit status ([`EditError::exit_status`]).

mod operations;
mod pairs;
mod request;
mod section;

pub use operations::{Modify, create, delete, delete_matches, erase, modify, query, replace};
pub use pairs::{PairPlace, Wanted, delete_pair, find_pairs, sanitized, set_pair};
pub use request::{Request, UPGRADE_TARGET, edited};
pub use section::{Section, Target};

use crate::Version;
use xml::{Element, XPathError};

/// Why an edit was not made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EditError {
    /// What is to be found, changed or replaced does not exist.
    #[error("there is no {0}")]
    NoSuchObject(String),
    /// What is to be made exists already.
    #[error("{0} exists already")]
    Exists(String),
    /// The replacement is older than the document it would replace.
    #[error("the replacement has version {replacement}, older than {document}")]
    Old { replacement: Version, document: Version },
    /// Several things match where one is meant.
    #[error("{0} is not unique")]
    Several(String),
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    XPath(#[from] XPathError),
    /// The request lacks what it needs, or is none.
    #[error("{0}")]
    Usage(String),
    /// What was given is no XML.
    #[error("{0}")]
    NotWellFormed(String),
    #[error("{0}")]
    MalformedPatch(String),
    /// The patch is for another document.
    #[error("{0}")]
    PatchFailed(String),
    #[error("the configuration is of the newest schema already")]
    UpToDate,
    /// The outcome would be against every schema.
    #[error("{0}")]
    Unfit(String),
}

impl EditError {
    /// Returns the exit status by which Pacemaker's tools tell this error.
    pub fn exit_status(&self) -> i32 {
        match self {
            Self::NoSuchObject(_) => 105,
            Self::Exists(_) => 108,
            Self::Old { .. } => 103,
            Self::Several(_) => 109,
            Self::Invalid(_) => 70,
            Self::XPath(_) => 105,
            Self::Usage(_) => 64,
            Self::NotWellFormed(_) | Self::Unfit(_) => 78,
            Self::MalformedPatch(_) => 65,
            Self::PatchFailed(_) => 103,
            Self::UpToDate => 0,
        }
    }
}

/// Returns a new document without content.
pub fn empty_cib(schema: &str) -> Element {
    let configuration = ["crm_config", "nodes", "resources", "constraints"].map(Element::new);
    Element::new("cib")
        .with("crm_feature_set", crate::FEATURE_SET)
        .with("validate-with", schema)
        .with("epoch", "0")
        .with("num_updates", "0")
        .with("admin_epoch", "0")
        .with_child(Element::new("configuration").with_children(configuration))
        .with_child(Element::new("status"))
}

/// Returns the document with the epoch raised by one.
pub fn bump(cib: &Element) -> Element {
    let mut result = cib.clone();
    let version = Version::of(cib);
    Version { epoch: version.epoch.saturating_add(1), ..version }.write_to(&mut result);
    result
}
