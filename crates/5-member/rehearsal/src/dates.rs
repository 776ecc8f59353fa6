//! Dates as people give them to a tool: ISO 8601 with calendar, ordinal or week dates.

use jiff::civil::{Date, ISOWeekDate, Time, Weekday};
use jiff::tz::{Offset, TimeZone};
use model::Timestamp;

/// Parses a date (`2005-020`, `2014-05-07 00:28:00`, `2005-W04-4T12:30Z`); without a zone it is in `zone`.
pub fn parse_date(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(seconds) = text.strip_prefix('@') {
        return seconds.parse().ok().map(Timestamp::from_seconds);
    }
    let (date, rest) = match text.find(['T', ' ']) {
        Some(at) => (&text[..at], text[at + 1..].trim()),
        None => (text, ""),
    };
    let date = calendar_date(date)?;
    let (time, offset) = match rest.find(['Z', '+', '-', ' ']) {
        Some(at) => (rest[..at].trim(), Some(zone_offset(rest[at..].trim())?)),
        None => (rest, None),
    };
    let moment = date.to_datetime(if time.is_empty() { Time::midnight() } else { time_of_day(time)? });
    let zone = offset.map_or_else(|| zone.clone(), |offset| offset.to_time_zone());
    Some(Timestamp::from_seconds(zone.to_ambiguous_timestamp(moment).compatible().ok()?.as_second()))
}

fn number(text: &str) -> Option<i16> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn calendar_date(text: &str) -> Option<Date> {
    let year = number(text.get(..4)?)?;
    let rest = text[4..].strip_prefix('-').unwrap_or(&text[4..]);
    if let Some(week) = rest.strip_prefix('W') {
        let (week, day) = week.split_at_checked(2)?;
        let day = match day.trim_start_matches('-') {
            "" => 1,
            day => number(day)?,
        };
        let weekday = Weekday::from_monday_one_offset(day as i8).ok()?;
        return ISOWeekDate::new(year, number(week)? as i8, weekday).ok().map(|week| week.date());
    }
    match rest.len() {
        0 => Date::new(year, 1, 1).ok(),
        3 => Date::new(year, 1, 1).ok()?.checked_add(jiff::Span::new().days(i64::from(number(rest)?) - 1)).ok(),
        _ => {
            let (month, day) = rest.split_at_checked(2)?;
            let day = day.trim_start_matches('-');
            let day = if day.is_empty() { 1 } else { number(day)? };
            Date::new(year, i8::try_from(number(month)?).ok()?, i8::try_from(day).ok()?).ok()
        }
    }
}

fn time_of_day(text: &str) -> Option<Time> {
    let digits: String = text.chars().filter(|c| *c != ':').take_while(|c| *c != '.').collect();
    let part = |from: usize| digits.get(from..from + 2).map_or(Some(0), number);
    let (hour, minute, second) = (part(0)?, part(2)?, part(4)?);
    Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, i8::try_from(second).ok()?, 0).ok()
}

fn zone_offset(text: &str) -> Option<Offset> {
    if text == "Z" {
        return Some(Offset::UTC);
    }
    let (sign, rest) = if let Some(rest) = text.strip_prefix('-') { (-1, rest) } else { (1, text.strip_prefix('+')?) };
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    let hours = i32::from(number(digits.get(..2)?)?);
    let minutes = i32::from(digits.get(2..4).map_or(Some(0), number)?);
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_their_spellings() {
        for (text, seconds) in [
            ("2005-020", 1_106_179_200),
            ("2005-020T12:30", 1_106_224_200),
            ("2014-05-07 00:28:00", 1_399_422_480),
            ("20140507T002800Z", 1_399_422_480),
            ("2014-05-07 02:28:00 +02:00", 1_399_422_480),
            ("2005-W04-4", 1_106_784_000),
            ("@5", 5),
        ] {
            assert_eq!(parse_date(text, &TimeZone::UTC).map(Timestamp::seconds), Some(seconds), "{text}");
        }
        for text in ["", "soon", "2005-13-01", "2005-01-01T25:00"] {
            assert_eq!(parse_date(text, &TimeZone::UTC), None, "{text}");
        }
    }
}
