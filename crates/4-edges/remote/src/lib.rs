//! Remote nodes: hosts that run agents for the cluster without being members of it, reached over TLS under a pre-shared key.
//!
//! [`Connections`] is a member's side of it. It speaks the protocol of Pacemaker's remote daemon, so that an unmodified
//! `pacemaker-remoted` serves as the other side, and answers the tools there. [`Server`] and [`Serving`] are the other side, for members of either kind.
//!
//! The same frames carry the words of administrators on other hosts: [`Doors`] is a member's side of that, [`CibClient`] a tool's.
//!
//! It connects, carries and translates; which connection there should be, and what its loss means, is never decided here.

mod cib_client;
mod cib_words;
mod client;
mod connection;
mod credentials;
mod doors;
mod frame;
mod gnutls;
mod key;
mod protocol;
mod proxied;
mod server;
mod serving;
mod stream;
mod talk;

pub use cib_client::{CibClient, Member};
pub use client::Connections;
pub use doors::{DoorEvent, Doors};
pub use key::{KeyError, read_key};
pub use server::{Heard, Server};
pub use serving::{Output, Serving};

/// The port both sides agree on without being told.
pub const DEFAULT_PORT: u16 = 3121;

/// Returns the calendar time.
fn wall() -> model::Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    model::Timestamp(since.as_micros() as i64)
}
