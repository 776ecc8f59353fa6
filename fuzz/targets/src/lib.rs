//! What reaches the product from outside, each as a function of bytes that must not panic, hang or break its law.
//!
//! libFuzzer drives them with coverage (`fuzz/driver`); [`Mutations`] drives the same functions without, so that
//! some of it runs in every test. `fuzz/seeds` has the inputs that both begin with, a folder for each target.

mod documents;
mod lone;
mod mutations;
mod said;

pub use mutations::Mutations;

/// A target.
pub type Target = fn(&[u8]);

/// Every target by name.
pub const ALL: &[(&str, Target)] = &[
    ("xml", documents::xml),
    ("xpath", documents::xpath),
    ("cib", documents::cib),
    ("patch", documents::patch),
    ("edit", documents::edit),
    ("rule", documents::rule),
    ("date", documents::date),
    ("peer", said::peer),
    ("client", said::client),
    ("agent_meta_data", said::agent_meta_data),
    ("fence_meta_data", said::fence_meta_data),
];

/// Returns the target of this name.
pub fn target(name: &str) -> Option<Target> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}
