//! Questions that displays ask about facts: is it active, in which role is it shown, is it filtered out.

use crate::{Filter, Show};
use model::{AgentExit, ExecutionStatus, NodeName, OperationKey, Role};
use status::{Facts, Kind, Node, NodeIndex, NodeKind, OperationRecord, Resource, ResourceHistory, ResourceIndex};

/// The facts with what to show of them.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    pub facts: &'a Facts,
    pub show: Show,
    pub filter: &'a Filter,
}

impl<'a> Look<'a> {
    pub fn resource(&self, index: ResourceIndex) -> &'a Resource {
        self.facts.resource(index)
    }

    pub fn node(&self, index: NodeIndex) -> &'a Node {
        self.facts.node(index)
    }

    pub fn name(&self, index: NodeIndex) -> &'a NodeName {
        &self.facts.node(index).name
    }

    /// Returns the same facts shown in another way.
    pub fn with(&self, show: Show) -> Look<'a> {
        Look { show, ..*self }
    }

    /// Returns the id people know: without instance number where instances are interchangeable.
    pub fn printable_id(&self, index: ResourceIndex) -> &'a str {
        let resource = self.resource(index);
        if resource.unique { resource.id.as_str() } else { resource.configured_id.as_str() }
    }

    /// Returns the outermost resource around this one; a bundle only when asked for.
    pub fn top(&self, index: ResourceIndex, with_bundle: bool) -> ResourceIndex {
        let mut top = index;
        while let Some(parent) = self.resource(top).parent {
            if !with_bundle && self.resource(parent).is_bundle() {
                break;
            }
            top = parent;
        }
        top
    }

    pub fn is_promotable(&self, index: ResourceIndex) -> bool {
        self.resource(self.top(index, false)).promotable
    }

    /// Returns whether it runs: entirely (`all`) or at least in part.
    pub fn is_active(&self, index: ResourceIndex, all: bool) -> bool {
        let resource = self.resource(index);
        match &resource.kind {
            Kind::Primitive(_) => resource.active_nodes.iter().any(|&at| {
                let node = self.node(at);
                node.unclean || node.online || !resource.managed
            }),
            Kind::Group(_) if all => !resource.children.is_empty() && resource.children.iter().all(|&c| self.is_active(c, true)),
            Kind::Clone(_) if all => resource.children.iter().all(|&c| self.is_active(c, true)),
            Kind::Group(_) | Kind::Clone(_) => resource.children.iter().any(|&c| self.is_active(c, false)),
            Kind::Bundle(bundle) => {
                let mut parts = bundle.replicas.iter().flat_map(|r| [r.ip, r.child, Some(r.container), r.remote]).flatten();
                if all { parts.all(|p| self.is_active(p, true)) } else { parts.any(|p| self.is_active(p, false)) }
            }
        }
    }

    /// Returns where it is active, each node once, in the order found.
    pub fn active_nodes(&self, index: ResourceIndex) -> Vec<NodeIndex> {
        let resource = self.resource(index);
        if resource.children.is_empty() || !resource.active_nodes.is_empty() {
            return resource.active_nodes.clone();
        }
        let mut nodes = Vec::new();
        for &child in &resource.children {
            for node in self.active_nodes(child) {
                if !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
        }
        nodes
    }

    /// Returns the one node where it and all its members are; `None` where that is none or several.
    pub fn location(&self, index: ResourceIndex) -> Option<NodeIndex> {
        let resource = self.resource(index);
        let mut nodes: Vec<NodeIndex> = Vec::new();
        match resource.children.is_empty() {
            true => nodes.extend(&resource.active_nodes),
            false => {
                for &child in &resource.children {
                    for &node in &self.resource(child).active_nodes {
                        if !nodes.contains(&node) {
                            nodes.push(node);
                        }
                    }
                }
            }
        }
        if let [one] = nodes[..] { Some(one) } else { None }
    }

    /// Returns the role of the most active member.
    pub fn role(&self, index: ResourceIndex) -> Role {
        let resource = self.resource(index);
        match resource.children.is_empty() {
            true => resource.role,
            false => resource.children.iter().map(|&c| self.role(c)).max().unwrap_or_default(),
        }
    }

    /// Returns whether the test holds for it and everything below it.
    pub fn all_below(&self, index: ResourceIndex, test: &dyn Fn(&Resource) -> bool) -> bool {
        let resource = self.resource(index);
        test(resource) && resource.children.iter().all(|&c| self.all_below(c, test))
    }

    /// Returns whether the test holds for it or anything below it.
    pub fn any_below(&self, index: ResourceIndex, test: &dyn Fn(&Resource) -> bool) -> bool {
        let resource = self.resource(index);
        test(resource) || resource.children.iter().any(|&c| self.any_below(c, test))
    }

    pub fn is_on_shown_node(&self, index: ResourceIndex) -> bool {
        self.active_nodes(index).iter().any(|&node| self.filter.has_node(self.name(node).as_str()))
    }

    /// Returns whether it is active, but on no node that is shown.
    pub fn is_elsewhere(&self, index: ResourceIndex) -> bool {
        self.filter.nodes.is_some() && self.is_active(index, false) && !self.is_on_shown_node(index)
    }

    /// Returns whether the choice of resources leaves it out.
    pub fn is_filtered(&self, index: ResourceIndex, with_parent: bool) -> bool {
        if self.filter.resources.is_none() {
            return false;
        }
        let resource = self.resource(index);
        if self.is_named(index) {
            return false;
        }
        match &resource.kind {
            Kind::Primitive(_) => {
                let top = self.top(index, true);
                !with_parent || top == index || self.is_filtered(top, false)
            }
            Kind::Group(_) => {
                let top = self.top(index, false);
                if with_parent && self.filter.has_resource(self.printable_id(top)) {
                    return false;
                }
                resource.children.iter().all(|&c| self.is_filtered(c, false))
            }
            Kind::Clone(clone) => {
                !self.filter.has_resource(clone.child_id()) && resource.children.iter().all(|&c| self.is_filtered(c, false))
            }
            Kind::Bundle(bundle) => bundle
                .replicas
                .iter()
                .flat_map(|r| [r.ip, r.child, Some(r.container), r.remote])
                .flatten()
                .all(|part| self.is_filtered(part, false)),
        }
    }

    /// Returns whether it is chosen by its own name.
    pub fn is_named(&self, index: ResourceIndex) -> bool {
        let resource = self.resource(index);
        self.filter.has_resource(self.printable_id(index)) || self.filter.has_resource(resource.id.as_str())
    }

    /// Returns whether its target role keeps it from running as it could.
    pub fn is_disabled(&self, index: ResourceIndex) -> bool {
        match self.resource(index).meta.get("target-role").and_then(|role| Role::parse(role)) {
            Some(Role::Stopped) => true,
            Some(Role::Unpromoted) => self.is_promotable(index),
            _ => false,
        }
    }

    /// Returns the target role of a clone, taken from its first instance where it has none of its own.
    pub fn configured_role_text(&self, index: ResourceIndex) -> Option<&'a str> {
        let resource = self.resource(index);
        resource
            .meta
            .get("target-role")
            .or_else(|| resource.children.first().and_then(|&child| self.resource(child).meta.get("target-role")))
            .map(|role| role.as_str())
    }

    /// Returns the exit code of a probe that found the agent unusable on this node (any node: `None`).
    pub fn failed_probe(&self, index: ResourceIndex, node: Option<&str>) -> Option<AgentExit> {
        let top = self.resource(self.top(index, false));
        let wanted = match &top.kind {
            Kind::Clone(clone) => clone.child_id(),
            _ => self.resource(index).id.as_str(),
        };
        self.facts.failures.iter().find_map(|failure| {
            let record = self.operation(failure.history)?.1;
            let on = record.on_node()?;
            let matches = is_masked_probe(record)
                && node.is_none_or(|name| on.eq_ignore_ascii_case(name))
                && OperationKey::parse(&record.key)?.resource == wanted;
            matches.then_some(record.exit)
        })
    }

    /// Returns a recorded operation and the history it is part of.
    pub fn operation(&self, at: status::HistoryReference) -> Option<(&'a ResourceHistory, &'a OperationRecord)> {
        let history = self.node(at.node).history.get(at.resource as usize)?;
        Some((history, history.operations.get(at.operation as usize)?))
    }

    /// Returns where a node stands in the order of names.
    pub fn rank(&self, node: NodeIndex) -> usize {
        self.facts.node_order.iter().position(|&n| n == node).unwrap_or(usize::MAX)
    }

    /// Returns a node's name, with the host of a guest and the id where they were asked for.
    pub fn display_name(&self, index: NodeIndex) -> String {
        let node = self.node(index);
        let mut name = node.name.to_string();
        if !self.show.node_id {
            return name;
        }
        if let NodeKind::Guest { launcher } = node.kind {
            name.push('@');
            if let Some(&host) = self.resource(launcher).active_nodes.first() {
                name.push_str(self.name(host).as_str());
            }
        }
        if !node.id.eq_ignore_ascii_case(node.name.as_str()) {
            name.push_str(&format!(" ({})", node.id));
        }
        name
    }

    /// Returns the description that the configuration gives, where descriptions are wanted.
    pub fn description(&self, index: ResourceIndex) -> Option<&'a str> {
        (self.show.description || self.show.without_place).then(|| self.resource(index).xml.attribute("description")).flatten()
    }
}

/// Returns whether the record is a probe that only says that the agent cannot run there.
pub(crate) fn is_masked_probe(record: &OperationRecord) -> bool {
    let is_probe = record.operation == "monitor" && record.interval_ms == 0;
    is_probe
        && (record.exit == AgentExit::NOT_INSTALLED
            || record.exit == AgentExit::INVALID_PARAMETER
            || record.status == ExecutionStatus::NotInstalled)
}

/// Compares names as people count: `node2` before `node10`, without regard to case.
pub(crate) fn compare_names(a: &str, b: &str) -> std::cmp::Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (Some(&x), Some(&y)) = (a.first(), b.first()) else {
            return a.len().cmp(&b.len());
        };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (m, n) = (digits(a), digits(b));
            let value = |d: &[u8]| d.iter().fold(0u128, |sum, c| sum.saturating_mul(10).saturating_add(u128::from(c - b'0')));
            let order = value(&a[..m]).cmp(&value(&b[..n])).then(m.cmp(&n));
            if order.is_ne() {
                return order;
            }
            (a, b) = (&a[m..], &b[n..]);
        } else {
            let order = x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase());
            if order.is_ne() {
                return order;
            }
            (a, b) = (&a[1..], &b[1..]);
        }
    }
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|c| c.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use super::compare_names;

    #[test]
    fn names_are_compared_by_value() {
        let mut names = vec!["node10", "Node2", "node02", "a", "node"];
        names.sort_by(|a, b| compare_names(a, b));
        assert_eq!(names, ["a", "node", "Node2", "node02", "node10"]);
    }
}
