//! Conditions on the time.
//!
//! Compat: moments count in whole seconds; what a `date_spec` asks for has no moment at which it is looked at again.

use super::{DateExpression, Input, Recheck};
use crate::iso8601::{DateTime, Unit};
use model::Timestamp;
use std::time::Duration;
use xml::Element;

const UNITS: [(&str, Unit); 7] = [
    ("years", Unit::Years),
    ("months", Unit::Months),
    ("weeks", Unit::Weeks),
    ("days", Unit::Days),
    ("hours", Unit::Hours),
    ("minutes", Unit::Minutes),
    ("seconds", Unit::Seconds),
];

/// The parts that a `date_spec` may restrict.
pub(crate) const PARTS: [&str; 10] =
    ["years", "months", "monthdays", "hours", "minutes", "seconds", "yeardays", "weekyears", "weeks", "weekdays"];

/// Where a moment lies, seen from a period or condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DateVerdict {
    /// The condition is met.
    Within,
    /// Its time has not come.
    Before,
    /// Its time is over.
    After,
    /// It cannot be told, since the condition is not well written.
    Unusable,
}

impl DateExpression<'_> {
    /// Returns whether the condition is met, and adds to `recheck` when that changes.
    pub fn is_met(&self, input: &Input<'_>, recheck: &mut Recheck) -> bool {
        self.verdict(input, recheck) == DateVerdict::Within
    }

    /// Returns where the present moment lies, and adds to `recheck` when that changes.
    pub fn verdict(&self, input: &Input<'_>, recheck: &mut Recheck) -> DateVerdict {
        let Some(now) = input.now.map(|now| Timestamp::from_seconds(now.seconds())) else { return DateVerdict::Unusable };
        let moment = |name| match self.element.attribute(name) {
            None => Ok(None),
            Some(text) => DateTime::parse(text, now, input.utc_offset).map(Some).ok_or(()),
        };
        let (Ok(start), Ok(end)) = (moment("start"), moment("end")) else { return DateVerdict::Unusable };
        let operation = self.element.attribute("operation").unwrap_or("in_range").to_ascii_lowercase();
        match (operation.as_str(), start, end) {
            ("in_range", None, None) | ("gt", None, _) | ("lt", _, None) => DateVerdict::Unusable,
            ("in_range", start, end) => match self.end_of(start, end) {
                Ok(end) => in_range(now, start.map(|t| t.timestamp()), end.map(|t| t.timestamp()), recheck),
                Err(()) => DateVerdict::Unusable,
            },
            ("gt", Some(start), _) if now > start.timestamp() => DateVerdict::Within,
            ("gt", Some(start), _) => {
                recheck.at(start.timestamp().after(Duration::from_secs(1)));
                DateVerdict::Before
            }
            ("lt", _, Some(end)) if now < end.timestamp() => {
                recheck.at(end.timestamp());
                DateVerdict::Within
            }
            ("lt", _, Some(_)) => DateVerdict::After,
            ("date_spec", ..) => match self.element.child("date_spec") {
                Some(spec) => date_spec(spec, DateTime::at(now, input.utc_offset)),
                None => DateVerdict::Unusable,
            },
            _ => DateVerdict::Unusable,
        }
    }

    /// Returns the end as written, else by the duration.
    fn end_of(&self, start: Option<DateTime>, end: Option<DateTime>) -> Result<Option<DateTime>, ()> {
        match (end, self.element.child("duration")) {
            (None, Some(duration)) => {
                let mut end = start.ok_or(())?;
                for (name, unit) in UNITS {
                    if let Some(text) = duration.attribute(name) {
                        end = end.plus(super::evaluate::parse_integer(text).ok_or(())?, unit);
                    }
                }
                Ok(Some(end))
            }
            (end, _) => Ok(end),
        }
    }
}

fn in_range(now: Timestamp, start: Option<Timestamp>, end: Option<Timestamp>, recheck: &mut Recheck) -> DateVerdict {
    if let Some(start) = start
        && now < start
    {
        recheck.at(start);
        return DateVerdict::Before;
    }
    if let Some(end) = end {
        if now > end {
            return DateVerdict::After;
        }
        // The last second still counts.
        recheck.at(end.after(Duration::from_secs(1)));
    }
    DateVerdict::Within
}

fn date_spec(spec: &Element, now: DateTime) -> DateVerdict {
    for name in PARTS {
        let (Some(range), Some(actual)) = (spec.attribute(name), now.part(name)) else { continue };
        match parse_range(range) {
            None => return DateVerdict::Unusable,
            Some((Some(low), _)) if actual < low => return DateVerdict::Before,
            Some((_, Some(high))) if actual > high => return DateVerdict::After,
            Some(_) => {}
        }
    }
    DateVerdict::Within
}

/// Reads `5`, `5-7`, `5-` or `-7`.
pub(crate) fn parse_range(text: &str) -> Option<(Option<i64>, Option<i64>)> {
    let number = |text: &str| if text.is_empty() { Some(None) } else { text.trim_start().parse::<i64>().ok().map(Some) };
    match text.split_once('-') {
        None => number(text).filter(Option::is_some).map(|n| (n, n)),
        Some(("", "")) => None,
        Some((low, high)) => Some((number(low)?, number(high)?)),
    }
}
