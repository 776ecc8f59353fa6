//! What the processes of a cluster say to each other, as values: the group below us (`group`), the root
//! role that runs agents (`agent`), local clients (`client`), other members (`peer`), orders to nodes and their
//! reports (`operation`), and what happened (`event`).
//!
//! Every message is self-describing JSON in a frame of four length bytes (little endian) and tolerates
//! unknown fields, so that versions mix during a rolling upgrade. This crate encodes and decodes; it
//! never sends anything.

pub mod agent;
pub mod client;
pub mod event;
pub mod frame;
pub mod group;
pub mod operation;
pub mod peer;
pub mod remote;
