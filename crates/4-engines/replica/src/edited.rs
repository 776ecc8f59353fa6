//! From an edit as clients and engines word it to the document it comes to.

use cib::edit::Request;
use messages::client::{CibEdit, ClientError};
use xml::Element;

/// Returns the document after an edit. Versions are raised by whoever takes the result.
///
/// # Errors
/// The refusal, with the exit code that a tool ends with.
pub(crate) fn edited(cib: &Element, edit: &CibEdit, element: Option<&Element>) -> Result<Element, ClientError> {
    let request = Request {
        operation: &edit.operation,
        section: edit.section.as_deref(),
        xpath: edit.xpath.as_deref(),
        xml: edit.xml.as_deref(),
        element,
        allow_create: edit.allow_create,
        expand_increments: edit.expand_increments,
        force: edit.force,
    };
    // Nothing to upgrade is no failure: the document stays.
    match cib::edit::edited(cib, &request) {
        Err(cib::edit::EditError::UpToDate) => Ok(cib.clone()),
        Err(error) => Err(ClientError { exit_code: error.exit_status(), message: error.to_string() }),
        Ok(next) => Ok(next),
    }
}
