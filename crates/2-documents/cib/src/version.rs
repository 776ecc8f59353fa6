//! The version of a document, which decides which of two documents is the newer one.

use std::fmt;
use xml::Element;

/// `admin_epoch.epoch.num_updates`; the first that differs decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Version {
    /// Changed by administrators only, to let one document win over all others.
    pub admin_epoch: u64,
    /// Counts changes of the configuration.
    pub epoch: u64,
    /// Counts changes of the status since the configuration changed last.
    pub num_updates: u64,
}

impl Version {
    /// Returns the version of a document; counters that are absent or no numbers are 0.
    pub fn of(cib: &Element) -> Self {
        let counter = |name| cib.attribute(name).and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        Self { admin_epoch: counter("admin_epoch"), epoch: counter("epoch"), num_updates: counter("num_updates") }
    }

    /// Writes the version into a document, or into a part of a patch.
    pub fn write_to(self, element: &mut Element) {
        element.set("admin_epoch", self.admin_epoch.to_string());
        element.set("epoch", self.epoch.to_string());
        element.set("num_updates", self.num_updates.to_string());
    }

    /// Returns the version after a change: of the configuration, or only of anything else.
    #[must_use]
    pub fn after_change(self, configuration_changed: bool) -> Self {
        match configuration_changed {
            true => Self { epoch: self.epoch.saturating_add(1), num_updates: 0, ..self },
            false => Self { num_updates: self.num_updates.saturating_add(1), ..self },
        }
    }

    /// Parses `1.2.3`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| part.parse().ok());
        let version = Self { admin_epoch: parts.next()??, epoch: parts.next()??, num_updates: parts.next()?? };
        parts.next().is_none().then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.admin_epoch, self.epoch, self.num_updates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_counter_that_differs_decides() {
        let order = ["0.0.9", "0.1.0", "0.1.1", "0.2.0", "1.0.0"].map(|text| Version::parse(text).unwrap());
        assert!(order.is_sorted());
        assert_eq!(order[2].after_change(false).to_string(), "0.1.2");
        assert_eq!(order[2].after_change(true).to_string(), "0.2.0");
        for text in ["", "1.2", "1.2.3.4", "1.-2.3", "a.b.c"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
