//! Conditions on the time.

use super::{DateExpression, Recheck};
use model::Timestamp;

impl DateExpression<'_> {
    /// Returns whether the condition is met at this time.
    pub fn is_met(&self, _now: Timestamp, _recheck: &mut Recheck) -> bool {
        false
    }
}
