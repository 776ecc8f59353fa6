//! One primitive on one line: name, agent, role, place and marks.

use crate::Lines;
use crate::look::Look;
use crate::times::exit_text;
use model::Role;
use status::{Kind, NodeIndex, Resource, ResourceIndex};

impl Look<'_> {
    /// Prints a primitive where the choice of resources has it; returns whether it did.
    pub(crate) fn primitive(&self, index: ResourceIndex, out: &mut Lines) -> bool {
        if self.is_filtered(index, true) {
            return false;
        }
        let resource = self.resource(index);
        let node = resource.active_nodes.first().copied().or_else(|| self.pending_node(index));
        self.primitive_as(index, self.printable_id(index), node, out)
    }

    /// Prints a primitive under a name and place of the caller's choice; returns whether it did.
    pub(crate) fn primitive_as(&self, index: ResourceIndex, name: &str, node: Option<NodeIndex>, out: &mut Lines) -> bool {
        let resource = self.resource(index);
        if is_implied(resource) && !self.show.implied {
            return false;
        }
        let target_role = resource.meta.get("target-role").map(|role| role.as_str());
        out.item(self.primitive_text(index, name, node, target_role, true));
        true
    }

    /// Returns the node of an operation under way that is no probe.
    pub(crate) fn pending_node(&self, index: ResourceIndex) -> Option<NodeIndex> {
        self.resource(index).pending.as_ref().filter(|p| p.operation != "probe").map(|p| p.node)
    }

    /// Returns the line.
    pub(crate) fn primitive_text(
        &self,
        index: ResourceIndex,
        name: &str,
        node: Option<NodeIndex>,
        target_role: Option<&str>,
        with_nodes: bool,
    ) -> String {
        let resource = self.resource(index);
        let is_multiple = resource.active_nodes.len() > 1;
        let node = node.or(resource.lock_node).filter(|_| !self.show.without_place && !is_multiple);

        let mut text = format!("{name}\t({}):\t", agent(resource));
        if resource.orphan {
            text.push_str(" ORPHANED");
        }
        let role = self.shown_role(index);
        if resource.failed {
            text.push_str(" FAILED");
            if role > Role::Unpromoted {
                text.push_str(&format!(" {role}"));
            }
        } else {
            text.push_str(&format!(" {}", self.shown_state(index)));
        }
        if let Some(node) = node {
            text.push_str(&format!(" {}", self.name(node)));
        }
        if role == Role::Stopped
            && let Some(exit) = self.failed_probe(index, node.map(|n| self.name(n).as_str()))
        {
            text.push_str(&format!(" ({}) ", exit_text(exit, self.show.new_words)));
        }
        let marks = self.marks(index, node, target_role);
        if !marks.is_empty() {
            text.push_str(&format!(" ({})", marks.join(", ")));
        }
        if (self.show.without_place || self.show.description || is_multiple)
            && let Some(description) = resource.xml.attribute("description")
        {
            // Compat: 2.x sets a description of a primitive in no brackets.
            text.push_str(&if self.show.new_words { format!(" ({description})") } else { format!(" {description}") });
        }
        if with_nodes && !self.show.without_place && is_multiple {
            let names: Vec<&str> = resource.active_nodes.iter().map(|&n| self.name(n).as_str()).collect();
            text.push_str(&format!(" [ {} ]", names.join(" ")));
        }
        text
    }

    /// Returns the role as it is shown: what can be promoted and is not is unpromoted.
    pub(crate) fn shown_role(&self, index: ResourceIndex) -> Role {
        match self.resource(index).role {
            Role::Started if self.is_promotable(index) => Role::Unpromoted,
            role => role,
        }
    }

    /// Returns the role, or what is being done where that is wanted.
    pub(crate) fn shown_state(&self, index: ResourceIndex) -> &'static str {
        let pending = self.show.pending.then_some(self.resource(index).pending.as_ref()).flatten();
        match pending.map(|p| p.operation.as_str()) {
            Some("start") => "Starting",
            Some("stop") => "Stopping",
            Some("migrate_to" | "migrate_from") => "Migrating",
            Some("promote") => "Promoting",
            Some("demote") => "Demoting",
            _ => self.shown_role(index).as_str(),
        }
    }

    /// Returns `Monitoring` where a monitor is under way and that is wanted.
    pub(crate) fn pending_monitor(&self, index: ResourceIndex) -> Option<&'static str> {
        let pending = self.resource(index).pending.as_ref()?;
        (self.show.pending && pending.operation == "monitor").then_some("Monitoring")
    }

    fn marks(&self, index: ResourceIndex, node: Option<NodeIndex>, target_role: Option<&str>) -> Vec<String> {
        let resource = self.resource(index);
        let mut marks = Vec::new();
        if node.map(|n| self.node(n)).is_some_and(|node| !node.online && node.unclean) {
            marks.push("UNCLEAN".to_owned());
        }
        if node.is_some() && node == resource.lock_node {
            marks.push("LOCKED".to_owned());
        }
        marks.extend(self.pending_monitor(index).map(str::to_owned));
        match target_role.and_then(Role::parse) {
            Some(Role::Stopped) => marks.push("disabled".to_owned()),
            Some(Role::Unpromoted) if self.is_promotable(index) => {
                marks.push(format!("target-role:{}", target_role.unwrap_or_default()));
            }
            _ => {}
        }
        if resource.blocked {
            marks.push("blocked".to_owned());
        } else if resource.maintenance && self.show.new_words {
            marks.push("maintenance".to_owned());
        } else if !resource.managed || resource.maintenance {
            marks.push("unmanaged".to_owned());
        }
        if resource.ignore_failure {
            marks.push("failure ignored".to_owned());
        }
        marks
    }
}

/// Returns whether the resource was made by the cluster itself.
pub(crate) fn is_implied(resource: &Resource) -> bool {
    resource.meta.get("internal_rsc").and_then(|value| model::parse_boolean(value)).unwrap_or(false)
}

/// Returns `class:provider:type`, without provider where the class has none.
pub(crate) fn agent(resource: &Resource) -> String {
    match &resource.kind {
        Kind::Primitive(agent) => match agent.provider.as_deref().filter(|_| agent.class == "ocf") {
            Some(provider) => format!("{}:{provider}:{}", agent.class, agent.name),
            None => format!("{}:{}", agent.class, agent.name),
        },
        _ => "unknown:unknown".to_owned(),
    }
}
