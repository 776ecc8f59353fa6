//! Exit codes of agents and the execution status recorded beside them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An agent's exit code as OCF 1.1 defines it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentExit(pub i32);

impl AgentExit {
    pub const OK: AgentExit = AgentExit(0);
    pub const ERROR: AgentExit = AgentExit(1);
    pub const INVALID_PARAMETER: AgentExit = AgentExit(2);
    pub const UNIMPLEMENTED: AgentExit = AgentExit(3);
    pub const INSUFFICIENT_PRIVILEGE: AgentExit = AgentExit(4);
    pub const NOT_INSTALLED: AgentExit = AgentExit(5);
    pub const NOT_CONFIGURED: AgentExit = AgentExit(6);
    pub const NOT_RUNNING: AgentExit = AgentExit(7);
    pub const RUNNING_PROMOTED: AgentExit = AgentExit(8);
    pub const FAILED_PROMOTED: AgentExit = AgentExit(9);
    pub const DEGRADED: AgentExit = AgentExit(190);
    pub const DEGRADED_PROMOTED: AgentExit = AgentExit(191);
    /// Never from an agent: the result is not known yet (Pacemaker writes 193).
    pub const UNKNOWN: AgentExit = AgentExit(193);

    /// Returns the words Pacemaker's tools show for this code.
    pub fn as_str(self) -> &'static str {
        match self.0 {
            0 => "ok",
            1 => "error",
            2 => "invalid parameter",
            3 => "unimplemented feature",
            4 => "insufficient privileges",
            5 => "not installed",
            6 => "not configured",
            7 => "not running",
            8 => "promoted",
            9 => "promoted (failed)",
            190 => "OCF_DEGRADED",
            191 => "promoted (degraded)",
            193 => "unknown",
            _ => "unknown",
        }
    }
}

impl fmt::Display for AgentExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How the execution of an operation ended (`op-status` in the CIB).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum ExecutionStatus {
    Unknown,
    Pending,
    Done,
    Cancelled,
    Timeout,
    NotSupported,
    Error,
    ErrorHard,
    ErrorFatal,
    NotInstalled,
    NotConnected,
    Invalid,
    NoFenceDevice,
    NoSecrets,
}

impl ExecutionStatus {
    /// Returns the number in `op-status`.
    pub fn code(self) -> i32 {
        match self {
            Self::Unknown => -2,
            Self::Pending => -1,
            Self::Done => 0,
            Self::Cancelled => 1,
            Self::Timeout => 2,
            Self::NotSupported => 3,
            Self::Error => 4,
            Self::ErrorHard => 5,
            Self::ErrorFatal => 6,
            Self::NotInstalled => 7,
            Self::NotConnected => 8,
            Self::Invalid => 9,
            Self::NoFenceDevice => 10,
            Self::NoSecrets => 11,
        }
    }

    /// Returns the status that `op-status` names; numbers never seen are `Unknown`.
    pub fn from_code(code: i32) -> Self {
        const ALL: [ExecutionStatus; 13] = [
            ExecutionStatus::Pending,
            ExecutionStatus::Done,
            ExecutionStatus::Cancelled,
            ExecutionStatus::Timeout,
            ExecutionStatus::NotSupported,
            ExecutionStatus::Error,
            ExecutionStatus::ErrorHard,
            ExecutionStatus::ErrorFatal,
            ExecutionStatus::NotInstalled,
            ExecutionStatus::NotConnected,
            ExecutionStatus::Invalid,
            ExecutionStatus::NoFenceDevice,
            ExecutionStatus::NoSecrets,
        ];
        ALL.into_iter().find(|status| status.code() == code).unwrap_or(Self::Unknown)
    }

    /// Returns the words Pacemaker's tools show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "complete",
            Self::Cancelled => "Cancelled",
            Self::Timeout => "Timed Out",
            Self::NotSupported => "NOT SUPPORTED",
            Self::Error => "Error",
            Self::ErrorHard => "Hard error",
            Self::ErrorFatal => "Fatal error",
            Self::NotInstalled => "Not installed",
            Self::NotConnected => "Internal communication failure",
            Self::Invalid => "Cannot execute now",
            Self::NoFenceDevice => "No fence device",
            Self::NoSecrets => "CIB secrets unavailable",
            Self::Unknown => "UNKNOWN!",
        }
    }
}
