//! Time as a value. Nothing here reads a clock: `Now` is an argument of every engine.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Wall-clock time in microseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Returns the time of so many whole seconds since 1970.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Returns the whole seconds since 1970, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Returns the time this much later.
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_micros().min(i64::MAX as u128) as i64))
    }

    /// Returns the time since `earlier`, or zero when that is in the future.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0).max(0) as u64)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seconds())
    }
}

/// The two clocks an engine is told: time-outs use the first, rules and the expiry of failures the second.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Time since an arbitrary start; it never goes backwards.
    pub monotonic: Duration,
    /// Calendar time; an administrator may set it either way at any moment.
    pub wall: Timestamp,
}

/// Parses an interval as the CIB writes them (`10`, `10s`, `1min`, `500ms`, `2h`, `PT1M30S`); a bare number is seconds.
pub fn parse_interval(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Some(iso) = text.strip_prefix(['P', 'p']) {
        return parse_iso_duration(iso);
    }
    let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits_end].parse().ok()?;
    let ms = match text[digits_end..].trim().to_ascii_lowercase().as_str() {
        "" | "s" | "sec" => number.checked_mul(1000)?,
        "ms" | "msec" => number,
        "us" | "usec" => number / 1000,
        "m" | "min" => number.checked_mul(60_000)?,
        "h" | "hr" => number.checked_mul(3_600_000)?,
        _ => return None,
    };
    Some(Duration::from_millis(ms))
}

/// Reads what follows the `P` of an ISO 8601 duration; a year counts 365 days and a month 30, since an interval has no start.
fn parse_iso_duration(text: &str) -> Option<Duration> {
    let (mut seconds, mut number, mut in_time, mut seen) = (0u64, String::new(), false, false);
    for c in text.chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        if matches!(c, 'T' | 't') && number.is_empty() {
            in_time = true;
            continue;
        }
        let value: u64 = std::mem::take(&mut number).parse().ok()?;
        let unit = match (c.to_ascii_uppercase(), in_time) {
            ('Y', false) => 365 * 86_400,
            ('M', false) => 30 * 86_400,
            ('W', false) => 7 * 86_400,
            ('D', false) => 86_400,
            ('H', _) => 3_600,
            ('M', true) => 60,
            ('S', _) => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(value.checked_mul(unit)?)?;
        seen = true;
    }
    (seen && number.is_empty()).then(|| Duration::from_secs(seconds))
}

/// Parses a boolean as the CIB writes them: true/on/yes/y/1 and false/off/no/n/0, without regard to case.
pub fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "y" | "1" => Some(true),
        "false" | "off" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// Writes a duration for people: `85 ms`, `1.25 s`, `2 min 5 s`.
pub fn format_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.2} s", duration.as_secs_f64()),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_in_every_spelling() {
        for (text, ms) in [
            ("10", 10_000),
            ("10s", 10_000),
            ("1min", 60_000),
            ("500ms", 500),
            ("2h", 7_200_000),
            ("PT1M30S", 90_000),
            ("P1DT2H", 93_600_000),
            ("1 min", 60_000),
        ] {
            assert_eq!(parse_interval(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "ten", "5 parsecs", "PT", "-5s"] {
            assert_eq!(parse_interval(text), None, "{text}");
        }
    }

    #[test]
    fn a_clock_set_back_gives_no_negative_age() {
        assert_eq!(Timestamp::from_seconds(5).since(Timestamp::from_seconds(9)), Duration::ZERO);
    }
}
