//! What an edit is aimed at.

use super::EditError;
use xml::{Element, XPath};

/// A named part of the document.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Section {
    Cib,
    Configuration,
    Status,
    CrmConfig,
    Nodes,
    Resources,
    Constraints,
    ResourceDefaults,
    OperationDefaults,
    Acls,
    Tags,
    FencingTopology,
    Alerts,
}

const SECTIONS: [(Section, &str, &[&str]); 13] = [
    (Section::Cib, "cib", &[]),
    (Section::Configuration, "configuration", &["configuration"]),
    (Section::Status, "status", &["status"]),
    (Section::CrmConfig, "crm_config", &["configuration", "crm_config"]),
    (Section::Nodes, "nodes", &["configuration", "nodes"]),
    (Section::Resources, "resources", &["configuration", "resources"]),
    (Section::Constraints, "constraints", &["configuration", "constraints"]),
    (Section::ResourceDefaults, "rsc_defaults", &["configuration", "rsc_defaults"]),
    (Section::OperationDefaults, "op_defaults", &["configuration", "op_defaults"]),
    (Section::Acls, "acls", &["configuration", "acls"]),
    (Section::Tags, "tags", &["configuration", "tags"]),
    (Section::FencingTopology, "fencing-topology", &["configuration", "fencing-topology"]),
    (Section::Alerts, "alerts", &["configuration", "alerts"]),
];

/// A part of the document, or whatever an expression selects.
#[derive(Clone, Debug)]
pub enum Target {
    Section(Section),
    XPath(XPath),
}

impl Section {
    /// Returns the section of this element name; `all` means the whole document.
    pub fn named(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("all") {
            return Some(Self::Cib);
        }
        SECTIONS.iter().find(|(_, n, _)| *n == name).map(|(section, ..)| *section)
    }

    /// Returns the element name.
    pub fn name(self) -> &'static str {
        SECTIONS.iter().find(|(section, ..)| *section == self).map_or("cib", |(_, name, _)| name)
    }

    fn path(self) -> &'static [&'static str] {
        SECTIONS.iter().find(|(section, ..)| *section == self).map_or(&[], |(.., path)| path)
    }

    /// Returns the section of a document.
    pub fn of(self, cib: &Element) -> Option<&Element> {
        cib.descend(self.path())
    }

    /// Returns the section of a document for changing it.
    pub(super) fn of_mut(self, cib: &mut Element) -> Result<&mut Element, EditError> {
        cib.descend_mut(self.path()).ok_or_else(|| EditError::NoSuchObject(format!("section {}", self.name())))
    }

    /// Returns the section of a document for changing it, made when it is not there yet.
    pub(super) fn of_mut_or_new(self, cib: &mut Element) -> &mut Element {
        self.path().iter().fold(cib, |element, name| element.child_or_new(name))
    }
}

impl Target {
    /// Reads an XPath expression as a target.
    ///
    /// # Errors
    /// When it is no expression.
    pub fn xpath(text: &str) -> Result<Self, EditError> {
        Ok(Self::XPath(XPath::parse(text)?))
    }
}

impl From<Section> for Target {
    fn from(section: Section) -> Self {
        Self::Section(section)
    }
}
