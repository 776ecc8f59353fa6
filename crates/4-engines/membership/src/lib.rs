//! Who is here, who has quorum, who leads: from the views and ordered messages of a cluster engine.
//!
//! Every member computes the same answer from the same messages: when a view appears, each daemon in it says hello;
//! once all have spoken, the coordinator and its term follow from the hellos alone. The engine also judges silence
//! and absence: a daemon that is gone while its host is present has a grace, a host that is gone has none. It fences
//! nobody and writes nothing; the member turns its answers into the CIB's `node_state`.

mod election;
mod membership;
mod peer;
mod silence;
#[cfg(test)]
mod tests;

pub use election::elect;
pub use membership::{Membership, MembershipCommand, MembershipConfig, MembershipEvent, Settled};
pub use peer::{Peer, PeerState};
