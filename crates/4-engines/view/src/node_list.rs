//! The list of nodes: the healthy ones in one line, each other on its own.

use crate::Lines;
use crate::look::Look;
use crate::show::Show;
use status::{HealthColor, Node, NodeIndex, NodeKind};

/// Which of the collective lines a node stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Together {
    Online,
    Offline,
    RemoteOnline,
    RemoteOffline,
    GuestOnline,
    Unseen,
}

impl Look<'_> {
    /// Prints the nodes; returns whether there are any.
    pub(crate) fn node_list(&self, with_spacer: bool, out: &mut Lines) -> bool {
        let mut together: Vec<(Together, String)> = Vec::new();
        let mut printed = false;
        for (index, node) in self.facts.nodes_in_order() {
            if !self.filter.has_node(node.name.as_str()) {
                continue;
            }
            if !std::mem::replace(&mut printed, true) {
                out.spacer_if(with_spacer);
                out.begin("Node List");
            }
            match self.place_in_list(node) {
                Some(place) => together.push((place, self.display_name(index))),
                None => self.node_line(index, out),
            }
        }
        for (place, title) in [
            (Together::Online, "Online"),
            (Together::Offline, "OFFLINE"),
            (Together::RemoteOnline, "RemoteOnline"),
            (Together::RemoteOffline, "RemoteOFFLINE"),
            (Together::GuestOnline, "GuestOnline"),
        ] {
            let names: Vec<&str> = together.iter().filter(|(p, _)| *p == place).map(|(_, name)| name.as_str()).collect();
            if !names.is_empty() {
                out.item(format_args!("{title}: [ {} ]", names.join(" ")));
            }
        }
        if printed {
            out.end();
        }
        printed
    }

    fn place_in_list(&self, node: &Node) -> Option<Together> {
        let is_special = node.unclean
            || node.pending
            || (node.standby_on_fail && node.online)
            || node.standby
            || node.maintenance
            || self.show.by_node
            || self.show.feature_set
            || node.health != HealthColor::Green;
        if is_special {
            return None;
        }
        Some(match (node.kind, node.online) {
            (NodeKind::Member, true) => Together::Online,
            (NodeKind::Member, false) => Together::Offline,
            (NodeKind::Remote, true) => Together::RemoteOnline,
            (NodeKind::Remote, false) => Together::RemoteOffline,
            (NodeKind::Guest { .. }, true) => Together::GuestOnline,
            (NodeKind::Guest { .. }, false) => Together::Unseen,
        })
    }

    fn node_line(&self, index: NodeIndex, out: &mut Lines) {
        let node = self.node(index);
        let kind = match node.kind {
            NodeKind::Guest { .. } => "GuestNode",
            NodeKind::Remote => "RemoteNode",
            NodeKind::Member => "Node",
        };
        let health = match node.health {
            HealthColor::Red => " (health is RED)",
            HealthColor::Yellow => " (health is YELLOW)",
            HealthColor::Green => "",
        };
        let mut text = format!("{kind} {}: {}{health}", self.display_name(index), node_state(node));
        if self.show.feature_set
            && let Some(feature_set) = feature_set(node)
        {
            text.push_str(&format!(", feature set {feature_set}"));
        }
        if !self.show.by_node {
            out.item(text);
            return;
        }
        if self.show.brief {
            let resources = self.chosen(&node.running);
            if !resources.is_empty() {
                out.begin(text);
                out.begin("Resources");
                self.with(Show { without_place: true, inactive: false, ..self.show }).brief(&resources, out);
                out.end();
                out.end();
            }
            return;
        }
        out.begin(text);
        out.begin("Resources");
        for &resource in &node.running {
            self.with(Show { without_place: true, ..self.show }).any(resource, out);
        }
        out.end();
        out.end();
    }
}

/// Returns a node's state in the words of the tools.
pub(crate) fn node_state(node: &Node) -> &'static str {
    if node.unclean {
        return match (node.online, node.pending) {
            (true, _) => "UNCLEAN (online)",
            (false, true) => "UNCLEAN (pending)",
            (false, false) => "UNCLEAN (offline)",
        };
    }
    if node.pending {
        return "pending";
    }
    if node.standby_on_fail && node.online {
        return "standby (on-fail)";
    }
    if node.standby {
        return match (node.online, node.running.is_empty()) {
            (false, _) => "OFFLINE (standby)",
            (true, true) => "standby",
            (true, false) => "standby (with active resources)",
        };
    }
    match (node.maintenance, node.online) {
        (true, true) => "maintenance",
        (true, false) => "OFFLINE (maintenance)",
        (false, true) => "online",
        (false, false) => "OFFLINE",
    }
}

/// Returns the feature set of a node that is up, as its attribute says; nodes that say none are older than 3.15.1.
pub(crate) fn feature_set(node: &Node) -> Option<&str> {
    let is_remote = node.kind != NodeKind::Member;
    (node.online && !is_remote).then(|| node.attributes.get("#feature-set").map_or("<3.15.1", |value| value.as_str()))
}
