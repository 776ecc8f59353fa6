//! Resources: from configured elements to resources with their effective attributes.
//!
//! Compat: the order of the steps is Pacemaker's, since later ones see what earlier ones set (a clone's instances
//! inherit what was added to the clone's own meta attributes just before they are made).

use super::{Deduction, child};
use crate::document::shared_children;
use crate::name_values::{RuleContext, add_values, depends_on_node};
use crate::numbers;
use crate::{
    Agent, AllowedNode, AllowedNodes, Attributes, Ban, Group, Kind, MultipleActive, NoQuorumPolicy, NodeIndex, NodeKind, Operation,
    ProbeMode, Requires, Resource, ResourceIndex,
};
use compact_str::{CompactString, format_compact};
use model::{ResourceId, Role, Score, parse_boolean};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use xml::Element;

/// A configured element made ready: template merged in, operations found. All instances of a clone share it.
#[derive(Clone)]
pub(super) struct Prepared {
    /// Kept alive so that its address stays its own.
    _source: Arc<Element>,
    pub(super) xml: Arc<Element>,
    pub(super) operations: Arc<Vec<Operation>>,
    from_template: bool,
}

/// Where a resource comes from.
#[derive(Clone, Copy, Default)]
pub(super) struct Origin {
    pub(super) parent: Option<ResourceIndex>,
    pub(super) instance: Option<u32>,
}

impl Deduction {
    /// Reads the `resources` section, with what it implies: guest nodes, remote nodes, the parts of bundles.
    pub(super) fn read_resources(&mut self) {
        let section = self.facts.document.section("resources").unwrap_or_default();
        let mut elements: Vec<_> = shared_children(&section).cloned().collect();
        self.add_guests(&mut elements);
        for element in &elements {
            if element.id().unwrap_or_default().is_empty() {
                self.error(format!("a <{}> without id is ignored", element.name));
            } else if element.name == "template" {
                self.facts.templates.entry(element.id().unwrap_or_default().into()).or_default();
            } else if let Some(index) = self.add_resource(element, Origin::default()) {
                self.add_root(index);
            } else {
                self.error(format!("<{} id=\"{}\"> is ignored, because it is not valid", element.name, element.id().unwrap_or_default()));
            }
        }
        for root in self.facts.roots.clone() {
            self.link_launchers(root);
            self.link_remote_node(root);
        }
        let resources = &self.facts.resources;
        self.facts.roots.sort_by_key(|root| std::cmp::Reverse(resources[root.position()].priority));
        if self.facts.options.fencing_enabled && !self.facts.have_fencing {
            self.error(
                "resources will not start, because no fence device is configured: configure one, or disable fencing with fencing-enabled"
                    .into(),
            );
        }
    }

    /// Makes a resource known as a top-level one.
    pub(super) fn add_root(&mut self, index: ResourceIndex) {
        self.facts.roots.push(index);
        self.register(index);
    }

    /// Makes a resource and everything below it findable by id.
    pub(super) fn register(&mut self, index: ResourceIndex) {
        let resource = self.facts.resource(index);
        let id = CompactString::from(resource.id.as_str());
        for child in resource.children.clone() {
            self.register(child);
        }
        self.facts.resources_by_id.entry(id).or_insert(index);
    }

    /// Makes a resource of an element, and everything below it. `None`: it is not valid, and left out.
    pub(super) fn add_resource(&mut self, element: &Arc<Element>, origin: Origin) -> Option<ResourceIndex> {
        let first = self.facts.resources.len();
        let made = self.try_add_resource(element, origin);
        if made.is_none() {
            // Nothing may refer to what is left out.
            self.facts.resources.truncate(first);
            for node in self.facts.nodes.iter_mut().filter(|node| node.remote.is_some_and(|remote| remote.position() >= first)) {
                (node.remote, node.kind) = (None, NodeKind::Remote);
            }
        }
        made
    }

    fn try_add_resource(&mut self, element: &Arc<Element>, origin: Origin) -> Option<ResourceIndex> {
        let id = element.id()?;
        let prepared = self.prepare(element)?;
        let kind = match prepared.xml.name.as_str() {
            "primitive" => Kind::Primitive(agent(&prepared.xml)),
            "group" => Kind::Group(Group { ordered: true, colocated: true }),
            "clone" => Kind::Clone(crate::Clone::default()),
            "bundle" => Kind::Bundle(Box::default()),
            other => {
                self.error(format!("resource {id} of unknown type <{other}> is ignored"));
                return None;
            }
        };
        let index = ResourceIndex(self.facts.resources.len() as u32);
        let resource = blank(id, kind, origin, &prepared);
        self.facts.resources.push(resource);
        let meta = self.meta_attributes(index);
        self.facts.resources[index.position()].meta = meta;
        self.set_parameters(index);
        self.set_typed_attributes(index);
        if let Some(role) = self.target_role(index) {
            self.facts.resources[index.position()].target_role = Some(role);
            self.set_next_role(index, role, "target-role");
        }
        let is_valid = match self.facts.resource(index).kind {
            Kind::Primitive(_) => self.fill_primitive(index),
            Kind::Group(_) => self.fill_group(index),
            Kind::Clone(_) => self.fill_clone(index),
            Kind::Bundle(_) => self.fill_bundle(index),
        };
        if !is_valid {
            return None;
        }
        let resource = self.facts.resource(index);
        let is_guest_connection = resource.remote_connection && resource.meta.contains_key("container");
        if self.facts.options.symmetric_cluster {
            self.allow_everywhere(index, true);
        } else if is_guest_connection {
            self.allow_everywhere(index, false);
        }
        let mut utilization = Attributes::new();
        add_values(&self.facts, &prepared.xml, "utilization", None, RuleContext::default(), &mut utilization);
        self.facts.resources[index.position()].utilization = utilization;
        if prepared.from_template
            && let Some(template) = element.attribute("template")
        {
            self.facts.templates.entry(template.into()).or_default().add(id);
        }
        Some(index)
    }

    /// Merges the template in and finds the operations; once per configured element.
    fn prepare(&mut self, element: &Arc<Element>) -> Option<Prepared> {
        let address = Arc::as_ptr(element) as usize;
        if let Some(prepared) = self.prepared.get(&address) {
            return Some(prepared.clone());
        }
        let (xml, from_template) = match element.attribute("template") {
            Some(template) => (self.merged_with_template(element, template)?, true),
            None => (element.clone(), false),
        };
        let operations = child(&xml, "operations").and_then(|operations| self.facts.document.resolve(&operations));
        let operations = operations.iter().flat_map(|e| shared_children(e)).filter(|e| e.name == "op").map(operation).collect();
        let prepared = Prepared { _source: element.clone(), xml, operations: Arc::new(operations), from_template };
        self.prepared.insert(address, prepared.clone());
        Some(prepared)
    }

    fn merged_with_template(&mut self, element: &Element, template_id: &str) -> Option<Arc<Element>> {
        let id = element.id()?;
        if template_id == id {
            self.error(format!("resource {id} names itself as its template"));
            return None;
        }
        let section = self.facts.document.section("resources")?;
        let Some(template) = section.elements_named("template").find(|e| e.id() == Some(template_id)) else {
            self.error(format!("resource {id}: there is no template {template_id}"));
            return None;
        };
        let mut merged = template.clone();
        merged.name = element.name.clone();
        merged.set("id", id);
        let template_operations = merged.child("operations").cloned();
        let own_operations = element.child("operations");
        let mut own_seen = false;
        if own_operations.is_some()
            && let Some(at) = merged.children.iter().position(|node| node.as_element().is_some_and(|e| e.name == "operations"))
        {
            merged.children.remove(at);
        }
        for child in element.elements() {
            let mut child = child.clone();
            if child.name == "operations" && !own_seen {
                own_seen = true;
                let own: BTreeSet<_> = child.elements().map(override_key).collect();
                let inherited = template_operations.iter().flat_map(|e| e.children.iter());
                child.children.extend(inherited.filter(|node| node.as_element().is_some_and(|e| !own.contains(&override_key(e)))).cloned());
            }
            merged.push(child);
        }
        Some(Arc::new(merged))
    }

    /// Returns the effective meta attributes.
    ///
    /// Compat: the element's own attributes count too and win; then its sets, its ancestors' sets, the defaults, and
    /// what else the parent has.
    fn meta_attributes(&self, index: ResourceIndex) -> Attributes {
        let resource = self.facts.resource(index);
        let context = RuleContext { resource: Some(&resource.xml), ..RuleContext::default() };
        let mut meta = Attributes::new();
        if let Some(instance) = resource.instance {
            meta.insert("clone".into(), format_compact!("{instance}"));
        }
        for (name, value) in &resource.xml.attributes {
            if !value.eq_ignore_ascii_case("#default") {
                meta.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        add_values(&self.facts, &resource.xml, "meta_attributes", None, context, &mut meta);
        let mut inherited = Attributes::new();
        let mut ancestor = resource.parent;
        while let Some(parent) = ancestor {
            let parent = self.facts.resource(parent);
            add_values(&self.facts, &parent.xml, "meta_attributes", None, context, &mut inherited);
            ancestor = parent.parent;
        }
        for (name, value) in inherited {
            meta.entry(name).or_insert(value);
        }
        if let Some(defaults) = &self.facts.resource_defaults {
            add_values(&self.facts, defaults, "meta_attributes", None, context, &mut meta);
        }
        if let Some(parent) = resource.parent {
            for (name, value) in &self.facts.resource(parent).meta {
                if !meta.contains_key(name) {
                    meta.insert(name.clone(), value.clone());
                }
            }
        }
        meta
    }

    fn set_parameters(&mut self, index: ResourceIndex) {
        let parameters = Arc::new(self.facts.evaluate_parameters(index, None));
        let mut varies = false;
        let mut next = Some(index);
        while let Some(at) = next {
            let resource = self.facts.resource(at);
            varies |= depends_on_node(&self.facts.document, &resource.xml, "instance_attributes");
            next = resource.parent;
        }
        let resource = &mut self.facts.resources[index.position()];
        (resource.parameters, resource.parameters_vary) = (parameters, varies);
    }

    fn set_typed_attributes(&mut self, index: ResourceIndex) {
        let top_is_clone = self.facts.resource(self.facts.top_of(index, false)).is_clone();
        let in_maintenance = self.facts.options.maintenance_mode;
        let health = self.facts.options.health_scores();
        let resource = &mut self.facts.resources[index.position()];
        let is_true = |value: Option<&CompactString>| value.and_then(|value| parse_boolean(value)) == Some(true);
        let meta = &resource.meta;
        let score = |name: &str| meta.get(name).and_then(|value| numbers::score(value, health));
        resource.priority = score("priority").unwrap_or(0);
        resource.critical = meta.get("critical").is_none_or(|value| parse_boolean(value) == Some(true));
        resource.notify = is_true(meta.get("notify"));
        resource.allow_unhealthy_nodes = is_true(meta.get("allow-unhealthy-nodes"));
        resource.remote_connection = is_remote_connection(&resource.xml);
        let is_remote = resource.remote_connection && !meta.contains_key("container");
        resource.migratable = match meta.get("allow-migrate") {
            None => is_remote,
            value => is_true(value),
        };
        resource.managed = match meta.get("is-managed") {
            None => true,
            Some(value) if value.eq_ignore_ascii_case("default") => true,
            value => is_true(value),
        };
        resource.maintenance = in_maintenance || is_true(meta.get("maintenance"));
        resource.managed &= !resource.maintenance;
        resource.unique = !top_is_clone || is_unique(meta);
        resource.promotable = top_is_clone && is_true(meta.get("promotable"));
        resource.multiple_active = match meta.get("multiple-active").map(|value| value.to_ascii_lowercase()).as_deref() {
            Some("stop_only") => MultipleActive::StopOnly,
            Some("block") => MultipleActive::Block,
            Some("stop_unexpected") => MultipleActive::StopUnexpected,
            _ => MultipleActive::StopStart,
        };
        resource.stickiness = Score::new(score("resource-stickiness").unwrap_or(0));
        resource.migration_threshold = score("migration-threshold").filter(|&n| n >= 0).unwrap_or(Score::INFINITY.value());
        resource.fence_device = resource.xml.attribute("class").is_some_and(|class| class.eq_ignore_ascii_case("stonith"));
        resource.provides_unfencing = meta.get("provides").is_some_and(|value| value.eq_ignore_ascii_case("unfencing"));
        let failure_timeout = numbers::interval_ms(meta.get("failure-timeout").map(CompactString::as_str));
        resource.failure_timeout = some_duration(failure_timeout);
        if is_remote && let Some(interval) = resource.parameters.get("reconnect_interval") {
            // A connection waits for the next attempt by way of its failure, which expires at that time.
            resource.reconnect_interval = some_duration(numbers::interval_ms(Some(interval)));
            resource.failure_timeout = resource.reconnect_interval;
        }
        self.facts.have_fencing |= resource.fence_device;
        self.set_requires(index);
    }

    fn set_requires(&mut self, index: ResourceIndex) {
        let options = &self.facts.options;
        let resource = self.facts.resource(index);
        let configured = resource.meta.get("requires").map(|value| value.to_ascii_lowercase());
        let default = if resource.fence_device || (resource.is_primitive() && resource.remote_connection) {
            Requires::Quorum
        } else if self.facts.enable_unfencing {
            Requires::Unfencing
        } else if options.fencing_enabled {
            Requires::Fencing
        } else if options.no_quorum_policy == NoQuorumPolicy::Ignore {
            Requires::Nothing
        } else {
            Requires::Quorum
        };
        let mut requires = match configured.as_deref() {
            Some("nothing") => Requires::Nothing,
            Some("quorum") => Requires::Quorum,
            Some("fencing") => Requires::Fencing,
            Some("unfencing") => Requires::Unfencing,
            _ => default,
        };
        if requires == Requires::Unfencing && (resource.fence_device || !options.fencing_enabled) {
            requires = Requires::Quorum;
        }
        let id = resource.id.clone();
        self.facts.resources[index.position()].requires = requires;
        if let Some(value) = configured
            && !matches!(value.as_str(), "nothing" | "quorum" | "fencing" | "unfencing")
        {
            self.error(format!("resource {id}: requires=\"{value}\" is not valid; the default is used"));
        }
    }

    /// Returns the `target-role` that counts: one that differs from what would be done anyway.
    pub(super) fn target_role(&mut self, index: ResourceIndex) -> Option<Role> {
        let resource = self.facts.resource(index);
        let text = resource.meta.get("target-role")?.clone();
        if text.eq_ignore_ascii_case("started") || text.eq_ignore_ascii_case("default") {
            return None;
        }
        let id = resource.id.clone();
        match Role::parse(&text) {
            None | Some(Role::Unknown) => {
                self.error(format!("resource {id}: target-role=\"{text}\" is not valid"));
                None
            }
            Some(role) if role > Role::Started => {
                let promotable = self.facts.resource(self.facts.top_of(index, false)).promotable;
                if !promotable {
                    self.error(format!("resource {id}: target-role=\"{text}\" only makes sense for promotable clones"));
                }
                (promotable && role == Role::Unpromoted).then_some(role)
            }
            Some(role) => Some(role),
        }
    }

    pub(super) fn set_next_role(&mut self, index: ResourceIndex, role: Role, reason: &str) {
        let resource = &mut self.facts.resources[index.position()];
        if resource.next_role != role {
            resource.next_role = role;
            resource.next_role_reason = (role != Role::Unknown).then(|| reason.to_owned());
        }
    }

    /// Some agents cannot be unique or promotable.
    fn fill_primitive(&mut self, index: ResourceIndex) -> bool {
        let parent = self.facts.top_of(index, false);
        let resource = self.facts.resource(index);
        let id = resource.id.clone();
        let class = resource.xml.attribute("class").unwrap_or_default().to_ascii_lowercase();
        let (may_be_unique, may_be_promoted) = (matches!(class.as_str(), "ocf" | "stonith"), class == "ocf");
        if !may_be_unique && resource.unique && self.facts.resource(parent).is_clone() {
            self.warn(format!("resource {id}: {class} agents can only be anonymous clones; globally-unique is ignored"));
            self.force_anonymous(parent);
            self.clear_unique(parent);
            self.clear_unique(index);
        }
        if !may_be_promoted && self.facts.resource(parent).promotable {
            self.error(format!("resource {id}: {class} agents cannot be promoted"));
            return false;
        }
        true
    }

    fn clear_unique(&mut self, index: ResourceIndex) {
        let resource = &mut self.facts.resources[index.position()];
        resource.unique = false;
        resource.meta.insert("globally-unique".into(), "false".into());
        for child in resource.children.clone() {
            self.clear_unique(child);
        }
    }

    fn fill_group(&mut self, index: ResourceIndex) -> bool {
        let resource = self.facts.resource(index);
        let (instance, xml) = (resource.instance, resource.xml.clone());
        let flag = |name: &str| resource.meta.get(name).and_then(|value| parse_boolean(value)).unwrap_or(true);
        let kind = Kind::Group(Group { ordered: flag("ordered"), colocated: flag("collocated") });
        self.facts.resources[index.position()].kind = kind;
        for member in shared_children(&xml).filter(|e| e.name == "primitive") {
            if let Some(child) = self.add_resource(member, Origin { parent: Some(index), instance }) {
                self.facts.resources[index.position()].children.push(child);
            }
        }
        let resource = self.facts.resource(index);
        if resource.children.is_empty() {
            let id = resource.id.clone();
            self.error(format!("group {id} has no members"));
            return false;
        }
        true
    }

    /// Allows a resource on all nodes known so far. `unless_excluded`: not where it or the node is set apart.
    fn allow_everywhere(&mut self, index: ResourceIndex, unless_excluded: bool) {
        for node in self.all_nodes() {
            self.add_score(index, node, Score::ZERO, unless_excluded);
        }
    }

    /// Adds a score for a resource, and for everything below it, on a node or on all nodes, and remembers why.
    pub(super) fn ban(&mut self, resource: ResourceIndex, node: Option<NodeIndex>, score: Score, name: &'static str) {
        match node {
            Some(node) => self.add_score(resource, node, score, false),
            None => self.all_nodes().for_each(|node| self.add_score(resource, node, score, false)),
        }
        self.facts.bans.push(Ban { resource, node, score, name });
    }

    fn add_score(&mut self, index: ResourceIndex, node: NodeIndex, score: Score, unless_excluded: bool) {
        let (base, probe) = (self.facts.node(node).score, self.facts.node(node).probe);
        if unless_excluded && (self.facts.resource(index).exclusive_probes || probe == ProbeMode::Never) {
            return;
        }
        for at in 0..self.facts.resource(index).children.len() {
            let child = self.facts.resource(index).children[at];
            self.add_score(child, node, score, unless_excluded);
        }
        let allowed = &mut self.facts.resources[index.position()].allowed;
        let mut entry = allowed.get(node).unwrap_or(AllowedNode { score: base, probe });
        entry.score += score;
        allowed.set(node, entry);
    }

    /// Forbids a resource everywhere, whatever it thought of nodes before.
    pub(super) fn forbid_everywhere(&mut self, index: ResourceIndex) {
        let mut allowed = AllowedNodes::default();
        for node in self.all_nodes() {
            allowed.set(node, AllowedNode { score: Score::MINUS_INFINITY, probe: self.facts.node(node).probe });
        }
        self.facts.resources[index.position()].allowed = allowed;
    }
}

/// Returns whether an element is a Pacemaker Remote connection.
pub(super) fn is_remote_connection(element: &Element) -> bool {
    let is = |name: &str, value: &str| element.attribute(name).is_some_and(|text| text.eq_ignore_ascii_case(value));
    is("type", "remote") && is("class", "ocf") && is("provider", "pacemaker")
}

fn agent(element: &Element) -> Agent {
    Agent {
        class: element.attribute("class").unwrap_or_default().into(),
        provider: element.attribute("provider").map(CompactString::new),
        name: element.attribute("type").unwrap_or_default().into(),
    }
}

fn operation(element: &Arc<Element>) -> Operation {
    Operation {
        id: element.id().unwrap_or_default().into(),
        name: element.attribute("name").unwrap_or_default().into(),
        interval_ms: numbers::interval_ms(element.attribute("interval")),
        interval: element.attribute("interval").unwrap_or_default().into(),
        role: element.attribute("role").and_then(Role::parse),
        enabled: element.attribute("enabled").and_then(parse_boolean).unwrap_or(true),
        xml: element.clone(),
    }
}

/// An operation of the resource replaces one of its template that has the same name and role.
fn override_key(operation: &Element) -> (CompactString, CompactString) {
    let role =
        operation.attribute("role").filter(|role| !["started", "unpromoted", "slave"].iter().any(|plain| role.eq_ignore_ascii_case(plain)));
    (operation.attribute("name").unwrap_or_default().into(), role.unwrap_or_default().into())
}

/// Compat: more than one instance per node makes a clone unique where nothing else is said.
fn is_unique(meta: &Attributes) -> bool {
    match meta.get("globally-unique") {
        Some(value) => parse_boolean(value) == Some(true),
        None => meta.get("clone-node-max").and_then(|value| numbers::integer(value)).is_some_and(|n| n > 1),
    }
}

fn some_duration(ms: u64) -> Option<Duration> {
    (ms > 0).then(|| Duration::from_millis(ms))
}

/// A resource of which nothing but its element is known.
fn blank(id: &str, kind: Kind, origin: Origin, prepared: &Prepared) -> Resource {
    Resource {
        id: match origin.instance {
            Some(instance) => ResourceId::new(format_compact!("{id}:{instance}")),
            None => ResourceId::new(id),
        },
        configured_id: ResourceId::new(id),
        history_id: None,
        kind,
        parent: origin.parent,
        children: Vec::new(),
        instance: origin.instance,
        xml: prepared.xml.clone(),
        parameters: Arc::default(),
        parameters_vary: false,
        operations: prepared.operations.clone(),
        meta: Attributes::new(),
        utilization: Attributes::new(),
        priority: 0,
        stickiness: Score::ZERO,
        failure_timeout: None,
        migration_threshold: Score::INFINITY.value(),
        multiple_active: MultipleActive::StopStart,
        requires: Requires::Nothing,
        target_role: None,
        reconnect_interval: None,
        managed: true,
        maintenance: false,
        blocked: false,
        orphan: false,
        orphan_launched: false,
        exclusive_probes: false,
        notify: false,
        unique: true,
        fence_device: false,
        provides_unfencing: false,
        promotable: false,
        failed: false,
        stop_if_failed: false,
        critical: true,
        migratable: false,
        maybe_out_of_sight: false,
        allow_unhealthy_nodes: false,
        remote_connection: false,
        remote_nesting_allowed: false,
        replica_container: false,
        start_pending: false,
        stop_unexpected: false,
        ignore_failure: false,
        allowed: AllowedNodes::default(),
        role: Role::Stopped,
        next_role: Role::Unknown,
        next_role_reason: None,
        active_nodes: Vec::new(),
        known_on: BTreeSet::new(),
        pending: None,
        migrating_from: None,
        migrating_to: None,
        dangling_sources: Vec::new(),
        lock_node: None,
        lock_since: None,
        launcher: None,
        launched: Vec::new(),
        histories: Vec::new(),
    }
}
