//! Finding a resource's actions: by key, by operation, by task.
//!
//! A resource has an action of one key on every node where it is probed, and is asked for its actions once for each of
//! them; so actions are kept by key, and a search looks at those of one key alone.

use super::{ActionIndex, Draft};
use compact_str::CompactString;
use status::{NodeIndex, ResourceIndex};

/// A resource's actions of one key.
#[derive(Clone, Debug)]
pub(crate) struct SameKey {
    key: CompactString,
    /// What all of them do; `None` where they differ.
    task: Option<CompactString>,
    /// Oldest first, with the node that each is on.
    actions: Vec<(Option<NodeIndex>, ActionIndex)>,
}

impl Draft<'_> {
    /// Makes a new action findable.
    pub(super) fn remember_key(
        &mut self,
        resource: ResourceIndex,
        key: &CompactString,
        task: &str,
        node: Option<NodeIndex>,
        index: ActionIndex,
    ) {
        let groups = &mut self.resources[resource.position()].by_key;
        match groups.iter_mut().find(|group| group.key == *key) {
            Some(group) => {
                if group.task.as_ref().is_some_and(|known| known != task) {
                    group.task = None;
                }
                group.actions.push((node, index));
            }
            None => groups.push(SameKey { key: key.clone(), task: Some(task.into()), actions: vec![(node, index)] }),
        }
    }

    /// Gives a resource's action another task; its key stays.
    pub(super) fn rename_task(&mut self, index: ActionIndex, task: &str) {
        let action = &mut self.actions[index.position()];
        if action.task == task {
            return;
        }
        action.task = task.into();
        let groups = action.resource.map(|resource| &mut self.resources[resource.position()].by_key);
        let key = &self.actions[index.position()].key;
        groups.into_iter().flatten().filter(|group| group.key == *key).for_each(|group| group.task = None);
    }

    /// Returns the resource's actions of this key, oldest first: on a node, or on any.
    ///
    /// Compat: an action that is on no node yet is put on the node that is asked for.
    pub(crate) fn find_actions(&mut self, resource: ResourceIndex, key: &str, node: Option<NodeIndex>) -> Vec<ActionIndex> {
        self.find_where(resource, node, |group| group.key == key)
    }

    /// Returns the resource's actions of an operation that is run once, on a node or on any, oldest first.
    pub(crate) fn operations(&mut self, resource: ResourceIndex, task: &str, node: Option<NodeIndex>) -> Vec<ActionIndex> {
        let id = self.fact(resource).id.as_str();
        self.find_where(resource, node, |group| is_key(&group.key, id, task))
    }

    fn find_where(&mut self, resource: ResourceIndex, node: Option<NodeIndex>, is_meant: impl Fn(&SameKey) -> bool) -> Vec<ActionIndex> {
        let Some(group) = self.resources[resource.position()].by_key.iter_mut().find(|group| is_meant(group)) else { return Vec::new() };
        let Some(node) = node else { return group.actions.iter().map(|(_, index)| *index).collect() };
        let mut found = Vec::new();
        for (at, index) in &mut group.actions {
            if at.is_none() {
                *at = Some(node);
                self.actions[index.position()].node = Some(node);
            }
            if *at == Some(node) {
                found.push(*index);
            }
        }
        found
    }

    /// Returns the resource's actions of this key that are on exactly this node, oldest first.
    pub(crate) fn find_actions_exact(&self, resource: ResourceIndex, key: &str, node: Option<NodeIndex>) -> Vec<ActionIndex> {
        let groups = self.r(resource).by_key.iter().filter(|group| group.key == key);
        groups.flat_map(|group| &group.actions).filter(|(at, _)| at.is_some() && *at == node).map(|(_, index)| *index).collect()
    }

    /// Returns the newest of the resource's actions of this task, on a node or on any.
    pub(crate) fn newest(&self, resource: ResourceIndex, task: &str, node: Option<NodeIndex>) -> Option<ActionIndex> {
        let newest = |group: &SameKey| {
            let is_task = |index: ActionIndex| group.task.is_some() || self.a(index).task == task;
            let mut actions = group.actions.iter().rev();
            actions.find(|(at, index)| (node.is_none() || *at == node) && is_task(*index)).map(|(_, index)| *index)
        };
        let groups = self.r(resource).by_key.iter().filter(|group| group.task.as_ref().is_none_or(|known| known == task));
        groups.filter_map(newest).max()
    }

    /// Returns the newest of the resource's actions of this key.
    pub(crate) fn newest_by_key(&self, resource: ResourceIndex, key: &str) -> Option<ActionIndex> {
        let group = self.r(resource).by_key.iter().find(|group| group.key == key)?;
        group.actions.last().map(|(_, index)| *index)
    }
}

/// Returns whether a key is that of an operation that is run once.
fn is_key(key: &str, id: &str, task: &str) -> bool {
    let rest = key.strip_prefix(id).and_then(|rest| rest.strip_prefix('_')).and_then(|rest| rest.strip_prefix(task));
    rest == Some("_0")
}
