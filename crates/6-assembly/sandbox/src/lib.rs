//! A cluster on one machine: real node processes with a root directory each, that can be watched and broken.
//!
//! The sandbox is the outside world of its hosts: it powers them on and off, cuts their cables, asks the
//! service as a client would, and checks that nothing that may run once runs twice. It never tells the
//! cluster what to do except through the commands an administrator has.

mod answering;
mod checks;
mod configuration;
mod host;
mod incident;
mod layout;
mod phrase;
mod power;
mod processes;
mod script;
mod stage;
mod steps;
mod watch;

pub use power::{fence_agent, send};
pub use stage::{Options, run};
