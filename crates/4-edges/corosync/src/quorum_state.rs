//! What votequorum says of itself, for people: votes, the number needed, and the options in force.
#![expect(unsafe_code, reason = "calls of C functions")]

use crate::connection::EngineError;
use crate::libraries::{VoteInfo, check, functions};

/// The votes as this node sees them now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuorumState {
    pub quorate: bool,
    pub expected: u32,
    pub total: u32,
    pub needed: u32,
    /// The options in force, by their names in `corosync.conf`.
    pub options: Vec<&'static str>,
}

impl QuorumState {
    /// Asks votequorum, which is told this node's number. Waits for its answer.
    ///
    /// # Errors
    /// Why it did not answer.
    pub fn read(local: u32) -> Result<Self, EngineError> {
        let functions = functions()?;
        let mut handle = 0;
        // Safety: no callbacks are given and none are asked for; the handle is closed below.
        let answer = unsafe {
            check("votequorum_initialize", (functions.votes_initialize)(&mut handle, std::ptr::null()))?;
            // Safety: all zero is a valid value of a structure of numbers.
            let mut info: VoteInfo = std::mem::zeroed();
            let answer = (functions.votes_info)(handle, local, &mut info);
            (functions.votes_finalize)(handle);
            check("votequorum_getinfo", answer).map(|()| info)
        }?;
        let names = [(1, "two_node"), (4, "wait_for_all"), (8, "last_man_standing"), (16, "auto_tie_breaker"), (64, "device")];
        Ok(Self {
            quorate: answer.flags & 2 != 0,
            expected: answer.expected.max(answer.expected_of_node),
            total: answer.total,
            needed: answer.quorum,
            options: names.iter().filter(|(bit, _)| answer.flags & bit != 0).map(|(_, name)| *name).collect(),
        })
    }
}
