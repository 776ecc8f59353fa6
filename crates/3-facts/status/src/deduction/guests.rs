//! Remote and guest nodes: the connections that resources imply, and which node each connection makes.

use super::Deduction;
use super::resources::is_remote_connection;
use crate::document::shared_children;
use crate::{NodeKind, ResourceIndex};
use compact_str::CompactString;
use model::Score;
use std::sync::Arc;
use xml::Element;

/// What a connection resource is made from.
#[derive(Default)]
pub(super) struct Connection<'a> {
    pub(super) node: &'a str,
    pub(super) container: Option<&'a str>,
    pub(super) allow_migrate: Option<&'a str>,
    pub(super) is_managed: Option<&'a str>,
    pub(super) start_timeout: Option<&'a str>,
    pub(super) server: Option<&'a str>,
    pub(super) port: Option<&'a str>,
}

impl Deduction {
    /// Adds the connections of guest nodes to the configured resources, and makes the nodes of all connections.
    pub(super) fn add_guests(&mut self, elements: &mut Vec<Arc<Element>>) {
        let mut at = 0;
        while let Some(element) = elements.get(at).cloned() {
            at += 1;
            if is_remote_connection(&element) {
                self.add_remote_node(element.id().unwrap_or_default());
            } else if element.name == "primitive" {
                self.add_guest(&element, elements);
            } else if element.name == "group" {
                for member in shared_children(&element) {
                    self.add_guest(member, elements);
                }
            }
        }
    }

    fn add_guest(&mut self, element: &Element, elements: &mut Vec<Arc<Element>>) {
        // Compat: neither rules nor references are looked at here; of several values the last one counts.
        let sets = element.elements_named("meta_attributes");
        let pairs = sets.flat_map(Element::elements).filter_map(|pair| Some((pair.attribute("name")?, pair.attribute("value")?)));
        let mut connection = Connection { container: element.id(), start_timeout: Some("60s"), ..Connection::default() };
        let mut node = None;
        for (name, value) in pairs {
            match name {
                "remote-node" => node = Some(value),
                "remote-addr" => connection.server = Some(value),
                "remote-port" => connection.port = Some(value),
                "remote-connect-timeout" => connection.start_timeout = Some(value),
                "remote-allow-migrate" => connection.allow_migrate = Some(value),
                "is-managed" => connection.is_managed = Some(value),
                _ => {}
            }
        }
        if let Some(node) = node {
            connection.node = node;
            elements.push(Arc::new(connection_element(&connection)));
            self.add_remote_node(node);
        }
    }

    fn add_remote_node(&mut self, name: &str) {
        if !name.is_empty() && self.facts.find_node(name).is_none() {
            self.add_node(name, name, true, Score::ZERO);
        }
    }

    /// Links what is launched by another resource (meta attribute `container`) with its launcher.
    pub(super) fn link_launchers(&mut self, index: ResourceIndex) {
        let resource = self.facts.resource(index);
        if !resource.children.is_empty() {
            for child in resource.children.clone() {
                self.link_launchers(child);
            }
            return;
        }
        let Some(launcher_id) = resource.meta.get("container").filter(|id| *id != resource.id.as_str()).cloned() else { return };
        match self.facts.find_resource(&launcher_id) {
            Some(launcher) if self.is_launched_by(launcher, index) => {
                let id = resource.id.clone();
                self.error(format!("resource {id}: its container {launcher_id} is contained in it; that is ignored"));
            }
            Some(launcher) => self.set_launcher(index, launcher),
            None => {
                let id = resource.id.clone();
                self.error(format!("resource {id}: its container {launcher_id} does not exist"));
            }
        }
    }

    /// Invariant: nothing launches itself, not even by way of others; readers follow launchers to their end.
    pub(super) fn is_launched_by(&self, resource: ResourceIndex, launcher: ResourceIndex) -> bool {
        let mut next = Some(resource);
        while let Some(at) = next {
            if at == launcher {
                return true;
            }
            next = self.facts.resource(at).launcher;
        }
        false
    }

    pub(super) fn set_launcher(&mut self, index: ResourceIndex, launcher: ResourceIndex) {
        self.facts.resources[index.position()].launcher = Some(launcher);
        self.facts.resources[launcher.position()].launched.push(index);
        // A node whose connection is launched by something is a guest, whatever it was taken for before.
        if let Some(node) = self.facts.nodes.iter_mut().find(|node| node.remote == Some(index)) {
            node.kind = NodeKind::Guest { launcher };
        }
    }

    /// Links a connection with the node that it makes.
    pub(super) fn link_remote_node(&mut self, index: ResourceIndex) {
        let resource = self.facts.resource(index);
        if !resource.remote_connection {
            return;
        }
        let launcher = resource.launcher;
        let Some(node) = self.facts.find_node(resource.id.as_str()) else { return };
        let entry = &mut self.facts.nodes[node.position()];
        if entry.kind == NodeKind::Member {
            let name = entry.name.clone();
            return self.error(format!("connection {name} has the name of a full member; it makes no node"));
        }
        entry.remote = Some(index);
        match launcher {
            None => self.apply_startup_fencing(node),
            Some(launcher) => {
                entry.kind = NodeKind::Guest { launcher };
                entry.attributes.insert("#kind".into(), CompactString::const_new("container"));
            }
        }
    }
}

/// Returns the element of an implied connection, with the ids that Pacemaker gives (they are in digests and output).
pub(super) fn connection_element(connection: &Connection<'_>) -> Element {
    let node = connection.node;
    let meta = [
        ("internal_rsc", Some("true")),
        ("container", connection.container),
        ("allow-migrate", connection.allow_migrate),
        ("is-managed", connection.is_managed),
    ];
    let mut element = implied_primitive(node, "pacemaker", "remote");
    element.push(set("meta_attributes", &format!("{node}-meta_attributes"), &meta));
    if connection.server.is_some() || connection.port.is_some() {
        let parameters = [("addr", connection.server), ("port", connection.port)];
        element.push(set("instance_attributes", &format!("{node}-instance_attributes"), &parameters));
    }
    let mut operations = Element::new("operations");
    operations.push(operation(node, "monitor", "30s", Some("30s")));
    if let Some(timeout) = connection.start_timeout {
        operations.push(operation(node, "start", "0", Some(timeout)));
    }
    element.push(operations);
    element
}

/// Returns a `<primitive>` of class `ocf`.
pub(super) fn implied_primitive(id: &str, provider: &str, agent: &str) -> Element {
    Element::new("primitive").with("id", id).with("class", "ocf").with("provider", provider).with("type", agent)
}

/// Returns a set of those pairs that have a value.
pub(super) fn set(name: &str, id: &str, pairs: &[(&str, Option<&str>)]) -> Element {
    let pair = |(name, value): &(&str, Option<&str>)| {
        Some(Element::new("nvpair").with("id", format!("{id}-{name}")).with("name", name).with("value", (*value)?))
    };
    Element::new(name).with("id", id).with_children(pairs.iter().filter_map(pair))
}

/// Returns an `<op>`.
pub(super) fn operation(prefix: &str, name: &str, interval: &str, timeout: Option<&str>) -> Element {
    let element = Element::new("op").with("id", format!("{prefix}-{name}-{interval}")).with("interval", interval).with("name", name);
    match timeout {
        Some(timeout) => element.with("timeout", timeout),
        None => element,
    }
}
