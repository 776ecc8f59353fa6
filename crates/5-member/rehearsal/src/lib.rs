//! What a cluster would do, on paper: imagined events go into a copy of the CIB, the plan is carried out in it.
//!
//! Nothing is contacted and no clock is read; the result is a CIB like the one that real daemons would have written.
//! `crm_simulate` and `systole simulate` are made of this.

mod dates;
mod execute;
mod inject;
mod prepare;
mod rehearsal;
mod result;
mod tree;

pub use dates::parse_date;
pub use execute::{Ending, Execution, execute};
pub use inject::{Injections, inject};
pub use prepare::{Prepared, prepare};
pub use rehearsal::{Depth, Piece, Planner, Rehearsal, Request, rehearse};
