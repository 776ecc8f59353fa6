//! Dates and times as rules write them: ISO 8601, with what Pacemaker's reader adds and tolerates.
//!
//! Known are calendar (`2024-02-29`, `20240229`), ordinal (`2024-060`) and week dates (`2024-W09-4`), times with and
//! without colons, `Z` and offsets (also behind a blank), a time alone (today), and `epoch`. The local offset is an
//! argument: nothing here reads a clock or a time zone.

mod duration;

pub use duration::{Duration, Period};

use jiff::ToSpan;
use jiff::civil::{Date, ISOWeekDate, Time, Weekday};
use model::Timestamp;

/// A moment with the calendar and clock of some offset from UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DateTime {
    date: Date,
    time: Time,
    /// Seconds east of UTC.
    offset: i32,
}

/// A unit that can be added to a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    Years,
    Months,
    Weeks,
    Days,
    Hours,
    Minutes,
    Seconds,
}

/// How a date is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notation {
    /// `2019-09-24`
    Calendar,
    /// `2019-267`
    Ordinal,
    /// `2019-W39-2`
    Week,
}

impl DateTime {
    /// Returns a moment as shown by a clock this many seconds east of UTC.
    pub fn at(moment: Timestamp, utc_offset: i32) -> Self {
        let seconds = moment.seconds().saturating_add(i64::from(utc_offset));
        let days = seconds.div_euclid(86_400);
        let date = add_days(Date::constant(1970, 1, 1), days);
        Self { date, time: time_of(seconds.rem_euclid(86_400)), offset: utc_offset }
    }

    /// Reads a moment. A time without an offset is one of this local offset, a date without a time is midnight UTC,
    /// and a time without a date is today, both as Pacemaker has it.
    pub fn parse(text: &str, now: Timestamp, utc_offset: i32) -> Option<Self> {
        let text = text.trim_start();
        let is_time_alone = text.starts_with('T') || text.as_bytes().get(2) == Some(&b':');
        let (date, clock) = if is_time_alone {
            (Self::at(now, utc_offset).date, Some(text.strip_prefix('T').unwrap_or(text)))
        } else if text.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("epoch")) {
            if !text[5..].chars().next().is_none_or(|c| c == '/' || c.is_whitespace()) {
                return None;
            }
            (Date::constant(1970, 1, 1), None)
        } else {
            let rest = text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | 'W'));
            (parse_date(text)?, rest.strip_prefix([' ', 'T']))
        };
        match clock {
            None => Some(Self { date, time: Time::midnight(), offset: 0 }),
            Some(clock) => Self::with_clock(date, clock, utc_offset),
        }
    }

    fn with_clock(date: Date, clock: &str, utc_offset: i32) -> Option<Self> {
        let seconds = parse_clock(clock)?;
        let zone = match clock.find('Z') {
            Some(at) => Some(&clock[at..]),
            None => clock.find([' ', '+', '-']).map(|at| clock[at..].trim_start()),
        };
        let offset = match zone {
            None => utc_offset,
            Some(zone) => match zone.strip_prefix('-') {
                Some(west) => -parse_clock(west)?,
                // Compat: an offset that is none counts as UTC.
                None => {
                    let east = zone.strip_prefix('+').unwrap_or(zone);
                    if east.starts_with(|c: char| c.is_ascii_digit()) { parse_clock(east)? } else { 0 }
                }
            },
        };
        // 24:00 is midnight of the next day.
        let date = if seconds == 86_400 { add_days(date, 1) } else { date };
        Some(Self { date, time: time_of(i64::from(seconds) % 86_400), offset })
    }

    /// Returns the moment.
    pub fn timestamp(&self) -> Timestamp {
        let days = i64::from(self.date.since(Date::constant(1970, 1, 1)).map_or(0, |span| span.get_days()));
        Timestamp::from_seconds(days * 86_400 + i64::from(second_of_day(self.time)) - i64::from(self.offset))
    }

    /// Returns the date, the time and the offset (`Z` for none) in writing.
    pub fn show(&self, notation: Notation) -> String {
        let week = self.date.iso_week_date();
        let date = match notation {
            Notation::Calendar => format!("{:04}-{:02}-{:02}", self.date.year(), self.date.month(), self.date.day()),
            Notation::Ordinal => format!("{:04}-{:03}", self.date.year(), self.date.day_of_year()),
            Notation::Week => format!("{:04}-W{:02}-{}", week.year(), week.week(), week.weekday().to_monday_one_offset()),
        };
        let time = format!("{:02}:{:02}:{:02}", self.time.hour(), self.time.minute(), self.time.second());
        let (sign, minutes) = (if self.offset < 0 { '-' } else { '+' }, self.offset.abs() / 60);
        match self.offset {
            0 => format!("{date} {time}Z"),
            _ => format!("{date} {time} {sign}{:02}:{:02}", minutes / 60, minutes % 60),
        }
    }

    /// Returns the seconds since the beginning of the year 0 as Pacemaker counts them.
    pub fn seconds_of_all_years(&self) -> i64 {
        self.timestamp().seconds() + 62_135_596_800
    }

    /// Returns the moment this many units later, at the ends of the calendar the last or first one.
    ///
    /// Compat: a year later is the same day of the year (60th, say), not the same date.
    #[must_use]
    pub fn plus(self, amount: i64, unit: Unit) -> Self {
        match unit {
            Unit::Years => {
                let year = i64::from(self.date.year()).saturating_add(amount).clamp(1, 9999) as i16;
                let first = Date::new(year, 1, 1).unwrap_or(self.date);
                Self { date: add_days(first, i64::from(self.date.day_of_year()) - 1), ..self }
            }
            Unit::Months => {
                let bounded = amount.clamp(-12 * 10_000, 12 * 10_000);
                Self { date: self.date.saturating_add(bounded.months()), ..self }
            }
            Unit::Weeks => Self { date: add_days(self.date, amount.saturating_mul(7)), ..self },
            Unit::Days => Self { date: add_days(self.date, amount), ..self },
            Unit::Hours => self.plus(amount.saturating_mul(3600), Unit::Seconds),
            Unit::Minutes => self.plus(amount.saturating_mul(60), Unit::Seconds),
            Unit::Seconds => {
                let seconds = i64::from(second_of_day(self.time)).saturating_add(amount);
                Self { date: add_days(self.date, seconds.div_euclid(86_400)), time: time_of(seconds.rem_euclid(86_400)), ..self }
            }
        }
    }

    /// Returns a part of the date or time by the name that a `date_spec` gives it; weeks and their days as in ISO 8601.
    pub fn part(&self, name: &str) -> Option<i64> {
        let week = || self.date.iso_week_date();
        Some(match name {
            "years" => i64::from(self.date.year()),
            "months" => i64::from(self.date.month()),
            "monthdays" => i64::from(self.date.day()),
            "yeardays" => i64::from(self.date.day_of_year()),
            "weekyears" => i64::from(week().year()),
            "weeks" => i64::from(week().week()),
            "weekdays" => i64::from(week().weekday().to_monday_one_offset()),
            "hours" => i64::from(self.time.hour()),
            "minutes" => i64::from(self.time.minute()),
            "seconds" => i64::from(self.time.second()),
            _ => return None,
        })
    }
}

fn second_of_day(time: Time) -> i32 {
    i32::from(time.hour()) * 3600 + i32::from(time.minute()) * 60 + i32::from(time.second())
}

fn time_of(second_of_day: i64) -> Time {
    let part = |divisor: i64, modulus: i64| (second_of_day / divisor % modulus) as i8;
    Time::new(part(3600, 24), part(60, 60), part(1, 60), 0).unwrap_or(Time::midnight())
}

fn add_days(date: Date, days: i64) -> Date {
    date.saturating_add(days.clamp(-4_000_000, 4_000_000).days())
}

/// Takes a number from the front of a text, of at most so many digits.
fn take_number(text: &mut &str, digits_max: usize) -> Option<i64> {
    let digits = text.bytes().take(digits_max).take_while(u8::is_ascii_digit).count();
    let number = text[..digits].parse().ok()?;
    *text = &text[digits..];
    Some(number)
}

fn take_prefix(text: &mut &str, prefix: &str) -> Option<()> {
    *text = text.strip_prefix(prefix)?;
    Some(())
}

fn parse_date(text: &str) -> Option<Date> {
    let calendar = |year: i64, month: i64, day: i64| Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok();
    let mut rest = text;
    let year = take_number(&mut rest, 9)?;
    if take_prefix(&mut rest, "-W").is_some() {
        let week = take_number(&mut rest, 9)?;
        take_prefix(&mut rest, "-")?;
        let weekday = Weekday::from_monday_one_offset(take_number(&mut rest, 9)?.try_into().ok()?).ok()?;
        return Some(ISOWeekDate::new(year.try_into().ok()?, week.try_into().ok()?, weekday).ok()?.date()).filter(|_| year >= 1);
    }
    if take_prefix(&mut rest, "-").is_some() {
        let second = take_number(&mut rest, 9)?;
        if take_prefix(&mut rest, "-").is_some() && rest.starts_with(|c: char| c.is_ascii_digit()) {
            return calendar(year, second, take_number(&mut rest, 9)?).filter(|_| year >= 1);
        }
        let first = calendar(year, 1, 1).filter(|_| year >= 1)?;
        let is_in_year = (1..=i64::from(first.days_in_year())).contains(&second);
        return is_in_year.then(|| add_days(first, second - 1));
    }
    let mut rest = text;
    let (year, month, day) = (take_number(&mut rest, 4)?, take_number(&mut rest, 2)?, take_number(&mut rest, 2)?);
    calendar(year, month, day).filter(|_| year >= 1)
}

/// Returns the seconds since midnight of `12`, `12:30`, `12:30:59`, `1230` or `123059`; what follows is ignored.
fn parse_clock(text: &str) -> Option<i32> {
    let mut rest = text;
    let mut parts = [take_number(&mut rest, 9)?, 0, 0];
    if rest.starts_with(':') {
        for part in &mut parts[1..] {
            if take_prefix(&mut rest, ":").is_none() || !rest.starts_with(|c: char| c.is_ascii_digit()) {
                break;
            }
            *part = take_number(&mut rest, 9)?;
        }
    } else {
        rest = text;
        for part in &mut parts {
            *part = take_number(&mut rest, 2).unwrap_or(0);
        }
    }
    let [hour, minute, second] = parts;
    let is_valid = (hour < 24 && minute < 60 && second < 60) || parts == [24, 0, 0];
    is_valid.then_some((hour * 3600 + minute * 60 + second) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000_000); // 2023-11-14 22:13:20 UTC

    fn seconds(text: &str) -> Option<i64> {
        DateTime::parse(text, NOW, 3600).map(|t| t.timestamp().seconds())
    }

    #[test]
    fn every_spelling_of_a_moment_is_read() {
        for (text, expected) in [
            ("1970-01-01", 0),
            ("epoch", 0),
            ("1970-001", 0),
            ("19700101", 0),
            ("1970-W01-4", 0),
            ("2009-W01-1", 1_230_508_800),
            ("2009-W53-7", 1_262_476_800),
            ("2005-020", 1_106_179_200),
            ("2005-020T12:30Z", 1_106_224_200),
            ("2005-020T12:30", 1_106_220_600),
            ("2019-09-20 15:10:52 +00:00", 1_568_992_252),
            ("2019-09-23 11:00:00 -05:00", 1_569_254_400),
            ("2019-09-23T11:00:00-0500", 1_569_254_400),
            ("2019-09-23T110000+02", 1_569_229_200),
            ("2024-02-29T24:00:00Z", 1_709_251_200),
            ("T10:00Z", 1_699_956_000),
            ("10:00:00Z", 1_699_956_000),
            ("2020-01-01 00:00:00Z", 1_577_836_800),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "soon",
            "2024",
            "2024-13-01",
            "2023-02-29",
            "2023-366",
            "2023-W53-1",
            "2023-W01-8",
            "0000-01-01",
            "2023-01-01T25:00",
            "2023-01-01T10:60",
            "epochal",
            "2023-01-01T10:00 +99",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn units_are_added_by_the_calendar() {
        let start = |text| DateTime::parse(text, NOW, 0).unwrap();
        for (from, amount, unit, to) in [
            ("2024-01-31", 1, Unit::Months, "2024-02-29"),
            ("2024-03-01", 1, Unit::Years, "2025-03-02"),
            ("2023-12-31", 1, Unit::Days, "2024-01-01"),
            ("2023-12-31", 2, Unit::Weeks, "2024-01-14"),
            ("2023-12-31", 25, Unit::Hours, "2024-01-01T01:00Z"),
            ("2023-12-31", -1, Unit::Seconds, "2023-12-30T23:59:59Z"),
            ("2023-12-31", i64::MAX, Unit::Seconds, "9999-12-31T00:30:07Z"),
        ] {
            let moved = start(from).plus(amount, unit);
            match amount {
                i64::MAX => assert_eq!(moved.part("years"), Some(9999)),
                _ => assert_eq!(moved.timestamp(), start(to).timestamp(), "{from} {amount} {unit:?}"),
            }
        }
    }

    #[test]
    fn parts_are_those_of_the_local_calendar() {
        let local = DateTime::at(NOW, 2 * 3600);
        let parts = ["years", "months", "monthdays", "hours", "minutes", "seconds", "yeardays", "weekyears", "weeks", "weekdays"]
            .map(|name| local.part(name).unwrap());
        assert_eq!(parts, [2023, 11, 15, 0, 13, 20, 319, 2023, 46, 3]);
        assert_eq!(local.timestamp().seconds(), NOW.seconds());
    }

    #[test]
    fn nothing_makes_the_reader_stop() {
        let good = "2019-09-23T11:00:00 -05:00";
        for at in 0..good.len() {
            for c in ['-', 'W', 'T', ':', '9', ' ', 'é', '+', 'Z'] {
                let mut text = good.to_owned();
                text.replace_range(at..=at, &c.to_string());
                let _ = seconds(&text);
                let _ = seconds(&text[..at]);
            }
        }
    }
}
