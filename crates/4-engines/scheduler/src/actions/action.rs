//! One action while it is considered: what, where, and which marks it bears. Never seen outside the scheduler.

use compact_str::CompactString;
use status::{Attributes, NodeIndex, ResourceIndex};
use std::ops::{BitAnd, BitOr, BitOrAssign};
use std::sync::Arc;

/// The position of an action in [`super::Draft::actions`]; its creation number is one higher.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct ActionIndex(pub u32);

impl ActionIndex {
    pub(crate) fn position(self) -> usize {
        self.0 as usize
    }
}

/// The position of an order between two actions in [`super::Draft::edges`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EdgeIndex(pub u32);

/// Marks of an action.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Flags(u16);

impl Flags {
    /// Nobody carries it out.
    pub(crate) const PSEUDO: Flags = Flags(1);
    /// Nothing known hinders it.
    pub(crate) const RUNNABLE: Flags = Flags(1 << 1);
    /// Nothing requires it.
    pub(crate) const OPTIONAL: Flags = Flags(1 << 2);
    /// It is in the graph even if nothing requires it.
    pub(crate) const ALWAYS_IN_GRAPH: Flags = Flags(1 << 3);
    /// It is part of, or replaced by, a live migration.
    pub(crate) const MIGRATABLE: Flags = Flags(1 << 4);
    /// It is in the graph.
    pub(crate) const ADDED: Flags = Flags(1 << 5);
    /// It is under way and to be scheduled anew with changed parameters.
    pub(crate) const RESCHEDULE: Flags = Flags(1 << 6);
    /// It cleans up after a migration that did not finish.
    pub(crate) const MIGRATION_ABORT: Flags = Flags(1 << 7);
    /// The coordinator carries it out, whatever node it is about.
    pub(crate) const ON_COORDINATOR: Flags = Flags(1 << 8);

    pub(crate) fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) fn has_any(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn set(&mut self, other: Flags) {
        self.0 |= other.0;
    }

    pub(crate) fn clear(&mut self, other: Flags) {
        self.0 &= !other.0;
    }
}

impl BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl BitAnd for Flags {
    type Output = Flags;

    fn bitand(self, other: Flags) -> Flags {
        Flags(self.0 & other.0)
    }
}

/// What an order between two actions means.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Relation(u32);

impl Relation {
    pub(crate) const NONE: Relation = Relation(0);
    /// If both are done, one after the other.
    pub(crate) const ORDERED: Relation = Relation(1);
    /// Counts only if the first cannot be replaced by a migration.
    pub(crate) const IF_FIRST_UNMIGRATABLE: Relation = Relation(1 << 1);
    /// A required second requires the first.
    pub(crate) const THEN_IMPLIES_FIRST: Relation = Relation(1 << 2);
    /// A required first requires the second.
    pub(crate) const FIRST_IMPLIES_THEN: Relation = Relation(1 << 3);
    /// A required second requires the first if the resource is promoted now.
    pub(crate) const PROMOTED_THEN_IMPLIES_FIRST: Relation = Relation(1 << 4);
    /// If the second cannot migrate (or run), neither can the first.
    pub(crate) const UNMIGRATABLE_THEN_BLOCKS: Relation = Relation(1 << 5);
    /// If the first cannot run, neither can the second.
    pub(crate) const UNRUNNABLE_FIRST_BLOCKS: Relation = Relation(1 << 6);
    /// If the first cannot run, the second becomes real instead of pseudo.
    pub(crate) const FIRST_ELSE_THEN: Relation = Relation(1 << 7);
    /// A required first requires the second on the same node.
    pub(crate) const FIRST_IMPLIES_SAME_NODE_THEN: Relation = Relation(1 << 8);
    /// A probe of a connection: only once its machine runs.
    pub(crate) const NESTED_REMOTE_PROBE: Relation = Relation(1 << 9);
    /// A restart of the second needs the first.
    pub(crate) const INTERMEDIATE_STOP: Relation = Relation(1 << 10);
    /// Never both at the same time; the plan orders nothing.
    pub(crate) const SERIALIZE: Relation = Relation(1 << 11);
    /// Counts only if both are on one node.
    pub(crate) const IF_ON_SAME_NODE: Relation = Relation(1 << 12);
    /// A required second puts the first into the graph.
    pub(crate) const THEN_IMPLIES_FIRST_GRAPHED: Relation = Relation(1 << 13);
    /// A required first puts the second into the graph.
    pub(crate) const FIRST_IMPLIES_THEN_GRAPHED: Relation = Relation(1 << 14);
    /// Mandatory in one direction only.
    pub(crate) const ASYMMETRIC: Relation = Relation(1 << 15);
    /// Counts only if both are on one node, or the first is on a migration's target.
    pub(crate) const IF_ON_SAME_NODE_OR_TARGET: Relation = Relation(1 << 16);
    /// The second can run once enough of its firsts can.
    pub(crate) const MIN_RUNNABLE: Relation = Relation(1 << 17);
    /// May hold between a guest and what runs in it.
    pub(crate) const GUEST_ALLOWED: Relation = Relation(1 << 18);
    /// Counts only if both are on one node, and the first is required.
    pub(crate) const IF_REQUIRED_ON_SAME_NODE: Relation = Relation(1 << 20);
    /// A required second makes the first unnecessary.
    pub(crate) const THEN_CANCELS_FIRST: Relation = Relation(1 << 19);

    pub(crate) fn has(self, other: Relation) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) fn has_any(self, other: Relation) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn without(self, other: Relation) -> Relation {
        Relation(self.0 & !other.0)
    }
}

impl BitOr for Relation {
    type Output = Relation;

    fn bitor(self, other: Relation) -> Relation {
        Relation(self.0 | other.0)
    }
}

impl BitOrAssign for Relation {
    fn bitor_assign(&mut self, other: Relation) {
        self.0 |= other.0;
    }
}

/// What must be true of the cluster before an action is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Needs {
    Nothing,
    Quorum,
    Fencing,
}

/// One action under consideration.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub resource: Option<ResourceIndex>,
    pub task: CompactString,
    /// For `cancel`: the operation that is cancelled.
    pub cancelled: Option<CompactString>,
    /// Unique for a resource and node: `RESOURCE_TASK_INTERVAL`.
    pub key: CompactString,
    pub interval_ms: u64,
    pub node: Option<NodeIndex>,
    pub flags: Flags,
    pub needs: Needs,
    pub priority: i32,
    /// Why it is required, or cannot run; the words are part of what people and programs read.
    pub reason: Option<String>,
    /// Meta attributes of the operation as configured; shared by all actions of the operation.
    pub configured: Arc<Attributes>,
    /// What was added for this action; hides `configured`.
    pub meta: Attributes,
    /// Position of the configured operation in the resource's list.
    pub operation: Option<u32>,
    /// Orders with this action as the second, oldest first.
    pub before: Vec<EdgeIndex>,
    /// Orders with this action as the first, oldest first.
    pub after: Vec<EdgeIndex>,
    /// How many of the firsts must be able to run; 0: all of those that block.
    pub runnable_required: i32,
    pub runnable_before: i32,
}

impl Action {
    /// Returns a meta attribute.
    pub(crate) fn meta(&self, name: &str) -> Option<&str> {
        self.meta.get(name).or_else(|| self.configured.get(name)).map(CompactString::as_str)
    }

    /// Sets a meta attribute of this action alone.
    pub(crate) fn set_meta(&mut self, name: &str, value: impl AsRef<str>) {
        self.meta.insert(name.into(), CompactString::new(value));
    }

    pub(crate) fn has(&self, flags: Flags) -> bool {
        self.flags.has(flags)
    }

    /// Sets the reason, unless there is one and it is not to be replaced.
    pub(crate) fn set_reason(&mut self, reason: &str, replace: bool) {
        if replace || self.reason.is_none() {
            self.reason = Some(reason.to_owned());
        }
    }
}

/// An order between two actions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub first: ActionIndex,
    pub then: ActionIndex,
    /// As it was made; what later orders are compared with, so that none is made twice.
    pub made: Relation,
    /// As it is now; passes drop or convert what does not apply.
    pub now: Relation,
    /// It is in the graph.
    pub graphed: bool,
}
