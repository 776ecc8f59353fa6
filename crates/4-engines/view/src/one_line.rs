//! The status in one line, for monitoring systems.

use crate::StatusView;
use crate::cluster_summary::plural;

impl StatusView<'_> {
    /// Returns `CLUSTER OK: …` or `CLUSTER WARN: …` as `crm_mon -s` does.
    pub fn one_line(&self) -> String {
        let facts = self.facts;
        let mut warnings = Vec::new();
        if facts.dc.is_none() {
            warnings.push("No DC".to_owned());
        }
        let (mut online, mut standby, mut maintenance) = (0, 0, 0);
        let mut offline = Vec::new();
        for (_, node) in facts.nodes_in_order() {
            match (node.online, node.standby, node.maintenance) {
                (true, true, _) => standby += 1,
                (true, false, true) => maintenance += 1,
                (true, false, false) => online += 1,
                (false, ..) => offline.push(format!("offline node: {}", node.name)),
            }
        }
        // Compat: nodes that are offline stand side by side, without commas.
        if !offline.is_empty() {
            warnings.push(offline.join(" "));
        }
        if !warnings.is_empty() {
            return format!("CLUSTER WARN: {}", warnings.join(", "));
        }
        let mut text = format!("CLUSTER OK: {online} node{} online", plural(online));
        if standby > 0 {
            text.push_str(&format!(", {standby} standby node{}", plural(standby)));
        }
        if maintenance > 0 {
            text.push_str(&format!(", {maintenance} maintenance node{}", plural(maintenance)));
        }
        let count = facts.instance_count as usize;
        format!("{text}, {count} resource instance{} configured", plural(count))
    }
}
