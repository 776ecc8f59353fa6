//! Moments, spans and exit codes in the spellings of the tools.

use jiff::tz::TimeZone;
use model::{AgentExit, Timestamp};

/// Returns a moment as `Mon Nov 23 06:22:30 2026` in this zone.
pub fn text_time(at: Timestamp, zone: &TimeZone) -> String {
    zoned(at, zone).map_or_else(|| at.to_string(), |time| time.strftime("%a %b %e %H:%M:%S %Y").to_string())
}

/// Returns a moment as `2026-11-23 06:22:30Z`, the form with a zone.
pub fn iso_time(at: Timestamp, zone: &TimeZone) -> String {
    let Some(time) = zoned(at, zone) else { return at.to_string() };
    let zone = match time.offset().seconds() {
        0 => "Z".to_owned(),
        _ => time.strftime(" %:z").to_string(),
    };
    format!("{}{zone}", time.strftime("%Y-%m-%d %H:%M:%S"))
}

fn zoned(at: Timestamp, zone: &TimeZone) -> Option<jiff::Zoned> {
    Some(jiff::Timestamp::from_second(at.seconds()).ok()?.to_zoned(zone.clone()))
}

/// Returns a span in the incumbent's words: `1m30s`, `10s`, `500ms`.
pub fn readable_interval(ms: u64) -> String {
    let (days, hours, minutes) = (ms / 86_400_000, ms / 3_600_000 % 24, ms / 60_000 % 60);
    let (seconds, rest) = (ms / 1000 % 60, ms % 1000);
    let mut text = String::new();
    for (value, unit) in [(days, "d"), (hours, "h"), (minutes, "m")] {
        if value > 0 {
            text.push_str(&format!("{value}{unit}"));
        }
    }
    match (seconds, rest) {
        (0, 0) => {}
        (0, rest) if text.is_empty() => text.push_str(&format!("{rest}ms")),
        (seconds, 0) => text.push_str(&format!("{seconds}s")),
        (seconds, rest) => text.push_str(&format!("{seconds}.{rest:03}s")),
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Returns an agent's exit code in the words of Pacemaker 3.x (`new`) or 2.x.
pub(crate) fn exit_text(exit: AgentExit, new: bool) -> &'static str {
    if !new {
        return exit.as_str();
    }
    match exit.0 {
        0 => "OK",
        1 => "Error occurred",
        2 => "Invalid parameter",
        3 => "Unimplemented",
        4 => "Insufficient privileges",
        5 => "Not installed",
        6 => "Not configured",
        7 => "Not running",
        8 => "Promoted",
        9 => "Failed in promoted role",
        124 => "Timeout occurred",
        190 => "Service is active but might fail soon",
        191 => "Service is promoted but might fail soon",
        193 => "No exit status available",
        129..=254 => "Interrupted by signal",
        255 => "Error occurred",
        _ => "Unknown exit status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_forms_of_the_tools() {
        let at = Timestamp::from_seconds(1_592_335_401);
        assert_eq!(text_time(at, &TimeZone::UTC), "Tue Jun 16 19:23:21 2020");
        assert_eq!(iso_time(at, &TimeZone::UTC), "2020-06-16 19:23:21Z");
    }

    #[test]
    fn intervals_are_short() {
        for (ms, text) in [(10_000, "10s"), (90_000, "1m30s"), (500, "500ms"), (1_500, "1.500s"), (0, "0s"), (86_400_000, "1d")] {
            assert_eq!(readable_interval(ms), text);
        }
    }
}
