//! The time zone in which times are shown: that of `TZ`, else the system's.
//!
//! Short-lived commands run at every monitor, so only the one file that is needed is read; the library would look through
//! the whole database of zones first.

use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};

/// Returns the zone in which times are shown.
pub fn zone() -> TimeZone {
    let wanted = std::env::var("TZ").ok();
    let wanted = wanted.as_deref().map(|name| name.strip_prefix(':').unwrap_or(name));
    let file = match wanted {
        None => PathBuf::from("/etc/localtime"),
        Some("" | "UTC" | "UTC0") => return TimeZone::UTC,
        Some(name) => Path::new("/usr/share/zoneinfo").join(name),
    };
    let read = std::fs::read(&file).ok().and_then(|bytes| TimeZone::tzif(wanted.unwrap_or("local"), &bytes).ok());
    // What is no file of the database may be a rule (`CET-1CEST`), which the library reads.
    read.unwrap_or_else(TimeZone::system)
}
