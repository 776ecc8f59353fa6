//! The role of a resource on a node.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a resource does on a node; ordered, so that a later variant is "more active".
/// Pacemaker 1.x and 2.0 wrote `Slave` and `Master`; both spellings are read, the new ones written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Role {
    /// Not known, or not configured.
    #[default]
    Unknown,
    /// Not running.
    Stopped,
    /// Running (a resource that cannot be promoted).
    Started,
    /// Running, not promoted.
    Unpromoted,
    /// Running and promoted.
    Promoted,
}

impl Role {
    /// Parses a role in its old or new spelling, without regard to case.
    pub fn parse(text: &str) -> Option<Role> {
        Some(match text.to_ascii_lowercase().as_str() {
            "stopped" => Role::Stopped,
            "started" => Role::Started,
            "slave" | "unpromoted" => Role::Unpromoted,
            "master" | "promoted" => Role::Promoted,
            "unknown" => Role::Unknown,
            _ => return None,
        })
    }

    /// Returns the present spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Unknown => "Unknown",
            Role::Stopped => "Stopped",
            Role::Started => "Started",
            Role::Unpromoted => "Unpromoted",
            Role::Promoted => "Promoted",
        }
    }

    /// Returns whether the resource runs in this role.
    pub fn is_active(self) -> bool {
        self > Role::Stopped
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
