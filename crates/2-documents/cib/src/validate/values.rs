//! The kinds of values that attributes have.

/// A kind of value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Names the element, uniquely in the configuration.
    Id,
    /// Names another element.
    IdRef,
    Text,
    Boolean,
    Integer,
    NonNegative,
    Positive,
    Score,
    OneOf(&'static [&'static str]),
    /// A port, or two with a dash between.
    Range,
    /// Ids of devices with commas between.
    Devices,
}

impl Kind {
    /// Accepts a value, or tells what would be right.
    pub(super) fn accepts(self, value: &str) -> Result<(), String> {
        let trimmed = value.trim();
        let integer = || {
            let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
            !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
        };
        let (is_right, wanted) = match self {
            Kind::Text => (true, ""),
            Kind::Id | Kind::IdRef => (is_id(trimmed), "an id: a letter or _, then letters, digits, '_', '-' and '.'"),
            Kind::Boolean => (matches!(trimmed, "true" | "false" | "1" | "0"), "true or false"),
            Kind::Integer => (integer(), "a whole number"),
            Kind::NonNegative => {
                (integer() && (!trimmed.starts_with('-') || trimmed.trim_matches(['-', '0']).is_empty()), "a whole number, 0 or more")
            }
            Kind::Positive => {
                (integer() && !trimmed.starts_with('-') && !trimmed.trim_matches(['+', '0']).is_empty(), "a whole number, 1 or more")
            }
            Kind::Score => {
                (integer() || matches!(trimmed, "INFINITY" | "+INFINITY" | "-INFINITY"), "a whole number, INFINITY or -INFINITY")
            }
            Kind::Range => {
                (!value.is_empty() && value.bytes().all(|b| b.is_ascii_digit() || b == b'-'), "a port, or two with a dash between")
            }
            Kind::Devices => (value.split(',').all(is_device), "ids of fencing devices with commas between, without blanks"),
            Kind::OneOf(words) if words.contains(&trimmed) => return Ok(()),
            Kind::OneOf(words) => return Err(one_of(words)),
        };
        if is_right { Ok(()) } else { Err(wanted.to_owned()) }
    }
}

fn one_of(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.join(""),
    }
}

fn is_device(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Returns whether a text can be an id: a name without colon.
pub(super) fn is_id(text: &str) -> bool {
    let starts = |c: char| c.is_alphabetic() || c == '_';
    let continues = |c: char| starts(c) || c.is_alphanumeric() || matches!(c, '-' | '.' | '\u{b7}');
    let mut chars = text.chars();
    chars.next().is_some_and(starts) && chars.all(continues)
}
