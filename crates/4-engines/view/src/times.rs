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
///
/// Compat: a unit is used where there is more than one of it: one minute is `60s`, one second `1000ms`.
pub fn readable_interval(ms: u64) -> String {
    let mut text = String::new();
    let mut rest = ms;
    for (unit_ms, unit) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m")] {
        if rest > unit_ms {
            text.push_str(&format!("{}{unit}", rest / unit_ms));
            rest %= unit_ms;
        }
    }
    match (rest / 1000, rest % 1000) {
        (0, 0) => {}
        (seconds, 0) if rest > 1000 => text.push_str(&format!("{seconds}s")),
        (seconds, part) if rest > 1000 => text.push_str(&format!("{seconds}.{part:03}s")),
        _ => text.push_str(&format!("{rest}ms")),
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
        for (ms, text) in [
            (10_000, "10s"),
            (90_000, "1m30s"),
            (500, "500ms"),
            (1_500, "1.500s"),
            (0, "0s"),
            (172_800_000, "2d"),
            (86_400_000, "24h"),
            (3_600_000, "60m"),
            (60_000, "60s"),
            (3_660_000, "1h60s"),
            (1_000, "1000ms"),
        ] {
            assert_eq!(readable_interval(ms), text);
        }
    }
}
