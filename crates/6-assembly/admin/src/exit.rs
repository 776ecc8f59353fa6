//! The exit codes of commands: those of Pacemaker's tools (`crm_exit_t`), which scripts and agents test.

use messages::client::ClientError;
use std::fmt;

/// How a command ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exit(pub u8);

impl Exit {
    pub const OK: Exit = Exit(0);
    pub const ERROR: Exit = Exit(1);
    pub const NOT_CONFIGURED: Exit = Exit(6);
    pub const USAGE: Exit = Exit(64);
    pub const DATA: Exit = Exit(65);
    pub const NO_INPUT: Exit = Exit(66);
    pub const UNAVAILABLE: Exit = Exit(69);
    pub const CANNOT_CREATE: Exit = Exit(73);
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
    pub const NO_DC: Exit = Exit(114);
    pub const TIMEOUT: Exit = Exit(124);

    /// Returns the words Pacemaker's tools print for this code.
    pub fn text(self) -> &'static str {
        match self.0 {
            0 => "OK",
            1 => "Error occurred",
            6 => "Not configured",
            64 => "Incorrect usage",
            65 => "Invalid data given",
            66 => "Input file not available",
            69 => "Service unavailable",
            73 => "Output file not available",
            78 => "Invalid configuration",
            102 => "Not connected",
            103 => "Update was older than existing configuration",
            105 => "No such object",
            106 => "Quorum is required",
            107 => "Operation not safe",
            108 => "Requested item already exists",
            109 => "Multiple items match request",
            110 => "Requested item has expired",
            111 => "Requested item is not yet in effect",
            114 => "DC is not yet elected",
            124 => "Timeout occurred",
            _ => "Unknown exit status",
        }
    }
}

/// Why a command could not do what was asked, and the code it ends with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    pub exit: Exit,
    pub message: String,
}

impl Refusal {
    /// Returns a refusal with this code and sentence.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
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
