//! Changes of the CIB in the words of `cibadmin`, as values.

use messages::client::CibEdit;
use xml::Element;

/// Merges an element into a section, creating what is missing.
pub fn modify(section: &str, element: Element) -> CibEdit {
    CibEdit {
        operation: "modify".into(),
        section: Some(section.into()),
        xml: Some(element.to_compact()),
        allow_create: true,
        ..CibEdit::default()
    }
}

/// Deletes what matches an element (name and id) from a section.
pub fn delete(section: &str, element: &Element) -> CibEdit {
    CibEdit { operation: "delete".into(), section: Some(section.into()), xml: Some(element.to_compact()), ..CibEdit::default() }
}

/// Replaces a section (or, without one, the whole CIB).
pub fn replace(section: Option<&str>, element: &Element) -> CibEdit {
    CibEdit { operation: "replace".into(), section: section.map(Into::into), xml: Some(element.to_compact()), ..CibEdit::default() }
}
