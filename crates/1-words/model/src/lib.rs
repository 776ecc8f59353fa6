//! The nouns of a cluster: names, scores, roles, operation keys, exit codes, times.
//!
//! Every other crate speaks in these types. They parse and print the field's own spellings
//! (old and new) and know nothing of documents, files, clocks or policy.

mod exit;
mod keys;
mod names;
mod role;
mod score;
pub mod secret;
mod time;

pub use exit::{AgentExit, ExecutionStatus};
pub use keys::{Magic, OperationKey, TransitionKey};
pub use names::{AttributeName, CallId, NodeName, ResourceId};
pub use role::Role;
pub use score::Score;
pub use time::{Now, Timestamp, format_duration, parse_boolean, parse_interval};
