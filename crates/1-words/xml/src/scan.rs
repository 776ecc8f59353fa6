//! The smallest pieces of a text: names, values of attributes, references. Each byte is looked at once.
//!
//! A [`Cursor`] moves forward only; what it returns borrows the text. Which pieces may follow each other is the
//! parser's to know.

use compact_str::CompactString;
use std::borrow::Cow;

/// A fault and where it is, in bytes from the start.
pub(crate) type Fault = (usize, String);

const NAME_START: u8 = 1;
const NAME: u8 = 2;
/// What a value has that is not written plainly.
const SPECIAL: u8 = 4;
const BLANK: u8 = 8;

/// What each byte may be. Bytes beyond ASCII may be part of a name and are looked at as characters then.
const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        class[at] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b':' | 0x80.. => NAME_START | NAME,
            b'0'..=b'9' | b'-' | b'.' => NAME,
            b' ' => BLANK,
            b'\t' | b'\n' | b'\r' => BLANK | SPECIAL,
            b'&' | b'<' | b'"' | b'\'' => SPECIAL,
            _ => 0,
        };
        at += 1;
    }
    class
};

/// A place in a text.
pub(crate) struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// Returns the place, in bytes from the start.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Returns the next byte.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Moves over a text that is next; returns whether it was.
    pub(crate) fn take(&mut self, expected: &str) -> bool {
        let is_next = self.text.as_bytes()[self.at..].starts_with(expected.as_bytes());
        self.at += if is_next { expected.len() } else { 0 };
        is_next
    }

    /// Returns everything up to a text, and moves behind that.
    pub(crate) fn until(&mut self, end: &str) -> Option<&'t str> {
        let rest = &self.text[self.at..];
        let length = rest.find(end)?;
        self.at += length + end.len();
        Some(&rest[..length])
    }

    /// Returns everything up to the next byte of markup (`<` or `&`) or the end.
    pub(crate) fn plain_text(&mut self) -> &'t str {
        let rest = &self.text[self.at..];
        let length = rest.bytes().position(|b| matches!(b, b'<' | b'&')).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// Moves over blanks; returns whether there were any.
    pub(crate) fn skip_blanks(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(|b| CLASS[usize::from(b)] & BLANK != 0) {
            self.at += 1;
        }
        self.at > start
    }

    /// Returns the name that is next.
    pub(crate) fn name(&mut self) -> Result<&'t str, Fault> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        while bytes.get(self.at).is_some_and(|b| CLASS[usize::from(*b)] & NAME != 0) {
            self.at += 1;
        }
        let name = &self.text[start..self.at];
        let is_name = bytes.get(start).is_some_and(|b| CLASS[usize::from(*b)] & NAME_START != 0) && (name.is_ascii() || is_wide_name(name));
        if is_name && self.at > start {
            return Ok(name);
        }
        let length = self.text[start..].find(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/' | '=')).unwrap_or(0);
        match length {
            0 => Err((start, "a name is missing".to_owned())),
            _ => Err((start, format!("{:?} is not a name", &self.text[start..start + length]))),
        }
    }

    /// Returns the value in quotes that is next, normalised as XML says: blanks are spaces, references what they mean.
    pub(crate) fn value(&mut self) -> Result<CompactString, Fault> {
        let quote = match self.peek() {
            Some(quote @ (b'"' | b'\'')) => quote,
            _ => return Err((self.at, "a value must be in quotes".to_owned())),
        };
        self.at += 1;
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut value: Option<String> = None;
        let mut copied = start;
        loop {
            while bytes.get(self.at).is_some_and(|b| CLASS[usize::from(*b)] & SPECIAL == 0) {
                self.at += 1;
            }
            let Some(&byte) = bytes.get(self.at) else { return Err((start, "a value is not closed".to_owned())) };
            if byte == quote {
                break;
            }
            if matches!(byte, b'"' | b'\'') {
                self.at += 1;
                continue;
            }
            let out = value.get_or_insert_default();
            out.push_str(&self.text[copied..self.at]);
            match byte {
                b'&' => out.push(self.reference()?),
                b'<' => return Err((self.at, "'<' in a value must be written as &lt;".to_owned())),
                _ => {
                    out.push(' ');
                    self.at += if self.text[self.at..].starts_with("\r\n") { 2 } else { 1 };
                }
            }
            copied = self.at;
        }
        let rest = &self.text[copied..self.at];
        self.at += 1;
        Ok(match value {
            None => CompactString::new(rest),
            Some(start) => CompactString::from(start + rest),
        })
    }

    /// Returns the character that the reference which is next stands for.
    pub(crate) fn reference(&mut self) -> Result<char, Fault> {
        let start = self.at;
        let rest = &self.text[start + 1..];
        let end = rest.bytes().position(|b| matches!(b, b';' | b'<' | b'&' | b'"' | b'\'' | b' ' | b'\n'));
        let Some(length) = end.filter(|&end| rest.as_bytes()[end] == b';') else {
            return Err((start, "'&' must be written as &amp;".to_owned()));
        };
        self.at = start + length + 2;
        let name = &rest[..length];
        let character = match name {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => {
                let Some(number) = name.strip_prefix('#') else { return Err((start, format!("the entity &{name}; is not known"))) };
                let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |hexadecimal| (hexadecimal, 16));
                let is_number = !digits.starts_with('+');
                u32::from_str_radix(digits, radix).ok().filter(|_| is_number).and_then(char::from_u32).filter(|c| is_allowed(*c))
            }
        };
        character.ok_or_else(|| (start, format!("&{name}; is not a character that XML allows")))
    }
}

/// Returns whether a text beyond ASCII is a name.
fn is_wide_name(name: &str) -> bool {
    let starts = |c: char| c.is_ascii() || c.is_alphabetic();
    let continues = |c: char| c.is_ascii() || c.is_alphanumeric() || c == '\u{b7}';
    name.chars().next().is_some_and(starts) && name.chars().all(continues)
}

/// Returns a text with the line ends of XML, which are newlines alone.
pub(crate) fn with_newlines(text: &str) -> Cow<'_, str> {
    match text.contains('\r') {
        true => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
        false => Cow::Borrowed(text),
    }
}

pub(crate) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// The characters of XML 1.0.
fn is_allowed(c: char) -> bool {
    c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}') || matches!(c, '\t' | '\n' | '\r')
}

/// Returns where the first character stands that XML does not allow. Looks at bytes, since documents are large.
pub(crate) fn first_forbidden(text: &str) -> Option<usize> {
    let is_suspect = |b: &u8| (*b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r')) || *b == 0xef;
    let mut start = 0;
    for chunk in text.as_bytes().chunks(256) {
        // No early end within a chunk, so that it is looked at all at once.
        if chunk.iter().fold(false, |found, b| found | is_suspect(b)) {
            let suspects = (start..start + chunk.len()).filter(|at| is_suspect(&text.as_bytes()[*at]));
            let forbidden = suspects.into_iter().find(|at| text[*at..].chars().next().is_some_and(|c| !is_allowed(c)));
            if forbidden.is_some() {
                return forbidden;
            }
        }
        start += chunk.len();
    }
    None
}
