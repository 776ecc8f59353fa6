//! `iso8601`: dates, periods and durations as rules write them, read and shown.

use super::tool::{self, Report};
use admin::{Exit, Refusal};
use cib::iso8601::{DateTime, Duration, Notation, Period};
use clap::Args;
use model::Timestamp;
use std::ffi::OsString;
use std::process::ExitCode;

#[derive(Args)]
struct Arguments {
    /// Display the current date and time
    #[arg(short = 'n', long)]
    now: bool,
    /// Read a date and time, such as '2019-09-24 00:30:00 +01:00' or '2019-040'
    #[arg(short = 'd', long, allow_hyphen_values = true)]
    date: Option<String>,
    /// Read a period, such as '2005-040/2005-043'
    #[arg(short = 'p', long, allow_hyphen_values = true)]
    period: Option<String>,
    /// Read a duration, such as 'P1M'; with -n or -d: what it ends at
    #[arg(short = 'D', long, allow_hyphen_values = true)]
    duration: Option<String>,
    /// Fail if the result is not this text
    #[arg(short = 'E', long, allow_hyphen_values = true)]
    expected: Option<String>,
    /// Show the result as seconds since year 0
    #[arg(short = 's', long)]
    seconds: bool,
    /// Show the result as seconds since 1970
    #[arg(short = 'S', long)]
    epoch: bool,
    /// Show the result in local time
    #[arg(short = 'L', long)]
    local: bool,
    /// Show the result as an ordinal date
    #[arg(short = 'O', long)]
    ordinal: bool,
    /// Show the result as a calendar week date
    #[arg(short = 'W', long)]
    week: bool,
}

/// Runs `iso8601`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<Arguments>("iso8601", arguments, act)
}

fn act(arguments: &Arguments, report: &mut Report) -> Result<Exit, Refusal> {
    let now = admin::now();
    let offset = utc_offset(now);
    // Compat: what is read is shown in UTC (or local time), what is computed by its own clock.
    let shown = |moment: DateTime| show(arguments, DateTime::at(moment.timestamp(), if arguments.local { offset } else { 0 }));
    let refuse = |what: &str, text: &str| Refusal::new(Exit::INVALID_PARAMETER, format!("Invalid {what} specified: {text}"));
    let mut date = None;
    if arguments.now {
        let moment = DateTime::at(Timestamp::from_seconds(now.seconds()), offset);
        report.line(format!("Current date/time: {}", shown(moment)));
        date = Some(moment);
    }
    if let Some(text) = &arguments.date {
        let moment = DateTime::parse(text, now, offset).ok_or_else(|| refuse("date/time", text))?;
        report.line(format!("Date: {}", shown(moment)));
        date = Some(moment);
    }
    if let Some(text) = &arguments.duration {
        let duration = Duration::parse(text).ok_or_else(|| refuse("duration", text))?;
        report.line(format!("Duration: {duration}"));
        date = date.map(|date| date.after(&duration));
        if let Some(end) = date {
            report.line(format!("Duration ends at: {}", show(arguments, end)));
        }
    }
    if let Some(text) = &arguments.period {
        let period = Period::parse(text, now, offset).map_err(|why| {
            report.error(format!("error: {why}"));
            refuse("interval", text)
        })?;
        report.line(format!("Period: {} to {}", shown(period.start), shown(period.end)));
    }
    match (&arguments.expected, date) {
        (Some(expected), Some(date)) if shown(date) != *expected => {
            report.error(format!("the result is {:?}, not {expected:?}", shown(date)));
            Ok(Exit::ERROR)
        }
        (Some(_), None) => Err(Refusal::new(Exit::USAGE, "--expected needs --date or --now")),
        _ => Ok(Exit::OK),
    }
}

fn show(arguments: &Arguments, moment: DateTime) -> String {
    if arguments.epoch {
        return moment.timestamp().seconds().to_string();
    }
    if arguments.seconds {
        return moment.seconds_of_all_years().to_string();
    }
    moment.show(match (arguments.ordinal, arguments.week) {
        (true, _) => Notation::Ordinal,
        (false, true) => Notation::Week,
        (false, false) => Notation::Calendar,
    })
}

/// Returns how many seconds the local clock is east of UTC.
pub fn utc_offset(now: Timestamp) -> i32 {
    let moment = jiff::Timestamp::from_second(now.seconds()).unwrap_or_default();
    admin::zone().to_offset(moment).seconds()
}
