//! An ordered XML tree: parsed strictly, changed in place, written back byte for byte.
//!
//! [`parse`] refuses what is not well-formed or exceeds its [`Limits`]; it never repairs. Comments and the order
//! of attributes and children are kept, so that a document read and written again is the same document.
//! The crate knows nothing of clusters; documents built on it live a floor above.

mod element;
mod parse;
mod scan;
mod write;
pub mod xpath;

pub use element::{Element, Node};
pub use parse::{Limits, ParseError, parse};
pub use write::{Layout, escape_attribute};
pub use xpath::{Place, XPath, XPathError};
