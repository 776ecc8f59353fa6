//! Primitives counted by agent and node (`crm_mon -b`).

use crate::Lines;
use crate::look::{Look, compare_names};
use crate::primitive::agent;
use status::ResourceIndex;
use std::collections::BTreeMap;

impl Look<'_> {
    /// Prints how many primitives of each agent are active where; returns whether anything was printed.
    pub(crate) fn brief(&self, resources: &[ResourceIndex], out: &mut Lines) -> bool {
        let mut totals: BTreeMap<String, usize> = BTreeMap::new();
        let mut active: BTreeMap<String, Vec<(&str, usize)>> = BTreeMap::new();
        for &index in resources {
            let resource = self.resource(index);
            if !resource.is_primitive() {
                continue;
            }
            let agent = agent(resource);
            for &at in &resource.active_nodes {
                let node = self.node(at);
                if !node.unclean && !node.online && resource.managed {
                    continue;
                }
                let counts = active.entry(agent.clone()).or_default();
                match counts.iter_mut().find(|(name, _)| *name == node.name.as_str()) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((node.name.as_str(), 1)),
                }
            }
            *totals.entry(agent).or_default() += 1;
        }
        let mut printed = false;
        for (agent, total) in &totals {
            let mut counts = active.remove(agent).unwrap_or_default();
            counts.sort_by(|a, b| compare_names(a.0, b.0));
            for (node, count) in &counts {
                let node = if self.show.without_place { "" } else { node };
                match self.show.inactive {
                    true => out.item(format_args!("{count}/{total}\t({agent}):\tActive {node}")),
                    false => out.item(format_args!("{count}\t({agent}):\tActive {node}")),
                }
                printed = true;
            }
            if self.show.inactive && counts.is_empty() {
                out.item(format_args!("0/{total}\t({agent}):\tActive"));
                printed = true;
            }
        }
        printed
    }

    /// Returns the resources of a list that are chosen by their own or their parent's name.
    ///
    /// Compat: the incumbent returns them in reverse, which shows in nothing, as they are only counted.
    pub(crate) fn chosen(&self, resources: &[ResourceIndex]) -> Vec<ResourceIndex> {
        let is_chosen = |index: ResourceIndex| {
            self.filter.has_resource(self.printable_id(index))
                || self.resource(index).parent.is_some_and(|p| self.filter.has_resource(self.printable_id(p)))
        };
        resources.iter().copied().filter(|&index| is_chosen(index)).collect()
    }
}
