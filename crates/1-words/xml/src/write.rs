//! Trees as text.
//!
//! [`Layout::Lines`] is the form of saved documents: an element a line, two blanks a level, no declaration.
//! [`Layout::Compact`] is one line without blanks between elements, the form that digests are made of.
//! What is written is read back as the same tree: control characters in attributes are written as references.

use crate::{Element, Node};
use std::borrow::Cow;

/// How a tree is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// An element a line, two blanks a level, a newline at the end.
    Lines,
    /// Nothing between elements.
    Compact,
}

impl Element {
    /// Returns the tree as text, an element a line.
    pub fn to_text(&self) -> String {
        self.to_text_as(Layout::Lines)
    }

    /// Returns the tree as text on one line.
    pub fn to_compact(&self) -> String {
        self.to_text_as(Layout::Compact)
    }

    /// Returns the tree as text in this layout.
    pub fn to_text_as(&self, layout: Layout) -> String {
        let mut out = String::with_capacity(256);
        self.write(&mut out, layout, 0);
        out
    }

    /// Appends the tree, indented by `depth` levels, to a text.
    pub fn write(&self, out: &mut String, layout: Layout, depth: usize) {
        let mut open: Vec<(&Element, usize)> = Vec::new();
        start_tag(self, out, layout, depth);
        if !self.children.is_empty() {
            open.push((self, 0));
        }
        while let Some((element, next)) = open.last_mut() {
            let (element, at) = (*element, *next);
            *next += 1;
            let level = depth + open.len();
            match element.children.get(at) {
                Some(Node::Element(child)) => {
                    start_tag(child, out, layout, level);
                    if !child.children.is_empty() {
                        open.push((child, 0));
                    }
                }
                Some(Node::Comment(text)) => line(out, layout, level, |out| {
                    out.push_str("<!--");
                    out.push_str(text);
                    out.push_str("-->");
                }),
                Some(Node::Text(text)) => match holds_only_text(element) {
                    true => out.push_str(&escape_text(text)),
                    false => line(out, layout, level, |out| out.push_str(&escape_text(text))),
                },
                None => {
                    open.pop();
                    if layout == Layout::Lines && !holds_only_text(element) {
                        indent(out, depth + open.len());
                    }
                    out.push_str("</");
                    out.push_str(&element.name);
                    out.push('>');
                    end_line(out, layout);
                }
            }
        }
    }
}

impl std::fmt::Display for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_compact())
    }
}

/// Text is significant: an element that holds nothing else is written on one line, so that no blanks are added to it.
fn holds_only_text(element: &Element) -> bool {
    element.children.iter().all(|child| matches!(child, Node::Text(_)))
}

fn start_tag(element: &Element, out: &mut String, layout: Layout, depth: usize) {
    if layout == Layout::Lines {
        indent(out, depth);
    }
    out.push('<');
    out.push_str(&element.name);
    for (name, value) in &element.attributes {
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        out.push_str(&escape_attribute(value));
        out.push('"');
    }
    if element.children.is_empty() {
        out.push_str("/>");
        end_line(out, layout);
    } else {
        out.push('>');
        if !holds_only_text(element) {
            end_line(out, layout);
        }
    }
}

fn line(out: &mut String, layout: Layout, depth: usize, content: impl FnOnce(&mut String)) {
    if layout == Layout::Lines {
        indent(out, depth);
    }
    content(out);
    end_line(out, layout);
}

fn end_line(out: &mut String, layout: Layout) {
    if layout == Layout::Lines {
        out.push('\n');
    }
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// Returns an attribute's value as it stands between double quotes.
pub fn escape_attribute(value: &str) -> Cow<'_, str> {
    escape(value, |c| match c {
        '\n' => Some("&#10;"),
        '\t' => Some("&#9;"),
        '"' => Some("&quot;"),
        _ => markup(c),
    })
}

fn escape_text(value: &str) -> Cow<'_, str> {
    escape(value, markup)
}

fn markup(c: char) -> Option<&'static str> {
    match c {
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '&' => Some("&amp;"),
        // A bare carriage return would be read back as a newline.
        '\r' => Some("&#13;"),
        _ => None,
    }
}

fn escape(value: &str, replacement: impl Fn(char) -> Option<&'static str>) -> Cow<'_, str> {
    if !value.bytes().any(|b| b < b' ' || matches!(b, b'<' | b'>' | b'&' | b'"')) {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len() + 16);
    for c in value.chars() {
        match replacement(c) {
            Some(text) => out.push_str(text),
            None => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, parse};

    #[test]
    fn documents_are_laid_out_an_element_a_line() {
        let text = "<cib epoch=\"1\">\n  <!-- why -->\n  <a x=\"1\">\n    <b/>\n  </a>\n  <output>two words\n  here</output>\n</cib>\n";
        let tree = parse(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(tree.to_text(), text);
        assert_eq!(tree.to_compact(), "<cib epoch=\"1\"><!-- why --><a x=\"1\"><b/></a><output>two words\n  here</output></cib>");
    }

    #[test]
    fn values_survive_a_round_trip() {
        for value in ["a\nb", "a\tb", "a\rb", "a\r\nb", "<&>\"'", "é ✓ \u{10ffff}", "  blanks  ", "&#10;", ""] {
            let tree = Element::new("x").with("v", value).with_child(Element::new("t").with_text(format!("t{value}")));
            for layout in [Layout::Lines, Layout::Compact] {
                assert_eq!(parse(tree.to_text_as(layout).as_bytes(), &Limits::default()).as_ref(), Ok(&tree), "{value:?}");
            }
        }
        assert_eq!(escape_attribute("a\n\"<"), "a&#10;&quot;&lt;");
    }
}
