//! Names and values, ordered by name: meta attributes, parameters, node attributes, utilization.

use compact_str::CompactString;
use std::collections::BTreeMap;

/// Names and their values, in the order of the names' bytes (the order in which plans write them).
pub type Attributes = BTreeMap<CompactString, CompactString>;
