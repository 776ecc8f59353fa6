//! Parameters of resources and operations, on a node or in general.

use crate::name_values::{RuleContext, add_values};
use crate::{Attributes, Facts, NodeIndex, Operation, ResourceIndex};
use std::sync::Arc;

impl Facts {
    /// Returns a resource's parameters on a node, or in general; its own win over those of what contains it.
    pub fn parameters(&self, resource: ResourceIndex, node: Option<NodeIndex>) -> Arc<Attributes> {
        let entry = self.resource(resource);
        if node.is_none() || !entry.parameters_vary {
            return entry.parameters.clone();
        }
        Arc::new(self.evaluate_parameters(resource, node))
    }

    pub(crate) fn evaluate_parameters(&self, resource: ResourceIndex, node: Option<NodeIndex>) -> Attributes {
        let context = RuleContext { node_attributes: node.map(|node| &self.node(node).attributes), ..RuleContext::default() };
        let mut parameters = Attributes::new();
        let mut next = Some(resource);
        while let Some(at) = next {
            let entry = self.resource(at);
            add_values(self, &entry.xml, "instance_attributes", None, context, &mut parameters);
            next = entry.parent;
        }
        parameters
    }

    /// Returns the parameters that are configured for an operation alone.
    pub fn operation_parameters(&self, operation: Option<&Operation>, node: Option<NodeIndex>) -> Attributes {
        let context = RuleContext { node_attributes: node.map(|node| &self.node(node).attributes), ..RuleContext::default() };
        let mut parameters = Attributes::new();
        if let Some(operation) = operation {
            add_values(self, &operation.xml, "instance_attributes", None, context, &mut parameters);
        }
        parameters
    }

    /// Returns whether a connection's address is that of the host that its container will be on ("#uname").
    pub fn needs_host_name(&self, resource: ResourceIndex) -> bool {
        let entry = self.resource(resource);
        entry.remote_connection && entry.parameters.get("addr").is_some_and(|address| address.eq_ignore_ascii_case("#uname"))
    }

    /// Returns an attribute of a node; where `target` is `host` and the node is a guest, of the host that it runs on.
    pub fn node_attribute(&self, node: NodeIndex, name: &str, target: Option<&str>) -> Option<&str> {
        let mut at = node;
        if let crate::NodeKind::Guest { launcher } = self.node(node).kind
            && target.is_some_and(|target| target.eq_ignore_ascii_case("host"))
        {
            at = *self.resource(launcher).active_nodes.first()?;
        }
        self.node(at).attributes.get(name).map(|value| value.as_str())
    }
}
