//! The configured and implied constraints, resolved to resources and nodes.
//!
//! Made from the configuration's `constraints` section and from the facts (groups, bundles, containers, remote
//! nodes, tickets); read by `scores`, `placement` and `ordering`. Patterns, sets, templates and tags are expanded
//! here, rules are evaluated here. Never decides where anything runs.

mod types;

pub use types::{
    Colocation, Constraints, Dependents, Gate, Location, LossPolicy, Order, OrderEffect, OrderEnd, OrderKind, OrderSymmetry, Revision,
    TicketBan, TicketDemand, TicketFencing,
};
