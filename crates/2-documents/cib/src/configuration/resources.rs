//! Resources: primitives, templates, groups, clones (`master` too) and bundles.

use crate::references::References;
use crate::{NvSets, rules::Input, rules::Recheck};
use model::Role;
use xml::Element;

/// A resource of any kind.
#[derive(std::clone::Clone, Debug)]
pub enum ResourceDefinition<'a> {
    Primitive(Primitive<'a>),
    Group(Group<'a>),
    Clone(Clone<'a>),
    Bundle(Bundle<'a>),
}

/// Which agent runs a resource.
#[derive(std::clone::Clone, Copy, PartialEq, Eq, Debug)]
pub struct Agent<'a> {
    /// `ocf`, `systemd`, `lsb`, `service`, `stonith`, …
    pub class: &'a str,
    pub provider: Option<&'a str>,
    pub kind: &'a str,
}

/// A resource that an agent runs. What its template says is merged in; its own sets win.
#[derive(std::clone::Clone, Debug)]
pub struct Primitive<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    pub agent: Agent<'a>,
    /// The template it is made from.
    pub template: Option<&'a Element>,
    pub meta: NvSets<'a>,
    pub parameters: NvSets<'a>,
    pub utilization: NvSets<'a>,
    /// Its own first, then those of the template that it does not replace.
    pub operations: Vec<OperationDefinition<'a>>,
}

/// What several primitives share.
#[derive(std::clone::Clone, Debug)]
pub struct Template<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    pub meta: NvSets<'a>,
    pub parameters: NvSets<'a>,
    pub utilization: NvSets<'a>,
    pub operations: Vec<OperationDefinition<'a>>,
}

/// A configured operation; attributes without a field are in `element`.
#[derive(std::clone::Clone, Debug)]
pub struct OperationDefinition<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    pub name: &'a str,
    /// As written.
    pub interval: Option<&'a str>,
    pub role: Option<Role>,
    pub enabled: Option<bool>,
    pub meta: NvSets<'a>,
    pub parameters: NvSets<'a>,
}

/// Primitives that stay together and start in order.
#[derive(std::clone::Clone, Debug)]
pub struct Group<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    pub meta: NvSets<'a>,
    pub parameters: NvSets<'a>,
    /// Primitives, in document order.
    pub members: Vec<ResourceDefinition<'a>>,
}

/// A primitive or group that runs in several instances.
#[derive(std::clone::Clone, Debug)]
pub struct Clone<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    /// Whether it is written as `master`, the old word for a promotable clone.
    pub is_master: bool,
    pub meta: NvSets<'a>,
    pub parameters: NvSets<'a>,
    /// One primitive or one group; more or none is a fault.
    pub children: Vec<ResourceDefinition<'a>>,
}

/// Containers, each with an address and storage of its own, and perhaps a primitive inside.
#[derive(std::clone::Clone, Debug)]
pub struct Bundle<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    pub meta: NvSets<'a>,
    pub parameters: NvSets<'a>,
    pub launch: Option<ContainerLaunch<'a>>,
    pub network: Option<BundleNetwork<'a>>,
    pub storage: Vec<StorageMapping<'a>>,
    /// At most one primitive.
    pub children: Vec<ResourceDefinition<'a>>,
}

/// How a bundle's containers are made.
#[derive(std::clone::Clone, Debug)]
pub struct ContainerLaunch<'a> {
    /// Named after the technology: `docker`, `podman`, `rkt`.
    pub element: &'a Element,
    pub image: Option<&'a str>,
    pub replicas: Option<&'a str>,
    pub replicas_per_host: Option<&'a str>,
    /// `promoted-max`, or `masters` in old documents.
    pub promoted_max: Option<&'a str>,
    pub run_command: Option<&'a str>,
    pub network: Option<&'a str>,
    pub options: Option<&'a str>,
}

/// Addresses and ports of a bundle.
#[derive(std::clone::Clone, Debug)]
pub struct BundleNetwork<'a> {
    pub element: &'a Element,
    pub ip_range_start: Option<&'a str>,
    pub control_port: Option<&'a str>,
    pub host_interface: Option<&'a str>,
    pub host_netmask: Option<&'a str>,
    pub add_host: Option<bool>,
    pub ports: Vec<PortMapping<'a>>,
}

/// A port, or a range of them, that is reachable from outside a container.
#[derive(std::clone::Clone, Copy, Debug)]
pub struct PortMapping<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    pub port: Option<&'a str>,
    pub internal_port: Option<&'a str>,
    pub range: Option<&'a str>,
}

/// A directory of the host inside a container.
#[derive(std::clone::Clone, Copy, Debug)]
pub struct StorageMapping<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    pub source_dir: Option<&'a str>,
    /// Each instance has a directory of its own below this one.
    pub source_dir_root: Option<&'a str>,
    pub target_dir: &'a str,
    pub options: Option<&'a str>,
}

impl<'a> ResourceDefinition<'a> {
    /// Reads a resource; templates and what is no resource are `None`.
    pub(crate) fn new(element: &'a Element, references: &mut References<'a>) -> Option<Self> {
        match element.name.as_str() {
            "primitive" | "group" | "clone" | "master" | "bundle" if element.id().is_none() => {
                references.error(element, "a resource needs an id; it is ignored");
                None
            }
            "primitive" => Primitive::new(element, references).map(Self::Primitive),
            "group" => Some(Self::Group(Group::new(element, references))),
            "clone" | "master" => Some(Self::Clone(Clone::new(element, references))),
            "bundle" => Some(Self::Bundle(Bundle::new(element, references))),
            "template" => None,
            name => {
                references.error(element, format!("<{name}> is no resource; primitive, group, clone, bundle and template are"));
                None
            }
        }
    }

    /// Returns the id.
    pub fn id(&self) -> &'a str {
        self.element().id().unwrap_or_default()
    }

    /// Returns the element it was read from.
    pub fn element(&self) -> &'a Element {
        match self {
            Self::Primitive(r) => r.element,
            Self::Group(r) => r.element,
            Self::Clone(r) => r.element,
            Self::Bundle(r) => r.element,
        }
    }

    /// Returns the resources directly inside.
    pub fn children(&self) -> &[ResourceDefinition<'a>] {
        match self {
            Self::Primitive(_) => &[],
            Self::Group(r) => &r.members,
            Self::Clone(r) => &r.children,
            Self::Bundle(r) => &r.children,
        }
    }

    /// Returns the meta-attributes set on the resource itself.
    pub fn meta(&self) -> &NvSets<'a> {
        match self {
            Self::Primitive(r) => &r.meta,
            Self::Group(r) => &r.meta,
            Self::Clone(r) => &r.meta,
            Self::Bundle(r) => &r.meta,
        }
    }

    /// Returns the parameters set on the resource itself.
    pub fn parameters(&self) -> &NvSets<'a> {
        match self {
            Self::Primitive(r) => &r.parameters,
            Self::Group(r) => &r.parameters,
            Self::Clone(r) => &r.parameters,
            Self::Bundle(r) => &r.parameters,
        }
    }

    /// Returns the primitive, unless it is another kind.
    pub fn as_primitive(&self) -> Option<&Primitive<'a>> {
        if let Self::Primitive(primitive) = self { Some(primitive) } else { None }
    }
}

impl<'a> Agent<'a> {
    fn new(element: &'a Element) -> Self {
        Self {
            class: element.attribute("class").unwrap_or_default(),
            provider: element.attribute("provider"),
            kind: element.attribute("type").unwrap_or_default(),
        }
    }
}

impl std::fmt::Display for Agent<'_> {
    /// Writes `ocf:heartbeat:IPaddr2` or `systemd:nginx`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.provider {
            Some(provider) => write!(f, "{}:{provider}:{}", self.class, self.kind),
            None => write!(f, "{}:{}", self.class, self.kind),
        }
    }
}

impl<'a> Primitive<'a> {
    /// Reads a primitive; `None` when its template does not exist.
    fn new(element: &'a Element, references: &mut References<'a>) -> Option<Self> {
        let template = match element.attribute("template") {
            None => None,
            Some(id) => match references.find("template", id) {
                Some(template) => Some(template),
                None => {
                    references.error(element, format!("there is no template \"{id}\"; the resource is ignored"));
                    return None;
                }
            },
        };
        let sources = [template, Some(element)];
        Some(Self {
            element,
            id: element.id().unwrap_or_default(),
            agent: Agent::new(template.unwrap_or(element)),
            template,
            meta: NvSets::below(&sources, "meta_attributes", references),
            parameters: NvSets::below(&sources, "instance_attributes", references),
            utilization: NvSets::below(&sources, "utilization", references),
            operations: OperationDefinition::merged(element, template, references),
        })
    }

    /// Returns an input for the rules of its own sets, which may ask for its agent.
    pub fn rule_input<'i>(&self, now: model::Timestamp) -> Input<'i>
    where
        'a: 'i,
    {
        Input {
            now: Some(now),
            class: Some(self.agent.class),
            provider: self.agent.provider,
            agent: Some(self.agent.kind),
            ..Input::default()
        }
    }

    /// Returns the parameters that do not depend on a node.
    pub fn parameters_at(&self, now: model::Timestamp, recheck: &mut Recheck) -> crate::Values<'a> {
        self.parameters.values(&self.rule_input(now), recheck)
    }
}

impl<'a> Template<'a> {
    pub(crate) fn new(element: &'a Element, references: &mut References<'a>) -> Self {
        Self {
            element,
            id: element.id().unwrap_or_default(),
            meta: NvSets::below(&[Some(element)], "meta_attributes", references),
            parameters: NvSets::below(&[Some(element)], "instance_attributes", references),
            utilization: NvSets::below(&[Some(element)], "utilization", references),
            operations: OperationDefinition::merged(element, None, references),
        }
    }
}

impl<'a> OperationDefinition<'a> {
    fn new(element: &'a Element, references: &mut References<'a>) -> Self {
        Self {
            element,
            id: element.id().unwrap_or_default(),
            name: element.attribute("name").unwrap_or_default(),
            interval: element.attribute("interval"),
            role: references.role(element, "role"),
            enabled: references.boolean(element, "enabled"),
            meta: NvSets::below(&[Some(element)], "meta_attributes", references),
            parameters: NvSets::below(&[Some(element)], "instance_attributes", references),
        }
    }

    /// Returns any attribute as written, such as `timeout` or `on-fail`.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        self.element.attribute(name)
    }

    /// Reads the operations of a resource and those of its template that it does not replace.
    fn merged(element: &'a Element, template: Option<&'a Element>, references: &mut References<'a>) -> Vec<Self> {
        let Some(own) = element.child("operations") else {
            return template.and_then(|t| t.child("operations")).map(|ops| Self::all(ops, references)).unwrap_or_default();
        };
        let mut operations = Self::all(own, references);
        // Compat: operations taken over by reference hide those of the template altogether.
        if own.attribute("id-ref").is_none()
            && let Some(inherited) = template.and_then(|t| t.child("operations"))
        {
            let inherited: Vec<_> = inherited.elements().filter(|op| !own.elements().any(|mine| replaces(mine, op))).collect();
            operations.extend(inherited.into_iter().filter(|e| e.name == "op").map(|e| Self::new(e, references)));
        }
        operations
    }

    fn all(operations: &'a Element, references: &mut References<'a>) -> Vec<Self> {
        let Some(operations) = references.resolve(operations) else { return Vec::new() };
        let elements: Vec<_> = operations.elements_named("op").filter_map(|op| references.resolve(op)).collect();
        elements.into_iter().map(|op| Self::new(op, references)).collect()
    }
}

/// Compat: an operation replaces the template's of the same name and role, whatever their intervals; Started,
/// Unpromoted and none count as one role.
fn replaces(own: &Element, inherited: &Element) -> bool {
    let role = |op: &Element| match op.attribute("role").map(str::to_ascii_lowercase) {
        Some(role) if !matches!(role.as_str(), "started" | "unpromoted" | "slave") => role,
        _ => String::new(),
    };
    own.attribute("name") == inherited.attribute("name") && role(own) == role(inherited)
}

impl<'a> Group<'a> {
    fn new(element: &'a Element, references: &mut References<'a>) -> Self {
        Self {
            element,
            id: element.id().unwrap_or_default(),
            meta: NvSets::below(&[Some(element)], "meta_attributes", references),
            parameters: NvSets::below(&[Some(element)], "instance_attributes", references),
            members: element.elements_named("primitive").filter_map(|e| ResourceDefinition::new(e, references)).collect(),
        }
    }
}

impl<'a> Clone<'a> {
    fn new(element: &'a Element, references: &mut References<'a>) -> Self {
        let is_child = |e: &&Element| matches!(e.name.as_str(), "primitive" | "group");
        Self {
            element,
            id: element.id().unwrap_or_default(),
            is_master: element.name == "master",
            meta: NvSets::below(&[Some(element)], "meta_attributes", references),
            parameters: NvSets::below(&[Some(element)], "instance_attributes", references),
            children: element.elements().filter(is_child).filter_map(|e| ResourceDefinition::new(e, references)).collect(),
        }
    }
}

impl<'a> Bundle<'a> {
    fn new(element: &'a Element, references: &mut References<'a>) -> Self {
        let launch = ["docker", "rkt", "podman"].iter().find_map(|technology| element.child(technology));
        let storage = element.child("storage");
        Self {
            element,
            id: element.id().unwrap_or_default(),
            meta: NvSets::below(&[Some(element)], "meta_attributes", references),
            parameters: NvSets::below(&[Some(element)], "instance_attributes", references),
            launch: launch.map(ContainerLaunch::new),
            network: element.child("network").map(|e| BundleNetwork::new(e, references)),
            storage: storage.into_iter().flat_map(|s| s.elements_named("storage-mapping")).map(StorageMapping::new).collect(),
            children: element.elements_named("primitive").filter_map(|e| ResourceDefinition::new(e, references)).collect(),
        }
    }
}

impl<'a> ContainerLaunch<'a> {
    fn new(element: &'a Element) -> Self {
        Self {
            element,
            image: element.attribute("image"),
            replicas: element.attribute("replicas"),
            replicas_per_host: element.attribute("replicas-per-host"),
            promoted_max: element.attribute("promoted-max").or_else(|| element.attribute("masters")),
            run_command: element.attribute("run-command"),
            network: element.attribute("network"),
            options: element.attribute("options"),
        }
    }
}

impl<'a> BundleNetwork<'a> {
    fn new(element: &'a Element, references: &mut References<'a>) -> Self {
        Self {
            element,
            ip_range_start: element.attribute("ip-range-start"),
            control_port: element.attribute("control-port"),
            host_interface: element.attribute("host-interface"),
            host_netmask: element.attribute("host-netmask"),
            add_host: references.boolean(element, "add-host"),
            ports: element.elements_named("port-mapping").map(PortMapping::new).collect(),
        }
    }
}

impl<'a> PortMapping<'a> {
    fn new(element: &'a Element) -> Self {
        Self {
            element,
            id: element.id().unwrap_or_default(),
            port: element.attribute("port"),
            internal_port: element.attribute("internal-port"),
            range: element.attribute("range"),
        }
    }
}

impl<'a> StorageMapping<'a> {
    fn new(element: &'a Element) -> Self {
        Self {
            element,
            id: element.id().unwrap_or_default(),
            source_dir: element.attribute("source-dir"),
            source_dir_root: element.attribute("source-dir-root"),
            target_dir: element.attribute("target-dir").unwrap_or_default(),
            options: element.attribute("options"),
        }
    }
}
