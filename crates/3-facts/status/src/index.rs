//! Dense numbers of nodes and resources: what the scheduler's tables are indexed by.
//!
//! They are positions in `Facts::nodes` and `Facts::resources` and mean nothing outside one `Facts`.

/// The position of a node in `Facts::nodes`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeIndex(pub u32);

/// The position of a resource in `Facts::resources`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ResourceIndex(pub u32);

impl NodeIndex {
    /// Returns the position as an index of a slice.
    pub fn position(self) -> usize {
        self.0 as usize
    }
}

impl ResourceIndex {
    /// Returns the position as an index of a slice.
    pub fn position(self) -> usize {
        self.0 as usize
    }
}
