//! Several hosts on one machine, to crash and to cut off: each has namespaces of its own for processes, mounts,
//! network and names, a root of its own over the machine's, and a "power button" that a fence agent can press.
//!
//! Nothing a host writes reaches the machine, and all of it ends with the lab, even when the test that made it is killed.
//! What runs on a host is looked at from outside, through the kernel, never asked of the cluster.

mod certificates;
mod host;
mod lab;
mod power;
mod stack;
mod watch;

pub use certificates::{CERTIFICATES, certificates, naming};
pub use host::Host;
pub use lab::{Lab, Settings, eventually, missing, program};
pub use rustix::process::Signal;
pub use stack::{Operation, Stack, cib, clone, dummy, primitive};
pub use watch::{LIMIT, Trace, signal};

/// Prints why a test cannot run here, in the form that `cargo xtask test` collects; for use with [`missing`].
pub fn skip(test: &str, reason: &str) {
    println!("skipped: {test}: {reason}");
}
