//! The exit codes of commands: those of Pacemaker's tools (`crm_exit_t`), which scripts and agents test.

use crate::codes::{CodeKind, code};
use messages::client::ClientError;
use std::fmt;

/// How a command ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exit(pub u8);

impl Exit {
    pub const OK: Exit = Exit(0);
    pub const ERROR: Exit = Exit(1);
    pub const INVALID_PARAMETER: Exit = Exit(2);
    pub const UNIMPLEMENTED: Exit = Exit(3);
    pub const INSUFFICIENT_PRIVILEGES: Exit = Exit(4);
    pub const NOT_INSTALLED: Exit = Exit(5);
    pub const NOT_CONFIGURED: Exit = Exit(6);
    pub const USAGE: Exit = Exit(64);
    pub const DATA: Exit = Exit(65);
    pub const NO_INPUT: Exit = Exit(66);
    pub const UNAVAILABLE: Exit = Exit(69);
    pub const SOFTWARE: Exit = Exit(70);
    pub const OS_FILE: Exit = Exit(72);
    pub const CANNOT_CREATE: Exit = Exit(73);
    pub const PROTOCOL: Exit = Exit(76);
    pub const CONFIG: Exit = Exit(78);
    pub const DISCONNECT: Exit = Exit(102);
    pub const OLD: Exit = Exit(103);
    pub const NO_SUCH: Exit = Exit(105);
    pub const NO_QUORUM: Exit = Exit(106);
    pub const UNSAFE: Exit = Exit(107);
    pub const EXISTS: Exit = Exit(108);
    pub const MULTIPLE: Exit = Exit(109);
    pub const EXPIRED: Exit = Exit(110);
    pub const NOT_YET: Exit = Exit(111);
    pub const INDETERMINATE: Exit = Exit(112);
    pub const UNSATISFIED: Exit = Exit(113);
    pub const NO_DC: Exit = Exit(114);
    pub const TIMEOUT: Exit = Exit(124);

    /// Returns the words Pacemaker's tools print for this code.
    pub fn text(self) -> &'static str {
        code(CodeKind::Exit, i32::from(self.0)).2
    }
}

/// Why a command could not do what was asked, and the code it ends with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    pub exit: Exit,
    pub message: String,
    /// The words of the code do not say it: the message is told by every tool.
    pub is_told: bool,
}

impl Refusal {
    /// Returns a refusal with this code and sentence.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), is_told: false }
    }

    /// Returns the same refusal, whose message is told also by tools that print the words of a code alone.
    #[must_use]
    pub fn told(self) -> Self {
        Self { is_told: true, ..self }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

impl From<ClientError> for Refusal {
    fn from(error: ClientError) -> Self {
        Self::new(Exit(u8::try_from(error.exit_code).unwrap_or(1)), error.message)
    }
}

impl From<cib::edit::EditError> for Refusal {
    fn from(error: cib::edit::EditError) -> Self {
        Self::new(Exit(u8::try_from(error.exit_status()).unwrap_or(1)), error.to_string())
    }
}
