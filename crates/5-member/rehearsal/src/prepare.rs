//! Makes an input fit to be planned for: a document in the newest schema's words, with a status section.

use xml::Element;

/// An input that can be planned for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prepared {
    pub cib: Element,
    /// What an administrator should know of it; belongs on standard error.
    pub remarks: Vec<String>,
}

/// Prepares a document; fails with what is wrong with it.
pub fn prepare(mut cib: Element) -> Result<Prepared, Vec<String>> {
    if cib.name != "cib" {
        return Err(vec![format!("line {}: expected <cib>, found <{}>", cib.line, cib.name)]);
    }
    let mut remarks = Vec::new();
    if cib.attribute("validate-with") == Some("none") {
        let reason = "support for validate-with set to \"none\" is deprecated and will be removed in a future release";
        remarks.push(format!("Schema validation of configuration is disabled ({reason})"));
    }
    cib.child_or_new("status");
    // Compat: what an upgrade drops is not told by the incumbent's tools either; `crm_verify` tells it.
    Ok(Prepared { cib: cib::upgrade(&cib).cib, remarks })
}
