//! Which actions bring about what placement decided: per primitive from its role now to its role planned, per collection
//! the points between which its members move, probes, recurring operations, migrations, notifications.
//!
//! Actions are made in the incumbent's order of creation, since numbers, order of the graph and the order in which a
//! simulation executes follow from it. Whether each is required and can run is settled by `ordering`.

mod action;
mod bundle;
mod collective;
mod draft;
mod effects;
mod history;
mod lookup;
mod migration;
mod notify;
mod notify_keys;
mod primitive;
mod probes;
mod promotable;
mod recurring;
mod runnable;

pub(crate) use action::{Action, ActionIndex, Edge, EdgeIndex, Flags, Needs, Relation};
pub(crate) use draft::{Draft, End, Ordering};
pub(crate) use notify::CloneNotifications;
