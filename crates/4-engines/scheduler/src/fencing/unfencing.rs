//! Unfencing: a node regains access to shared devices before anything that needs them starts there.

use crate::actions::{ActionIndex, Draft, Relation};
use compact_str::CompactString;
use status::{Attributes, NodeIndex, Requires, ResourceIndex};

impl Draft<'_> {
    /// Returns whether a node is unfenced at present.
    pub(crate) fn is_unfenced(&self, node: NodeIndex) -> bool {
        self.facts.node(node).attributes.get("#node-unfenced").is_some_and(|value| value != "0")
    }

    /// Orders an action after the unfencing of a node where the resource depends on it.
    pub(crate) fn order_after_unfencing(&mut self, resource: ResourceIndex, node: NodeIndex, action: ActionIndex, relation: Relation) {
        let fact = self.fact(resource);
        let device = fact.fence_device && self.facts.enable_unfencing;
        if !device && fact.requires != Requires::Unfencing {
            return;
        }
        let unfencing = self.fence(node, Some("on"), true, None, false);
        self.order(unfencing, action, relation);
        if !self.is_unfenced(node) {
            let reason = format!("required by {} {}", fact.id, self.a(action).task);
            self.trigger_unfencing(None, Some(node), &reason);
        }
    }

    /// Demands unfencing of a node, or of every usable node of a fence device.
    pub(crate) fn trigger_unfencing(&mut self, device: Option<ResourceIndex>, node: Option<NodeIndex>, reason: &str) {
        if !self.facts.enable_unfencing || device.is_some_and(|device| !self.fact(device).fence_device) {
            return;
        }
        let is_usable = |draft: &Self, node: NodeIndex| {
            let state = draft.n(node);
            state.online && !state.unclean && !state.shutting_down
        };
        if let Some(node) = node.filter(|&node| is_usable(self, node)) {
            self.fence(node, Some("on"), false, Some(reason), false);
        } else if let Some(device) = device {
            let nodes: Vec<NodeIndex> = self.r(device).allowed.iter().map(|(node, _)| node).collect();
            for node in nodes {
                if is_usable(self, node) {
                    self.fence(node, Some("on"), false, Some(reason), false);
                }
            }
        }
    }

    /// Adds the digests of all unfencing devices to a fencing action; returns whether one changed since the node was unfenced.
    pub(super) fn add_device_digests(&mut self, fencing: ActionIndex, node: NodeIndex) -> bool {
        let mut devices = Vec::new();
        for root in self.roots.clone() {
            self.collect_unfencing_devices(root, &mut devices);
        }
        let mut changed = false;
        let (mut all, mut secure) = (String::new(), String::new());
        for device in devices.into_iter().rev() {
            let fact = self.fact(device);
            let agent = fact.meta.get("type").map_or("", CompactString::as_str);
            let digests = self.fencing_digests(device, node);
            let summary = |digest: &str| format!("{}:{agent}:{digest}", fact.id);
            if self.device_changed(node, &summary(&digests.all), &summary(&digests.secure), fact) {
                changed = true;
                let text = format!("notice: Unfencing node {} because the definition of {} changed", self.facts.node(node).name, fact.id);
                self.remarks.push(text);
            }
            all.push_str(&summary(&digests.all));
            all.push(',');
            secure.push_str(&summary(&digests.secure));
            secure.push(',');
        }
        let action = self.a_mut(fencing);
        action.set_meta("digests-all", all);
        action.set_meta("digests-secure", secure);
        changed
    }

    fn device_changed(&mut self, node: NodeIndex, all: &str, secure: &str, device: &status::Resource) -> bool {
        let attributes: &Attributes = &self.facts.node(node).attributes;
        let Some(recorded) = attributes.get("#digests-all") else { return false };
        if recorded.contains(all) {
            return false;
        }
        if attributes.get("#digests-secure").is_some_and(|recorded| recorded.contains(secure)) {
            let text = format!("Only 'private' parameters to {} for unfencing {} changed", device.id, self.facts.node(node).name);
            self.remarks.push(text);
            return false;
        }
        let text = format!("Parameters to {} for unfencing {} changed, try '{secure}'", device.id, self.facts.node(node).name);
        self.remarks.push(text);
        true
    }

    fn collect_unfencing_devices(&self, resource: ResourceIndex, devices: &mut Vec<ResourceIndex>) {
        let fact = self.fact(resource);
        if !self.r(resource).children.is_empty() {
            for &child in &self.r(resource).children {
                self.collect_unfencing_devices(child, devices);
            }
        } else if fact.fence_device {
            let provides = fact.meta.get("provides").is_some_and(|value| value.eq_ignore_ascii_case("unfencing"));
            if fact.requires == Requires::Unfencing || provides {
                devices.push(resource);
            }
        }
    }
}
