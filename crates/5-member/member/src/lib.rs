//! One node's engines wired together: what the daemon runs between its edges, and the simulator in its seeded world.
//!
//! [`Member::handle`] takes one [`MemberEvent`] and returns what is to be done about it, as [`MemberCommand`]s in the
//! order in which they are to be carried out. A member has no clock, file, socket or process of its own, and it never
//! waits: calculating a plan and storing the CIB are commands whose outcome comes back as an event.

mod access;
mod administration;
mod agents;
mod alerts;
mod cleanup;
mod clients;
mod command;
mod config;
mod event;
mod fencing;
mod inputs;
mod kept;
mod later;
mod member;
mod options;
mod peers;
mod planning;
mod remotes;
mod self_fencing;
mod told;
mod upkeep;

pub use command::{Doors, LogLevel, MemberCommand, PlanRequest, StoreOrder};
pub use config::{MemberConfig, StoredCib};
pub use event::{ClientId, MemberEvent, PlanOutcome, StoreResult};
pub use inputs::series as input_series;
pub use kept::Kept;
pub use member::Member;
pub use peers::Envelope;
pub use replica::Copies;
