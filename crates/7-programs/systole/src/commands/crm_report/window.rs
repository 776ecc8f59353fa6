//! The time a report is about, and which lines of a log belong to it.

use admin::{Exit, Refusal};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use model::Timestamp;

/// From when to when.
#[derive(Clone, Debug)]
pub struct Window {
    pub start: Zoned,
    pub end: Zoned,
}

impl Window {
    /// Reads two times; the second is `now` where it is absent.
    pub fn new(from: &str, to: Option<&str>, now: Timestamp, zone: &TimeZone) -> Result<Self, Refusal> {
        let now = jiff::Timestamp::from_microsecond(now.0).unwrap_or_default().to_zoned(zone.clone());
        let read = |text: &str| {
            time(text, &now).ok_or_else(|| Refusal::new(Exit::USAGE, format!("{text:?} is no time such as \"2026-01-31 13:05:00\"")))
        };
        let (start, end) = (read(from)?, to.map_or_else(|| Ok(now.clone()), read)?);
        if end < start {
            return Err(Refusal::new(Exit::USAGE, "the end of the report is before its beginning"));
        }
        Ok(Self { start, end })
    }

    /// Returns the beginning as `new` reads it.
    pub fn begin_text(&self) -> String {
        self.start.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Returns the end as `new` reads it.
    pub fn end_text(&self) -> String {
        self.end.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Returns whether something of this moment belongs to the report, in seconds since 1970.
    pub fn has(&self, seconds: i64) -> bool {
        (self.start.timestamp().as_second()..=self.end.timestamp().as_second()).contains(&seconds)
    }

    /// Returns the lines of a log that belong to the report; a line without a time belongs to the one before.
    pub fn lines<'l>(&self, log: &'l str) -> impl Iterator<Item = &'l str> {
        let mut is_inside = false;
        log.lines().filter(move |line| {
            if let Some(at) = self.time_of(line) {
                is_inside = self.has(at.timestamp().as_second());
            }
            is_inside
        })
    }

    /// Reads `Nov 28 22:10:00` (of the year that fits) or `2026-11-28T22:10:00` at the beginning of a line.
    fn time_of(&self, line: &str) -> Option<Zoned> {
        if let Some(whole) = line.get(..19).and_then(|text| text.parse::<DateTime>().ok()) {
            return whole.to_zoned(self.end.time_zone().clone()).ok();
        }
        let text = line.get(..15)?;
        let of = |year: i16| {
            let at = DateTime::strptime("%Y %b %e %H:%M:%S", format!("{year} {text}")).ok()?;
            at.to_zoned(self.end.time_zone().clone()).ok()
        };
        // A log that was begun last December has no year in it.
        of(self.end.year()).filter(|at| *at <= &self.end + 1.day()).or_else(|| of(self.end.year() - 1))
    }
}

/// Reads a time as the script's users write it.
fn time(text: &str, now: &Zoned) -> Option<Zoned> {
    let words: Vec<&str> = text.split(['T', ' ']).filter(|word| !word.is_empty()).collect();
    let date = |word: &str| Date::strptime("%Y-%m-%d", word).or_else(|_| Date::strptime("%Y/%m/%d", word)).ok();
    let clock = |word: &str| Time::strptime("%H:%M:%S", word).or_else(|_| Time::strptime("%H:%M", word)).ok();
    let at = match words[..] {
        [one] => match (date(one), clock(one)) {
            (Some(date), _) => date.at(0, 0, 0, 0),
            (None, Some(clock)) => now.date().to_datetime(clock),
            (None, None) => return None,
        },
        [one, two] => date(one)?.to_datetime(clock(two)?),
        _ => return None,
    };
    at.to_zoned(now.time_zone().clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: &str, to: Option<&str>) -> Result<Window, Refusal> {
        Window::new(from, to, Timestamp(1_700_000_000_000_000), &TimeZone::UTC)
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (from, expected) in [
            ("2023-1-5 3:04:05", "2023-01-05 03:04:05"),
            ("2023-11-14", "2023-11-14 00:00:00"),
            ("20:13:20", "2023-11-14 20:13:20"),
            ("2023-11-14 20:13", "2023-11-14 20:13:00"),
        ] {
            assert_eq!(window(from, None).unwrap().begin_text(), expected);
        }
        assert_eq!(window("2023-11-14", None).unwrap().end_text(), "2023-11-14 22:13:20");
        for bad in ["", "yesterday", "2023-13-01", "2023-11-14 25:00:00", "2024-01-01"] {
            assert_eq!(window(bad, None).unwrap_err().exit, Exit::USAGE, "{bad}");
        }
    }

    #[test]
    fn a_log_is_cut_to_the_time_and_a_year_that_is_not_there_is_guessed() {
        let window = window("2023-11-14 10:00:00", Some("2023-11-14 11:00:00")).unwrap();
        let log = "Nov 14 09:59:59 n1 a\n more of a\nNov 14 10:00:00 n1 b\n more of b\n2023-11-14T10:30:00 c\nNov 14 11:00:01 n1 d\nDec 31 10:30:00 n1 old\n";
        assert_eq!(window.lines(log).collect::<Vec<_>>(), ["Nov 14 10:00:00 n1 b", " more of b", "2023-11-14T10:30:00 c"]);
    }
}
