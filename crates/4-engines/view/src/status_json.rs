//! The status of a cluster as JSON: the form of our own commands and of the web.

use crate::StatusView;
use crate::node_list::node_state;
use crate::primitive::is_implied;
use serde_json::{Map, Value, json};
use status::{Kind, NodeIndex, NodeKind, ResourceIndex};

impl StatusView<'_> {
    /// Returns the whole status; times are in seconds since 1970.
    pub fn to_json(&self) -> Value {
        let facts = self.facts;
        let names = |nodes: &[NodeIndex]| nodes.iter().map(|&n| facts.node(n).name.as_str()).collect::<Vec<_>>();
        let nodes: Vec<Value> = facts
            .nodes_in_order()
            .filter(|(_, node)| self.filter.has_node(node.name.as_str()))
            .map(|(index, node)| {
                json!({
                    "name": node.name.as_str(),
                    "id": node.id.as_str(),
                    "kind": match node.kind { NodeKind::Member => "member", NodeKind::Remote => "remote", NodeKind::Guest { .. } => "guest" },
                    "state": node_state(node),
                    "online": node.online,
                    "unclean": node.unclean,
                    "standby": node.standby,
                    "maintenance": node.maintenance,
                    "shutting_down": node.shutting_down,
                    "coordinator": facts.dc == Some(index),
                    "running": node.running.iter().map(|&r| facts.resource(r).id.as_str()).collect::<Vec<_>>(),
                    "attributes": node.attributes.iter()
                        .filter(|(name, _)| !name.starts_with('#'))
                        .map(|(name, value)| (name.to_string(), Value::from(value.as_str())))
                        .collect::<Map<String, Value>>(),
                })
            })
            .collect();
        let failures: Vec<Value> = self
            .shown_failures()
            .into_iter()
            .map(|(node, record)| {
                json!({
                    "node": facts.node(node).name.as_str(),
                    "operation": record.key.as_str(),
                    "exit": record.exit.0,
                    "exit_text": record.exit.as_str(),
                    "status": record.status.as_str(),
                    "reason": record.exit_reason(),
                    "at": record.last_change.map(|at| at.seconds()),
                })
            })
            .collect();
        let fencing: Vec<Value> = self
            .fence_history
            .iter()
            .map(|record| {
                json!({
                    "target": record.target.as_str(),
                    "action": record.action,
                    "state": record.state,
                    "by": record.delegate.as_ref().map(|node| node.as_str()),
                    "client": record.client,
                    "at": record.completed.map(|at| at.seconds()),
                    "reason": record.exit_reason,
                })
            })
            .collect();
        json!({
            "quorum": facts.have_quorum,
            "coordinator": facts.dc.map(|dc| names(&[dc])[0]),
            "maintenance": facts.options.maintenance_mode,
            "fencing_enabled": facts.options.fencing_enabled,
            "resource_instances": facts.instance_count,
            "disabled": facts.disabled_count,
            "blocked": facts.blocked_count,
            "nodes": nodes,
            "resources": facts.roots.iter().filter_map(|&r| self.resource_json(r)).collect::<Vec<_>>(),
            "failures": failures,
            "fencing": fencing,
            "problems": facts.problems.iter().map(|p| json!({"severity": format!("{:?}", p.severity).to_lowercase(), "text": p.text})).collect::<Vec<_>>(),
        })
    }

    fn resource_json(&self, index: ResourceIndex) -> Option<Value> {
        let look = self.look();
        let resource = look.resource(index);
        if look.is_filtered(index, true) || (is_implied(resource) && !self.show.implied) {
            return None;
        }
        let mut value = json!({
            "id": resource.id.as_str(),
            "role": look.role(index).as_str(),
            "nodes": look.active_nodes(index).iter().map(|&n| look.name(n).as_str()).collect::<Vec<_>>(),
            "managed": resource.managed,
            "maintenance": resource.maintenance,
            "blocked": resource.blocked,
            "failed": resource.failed,
            "orphan": resource.orphan,
            "disabled": look.is_disabled(index),
        });
        let kind = match &resource.kind {
            Kind::Primitive(agent) => {
                value["agent"] = Value::from(agent.specification());
                if let Some(pending) = &resource.pending {
                    value["pending"] = Value::from(pending.operation.as_str());
                }
                "primitive"
            }
            Kind::Group(_) => "group",
            Kind::Clone(_) => {
                value["promotable"] = Value::from(resource.promotable);
                "clone"
            }
            Kind::Bundle(bundle) => {
                value["image"] = Value::from(bundle.image.as_str());
                "bundle"
            }
        };
        value["kind"] = Value::from(kind);
        if !resource.children.is_empty() {
            value["children"] = resource.children.iter().filter_map(|&child| self.resource_json(child)).collect();
        }
        Some(value)
    }
}
