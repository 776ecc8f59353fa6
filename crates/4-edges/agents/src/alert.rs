//! The environment of an alert program: what it is told, the time in the host's zone, and all of it once more under the old names.

use std::collections::BTreeMap;

/// Returns the variables of a call. Compat: `CRM_alert_timestamp` comes as the format wanted, and `CRM_notify_*` are twins of `CRM_alert_*`.
pub(crate) fn variables(parameters: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all = parameters.clone();
    let number = |name: &str| parameters.get(name).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    if let Some(format) = all.get_mut("CRM_alert_timestamp")
        && let Some(time) =
            told(format, number("CRM_alert_timestamp_epoch"), number("CRM_alert_timestamp_usec"), &jiff::tz::TimeZone::system())
    {
        *format = time;
    }
    let twins = all.iter().filter_map(|(name, value)| Some((format!("CRM_notify_{}", name.strip_prefix("CRM_alert_")?), value.clone())));
    let twins: Vec<_> = twins.collect();
    all.extend(twins);
    all
}

/// Returns a moment in a format of `date`, with the fraction of a second as `%N` (`%03N`: its first three digits).
/// `None`: the format cannot be understood, and the program gets it as it is.
fn told(format: &str, seconds: i64, microseconds: i64, zone: &jiff::tz::TimeZone) -> Option<String> {
    let time = jiff::Timestamp::new(seconds, 0).ok()?.to_zoned(zone.clone());
    let fraction = format!("{microseconds:06}");
    let (mut plain, mut rest) = (String::new(), format);
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        if after[digits..].starts_with('N') {
            let wanted = after[..digits].parse::<usize>().unwrap_or(6).clamp(1, 6);
            plain.push_str(&fraction[..wanted]);
            rest = &after[digits + 1..];
        } else {
            let length = after.chars().next().map_or(0, char::len_utf8);
            plain.push('%');
            plain.push_str(&after[..length]);
            rest = &after[length..];
        }
    }
    plain.push_str(rest);
    jiff::fmt::strtime::format(&plain, &time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_told_as_the_administrator_wants_it() {
        for (format, expected) in [
            ("%H:%M:%S.%06N", Some("06:22:04.283342")),
            ("%Y-%m-%d %T.%3N", Some("2026-11-23 06:22:04.283")),
            ("%N", Some("283342")),
            ("100%% at %s", Some("100% at 1795414924")),
            ("plain", Some("plain")),
            ("%!", None),
        ] {
            assert_eq!(told(format, 1_795_414_924, 283_342, &jiff::tz::TimeZone::UTC).as_deref(), expected, "{format}");
        }
    }

    #[test]
    fn every_variable_has_its_older_twin() {
        let parameters = [("CRM_alert_kind", "node"), ("CRM_alert_timestamp", "%!"), ("mine", "x")];
        let all = variables(&parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(all["CRM_notify_kind"], "node");
        assert_eq!((all["CRM_alert_timestamp"].as_str(), all.len()), ("%!", 5));
    }
}
