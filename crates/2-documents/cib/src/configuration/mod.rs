//! The configuration section as types, one file per kind of content.

mod access;
mod alerts;
mod constraints;
mod fencing;
mod resource_sets;
mod resources;

pub use access::{AclPermission, AclRole, AclSubject, AclTarget, PermissionKind};
pub use alerts::{Alert, AlertSelect, Recipient};
pub use constraints::{Colocation, ColocationMember, Constraint, Location, LocationSubject, Order, OrderMember, Ticket, TicketMember};
pub use fencing::{FencingLevel, FencingTarget, LevelIndex};
pub use resource_sets::ResourceSet;
pub use resources::{
    Agent, Bundle, BundleNetwork, Clone, ContainerLaunch, Group, OperationDefinition, PortMapping, Primitive, ResourceDefinition,
    StorageMapping, Template,
};

use crate::NvSets;
use crate::references::References;
use xml::Element;

/// The whole section, each list in document order.
#[derive(std::clone::Clone, Debug, Default)]
pub struct Configuration<'a> {
    pub element: Option<&'a Element>,
    /// Cluster options (`cluster_property_set`).
    pub options: NvSets<'a>,
    pub nodes: Vec<NodeDefinition<'a>>,
    pub resources: Vec<ResourceDefinition<'a>>,
    pub templates: Vec<Template<'a>>,
    pub constraints: Vec<Constraint<'a>>,
    pub tags: Vec<Tag<'a>>,
    pub acl_roles: Vec<AclRole<'a>>,
    pub acl_targets: Vec<AclTarget<'a>>,
    pub fencing_levels: Vec<FencingLevel<'a>>,
    pub alerts: Vec<Alert<'a>>,
    /// Meta-attributes of all resources (`rsc_defaults`).
    pub resource_defaults: NvSets<'a>,
    /// Meta-attributes of all operations (`op_defaults`).
    pub operation_defaults: NvSets<'a>,
}

/// A configured node.
#[derive(std::clone::Clone, Debug)]
pub struct NodeDefinition<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    pub uname: &'a str,
    /// `member`, `remote`, `ping` or old words; absent means member.
    pub kind: Option<&'a str>,
    /// The node's base score as written.
    pub score: Option<&'a str>,
    /// Permanent node attributes.
    pub attributes: NvSets<'a>,
    pub utilization: NvSets<'a>,
}

/// A name for several objects.
#[derive(std::clone::Clone, Debug)]
pub struct Tag<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    /// The ids of the objects, in document order.
    pub objects: Vec<&'a str>,
}

impl<'a> Configuration<'a> {
    pub(crate) fn new(element: Option<&'a Element>, references: &mut References<'a>) -> Self {
        let Some(section) = element else { return Self::default() };
        let child = |name: &str| section.child(name);
        let elements = |name: &str| child(name).into_iter().flat_map(Element::elements);
        let templates: Vec<_> = elements("resources").filter(|e| e.name == "template").map(|e| Template::new(e, references)).collect();
        Self {
            element,
            options: NvSets::below(&[child("crm_config")], "cluster_property_set", references),
            nodes: elements("nodes").filter(|e| e.name == "node").map(|e| NodeDefinition::new(e, references)).collect(),
            resources: elements("resources").filter_map(|e| ResourceDefinition::new(e, references)).collect(),
            templates,
            constraints: elements("constraints").filter_map(|e| Constraint::new(e, references)).collect(),
            tags: elements("tags").filter(|e| e.name == "tag").map(Tag::new).collect(),
            acl_roles: elements("acls").filter(|e| e.name == "acl_role").map(AclRole::new).collect(),
            acl_targets: elements("acls").filter_map(AclTarget::new).collect(),
            fencing_levels: elements("fencing-topology").filter(|e| e.name == "fencing-level").map(FencingLevel::new).collect(),
            alerts: elements("alerts").filter(|e| e.name == "alert").map(|e| Alert::new(e, references)).collect(),
            resource_defaults: NvSets::below(&[child("rsc_defaults")], "meta_attributes", references),
            operation_defaults: NvSets::below(&[child("op_defaults")], "meta_attributes", references),
        }
    }

    /// Returns every resource with those inside groups, clones and bundles, parents first, in document order.
    pub fn all_resources(&self) -> Vec<&ResourceDefinition<'a>> {
        let mut found = Vec::new();
        let mut pending: Vec<_> = self.resources.iter().rev().collect();
        while let Some(resource) = pending.pop() {
            found.push(resource);
            pending.extend(resource.children().iter().rev());
        }
        found
    }

    /// Returns the resource with this id, wherever it stands.
    pub fn resource(&self, id: &str) -> Option<&ResourceDefinition<'a>> {
        self.all_resources().into_iter().find(|resource| resource.id() == id)
    }
}

impl<'a> NodeDefinition<'a> {
    fn new(element: &'a Element, references: &mut References<'a>) -> Self {
        if element.attribute("uname").is_none() {
            references.error(element, "a node needs a uname");
        }
        Self {
            element,
            id: element.id().unwrap_or_default(),
            uname: element.attribute("uname").unwrap_or_default(),
            kind: element.attribute("type"),
            score: element.attribute("score"),
            attributes: NvSets::below(&[Some(element)], "instance_attributes", references),
            utilization: NvSets::below(&[Some(element)], "utilization", references),
        }
    }
}

impl<'a> Tag<'a> {
    fn new(element: &'a Element) -> Self {
        let objects = element.elements_named("obj_ref").filter_map(Element::id).collect();
        Self { element, id: element.id().unwrap_or_default(), objects }
    }
}

#[cfg(test)]
mod tests;
