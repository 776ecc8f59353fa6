//! Keeps this node's CIB in step with its peers: the coordinator orders the writes, every member applies the same patch.
//!
//! A wish to change the CIB goes to the coordinator, which makes a patch of it; each member checks the mark it starts from
//! and the digest it comes to, and asks for the whole when they do not fit. A change of the configuration is answered
//! when it is on the disks of a majority of the configured nodes; a change of the status never waits. The engine does not
//! decide who coordinates (membership does) and never touches a disk.

mod change;
mod coordinate;
mod copies;
mod edited;
mod follow;
mod granted;
mod node_ids;
mod replica;
#[cfg(test)]
mod tests;

pub use change::empty_cib;
pub use copies::Copies;
pub use replica::{Changed, Replica, ReplicaCommand, ReplicaConfig, ReplicaEvent, Settlement};
