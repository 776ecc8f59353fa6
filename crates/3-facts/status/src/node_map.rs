//! A table from nodes to something, with room for the nodes from the first to the last that has it.
//!
//! Of a thousand nodes a resource often considers a few, which were configured one after the other.

use crate::NodeIndex;

/// A map of nodes, in the order of their indices.
#[derive(Clone, Debug)]
pub struct NodeMap<T> {
    first: usize,
    slots: Vec<Option<T>>,
}

impl<T> Default for NodeMap<T> {
    fn default() -> Self {
        Self { first: 0, slots: Vec::new() }
    }
}

impl<T: PartialEq> PartialEq for NodeMap<T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: Eq> Eq for NodeMap<T> {}

impl<T> NodeMap<T> {
    fn slot(&self, node: NodeIndex) -> Option<usize> {
        node.position().checked_sub(self.first)
    }

    /// Returns what a node has.
    pub fn get(&self, node: NodeIndex) -> Option<&T> {
        self.slots.get(self.slot(node)?)?.as_ref()
    }

    /// Returns what a node has, to change it.
    pub fn get_mut(&mut self, node: NodeIndex) -> Option<&mut T> {
        let slot = self.slot(node)?;
        self.slots.get_mut(slot)?.as_mut()
    }

    /// Returns what a node has, made with `make` where it has nothing.
    pub fn entry(&mut self, node: NodeIndex, make: impl FnOnce() -> T) -> &mut T {
        self.room(node).get_or_insert_with(make)
    }

    /// Gives a node something.
    pub fn set(&mut self, node: NodeIndex, value: T) {
        *self.room(node) = Some(value);
    }

    /// Takes from a node what it has.
    pub fn remove(&mut self, node: NodeIndex) {
        if let Some(slot) = self.slot(node).and_then(|slot| self.slots.get_mut(slot)) {
            *slot = None;
        }
    }

    /// Returns the nodes that have something.
    pub fn iter(&self) -> impl Iterator<Item = (NodeIndex, &T)> + '_ {
        let from = self.first;
        self.slots.iter().enumerate().filter_map(move |(at, slot)| Some((NodeIndex((from + at) as u32), slot.as_ref()?)))
    }

    /// Returns the nodes that have something, to change it.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (NodeIndex, &mut T)> + '_ {
        let from = self.first;
        self.slots.iter_mut().enumerate().filter_map(move |(at, slot)| Some((NodeIndex((from + at) as u32), slot.as_mut()?)))
    }

    fn room(&mut self, node: NodeIndex) -> &mut Option<T> {
        let position = node.position();
        if self.slots.is_empty() {
            self.first = position;
        }
        if position < self.first {
            let missing = self.first - position;
            self.slots.splice(0..0, std::iter::repeat_with(|| None).take(missing));
            self.first = position;
        }
        let slot = position - self.first;
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        &mut self.slots[slot]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_come_in_their_order_whatever_came_first() {
        let mut map = NodeMap::default();
        for number in [7, 900, 3, 8] {
            map.set(NodeIndex(number), number * 2);
        }
        *map.entry(NodeIndex(3), || 0) += 1;
        *map.entry(NodeIndex(5), || 1) += 1;
        map.remove(NodeIndex(900));
        map.remove(NodeIndex(901));
        map.remove(NodeIndex(1));
        let all: Vec<(u32, u32)> = map.iter().map(|(node, value)| (node.0, *value)).collect();
        assert_eq!(all, [(3, 7), (5, 2), (7, 14), (8, 16)]);
        assert_eq!([0, 4, 7, 900, 2000].map(|number| map.get(NodeIndex(number)).copied()), [None, None, Some(14), None, None]);
        let mut same = NodeMap::default();
        all.iter().for_each(|(node, value)| same.set(NodeIndex(*node), *value));
        assert_eq!(map, same, "room that nobody needs makes no difference");
        map.iter_mut().for_each(|(_, value)| *value = 0);
        assert_ne!(map, same);
    }

    #[test]
    fn a_few_neighbours_among_many_need_room_for_a_few() {
        let mut map = NodeMap::default();
        (996..1000).rev().for_each(|number| map.set(NodeIndex(number), ()));
        assert_eq!(map.slots.len(), 4);
    }
}
