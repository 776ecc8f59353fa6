//! Text into trees, strictly.
//!
//! Refused, never repaired: what is not well-formed, what is not UTF-8, document types (and with them entities of
//! one's own), and everything beyond the [`Limits`]. White space between elements is dropped, all other text kept.

use crate::scan::{Cursor, Fault, first_forbidden, is_blank, with_newlines};
use crate::{Element, Node};
use compact_str::CompactString;
use std::sync::Arc;

/// Bounds on what is accepted, so that a hostile document cannot exhaust memory or stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The length of the text in bytes.
    pub bytes_max: usize,
    /// How deep elements may nest.
    pub depth_max: usize,
    /// How many attributes one element may have.
    pub attributes_max: usize,
}

impl Default for Limits {
    /// Generous for any real cluster (a hundred nodes with ten thousand resources have 600 MB of status): 1 GiB, 256 levels,
    /// 1024 attributes.
    fn default() -> Self {
        Self { bytes_max: 1 << 30, depth_max: 256, attributes_max: 1024 }
    }
}

/// Why a text is no document, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ParseError {
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
    pub message: String,
}

/// Parses a whole document and returns its root element.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Element, ParseError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.len() > limits.bytes_max {
        let message = format!("the document has {} bytes, {} are allowed", bytes.len(), limits.bytes_max);
        return Err(ParseError { line: 1, column: 1, message });
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            return Err(error_at(&valid, valid.len(), "this is not UTF-8".to_owned()));
        }
    };
    if let Some(at) = first_forbidden(text) {
        let message = format!("the character {:?} is not allowed in XML", text[at..].chars().next().unwrap_or_default());
        return Err(error_at(text, at, message));
    }
    Parser::new(text, limits).document().map_err(|(at, message)| error_at(text, at, message))
}

struct Parser<'t> {
    text: &'t str,
    limits: &'t Limits,
    cursor: Cursor<'t>,
    /// The elements that are not closed yet, outermost first, and where the children of each begin in `nodes`.
    open: Vec<(Element, usize)>,
    /// Children of open elements. Kept here until their number is known, so that an element has no room to spare.
    nodes: Vec<Node>,
    /// Attributes of the start tag at hand, kept here for the same reason.
    attributes: Vec<(CompactString, CompactString)>,
    root: Option<Element>,
    /// Text not yet added, since references and CDATA come in pieces.
    pending_text: String,
    /// Whether any piece of the pending text was written as a reference or CDATA, and so is meant even if blank.
    text_is_meant: bool,
    line: u32,
    /// How far lines have been counted.
    counted: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, limits: &'t Limits) -> Self {
        Self {
            text,
            limits,
            cursor: Cursor::new(text),
            open: Vec::new(),
            nodes: Vec::new(),
            attributes: Vec::new(),
            root: None,
            pending_text: String::new(),
            text_is_meant: false,
            line: 1,
            counted: 0,
        }
    }

    fn document(mut self) -> Result<Element, Fault> {
        while let Some(next) = self.cursor.peek() {
            let at = self.cursor.at();
            match next {
                b'&' => {
                    self.expect_inside(at, "an entity")?;
                    self.text_is_meant = true;
                    let character = self.cursor.reference()?;
                    self.pending_text.push(character);
                }
                b'<' => self.markup(at)?,
                _ => self.plain_text(at)?,
            }
        }
        if let Some((element, _)) = self.open.last() {
            return Err((self.text.len(), format!("<{}> of line {} is not closed", element.name, element.line)));
        }
        self.root.take().ok_or_else(|| (self.text.len(), "there is no element".to_owned()))
    }

    fn markup(&mut self, at: usize) -> Result<(), Fault> {
        if self.cursor.take("</") {
            self.end_tag(at)
        } else if self.cursor.take("<!--") {
            self.comment(at)
        } else if self.cursor.take("<![CDATA[") {
            self.expect_inside(at, "a CDATA section")?;
            let text = self.cursor.until("]]>").ok_or_else(|| (at, "a CDATA section is not closed".to_owned()))?;
            self.text_is_meant = true;
            self.pending_text.push_str(&with_newlines(text));
            Ok(())
        } else if self.cursor.take("<!") {
            Err((at, "a document type is not accepted".to_owned()))
        } else if self.cursor.take("<?") {
            self.instruction(at)
        } else {
            self.cursor.take("<");
            self.start_tag(at)
        }
    }

    fn comment(&mut self, at: usize) -> Result<(), Fault> {
        let text = self.cursor.until("--").ok_or_else(|| (at, "a comment is not closed".to_owned()))?;
        if !self.cursor.take(">") {
            return Err((at, "\"--\" in a comment".to_owned()));
        }
        self.flush_text();
        if !self.open.is_empty() {
            self.nodes.push(Node::Comment(CompactString::new(with_newlines(text))));
        }
        Ok(())
    }

    /// Passes over a processing instruction, and looks at the declaration.
    fn instruction(&mut self, at: usize) -> Result<(), Fault> {
        let target = self.cursor.name()?;
        let text = self.cursor.until("?>").ok_or_else(|| (at, "a processing instruction is not closed".to_owned()))?;
        self.flush_text();
        if !target.eq_ignore_ascii_case("xml") {
            return Ok(());
        }
        if at != 0 || target != "xml" {
            return Err((at, "the XML declaration must stand at the very start".to_owned()));
        }
        let mut declaration = Cursor::new(text);
        while declaration.skip_blanks() && declaration.peek().is_some() {
            let (name, value) = pair(&mut declaration).map_err(|(_, message)| (at, message))?;
            if name == "encoding" {
                check_encoding(&value).map_err(|message| (at, message))?;
            }
        }
        if declaration.peek().is_some() { Err((at, "the XML declaration is not well-formed".to_owned())) } else { Ok(()) }
    }

    fn start_tag(&mut self, at: usize) -> Result<(), Fault> {
        self.line += self.text.as_bytes()[self.counted..at].iter().filter(|b| **b == b'\n').count() as u32;
        self.counted = at;
        let name = self.cursor.name()?;
        // A bit for each name seen, so that only names that may be there already are looked for.
        let mut seen = 0_u64;
        let is_empty = loop {
            let is_apart = self.cursor.skip_blanks();
            if self.cursor.take(">") {
                break false;
            }
            if self.cursor.take("/>") {
                break true;
            }
            if self.cursor.peek().is_none() {
                return Err((at, format!("<{name} is not closed")));
            }
            if !is_apart {
                return Err((self.cursor.at(), format!("in <{name}>: a blank is missing before an attribute")));
            }
            if self.attributes.len() >= self.limits.attributes_max {
                return Err((at, format!("<{name}> has more than {} attributes", self.limits.attributes_max)));
            }
            let (key, value) = pair(&mut self.cursor).map_err(|(place, message)| (place, format!("in <{name}>: {message}")))?;
            let bit = name_bit(key);
            if seen & bit != 0 && self.attributes.iter().any(|(known, _)| known == key) {
                return Err((at, format!("in <{name}>: the attribute {key} is duplicated")));
            }
            seen |= bit;
            self.attributes.push((CompactString::new(key), value));
        };
        self.flush_text();
        let attributes = self.attributes.drain(..).collect();
        let element = Element { name: CompactString::new(name), attributes, children: Vec::new(), line: self.line };
        if is_empty {
            return self.close(element, at);
        }
        if self.open.len() >= self.limits.depth_max {
            return Err((at, format!("elements are nested deeper than {} levels", self.limits.depth_max)));
        }
        self.open.push((element, self.nodes.len()));
        Ok(())
    }

    fn end_tag(&mut self, at: usize) -> Result<(), Fault> {
        let name = self.cursor.name()?;
        self.cursor.skip_blanks();
        if !self.cursor.take(">") {
            return Err((at, format!("</{name} is not closed")));
        }
        self.flush_text();
        let Some((mut element, first)) = self.open.pop() else { return Err((at, format!("</{name}> closes nothing"))) };
        if element.name != name {
            return Err((at, format!("</{name}> closes <{}> of line {}", element.name, element.line)));
        }
        element.children = self.nodes.drain(first..).collect();
        self.close(element, at)
    }

    fn close(&mut self, element: Element, at: usize) -> Result<(), Fault> {
        match self.root {
            _ if !self.open.is_empty() => self.nodes.push(Node::Element(Arc::new(element))),
            Some(_) => return Err((at, format!("a second root element, <{}>", element.name))),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn plain_text(&mut self, at: usize) -> Result<(), Fault> {
        let text = self.cursor.plain_text();
        if self.open.is_empty() {
            return match text.trim_matches(is_blank).is_empty() {
                true => Ok(()),
                false => Err((at, "text outside of the root element".to_owned())),
            };
        }
        if text.contains("]]>") {
            return Err((at, "\"]]>\" in text".to_owned()));
        }
        self.pending_text.push_str(&with_newlines(text));
        Ok(())
    }

    fn expect_inside(&self, at: usize, what: &str) -> Result<(), Fault> {
        if self.open.is_empty() { Err((at, format!("{what} outside of the root element"))) } else { Ok(()) }
    }

    /// Adds the text collected so far to the open element, unless it is only the white space between elements.
    fn flush_text(&mut self) {
        let meant = std::mem::take(&mut self.text_is_meant);
        if self.pending_text.is_empty() {
            return;
        }
        let blank = self.pending_text.trim_matches(is_blank).is_empty();
        if !self.open.is_empty() && (meant || !blank) {
            self.nodes.push(Node::Text(CompactString::new(&self.pending_text)));
        }
        self.pending_text.clear();
    }
}

/// Reads `name="value"`.
fn pair<'t>(cursor: &mut Cursor<'t>) -> Result<(&'t str, CompactString), Fault> {
    let name = cursor.name()?;
    cursor.skip_blanks();
    if !cursor.take("=") {
        return Err((cursor.at(), format!("the attribute {name} has no value")));
    }
    cursor.skip_blanks();
    let value = cursor.value().map_err(|(at, message)| (at, format!("attribute {name}: {message}")))?;
    Ok((name, value))
}

/// Returns one of 64 bits for a name. Which one matters to speed alone.
fn name_bit(name: &str) -> u64 {
    let byte = |at: usize| u64::from(name.as_bytes().get(at).copied().unwrap_or_default());
    let mixed =
        byte(0) ^ byte(name.len() / 2).rotate_left(8) ^ byte(name.len().saturating_sub(1)).rotate_left(16) ^ (name.len() as u64) << 24;
    1 << (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
}

fn check_encoding(encoding: &str) -> Result<(), String> {
    match ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|known| encoding.eq_ignore_ascii_case(known)) {
        true => Ok(()),
        false => Err(format!("the document says that it is encoded in {encoding}; only UTF-8 is read")),
    }
}

fn error_at(text: &str, at: usize, message: String) -> ParseError {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() as u32 + 1;
    ParseError { line, column: before[line_start..].chars().count() as u32 + 1, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(text: &str) -> Result<Element, ParseError> {
        parse(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn what_is_not_well_formed_is_refused_with_its_place() {
        for (text, line, words) in [
            ("", 1, "no element"),
            ("<a>", 1, "not closed"),
            ("<a>\n<b>\n</a>", 3, "b"),
            ("<a/>\n<b/>", 2, "second root"),
            ("<a/></a>", 1, ""),
            ("text", 1, "outside"),
            ("<a/>text", 1, "outside"),
            ("<a>\n<b x='1' x='2'/></a>", 2, "dup"),
            ("<a x='1'y='2'/>", 1, "blank"),
            ("<a></b>", 1, "closes <a>"),
            ("<a x=1/>", 1, ""),
            ("<a x/>", 1, ""),
            ("<a x='<'/>", 1, "&lt;"),
            ("<a x='&bad;'/>", 1, "bad"),
            ("<a>&bad;</a>", 1, "bad"),
            ("<a>&#0;</a>", 1, ""),
            ("<a>&#+65;</a>", 1, ""),
            ("<a>&lt</a>", 1, "&amp;"),
            ("<a x='&#1;'/>", 1, ""),
            ("<a>&</a>", 1, ""),
            ("<a>\u{1}</a>", 1, "not allowed"),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", 1, "document type"),
            ("<a><!-- -- --></a>", 1, ""),
            ("<1a/>", 1, "name"),
            ("<a 1='x'/>", 1, "name"),
            ("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a/>", 1, "UTF-8"),
            ("<a/><?xml version=\"1.0\"?>", 1, ""),
            ("<a>]]></a>", 1, "]]>"),
            ("<a", 1, ""),
            ("<a x='", 1, ""),
        ] {
            let error = parse_text(text).expect_err(text);
            assert_eq!(error.line, line, "{text}: {error}");
            assert!(error.message.to_lowercase().contains(&words.to_lowercase()), "{text}: {error}");
        }
        assert_eq!(parse(b"<a>\n \xff</a>", &Limits::default()).unwrap_err().to_string(), "line 2, column 2: this is not UTF-8");
    }

    #[test]
    fn limits_hold() {
        let limits = Limits { bytes_max: 200, depth_max: 3, attributes_max: 2 };
        assert!(parse(b"<a><b><c/></b></a>", &limits).is_ok());
        assert!(parse(b"<a><b><c></c></b></a>", &limits).is_ok());
        assert!(parse(b"<a><b><c><d></d></c></b></a>", &limits).unwrap_err().message.contains("3 levels"));
        assert!(parse(b"<a x='' y='' z=''/>", &limits).unwrap_err().message.contains("2 attributes"));
        assert!(parse(&[b' '; 201], &limits).unwrap_err().message.contains("201 bytes"));
    }

    #[test]
    fn text_is_kept_where_it_means_something() {
        let tree = parse_text(
            "\u{feff}<?xml version=\"1.0\"?>\n<!-- x --><a>\n  <b>  x &lt;&#65;<![CDATA[ <&> ]]></b>\n <!--c-->\n <c> </c></a>\n",
        )
        .unwrap();
        assert_eq!(tree.children.len(), 3);
        assert_eq!(tree.child("b").unwrap().text(), "  x <A <&> ");
        assert_eq!(tree.children[1], Node::Comment("c".into()));
        assert_eq!(tree.child("b").unwrap().line, 3);
        assert!(tree.child("c").unwrap().children.is_empty());
    }

    #[test]
    fn attribute_values_are_normalised_as_xml_says() {
        let tree = parse_text("<a x='1\n2\t3' y='&#10;&#9;&quot;&apos;&amp;'/>").unwrap();
        assert_eq!(tree.attribute("x"), Some("1 2 3"));
        assert_eq!(tree.attribute("y"), Some("\n\t\"'&"));
    }

    #[test]
    fn no_cut_of_a_document_makes_the_parser_panic() {
        let text = "<?xml version=\"1.0\"?><a x='1&amp;'><!-- é --><b y=\"2\">t&#65;<![CDATA[z]]></b></a>";
        for end in 0..text.len() {
            assert!(parse(&text.as_bytes()[..end], &Limits::default()).is_err(), "{end}");
        }
        for skip in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes.remove(skip);
            let _ = parse(&bytes, &Limits::default());
        }
    }
}
