//! Unix sockets: the frames between a daemon and its root role, the server that local clients connect to, and
//! the blocking client of the tools.
//!
//! A client that floods, sends rubbish or reads nothing is cut off and harms nobody. What a request means,
//! and whether it is allowed beyond who may connect at all, is never decided here.

mod access;
mod client;
mod link;
mod server;

pub use access::groups_of;
pub use client::{Client, Subscription, root_from_environment, socket_path};
pub use link::Link;
pub use server::{Server, SocketEvent};
