//! Numbers as the field's documents hold them: read from the start of a text, whatever follows.
//!
//! Compat: `12abc` counts as 12 everywhere where Pacemaker reads a number, and an interval may have a fraction
//! (which is dropped) and blanks around its unit. Stricter readers are in `model`.

use model::Score;

/// Returns the whole number at the start of a text (blanks and a sign allowed), and what follows it.
pub(crate) fn leading_integer(text: &str) -> Option<(i64, &str)> {
    let trimmed = text.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let unsigned = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return None;
    }
    let rest = &unsigned[digits..];
    let negative = trimmed.starts_with('-');
    let value = unsigned[..digits].parse::<i64>().unwrap_or(i64::MAX);
    Some((if negative { value.checked_neg().unwrap_or(i64::MIN) } else { value }, rest))
}

/// Returns the whole number at the start of a text.
pub(crate) fn integer(text: &str) -> Option<i64> {
    leading_integer(text).map(|(value, _)| value)
}

/// Returns a number of at least `minimum` and at most `i32::MAX`; the minimum where the text is none.
pub(crate) fn integer_at_least(text: Option<&str>, minimum: i32) -> i32 {
    let value = text.and_then(integer).unwrap_or(i64::from(minimum));
    value.clamp(i64::from(minimum), i64::from(i32::MAX)) as i32
}

/// Returns the milliseconds of an interval (`10`, `10s`, `1.5 min`, `PT1M`), or 0 where it is none.
pub(crate) fn interval_ms(text: Option<&str>) -> u64 {
    text.and_then(duration_ms).map_or(0, |ms| ms.clamp(0, i64::from(u32::MAX)) as u64)
}

/// Returns the milliseconds of an interval as `interval_ms`, or `None` where it is none; it may be negative.
pub(crate) fn duration_ms(text: &str) -> Option<i64> {
    if text.starts_with('P') {
        return model::parse_interval(text).map(|duration| duration.as_millis().min(i64::MAX as u128) as i64);
    }
    milliseconds(text)
}

/// Returns the milliseconds of a number with a unit; without one it counts seconds.
pub(crate) fn milliseconds(text: &str) -> Option<i64> {
    let (value, rest) = leading_integer(text)?;
    let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').trim_start();
    let starts = |prefix: &str| unit.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let (multiplier, divisor) = match () {
        () if unit.is_empty() || starts("s") => (1000, 1),
        () if starts("ms") => (1, 1),
        () if starts("us") => (1, 1000),
        () if starts("m") => (60_000, 1),
        () if starts("h") => (3_600_000, 1),
        () => return None,
    };
    Some(value.saturating_mul(multiplier) / divisor)
}

/// Rounds milliseconds to seconds as the incumbent does: never down to zero.
pub(crate) fn seconds(ms: u64) -> i64 {
    match ms {
        0 => 0,
        1..1000 => 1,
        _ => ((ms + 500) / 1000) as i64,
    }
}

/// The scores that the colours of node health stand for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct HealthScores {
    pub(crate) green: i32,
    pub(crate) yellow: i32,
    pub(crate) red: i32,
}

/// Returns a score in any of the field's spellings, colours included; `None` where it is none.
pub(crate) fn score(text: &str, health: HealthScores) -> Option<i32> {
    Some(match text {
        "INFINITY" | "+INFINITY" => Score::INFINITY.value(),
        "-INFINITY" => Score::MINUS_INFINITY.value(),
        _ if text.eq_ignore_ascii_case("red") => health.red,
        _ if text.eq_ignore_ascii_case("yellow") => health.yellow,
        _ if text.eq_ignore_ascii_case("green") => health.green,
        _ => integer(text)?.clamp(-1_000_000, 1_000_000) as i32,
    })
}

/// Compares two names without regard to case, the numbers in them by value (`node9` before `node10`).
pub(crate) fn compare_names(left: &str, right: &str) -> std::cmp::Ordering {
    use std::cmp::Ordering::Equal;
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    while let (Some(&a), Some(&b)) = (left.first(), right.first()) {
        if a.is_ascii_digit() && b.is_ascii_digit() {
            let (digits_a, rest_a) = split_digits(left);
            let (digits_b, rest_b) = split_digits(right);
            let order = value(digits_a).cmp(&value(digits_b)).then(digits_a.len().cmp(&digits_b.len()));
            if order != Equal {
                return order;
            }
            (left, right) = (rest_a, rest_b);
        } else {
            let order = a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase());
            if order != Equal {
                return order;
            }
            (left, right) = (&left[1..], &right[1..]);
        }
    }
    left.is_empty().cmp(&right.is_empty()).reverse()
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|b| b.is_ascii_digit()).count())
}

fn value(digits: &[u8]) -> i64 {
    digits.iter().fold(0i64, |sum, d| sum.saturating_mul(10).saturating_add(i64::from(d - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn numbers_are_read_from_the_start() {
        for (text, expected) in [("12", Some(12)), (" -3x", Some(-3)), ("+4", Some(4)), ("x", None), ("", None), ("-", None)] {
            assert_eq!(integer(text), expected, "{text:?}");
        }
        assert_eq!(integer("99999999999999999999"), Some(i64::MAX));
        assert_eq!(integer_at_least(Some("-5"), 0), 0);
        assert_eq!(integer_at_least(None, 1), 1);
    }

    #[test]
    fn intervals_have_units() {
        for (text, ms) in [
            ("10", 10_000),
            ("10s", 10_000),
            ("1.5 min", 60_000),
            ("20 ms", 20),
            ("PT1M", 60_000),
            ("junk", 0),
            ("-5s", 0),
            ("1h", 3_600_000),
        ] {
            assert_eq!(interval_ms(Some(text)), ms, "{text}");
        }
        assert_eq!((seconds(0), seconds(1), seconds(1499), seconds(1500)), (0, 1, 1, 2));
    }

    #[test]
    fn numbers_in_names_count_by_value() {
        for (a, b, order) in
            [("node9", "node10", Less), ("Node1", "node1", Equal), ("n01", "n1", Greater), ("n", "n1", Less), ("b", "a9", Greater)]
        {
            assert_eq!(compare_names(a, b), order, "{a} {b}");
        }
    }
}
