//! Nested lists as lines of text: what the compatible tools print.
//!
//! A heading opens a list, items stand below it, each level two blanks further in. It decides nothing but blanks.

use std::fmt::Display;

/// A text that grows by list items.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    text: String,
    depth: usize,
    plain: bool,
    /// How much of the text ends with an item.
    shown: usize,
}

impl Lines {
    /// Returns an empty text.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns an empty text without headings, bullets and indentation (`crm_simulate -sQ`).
    pub fn plain() -> Self {
        Self { plain: true, ..Self::default() }
    }

    /// Appends an item to the list that is open.
    pub fn item(&mut self, content: impl Display) {
        self.start();
        self.text.push_str(&content.to_string());
        self.text.push('\n');
        self.shown = self.text.len();
    }

    /// Opens a list below a heading.
    pub fn begin(&mut self, heading: impl Display) {
        if !self.plain {
            self.start();
            self.text.push_str(&content_with_colon(heading));
        }
        self.depth += 1;
    }

    /// Opens a list without a heading.
    pub fn begin_unnamed(&mut self) {
        self.depth += 1;
    }

    /// Closes the list opened last.
    pub fn end(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Appends a line that belongs to no list.
    pub fn raw(&mut self, content: impl Display) {
        self.text.push_str(&content.to_string());
        self.text.push('\n');
    }

    /// Appends an empty line.
    pub fn spacer(&mut self) {
        self.text.push('\n');
    }

    /// Appends an empty line where something was printed before.
    pub fn spacer_if(&mut self, wanted: bool) {
        if wanted {
            self.spacer();
        }
    }

    /// Returns whether nothing was printed yet.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns the text so far and goes on with an empty one at the same depth.
    pub fn take(&mut self) -> String {
        self.shown = 0;
        std::mem::take(&mut self.text)
    }

    /// Returns the text up to its last item and goes on with the rest.
    ///
    /// Compat: an item is what makes the incumbent's tools write out what they have; what they say on standard error
    /// comes before headings that no item followed yet.
    pub fn take_shown(&mut self) -> String {
        let rest = self.text.split_off(self.shown);
        self.shown = 0;
        std::mem::replace(&mut self.text, rest)
    }

    /// Returns the text.
    pub fn into_text(self) -> String {
        self.text
    }

    fn start(&mut self) {
        if self.plain {
            return;
        }
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
        if self.depth > 0 {
            self.text.push_str("* ");
        }
    }
}

fn content_with_colon(heading: impl Display) -> String {
    format!("{heading}:\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_indented_and_marked() {
        let mut lines = Lines::new();
        lines.begin("Current cluster status");
        lines.begin("Node List");
        lines.item("Online: [ a ]");
        lines.end();
        lines.end();
        assert_eq!(lines.into_text(), "Current cluster status:\n  * Node List:\n    * Online: [ a ]\n");
    }

    #[test]
    fn a_heading_is_shown_with_its_first_item() {
        let mut lines = Lines::new();
        lines.begin("Node List");
        lines.item("Online: [ a ]");
        lines.begin("Empty");
        assert_eq!(lines.take_shown(), "Node List:\n  * Online: [ a ]\n");
        assert_eq!(lines.take_shown(), "");
        assert_eq!(lines.into_text(), "  * Empty:\n");
    }

    #[test]
    fn plain_text_has_items_only() {
        let mut lines = Lines::plain();
        lines.begin("Assignment Scores");
        lines.item("a: 1");
        lines.end();
        assert_eq!(lines.into_text(), "a: 1\n");
    }
}
