//! What is wrong with a document: where, and what would be right.

use std::fmt;
use xml::Element;

/// How bad a problem is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// The item is used, but perhaps not as meant.
    Warning,
    /// The item, or the document, cannot be used as it is.
    Error,
}

/// One fault of a document, told so that its author can mend it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    pub level: Level,
    /// The name of the element at fault, such as `primitive`.
    pub element: String,
    /// Its id, if it has one.
    pub id: Option<String>,
    /// Its line in the text that was parsed; 0 when it was not parsed from a text.
    pub line: u32,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Problem {
    /// Returns an error about an element.
    pub fn error(element: &Element, message: impl Into<String>) -> Self {
        Self::about(Level::Error, element, message)
    }

    /// Returns a warning about an element.
    pub fn warning(element: &Element, message: impl Into<String>) -> Self {
        Self::about(Level::Warning, element, message)
    }

    fn about(level: Level, element: &Element, message: impl Into<String>) -> Self {
        Self { level, element: element.name.to_string(), id: element.id().map(str::to_owned), line: element.line, message: message.into() }
    }
}

impl fmt::Display for Problem {
    /// Writes `error: line 12, primitive "web": …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.level == Level::Error { "error: " } else { "warning: " })?;
        if self.line > 0 {
            write!(f, "line {}, ", self.line)?;
        }
        match &self.id {
            Some(id) => write!(f, "{} \"{id}\": {}", self.element, self.message),
            None => write!(f, "<{}>: {}", self.element, self.message),
        }
    }
}
