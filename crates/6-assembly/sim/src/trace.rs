//! What happened in a history, line by line, for whoever has to find out why a promise was broken.

use std::fmt::Write;
use std::time::Duration;

/// The lines; nothing is kept when nobody wants to read them.
#[derive(Default)]
pub(crate) struct Trace {
    is_wanted: bool,
    text: String,
}

impl Trace {
    pub(crate) fn new(is_wanted: bool) -> Self {
        Self { is_wanted, text: String::new() }
    }

    pub(crate) fn line(&mut self, at: Duration, line: impl FnOnce() -> String) {
        if self.is_wanted {
            let _ = writeln!(self.text, "{:>10.4}  {}", at.as_secs_f64(), line());
        }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}
