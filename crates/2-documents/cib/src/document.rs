//! The root of the document and its configuration. The status, the greater part, is read by those who deduce from it.

use crate::references::References;
use crate::{Configuration, Problem};
use xml::Element;

/// A CIB as types that borrow the tree they were read from.
#[derive(Clone, Debug)]
pub struct Cib<'a> {
    /// The `<cib>` element with its version and the facts the coordinator writes there.
    pub element: &'a Element,
    pub configuration: Configuration<'a>,
    /// What could not be read as meant; the rest of the document is used all the same.
    pub problems: Vec<Problem>,
}

impl<'a> Cib<'a> {
    /// Reads a document. Never fails: faults are told in `problems`.
    pub fn new(element: &'a Element) -> Self {
        let mut references = References::new(element);
        let configuration = Configuration::new(element.child("configuration"), &mut references);
        Self { element, configuration, problems: references.problems }
    }

    /// Returns whether the last writer saw quorum; absent counts as no.
    pub fn has_quorum(&self) -> bool {
        self.element.attribute("have-quorum").and_then(model::parse_boolean).unwrap_or(false)
    }

    /// Returns the id (not the name) of the coordinator's node as last recorded.
    pub fn dc_id(&self) -> Option<&'a str> {
        self.element.attribute("dc-uuid")
    }

    /// Returns the `validate-with` schema name.
    pub fn schema(&self) -> Option<&'a str> {
        self.element.attribute("validate-with")
    }

    /// Returns the feature set that the last coordinator wrote.
    pub fn feature_set(&self) -> Option<&'a str> {
        self.element.attribute("crm_feature_set")
    }

    /// Returns the time, in seconds since 1970, that a saved input is to be replayed at.
    pub fn execution_date(&self) -> Option<i64> {
        self.element.attribute("execution-date")?.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xml::{Limits, parse};

    #[test]
    fn the_corpus_reads_without_problems_that_are_not_there() {
        let corpus = std::env::var_os("SYSTOLE_CORPUS")
            .map_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/corpus").into(), std::path::PathBuf::from);
        let Ok(files) = std::fs::read_dir(corpus.join("scheduler/xml")) else {
            eprintln!("skipped: the_corpus_reads_without_problems_that_are_not_there: no corpus");
            return;
        };
        for file in files.flatten() {
            let bytes = std::fs::read(file.path()).unwrap();
            let tree = parse(&bytes, &Limits::default()).unwrap_or_else(|e| panic!("{:?}: {e}", file.path()));
            let cib = Cib::new(&tree);
            assert_eq!(parse(tree.to_text().as_bytes(), &Limits::default()).as_ref(), Ok(&tree));
            assert!(
                !cib.configuration.nodes.is_empty() || tree.child("status").is_none_or(|status| status.children.is_empty()),
                "{:?}",
                file.path()
            );
            for problem in &cib.problems {
                eprintln!("{:?}: {problem}", file.file_name());
            }
        }
    }
}
