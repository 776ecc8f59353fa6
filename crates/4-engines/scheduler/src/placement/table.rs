//! The working table of one resource: its nodes with score, number of instances and probe mode.
//!
//! Private to placement; copied when a step may have to be undone. Scores are plain numbers here because chains of
//! colocations scale them; they follow the arithmetic of `model::Score`.

use model::Score;
use status::{AllowedNode, AllowedNodes, NodeIndex, NodeMap, ProbeMode};

/// The numbers behind `Score`'s infinities.
pub(super) const INFINITY: i32 = 1_000_000;

/// Adds two scores as the field does: −INFINITY beats INFINITY beats sums.
pub(super) fn sum(left: i32, right: i32) -> i32 {
    if left <= -INFINITY || right <= -INFINITY {
        -INFINITY
    } else if left >= INFINITY || right >= INFINITY {
        INFINITY
    } else {
        (left + right).clamp(-INFINITY, INFINITY)
    }
}

/// What a resource thinks of a node at this moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub score: i32,
    /// Instances placed (or promoted) there; only used in tables of clones and bundles.
    pub count: i32,
    pub probe: ProbeMode,
}

/// All nodes that a resource considers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Table(NodeMap<Entry>);

impl Table {
    /// Makes a table from the scores before placement.
    pub fn new(allowed: &AllowedNodes) -> Self {
        let mut table = Table::default();
        for (node, entry) in allowed.iter() {
            table.0.set(node, Entry { score: entry.score.value(), count: 0, probe: entry.probe });
        }
        table
    }

    /// Makes a table with one node.
    pub fn with_node(node: NodeIndex, entry: Entry) -> Self {
        let mut table = Table::default();
        table.0.set(node, entry);
        table
    }

    /// Returns the entry of a node, if it is considered.
    pub fn get(&self, node: NodeIndex) -> Option<Entry> {
        self.0.get(node).copied()
    }

    /// Returns the entry of a node to change it.
    pub fn get_mut(&mut self, node: NodeIndex) -> Option<&mut Entry> {
        self.0.get_mut(node)
    }

    /// Returns the entry of a node, made with `score` where it is missing.
    pub fn entry(&mut self, node: NodeIndex, score: i32) -> &mut Entry {
        self.0.entry(node, || Entry { score, count: 0, probe: ProbeMode::Always })
    }

    /// Returns the considered nodes.
    pub fn iter(&self) -> impl Iterator<Item = (NodeIndex, Entry)> + '_ {
        self.0.iter().map(|(node, entry)| (node, *entry))
    }

    /// Returns the considered nodes to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (NodeIndex, &mut Entry)> + '_ {
        self.0.iter_mut()
    }

    /// Returns the table in the form that other passes read.
    pub fn frozen(&self) -> AllowedNodes {
        let mut allowed = AllowedNodes::default();
        for (node, entry) in self.iter() {
            allowed.set(node, AllowedNode { score: Score::new(entry.score), probe: entry.probe });
        }
        allowed
    }
}

/// Sorts by merging, with the halves and the ties of the field's list sort.
///
/// Compat: the comparisons of instances and resources are not always a total order; the same merges give the same
/// result then, and the standard library's sort may refuse.
pub(super) fn merge_sort<T: Copy>(items: Vec<T>, compare: &mut impl FnMut(T, T) -> std::cmp::Ordering) -> Vec<T> {
    if items.len() < 2 {
        return items;
    }
    let middle = items.len().div_ceil(2);
    let left = merge_sort(items[..middle].to_vec(), compare);
    let right = merge_sort(items[middle..].to_vec(), compare);
    let mut merged = Vec::with_capacity(items.len());
    let (mut l, mut r) = (0, 0);
    while l < left.len() && r < right.len() {
        if compare(left[l], right[r]).is_le() {
            merged.push(left[l]);
            l += 1;
        } else {
            merged.push(right[r]);
            r += 1;
        }
    }
    merged.extend_from_slice(&left[l..]);
    merged.extend_from_slice(&right[r..]);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_beats_mandatory_beats_sums() {
        assert_eq!(sum(INFINITY, -INFINITY), -INFINITY);
        assert_eq!(sum(INFINITY, -5), INFINITY);
        assert_eq!(sum(999_999, 5), INFINITY);
        assert_eq!(sum(3, -5), -2);
    }

    #[test]
    fn merge_sort_keeps_the_order_of_equals() {
        let sorted = merge_sort(vec![(2, 'a'), (1, 'b'), (2, 'c'), (1, 'd')], &mut |a, b| a.0.cmp(&b.0));
        assert_eq!(sorted, [(1, 'b'), (1, 'd'), (2, 'a'), (2, 'c')]);
    }
}
