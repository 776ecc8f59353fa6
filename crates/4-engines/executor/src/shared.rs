//! Maps with shared values, which are written and read like their own (`#[serde(with = "executor::shared")]`).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// # Errors
/// Those of the format.
pub fn serialize<K: Serialize, V: Serialize, S: Serializer>(map: &BTreeMap<K, Arc<V>>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(map.iter().map(|(key, value)| (key, &**value)))
}

/// # Errors
/// Those of the format.
pub fn deserialize<'d, K: Deserialize<'d> + Ord, V: Deserialize<'d>, D: Deserializer<'d>>(
    from: D,
) -> Result<BTreeMap<K, Arc<V>>, D::Error> {
    let map: BTreeMap<K, V> = BTreeMap::deserialize(from)?;
    Ok(map.into_iter().map(|(key, value)| (key, Arc::new(value))).collect())
}
