//! Whole clusters in a seeded world: the daemon's own [`member::Member`]s over an imagined group, hosts, disks and agents.
//!
//! [`run`] lives through one history: a random cluster, a random story of faults and edits, an end in which everything is
//! healthy again. The same seed gives the same history, byte for byte. A checker per promise looks on: `s1` (a resource
//! that may run once never runs twice), `s2` (no acknowledged write is lost), `s3` (the same input gives the same plan), `s4` (without
//! quorum its policy is followed at once), `f1` (no node is fenced without cause), `p1` (nothing is stopped but by a plan), `w1` and `w2`
//! (writes take effect in the order of time, and once), `b1` and `b2` (no queue and no status grows for ever), `l1` (once all is healthy,
//! everything that should run does), and soon enough (R1).

mod agents;
mod check;
mod configuration;
mod deeds;
mod disk;
mod group;
mod host;
mod outcome;
mod queue;
mod random;
mod remote;
mod run;
mod sabotage;
mod shrink;
mod story;
mod thousand;
mod trace;
mod transcript;
mod work;
mod world;

pub use run::{Options, Report, run};
pub use sabotage::Sabotage;
pub use shrink::shrink;
pub use thousand::{Size, Stage, thousand};
pub use transcript::Transcript;
