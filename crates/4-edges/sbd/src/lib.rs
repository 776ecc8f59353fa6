//! The poison-pill disk: a shared block device with a mailbox for each node, in the layout of Debian's `sbd`.
//!
//! Who wants a node to end writes that into its mailbox; the node reads it, and ends. What follows from a message, or
//! from a disk that cannot be read, is never decided here.

mod disk;
mod layout;
mod watcher;

pub use disk::{Disk, DiskError};
pub use layout::{Header, Message};
pub use watcher::{Told, watch};
