//! Rules: conditions on time, node attributes, resources and operations.
//!
//! A [`Rule`] is read once from the tree; whether it is met depends on an [`Input`] alone. A condition that cannot
//! be understood is never met, and says so once when the document is read.

mod condition;
mod date;
mod evaluate;

pub use condition::{
    AttributeExpression, Comparison, Condition, DateExpression, OperationExpression, Reference, ResourceExpression, Rule, ValueType,
};
pub use date::DateVerdict;
pub(crate) use date::parse_range;
pub use evaluate::{Input, Lookup, Recheck, compare_versions};
