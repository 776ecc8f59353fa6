//! Clones: their limits and their instances.

use super::Deduction;
use super::resources::Origin;
use crate::document::shared_children;
use crate::{Kind, ResourceIndex, numbers};
use compact_str::{CompactString, format_compact};
use model::parse_boolean;
use std::sync::Arc;
use xml::Element;

/// More instances than this are a slip of the keyboard, and would exhaust the memory.
pub(super) const INSTANCES_MAX: i32 = 1_000;

impl Deduction {
    /// Reads a clone's limits and makes its instances.
    pub(super) fn fill_clone(&mut self, index: ResourceIndex) -> bool {
        let nodes = self.facts.nodes.len();
        let resource = self.facts.resource(index);
        let (id, unique, promotable) = (resource.id.clone(), resource.unique, resource.promotable);
        let number = |name: &str, older: Option<&str>, default: i32| {
            let value = resource.meta.get(name).or_else(|| resource.meta.get(older?));
            value.map_or(default, |value| numbers::integer_at_least(Some(value), 0))
        };
        let flag = |name: &str| resource.meta.get(name).and_then(|value| parse_boolean(value)).unwrap_or(false);
        let mut clone = crate::Clone {
            max: number("clone-max", None, nodes.max(1) as i32),
            node_max: number("clone-node-max", None, 1),
            min: number("clone-min", None, 0),
            promoted_max: if promotable { number("promoted-max", Some("master-max"), 1) } else { 0 },
            promoted_node_max: if promotable { number("promoted-node-max", Some("master-node-max"), 1) } else { 0 },
            interleave: flag("interleave"),
            ordered: flag("ordered"),
            total: 0,
            child: Arc::default(),
        };
        if !unique && clone.node_max > 1 {
            let ignored = clone.node_max;
            self.error(format!("clone {id}: clone-node-max={ignored} is ignored, since an anonymous clone has one instance per node"));
            clone.node_max = 1;
        }
        let xml = self.facts.resource(index).xml.clone();
        let Some(child) = cloned_child(&xml) else {
            self.error(format!("clone {id} has nothing to clone"));
            return false;
        };
        clone.child = child;
        if clone.max > INSTANCES_MAX {
            let asked = clone.max;
            self.error(format!("clone {id}: clone-max={asked} is more than any cluster can run; {INSTANCES_MAX} is used"));
            clone.max = INSTANCES_MAX;
        }
        let resource = &mut self.facts.resources[index.position()];
        resource.kind = Kind::Clone(clone);
        // Compat: instances stay where they are unless something speaks against it.
        resource.meta.entry("resource-stickiness".into()).or_insert_with(|| CompactString::const_new("1"));
        resource.meta.insert("globally-unique".into(), if unique { "true" } else { "false" }.into());
        // With a maximum of 0 one instance is made all the same, for histories to be matched with.
        let mut made = 0;
        while made < self.clone_max(index).max(1) {
            if self.add_instance(index).is_none() {
                return false;
            }
            made += 1;
        }
        true
    }

    /// Returns a clone's maximum as it is now: its first instance may have lowered it.
    fn clone_max(&self, index: ResourceIndex) -> i32 {
        if let Kind::Clone(clone) = &self.facts.resource(index).kind { clone.max } else { 0 }
    }

    /// Makes one more instance of a clone; those beyond its maximum are orphans.
    pub(super) fn add_instance(&mut self, index: ResourceIndex) -> Option<ResourceIndex> {
        let Kind::Clone(clone) = &self.facts.resource(index).kind else { return None };
        let (child, total, max) = (clone.child.clone(), clone.total, clone.max);
        let instance = self.add_resource(&child, Origin { parent: Some(index), instance: Some(total as u32) })?;
        let resource = &mut self.facts.resources[index.position()];
        resource.children.push(instance);
        // An agent that cannot be unique may have lowered the clone's maximum just now.
        if let Kind::Clone(clone) = &mut resource.kind {
            clone.total += 1;
        }
        if total >= max {
            self.set_orphan(instance);
        }
        self.facts.resources[instance.position()].meta.insert("clone-max".into(), format_compact!("{max}"));
        Some(instance)
    }

    fn set_orphan(&mut self, index: ResourceIndex) {
        self.facts.resources[index.position()].orphan = true;
        for child in self.facts.resource(index).children.clone() {
            self.set_orphan(child);
        }
    }

    /// Limits a clone to what an anonymous one can have.
    pub(super) fn force_anonymous(&mut self, index: ResourceIndex) {
        let nodes = self.facts.nodes.len() as i32;
        if let Kind::Clone(clone) = &mut self.facts.resources[index.position()].kind {
            clone.node_max = 1;
            clone.max = clone.max.min(nodes);
        }
    }
}

/// Returns the primitive or group that a clone has instances of.
fn cloned_child(element: &Element) -> Option<Arc<Element>> {
    shared_children(element).find(|e| matches!(e.name.as_str(), "primitive" | "group")).cloned()
}
