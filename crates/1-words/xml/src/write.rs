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
    /// As `Lines`, with apostrophes in attributes as references. Compat: the form of Pacemaker 2.1's tools.
    Quoted,
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
        // Elements that are open, the next child of each, and how their contents are laid out.
        let mut open: Vec<(&Element, usize, Layout)> = Vec::new();
        start(self, out, layout, depth, &mut open);
        while let Some((element, next, inside)) = open.last_mut() {
            let (element, at, inside) = (*element, *next, *inside);
            *next += 1;
            let level = depth + open.len();
            match element.children.get(at) {
                Some(Node::Element(child)) => start(child, out, inside, level, &mut open),
                Some(Node::Comment(text)) => {
                    indent(out, inside, level);
                    out.push_str("<!--");
                    out.push_str(text);
                    out.push_str("-->");
                    end_line(out, inside);
                }
                Some(Node::Text(text)) => out.push_str(&escape_text(text)),
                None => {
                    open.pop();
                    indent(out, inside, depth + open.len());
                    out.push_str("</");
                    out.push_str(&element.name);
                    out.push('>');
                    end_line(out, open.last().map_or(layout, |(_, _, outside)| *outside));
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

fn start<'e>(element: &'e Element, out: &mut String, layout: Layout, depth: usize, open: &mut Vec<(&'e Element, usize, Layout)>) {
    indent(out, layout, depth);
    out.push('<');
    out.push_str(&element.name);
    for (name, value) in &element.attributes {
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        match layout {
            Layout::Quoted if value.contains('\'') => out.push_str(&escape_attribute(value).replace('\'', "&apos;")),
            _ => out.push_str(&escape_attribute(value)),
        }
        out.push('"');
    }
    if element.children.is_empty() {
        out.push_str("/>");
        end_line(out, layout);
        return;
    }
    // Text is significant: beside it no blank may be added.
    let has_text = element.children.iter().any(|child| matches!(child, Node::Text(_)));
    let inside = if has_text { Layout::Compact } else { layout };
    out.push('>');
    end_line(out, inside);
    open.push((element, 0, inside));
}

fn end_line(out: &mut String, layout: Layout) {
    if layout != Layout::Compact {
        out.push('\n');
    }
}

fn indent(out: &mut String, layout: Layout, depth: usize) {
    if layout != Layout::Compact {
        out.extend(std::iter::repeat_n("  ", depth));
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
        let text = "<cib epoch=\"1\">\n  <!-- why -->\n  <a x=\"1\">\n    <b/>\n  </a>\n  <output>two <b/> words<!-- x -->\n  here</output>\n</cib>\n";
        let tree = parse(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(tree.to_text(), text);
        assert_eq!(
            tree.to_compact(),
            "<cib epoch=\"1\"><!-- why --><a x=\"1\"><b/></a><output>two <b/> words<!-- x -->\n  here</output></cib>"
        );
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
