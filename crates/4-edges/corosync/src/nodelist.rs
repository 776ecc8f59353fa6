//! Which nodes the engine's configuration names, and what each is called.
//!
//! Compat: a node's name is found as Pacemaker finds it: `nodelist.node.N.name`; else its first address if that is a
//! name and not a number; and for this node, when there is neither, `uname -n`.

use crate::connection::EngineError;
use crate::map::keys;
use model::NodeName;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The configured nodes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeList {
    /// The name of each node by its number. A node whose name is not known yet is called by its number.
    pub names: BTreeMap<u32, NodeName>,
    /// The number of this node, where the configuration tells.
    pub local: Option<u32>,
    pub cluster_name: Option<String>,
}

impl NodeList {
    /// Asks Corosync.
    ///
    /// # Errors
    /// Why it did not answer.
    pub fn read() -> Result<Self, EngineError> {
        let found = keys(&["nodelist.", "totem.cluster_name", "runtime.votequorum.this_node_id"])?;
        Ok(Self::of(&found, &host_name()))
    }

    /// Reads the list from the keys of the map; `host` is what the machine calls itself.
    pub(crate) fn of(keys: &BTreeMap<String, String>, host: &str) -> Self {
        let at = |position: &str, what: &str| keys.get(&format!("nodelist.node.{position}.{what}")).map(String::as_str);
        let local_position = keys.get("nodelist.local_node_pos").map(String::as_str);
        let positions: Vec<&str> = keys.keys().filter_map(|key| key.strip_prefix("nodelist.node.")?.strip_suffix(".ring0_addr")).collect();
        let mut list = Self { cluster_name: keys.get("totem.cluster_name").cloned(), ..Self::default() };
        for position in positions {
            let is_local = local_position == Some(position);
            let own_number = keys.get("runtime.votequorum.this_node_id").filter(|_| is_local);
            let Some(number) = at(position, "nodeid").or(own_number.map(String::as_str)).and_then(|text| text.parse().ok()) else {
                continue;
            };
            let address = at(position, "ring0_addr").filter(|text| text.parse::<IpAddr>().is_err());
            let name = at(position, "name").or(address).or(is_local.then_some(host));
            list.names.insert(number, name.map_or_else(|| NodeName::from(number.to_string().as_str()), NodeName::from));
            if is_local {
                list.local = Some(number);
            }
        }
        list
    }

    /// Returns what this node is called.
    pub fn local_name(&self) -> Option<&NodeName> {
        self.local.and_then(|number| self.names.get(&number))
    }
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Returns what this node is called in the cluster. Waits for Corosync's answer.
///
/// # Errors
/// Why it did not answer.
pub fn local_name() -> Result<NodeName, EngineError> {
    let list = NodeList::read()?;
    Ok(list.local_name().cloned().unwrap_or_else(|| NodeName::from(host_name().as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(keys: &[(&str, &str)]) -> NodeList {
        NodeList::of(&keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(), "machine")
    }

    #[test]
    fn names_are_found_as_pacemaker_finds_them() {
        let list = of(&[
            ("nodelist.local_node_pos", "2"),
            ("nodelist.node.0.name", "alpha"),
            ("nodelist.node.0.nodeid", "1"),
            ("nodelist.node.0.ring0_addr", "10.0.0.1"),
            ("nodelist.node.1.nodeid", "2"),
            ("nodelist.node.1.ring0_addr", "beta.example"),
            ("nodelist.node.2.nodeid", "7"),
            ("nodelist.node.2.ring0_addr", "fd00::7"),
            ("nodelist.node.3.nodeid", "9"),
            ("nodelist.node.3.ring0_addr", "10.0.0.9"),
            ("totem.cluster_name", "shop"),
        ]);
        let names: Vec<_> = list.names.iter().map(|(number, name)| (*number, name.as_str())).collect();
        assert_eq!(names, [(1, "alpha"), (2, "beta.example"), (7, "machine"), (9, "9")]);
        assert_eq!((list.local, list.cluster_name.as_deref()), (Some(7), Some("shop")));
    }
}
