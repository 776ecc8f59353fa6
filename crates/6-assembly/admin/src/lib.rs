//! Typed operations behind the commands: reading and changing a cluster's CIB (live or in a file), attributes,
//! moving and banning, explaining.
//!
//! Commands parse options and print; what they do is here. Nothing here prints.

mod attribute;
mod cluster;
pub mod codes;
pub mod edits;
mod exit;
pub mod explain;
pub mod file;
pub mod placing;
pub mod setup;
pub mod timings;
mod whereabouts;
mod zone;

pub use attribute::{Found, Holder, Pair, node_id};
pub use cluster::{Cluster, parse, read_file, root, shadow_folder};
pub use exit::{Exit, Refusal};
pub use whereabouts::{is_resource, now, places};
pub use zone::zone;
