//! Keys that name operations and actions: `web_monitor_10000` and `12:7:0:UUID`.

use crate::ResourceId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Names one operation of one resource: `RESOURCE_OPERATION_INTERVALms`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct OperationKey {
    pub resource: ResourceId,
    /// The operation as in the CIB: `start`, `monitor`, `migrate_to`, …
    pub operation: String,
    /// In milliseconds; 0 for an operation that is run once.
    pub interval_ms: u64,
}

impl OperationKey {
    /// Returns the key of these three parts.
    pub fn new(resource: impl Into<ResourceId>, operation: impl Into<String>, interval_ms: u64) -> Self {
        Self { resource: resource.into(), operation: operation.into(), interval_ms }
    }

    /// Parses a key. Resource ids may contain `_`, so the text is read from its end;
    /// `migrate_to` and `migrate_from` are the operations that contain one themselves, and
    /// notifications (`R_pre_notify_start_0`) are read as operation `notify`.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, interval) = text.rsplit_once('_')?;
        let interval_ms = interval.parse().ok()?;
        for when in ["_pre_notify_", "_post_notify_", "_confirmed-pre_notify_", "_confirmed-post_notify_"] {
            if let Some(at) = rest.find(when) {
                return Some(Self::new(&rest[..at], "notify", interval_ms));
            }
        }
        for operation in ["migrate_to", "migrate_from"] {
            if let Some(resource) = rest.strip_suffix(operation).and_then(|r| r.strip_suffix('_')) {
                return Some(Self::new(resource, operation, interval_ms));
            }
        }
        let (resource, operation) = rest.rsplit_once('_')?;
        if resource.is_empty() || operation.is_empty() {
            return None;
        }
        Some(Self::new(resource, operation, interval_ms))
    }
}

impl fmt::Display for OperationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}", self.resource, self.operation, self.interval_ms)
    }
}

/// Names one action of one plan: `ACTION:TRANSITION:TARGET_RC:UUID`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct TransitionKey {
    pub action: i32,
    pub transition: i32,
    /// The exit code that counts as success.
    pub target_rc: i32,
    /// The coordinator's own id, so that keys of another coordinator are told apart.
    pub uuid: String,
}

impl TransitionKey {
    /// Parses a key; `None` when a part is missing or is not a number.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, ':');
        let action = parts.next()?.parse().ok()?;
        let transition = parts.next()?.parse().ok()?;
        let target_rc = parts.next()?.parse().ok()?;
        Some(Self { action, transition, target_rc, uuid: parts.next()?.to_owned() })
    }
}

impl fmt::Display for TransitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}:{:<36}", self.action, self.transition, self.target_rc, self.uuid)
    }
}

/// A transition key with the outcome in front: `STATUS:RC;KEY` (`transition-magic` in the CIB).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Magic {
    pub status: i32,
    pub rc: i32,
    pub key: TransitionKey,
}

impl Magic {
    /// Parses `0:7;12:7:0:UUID`.
    pub fn parse(text: &str) -> Option<Self> {
        let (outcome, key) = text.split_once(';')?;
        let (status, rc) = outcome.split_once(':')?;
        Some(Self { status: status.parse().ok()?, rc: rc.parse().ok()?, key: TransitionKey::parse(key)? })
    }
}

impl fmt::Display for Magic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{};{}", self.status, self.rc, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operation_keys_are_read_from_the_end() {
        for (text, resource, operation, interval) in [
            ("my_web_monitor_10000", "my_web", "monitor", 10000),
            ("vm_migrate_to_0", "vm", "migrate_to", 0),
            ("db:1_post_notify_start_0", "db:1", "notify", 0),
        ] {
            assert_eq!(OperationKey::parse(text), Some(OperationKey::new(resource, operation, interval)));
        }
        assert_eq!(OperationKey::parse("nonsense"), None);
    }

    #[test]
    fn magic_keeps_its_parts() {
        let magic = Magic::parse("0:7;12:3:7:0b6b4fd4-4c4f-4f0e-9d7d-6f8c8a3b9f10").unwrap();
        assert_eq!((magic.rc, magic.key.action, magic.key.transition, magic.key.target_rc), (7, 12, 3, 7));
        assert_eq!(magic.to_string(), "0:7;12:3:7:0b6b4fd4-4c4f-4f0e-9d7d-6f8c8a3b9f10");
    }
}
