//! What an action carries: parameters of resource and operation, meta attributes, what agents of clones and guests need.

use crate::actions::{ActionIndex, Draft};
use compact_str::CompactString;
use status::{Attributes, Kind, ResourceIndex};
use std::collections::BTreeMap;

/// The feature set that actions name; see decision 3 (one can take over from Pacemaker 2.1.5 and hand back).
const FEATURE_SET: &str = "3.16.1";

/// Attributes by name, first come, first served.
#[derive(Default)]
struct Collected {
    named: BTreeMap<String, String>,
    numbered: BTreeMap<String, String>,
}

impl Collected {
    fn add(&mut self, name: &str, value: &str) {
        self.named.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }

    /// Parameters whose names begin with a digit cannot be attributes.
    fn add_parameter(&mut self, name: &str, value: &str) {
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            self.numbered.insert(name.to_owned(), value.to_owned());
        } else {
            self.add(name, value);
        }
    }

    fn add_meta(&mut self, name: &str, value: &str) {
        if !name.contains(['#', ':']) {
            self.named.entry(meta_name(name)).or_insert_with(|| value.to_owned());
        }
    }

    fn set_meta(&mut self, name: &str, value: impl Into<String>) {
        self.named.insert(meta_name(name), value.into());
    }
}

fn meta_name(name: &str) -> String {
    const PREFIX: &str = "CRM_meta_";
    let mut whole = String::with_capacity(PREFIX.len() + name.len());
    whole.push_str(PREFIX);
    whole.extend(name.chars().map(|c| if c == '-' { '_' } else { c }));
    whole
}

impl Draft<'_> {
    pub(super) fn attributes(&self, index: ActionIndex, shows_node: bool) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
        let action = self.a(index);
        let mut collected = Collected::default();
        collected.add("crm_feature_set", FEATURE_SET);
        if let Some(resource) = action.resource {
            self.add_parameters(index, resource, &mut collected);
        }
        if let Some(node) = action.node.filter(|_| shows_node) {
            // What names the node comes before what was noted on the action.
            let fact = self.facts.node(node);
            collected.add_meta("on_node", fact.name.as_str());
            collected.add_meta("on_node_uuid", &fact.id);
        }
        for (name, value) in action.meta.iter().chain(action.configured.iter()) {
            collected.add_meta(name, value);
        }
        if let Some(resource) = action.resource {
            let mut next = Some(resource);
            while let Some(of) = next {
                self.add_graph_meta(of, &mut collected);
                next = self.fact(of).parent;
            }
            self.add_guest_meta(index, resource, &mut collected);
        }
        (collected.named, collected.numbered)
    }

    fn add_parameters(&self, index: ActionIndex, resource: ResourceIndex, collected: &mut Collected) {
        let action = self.a(index);
        let fact = self.fact(resource);
        let operation = action.operation.and_then(|position| fact.operations.get(position as usize));
        if action.node.is_some() && operation.is_some() {
            for (name, value) in &self.facts.operation_parameters(operation, action.node) {
                collected.add(name, value);
            }
        }
        if action.node.is_none() && !fact.is_primitive() {
            return;
        }
        let parameters = self.facts.parameters(resource, action.node);
        for (name, value) in parameters.iter() {
            if name == "addr" && value == "#uname" {
                let host = self.host_name(resource);
                collected.add_parameter(name, host.as_ref().map_or(value.as_str(), model::NodeName::as_str));
            } else {
                collected.add_parameter(name, value);
            }
        }
    }

    /// What the parts of a clone, a guest or a bundle need to know of their whole.
    fn add_graph_meta(&self, resource: ResourceIndex, collected: &mut Collected) {
        let fact = self.fact(resource);
        match &fact.kind {
            Kind::Primitive(_) => {
                for name in ["clone", "remote-node"] {
                    if let Some(value) = fact.meta.get(name) {
                        collected.set_meta(name, value.as_str());
                    }
                }
                let mut next = Some(resource);
                while let Some(of) = next {
                    if let Some(launcher) = self.fact(of).launcher {
                        collected.set_meta("container", self.fact(launcher).id.as_str());
                    }
                    next = self.fact(of).parent;
                }
                if let Some(address) = fact.meta.get("external-ip") {
                    collected.named.insert("pcmk_external_ip".to_owned(), address.to_string());
                }
            }
            Kind::Clone(clone) => {
                let truth = |value: bool| if value { "true" } else { "false" };
                collected.set_meta("globally-unique", truth(fact.unique));
                collected.set_meta("notify", truth(fact.notify));
                collected.set_meta("clone-max", clone.max.to_string());
                collected.set_meta("clone-node-max", clone.node_max.to_string());
                if fact.promotable {
                    for name in ["promoted-max", "master-max"] {
                        collected.set_meta(name, clone.promoted_max.to_string());
                    }
                    for name in ["promoted-node-max", "master-node-max"] {
                        collected.set_meta(name, clone.promoted_node_max.to_string());
                    }
                }
            }
            Kind::Group(_) | Kind::Bundle(_) => {}
        }
    }

    /// Inside a guest, agents may need the machine's host.
    fn add_guest_meta(&self, index: ActionIndex, resource: ResourceIndex, collected: &mut Collected) {
        let action = self.a(index);
        let Some(launcher) = action.node.and_then(|node| self.launcher_of_node(node)) else { return };
        let task = match action.task.as_str() {
            "notify" | "notified" => action.meta("notify_operation").unwrap_or_default(),
            task => task,
        };
        let host = match task {
            "stop" | "stopped" | "demote" | "demoted" => self.current_node(launcher),
            "start" | "running" | "monitor" | "promote" | "promoted" => self.r(launcher).assigned,
            _ => None,
        };
        let Some(host) = host else { return };
        let meta: &Attributes = &self.fact(resource).meta;
        if let Some(target) = meta.get("container-attribute-target").map(CompactString::as_str) {
            collected.add_meta("container-attribute-target", target);
        }
        collected.add_meta("physical-host", self.node_name(host).as_str());
    }
}
