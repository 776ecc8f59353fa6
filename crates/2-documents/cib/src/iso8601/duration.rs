//! Durations (`P1Y2M3DT4H5M6S`) and periods (`START/END`, `START/DURATION`, `DURATION/END`) of ISO 8601.

use super::{DateTime, Unit};
use model::Timestamp;
use std::fmt;

/// A span by the calendar. Parts may be negative.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Duration {
    pub years: i64,
    pub months: i64,
    pub days: i64,
    pub seconds: i64,
}

/// From one moment to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Period {
    pub start: DateTime,
    pub end: DateTime,
}

impl Duration {
    /// Reads a duration; it ends at a slash.
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text).ok()
    }

    fn read(text: &str) -> Result<Self, String> {
        let refuse = |why: String| Err(format!("'{text}' is no duration: {why}"));
        let Some(parts) = text.strip_prefix('P') else { return refuse("it does not begin with P".to_owned()) };
        let parts = parts.split('/').next().unwrap_or_default();
        let mut duration = Self::default();
        let (mut is_time, mut rest, mut has_parts) = (false, parts, false);
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('T') {
                (is_time, rest) = (true, after);
                continue;
            }
            let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '-')).unwrap_or(rest.len());
            let Ok(amount) = rest[..digits].parse::<i64>() else { return refuse(format!("there is no number at '{rest}'")) };
            let Some(unit) = rest[digits..].chars().next() else { return refuse("the last number has no unit".to_owned()) };
            let (slot, factor) = match (unit, is_time) {
                ('Y', false) => (&mut duration.years, 1),
                ('M', false) => (&mut duration.months, 1),
                ('W', _) => (&mut duration.days, 7),
                ('D', _) => (&mut duration.days, 1),
                ('H', _) => (&mut duration.seconds, 3600),
                ('M', true) => (&mut duration.seconds, 60),
                ('S', _) => (&mut duration.seconds, 1),
                _ => return refuse(format!("'{unit}' is no unit there")),
            };
            *slot = slot.saturating_add(amount.saturating_mul(factor));
            rest = &rest[digits + unit.len_utf8()..];
            has_parts = true;
        }
        if has_parts { Ok(duration) } else { refuse("nothing follows P".to_owned()) }
    }

    fn negated(self) -> Self {
        Self { years: -self.years, months: -self.months, days: -self.days, seconds: -self.seconds }
    }
}

/// Compat: the words and blanks of Pacemaker's `iso8601`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |amount: i64| if amount == 1 { "" } else { "s" };
        for (amount, unit, width) in [(self.years, "year", 4), (self.months, "month", 2), (self.days, "day", 2)] {
            if amount != 0 {
                write!(f, "{amount:width$} {unit}{} ", plural(amount))?;
            }
        }
        if self.seconds != 0 {
            write!(f, "{} second{} (", self.seconds, plural(self.seconds))?;
            let total = self.seconds.unsigned_abs() as i64;
            let parts = [(total / 3600, "hour"), (total / 60 % 60, "minute"), (total % 60, "second")];
            let shown: Vec<String> = parts
                .iter()
                .filter(|(amount, _)| *amount != 0)
                .map(|(amount, unit)| format!("{amount} {unit}{}", plural(*amount)))
                .collect();
            write!(f, "{})", shown.join(" "))?;
        }
        Ok(())
    }
}

impl DateTime {
    /// Returns the moment a duration later: years first, seconds last.
    #[must_use]
    pub fn after(self, duration: &Duration) -> Self {
        self.plus(duration.years, Unit::Years)
            .plus(duration.months, Unit::Months)
            .plus(duration.days, Unit::Days)
            .plus(duration.seconds, Unit::Seconds)
    }
}

impl Period {
    /// Reads a period.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, now: Timestamp, utc_offset: i32) -> Result<Self, String> {
        let moment = |text: &str| DateTime::parse(text, now, utc_offset).ok_or_else(|| format!("'{text}' is no date or time of ISO 8601"));
        let Some((first, second)) = text.split_once('/') else {
            return Err(format!("'{text}' is no period: it has no duration or end"));
        };
        match (first.starts_with('P'), second.starts_with('P')) {
            (true, true) => Err(format!("'{text}' is no period: it has two durations")),
            (true, false) => {
                let (duration, end) = (Duration::read(first)?, moment(second)?);
                Ok(Self { start: end.after(&duration.negated()), end })
            }
            (false, true) => {
                let (start, duration) = (moment(first)?, Duration::read(second)?);
                Ok(Self { start, end: start.after(&duration) })
            }
            (false, false) => Ok(Self { start: moment(first)?, end: moment(second)? }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iso8601::Notation;

    const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

    #[test]
    fn durations_are_read_and_shown() {
        for (text, shown) in [
            ("P1Y2M3W4DT5H6M7S", "   1 year  2 months 25 days 18367 seconds (5 hours 6 minutes 7 seconds)"),
            ("P-1H", "-3600 seconds (1 hour)"),
            ("P2Y5MT6M", "   2 years  5 months 360 seconds (6 minutes)"),
            ("P1M", " 1 month "),
            ("P-1D", "-1 days "),
            ("PT1S/2019-01-01", "1 second (1 second)"),
        ] {
            assert_eq!(Duration::parse(text).unwrap().to_string(), shown, "{text}");
        }
        for text in ["", "P", "P1", "P1Z", "P1YM", "1Y", "PT", "P--1D", "P1T1Y", "Pé"] {
            assert_eq!(Duration::parse(text), None, "{text}");
        }
    }

    #[test]
    fn periods_have_two_ends() {
        let shown = |text: &str| {
            Period::parse(text, NOW, 0).map(|p| format!("{} {}", p.start.show(Notation::Ordinal), p.end.show(Notation::Calendar)))
        };
        assert_eq!(shown("2005-040/2005-043").unwrap(), "2005-040 00:00:00Z 2005-02-12 00:00:00Z");
        assert_eq!(shown("2005-040/P1M").unwrap(), "2005-040 00:00:00Z 2005-03-09 00:00:00Z");
        assert_eq!(shown("P1D/2005-043").unwrap(), "2005-042 00:00:00Z 2005-02-12 00:00:00Z");
        for text in ["", "2019-01-01", "2019-01-01/", "P1D/P1D", "P1Z/2019-01-01", "2019-13-01/P1D"] {
            assert!(shown(text).is_err(), "{text}");
        }
    }
}
