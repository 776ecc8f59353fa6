//! Text into trees, strictly.
//!
//! Refused, never repaired: what is not well-formed, what is not UTF-8, document types (and with them entities of
//! one's own), and everything beyond the [`Limits`]. White space between elements is dropped, all other text kept.

use crate::{Element, Node};
use compact_str::CompactString;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
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
    /// Generous for any real configuration: 256 MiB, 256 levels, 1024 attributes.
    fn default() -> Self {
        Self { bytes_max: 256 << 20, depth_max: 256, attributes_max: 1024 }
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

/// A fault and where it is, in bytes from the start.
type Fault = (usize, String);

struct Parser<'t> {
    text: &'t str,
    limits: &'t Limits,
    reader: quick_xml::Reader<&'t [u8]>,
    /// The elements that are not closed yet, outermost first.
    open: Vec<Element>,
    root: Option<Element>,
    /// Text not yet added, since entities and CDATA come in pieces.
    pending_text: String,
    /// Whether any piece of the pending text was written as an entity or CDATA, and so is meant even if blank.
    text_is_meant: bool,
    line: u32,
    /// How far lines have been counted.
    counted: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, limits: &'t Limits) -> Self {
        let mut reader = quick_xml::Reader::from_str(text);
        reader.config_mut().check_comments = true;
        Self { text, limits, reader, open: Vec::new(), root: None, pending_text: String::new(), text_is_meant: false, line: 1, counted: 0 }
    }

    fn document(mut self) -> Result<Element, Fault> {
        loop {
            let at = self.position();
            let event = self.reader.read_event().map_err(|error| (self.reader.error_position() as usize, sentence(&error.to_string())))?;
            match event {
                Event::Start(start) => {
                    let element = self.element(&start, at)?;
                    if self.open.len() >= self.limits.depth_max {
                        return Err((at, format!("elements are nested deeper than {} levels", self.limits.depth_max)));
                    }
                    self.flush_text();
                    self.open.push(element);
                }
                Event::Empty(start) => {
                    let element = self.element(&start, at)?;
                    self.flush_text();
                    self.close(element, at)?;
                }
                Event::End(_) => {
                    self.flush_text();
                    let Some(element) = self.open.pop() else { return Err((at, "this closes nothing".to_owned())) };
                    self.close(element, at)?;
                }
                Event::Text(text) => self.add_text(&text.xml10_content(), at)?,
                Event::CData(data) => {
                    self.expect_inside(at, "a CDATA section")?;
                    self.text_is_meant = true;
                    self.add_text(&data.xml10_content(), at)?;
                }
                Event::GeneralRef(reference) => self.add_reference(&reference, at)?,
                Event::Comment(comment) => {
                    self.flush_text();
                    if let Some(parent) = self.open.last_mut() {
                        parent.children.push(Node::Comment(CompactString::new(comment.xml10_content())));
                    }
                }
                Event::Decl(declaration) => {
                    if at != 0 {
                        return Err((at, "the XML declaration must stand at the very start".to_owned()));
                    }
                    check_encoding(declaration.encoding().transpose().ok().flatten().as_deref()).map_err(|m| (at, m))?;
                }
                Event::PI(_) => self.flush_text(),
                Event::DocType(_) => return Err((at, "a document type is not accepted".to_owned())),
                Event::Eof => break,
            }
        }
        if let Some(element) = self.open.last() {
            return Err((self.text.len(), format!("<{}> of line {} is not closed", element.name, element.line)));
        }
        self.root.take().ok_or_else(|| (self.text.len(), "there is no element".to_owned()))
    }

    fn position(&self) -> usize {
        self.reader.buffer_position() as usize
    }

    fn expect_inside(&self, at: usize, what: &str) -> Result<(), Fault> {
        if self.open.is_empty() { Err((at, format!("{what} outside of the root element"))) } else { Ok(()) }
    }

    /// Returns the element of a start tag, without children.
    fn element(&mut self, start: &BytesStart<'_>, at: usize) -> Result<Element, Fault> {
        self.line += self.text.as_bytes()[self.counted..at].iter().filter(|b| **b == b'\n').count() as u32;
        self.counted = at;
        let qualified = start.name();
        let name = qualified.as_ref();
        check_name(name).map_err(|m| (at, m))?;
        let mut element = Element { name: CompactString::new(name), line: self.line, ..Element::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| (at, format!("in <{name}>: {}", sentence(&error.to_string()))))?;
            if element.attributes.len() >= self.limits.attributes_max {
                return Err((at, format!("<{name}> has more than {} attributes", self.limits.attributes_max)));
            }
            let key = attribute.key.as_ref();
            check_name(key).map_err(|m| (at, m))?;
            if attribute.value.contains('<') {
                return Err((at, format!("in <{name}>: '<' in attribute {key} must be written as &lt;")));
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| (at, format!("in <{name}>, attribute {key}: {}", sentence(&error.to_string()))))?;
            // What is written plainly was looked at before.
            if attribute.value.contains('&')
                && let Some(c) = value.chars().find(|c| !is_allowed(*c))
            {
                return Err((at, format!("in <{name}>, attribute {key}: the character {c:?} is not allowed in XML")));
            }
            element.attributes.push((CompactString::new(key), CompactString::from(value)));
        }
        Ok(element)
    }

    fn close(&mut self, element: Element, at: usize) -> Result<(), Fault> {
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Node::Element(Arc::new(element))),
            None if self.root.is_some() => return Err((at, format!("a second root element, <{}>", element.name))),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn add_text(&mut self, text: &str, at: usize) -> Result<(), Fault> {
        if text.contains("]]>") && !self.text_is_meant {
            return Err((at, "\"]]>\" in text".to_owned()));
        }
        if self.open.is_empty() {
            return match text.trim_matches(is_blank).is_empty() {
                true => Ok(()),
                false => Err((at, "text outside of the root element".to_owned())),
            };
        }
        self.pending_text.push_str(text);
        Ok(())
    }

    fn add_reference(&mut self, reference: &quick_xml::events::BytesRef<'_>, at: usize) -> Result<(), Fault> {
        self.expect_inside(at, "an entity")?;
        self.text_is_meant = true;
        match reference.resolve_char_ref() {
            Ok(Some(c)) if is_allowed(c) => self.pending_text.push(c),
            Ok(None) => match quick_xml::escape::resolve_predefined_entity(reference) {
                Some(text) => self.pending_text.push_str(text),
                None => return Err((at, format!("the entity &{}; is not known", &**reference))),
            },
            _ => return Err((at, format!("&{}; is not a character that XML allows", &**reference))),
        }
        Ok(())
    }

    /// Adds the text collected so far to the open element, unless it is only the white space between elements.
    fn flush_text(&mut self) {
        let meant = std::mem::take(&mut self.text_is_meant);
        if self.pending_text.is_empty() {
            return;
        }
        let blank = self.pending_text.trim_matches(is_blank).is_empty();
        if let Some(parent) = self.open.last_mut()
            && (meant || !blank)
        {
            parent.children.push(Node::Text(CompactString::new(&self.pending_text)));
        }
        self.pending_text.clear();
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Returns where the first character stands that XML does not allow. Looks at bytes, since documents are large.
fn first_forbidden(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let is_suspect = |b: u8| (b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r')) || b == 0xef;
    let suspects = (0..bytes.len()).filter(|at| is_suspect(bytes[*at]));
    suspects.into_iter().find(|at| text[*at..].chars().next().is_some_and(|c| !is_allowed(c)))
}

/// The characters of XML 1.0.
fn is_allowed(c: char) -> bool {
    c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}') || matches!(c, '\t' | '\n' | '\r')
}

fn check_name(name: &str) -> Result<(), String> {
    let starts = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':') || (!c.is_ascii() && c.is_alphabetic());
    let continues =
        |c: char| starts(c) || c.is_ascii_digit() || matches!(c, '-' | '.' | '\u{b7}') || (!c.is_ascii() && c.is_alphanumeric());
    let mut chars = name.chars();
    match chars.next().is_some_and(starts) && chars.all(continues) {
        true => Ok(()),
        false => Err(format!("{name:?} is not a name")),
    }
}

fn check_encoding(encoding: Option<&str>) -> Result<(), String> {
    match encoding {
        Some(e) if !["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|known| e.eq_ignore_ascii_case(known)) => {
            Err(format!("the document says that it is encoded in {e}; only UTF-8 is read"))
        }
        _ => Ok(()),
    }
}

/// Messages of the tokenizer come with prefixes and positions of their own; only what is wrong is of interest.
fn sentence(message: &str) -> String {
    let message = message.strip_prefix("ill-formed document: ").or_else(|| message.strip_prefix("syntax error: ")).unwrap_or(message);
    message.to_owned()
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
            ("<a x=1/>", 1, ""),
            ("<a x/>", 1, ""),
            ("<a x='<'/>", 1, "&lt;"),
            ("<a x='&bad;'/>", 1, "bad"),
            ("<a>&bad;</a>", 1, "bad"),
            ("<a>&#0;</a>", 1, ""),
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
