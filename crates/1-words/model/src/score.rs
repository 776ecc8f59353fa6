//! Scores: how much a resource wants, or must avoid, a node.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub};

/// A preference between minus and plus INFINITY (1,000,000), with the field's arithmetic:
/// minus INFINITY beats everything, then plus INFINITY, then sums are clamped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Score(i32);

impl Score {
    /// Mandatory.
    pub const INFINITY: Score = Score(1_000_000);
    /// Forbidden.
    pub const MINUS_INFINITY: Score = Score(-1_000_000);
    /// Indifferent.
    pub const ZERO: Score = Score(0);

    /// Returns the score of this value, clamped to the two infinities.
    pub fn new(value: i32) -> Self {
        Score(value.clamp(-1_000_000, 1_000_000))
    }

    /// Returns the plain number; infinities are ±1,000,000.
    pub fn value(self) -> i32 {
        self.0
    }

    /// Returns whether the score forbids.
    pub fn is_forbidden(self) -> bool {
        self.0 <= -1_000_000
    }

    /// Returns whether the score is plus INFINITY.
    pub fn is_mandatory(self) -> bool {
        self.0 >= 1_000_000
    }

    /// Parses `INFINITY`, `+INFINITY`, `-INFINITY` or a whole number (clamped).
    /// The colours of node health are not scores; they depend on cluster options.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            t if t.eq_ignore_ascii_case("INFINITY") || t.eq_ignore_ascii_case("+INFINITY") => Some(Self::INFINITY),
            t if t.eq_ignore_ascii_case("-INFINITY") => Some(Self::MINUS_INFINITY),
            t => {
                let digits = t.strip_prefix('+').unwrap_or(t);
                let value: i64 = digits.parse().ok()?;
                Some(Self::new(value.clamp(-1_000_000, 1_000_000) as i32))
            }
        }
    }
}

impl Add for Score {
    type Output = Score;
    fn add(self, other: Score) -> Score {
        if self.is_forbidden() || other.is_forbidden() {
            Self::MINUS_INFINITY
        } else if self.is_mandatory() || other.is_mandatory() {
            Self::INFINITY
        } else {
            Self::new(self.0 + other.0)
        }
    }
}

impl AddAssign for Score {
    fn add_assign(&mut self, other: Score) {
        *self = *self + other;
    }
}

impl Neg for Score {
    type Output = Score;
    fn neg(self) -> Score {
        Score(-self.0)
    }
}

impl Sub for Score {
    type Output = Score;
    fn sub(self, other: Score) -> Score {
        self + -other
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::INFINITY => f.pad("INFINITY"),
            Self::MINUS_INFINITY => f.pad("-INFINITY"),
            Score(value) => fmt::Display::fmt(&value, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_beats_mandatory() {
        assert_eq!(Score::INFINITY + Score::MINUS_INFINITY, Score::MINUS_INFINITY);
        assert_eq!(Score::INFINITY + Score::new(-5), Score::INFINITY);
        assert_eq!(Score::new(999_999) + Score::new(10), Score::INFINITY);
    }

    #[test]
    fn spellings_are_read_and_written() {
        for (text, shown) in
            [("INFINITY", "INFINITY"), ("-infinity", "-INFINITY"), ("+7", "7"), ("-12", "-12"), ("99999999999", "INFINITY")]
        {
            assert_eq!(Score::parse(text).unwrap().to_string(), shown);
        }
        assert_eq!(Score::parse("many"), None);
    }
}
