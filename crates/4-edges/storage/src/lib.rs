//! What a node keeps on disk, in the field's files: the CIB with its digest and its older versions, the inputs of plans,
//! and what a daemon leaves for the next one of the same life of the host.
//!
//! A write either happens as a whole or not at all; a file that is torn or was tampered with is never taken for
//! good. Nothing here decides which CIB is the right one of a cluster.

mod cib_files;
mod cib_store;
mod files;
mod inputs;
mod writer;

pub use cib_files::{CibFiles, Found};
pub use inputs::InputFiles;
pub use writer::{Bytes, Job, Stored, WRITING_THREAD, Writer};
