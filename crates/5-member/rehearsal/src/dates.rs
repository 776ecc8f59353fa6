//! Dates as people give them to a tool: the reader of rules, in the zone of the tool.

use cib::iso8601::DateTime;
use jiff::tz::TimeZone;
use model::Timestamp;

/// Parses a date (`2005-020`, `2014-05-07 00:28:00`, `2005-W04-4T12:30Z`); without an offset it is one of `zone`.
pub fn parse_date(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    // The offset of a zone depends on the moment, so a first reading finds the moment nearly.
    let near = DateTime::parse(text, now, 0)?.timestamp();
    let offset = zone.to_offset(jiff::Timestamp::from_second(near.seconds()).ok()?);
    Some(DateTime::parse(text, now, offset.seconds())?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_zone() {
        let now = Timestamp::from_seconds(0);
        let tokyo = TimeZone::fixed(jiff::tz::offset(9));
        for (text, zone, seconds) in [
            ("2005-020", &TimeZone::UTC, 1_106_179_200),
            ("2005-020T12:30", &TimeZone::UTC, 1_106_224_200),
            ("2014-05-07 00:28:00", &TimeZone::UTC, 1_399_422_480),
            ("2014-05-07 09:28:00", &tokyo, 1_399_422_480),
            ("2014-05-07 00:28:00Z", &tokyo, 1_399_422_480),
        ] {
            assert_eq!(parse_date(text, now, zone).map(Timestamp::seconds), Some(seconds), "{text}");
        }
        assert_eq!(parse_date("soon", now, &tokyo), None);
    }
}
