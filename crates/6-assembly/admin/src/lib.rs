//! Typed operations behind the commands: reading and changing a cluster's CIB (live or in a file), attributes,
//! moving and banning, explaining, and what would be if.
//!
//! Commands parse options and print; what they do is here. Nothing here prints.

mod abroad;
pub mod adopt;
mod attribute;
mod cluster;
pub mod codes;
mod configured;
mod decision;
pub mod edits;
mod exit;
pub mod explain;
pub mod file;
pub mod outlook;
pub mod placing;
mod planned;
pub mod resilience;
pub mod ring;
pub mod setup;
pub mod timings;
mod waiting;
pub mod what_if;
mod whereabouts;
mod zone;

pub use attribute::{Found, Holder, Pair, node_id};
pub use cluster::{Cluster, groups_of, parse, read_file, root, shadow_folder};
pub use exit::{Exit, Refusal};
pub use whereabouts::{is_resource, now, places};
pub use zone::zone;
