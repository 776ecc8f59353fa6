//! What is wrong with the configuration or the status, in words for an administrator.
//!
//! A problem never stops the deduction: what cannot be used is left out and named here.

/// How bad a problem is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Worth knowing.
    Notice,
    /// Something will not work as written.
    Warning,
    /// Something was ignored because it is invalid.
    Error,
}

/// One remark on the configuration or the status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// One sentence without a final full stop.
    pub text: String,
}

impl Problem {
    pub(crate) fn error(text: String) -> Self {
        Self { severity: Severity::Error, text }
    }

    pub(crate) fn warning(text: String) -> Self {
        Self { severity: Severity::Warning, text }
    }

    pub(crate) fn notice(text: String) -> Self {
        Self { severity: Severity::Notice, text }
    }
}
