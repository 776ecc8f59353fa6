//! Documents: XML, expressions on it, the CIB and its patches, edits, rules and dates.

use cib::edit::{Request, edited};
use cib::iso8601::{DateTime, Duration, Notation, Period};
use cib::patch::{Patch, apply, diff};
use cib::rules::{Input, Recheck, Rule};
use model::Timestamp;
use status::Facts;
use std::collections::BTreeMap;
use xml::{Element, Limits, XPath, parse};

const NOW: Timestamp = Timestamp(1_790_000_000_000_000);

/// Larger ones only take longer.
const LENGTH_MAX: usize = 1 << 16;

pub(crate) fn document(bytes: &[u8]) -> Option<Element> {
    parse(&bytes[..bytes.len().min(LENGTH_MAX)], &Limits::default()).ok()
}

/// Returns the parts of an input: those of inputs that need several stand apart by a line of `%`.
fn parts<const N: usize>(bytes: &[u8]) -> Option<[&str; N]> {
    let text = std::str::from_utf8(&bytes[..bytes.len().min(LENGTH_MAX)]).ok()?;
    let mut parts = text.splitn(N, "\n%\n");
    let found = std::array::from_fn(|_| parts.next());
    found.iter().all(Option::is_some).then(|| found.map(Option::unwrap_or_default))
}

/// What was read is the same when it is written and read again.
pub(crate) fn xml(bytes: &[u8]) {
    let Some(element) = document(bytes) else { return };
    for text in [element.to_text(), element.to_compact()] {
        let again = parse(text.as_bytes(), &Limits::default()).expect("what was written can be read");
        assert!(again.to_compact() == element.to_compact(), "a document changes when it is written and read");
    }
}

pub(crate) fn xpath(bytes: &[u8]) {
    let Some([expression, text]) = parts(bytes) else { return };
    let (Ok(expression), Some(element)) = (XPath::parse(expression), document(text.as_bytes())) else { return };
    let _ = expression.evaluate(&element);
    for place in expression.select(&element) {
        let _ = (place.element(&element), place.node(&element));
    }
}

/// From a document to a plan, twice the same.
pub(crate) fn cib(bytes: &[u8]) {
    let Some(element) = document(bytes) else { return };
    let _ = cib::validate(&element);
    let _ = cib::upgrade(&element);
    let _ = cib::digest::content_digest(&element, cib::digest::DigestForm::V2_1);
    let plan = scheduler::schedule(&Facts::deduce(&element, NOW));
    assert!(plan == scheduler::schedule(&Facts::deduce(&element, NOW)), "a second plan of the same input differs");
}

/// A difference applied to the one document gives the other; a patch from elsewhere is applied or refused.
pub(crate) fn patch(bytes: &[u8]) {
    let Some([old, new]) = parts(bytes) else { return };
    let (Some(old), Some(new)) = (document(old.as_bytes()), document(new.as_bytes())) else { return };
    if let Ok(patch) = Patch::from_xml(&new) {
        let _ = apply(&patch, &old, true);
        let _ = apply(&patch, &old, false);
        let again = Patch::from_xml(&patch.to_xml()).expect("a patch that was written can be read");
        assert!(again.to_xml().to_compact() == patch.to_xml().to_compact(), "a patch changes when it is written and read");
        return;
    }
    if old.name == "cib" && new.name == "cib" {
        let patch = diff(&old, &new);
        let written = Patch::from_xml(&patch.to_xml()).expect("a patch that was made can be read");
        // Elements without an id of their own cannot always be told apart: then the patch is refused, or its digest does not fit.
        let _ = apply(&written, &old, false);
    }
}

/// An operation, a section, an expression and an element, on a document.
pub(crate) fn edit(bytes: &[u8]) {
    let Some([operation, section, expression, element, cib]) = parts(bytes) else { return };
    let given = |text| Some(text).filter(|text: &&str| !text.is_empty());
    let Some(cib) = document(cib.as_bytes()) else { return };
    let (section, xpath, xml) = (given(section), given(expression), given(element));
    for (allow_create, expand_increments, force) in [(false, false, false), (true, true, true)] {
        let request = Request { operation, section, xpath, xml, element: None, allow_create, expand_increments, force };
        if let Ok(changed) = edited(&cib, &request) {
            let _ = cib::validate(&changed);
        }
    }
}

pub(crate) fn rule(bytes: &[u8]) {
    let Some(element) = document(bytes) else { return };
    let attributes: BTreeMap<&str, &str> = [("colour", "red"), ("#uname", "node1"), ("size", "7"), ("version", "1.2.3")].into();
    for rule in element.descendants().filter(|element| element.name == "rule").filter_map(|found| Rule::of(found, &element)) {
        for offset in [-40_000, 0, 40_000] {
            let input = Input {
                now: Some(NOW),
                utc_offset: offset,
                node_attributes: Some(&attributes),
                parameters: Some(&attributes),
                class: Some("ocf"),
                operation: Some(("monitor", std::time::Duration::from_secs(10))),
                ..Input::default()
            };
            rule.is_met(&input, &mut Recheck::default());
        }
    }
}

/// Moments, durations, periods, intervals, scores, truths: whatever is written in one word.
pub(crate) fn date(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(&bytes[..bytes.len().min(LENGTH_MAX)]) else { return };
    for text in text.lines() {
        let _ = (model::parse_interval(text), model::parse_boolean(text), model::Score::parse(text), cib::Version::parse(text));
        let _ = Period::parse(text, NOW, 3600);
        let duration = Duration::parse(text);
        if let Some(moment) = DateTime::parse(text, NOW, 3600) {
            let _ = (moment.timestamp(), moment.seconds_of_all_years(), duration.map(|duration| moment.after(&duration)));
            for notation in [Notation::Calendar, Notation::Ordinal, Notation::Week] {
                let shown = moment.show(notation);
                let again = DateTime::parse(&shown, NOW, 3600);
                // Compat: seconds of an offset are read and not shown.
                let away = |again: DateTime| again.timestamp().seconds().abs_diff(moment.timestamp().seconds());
                assert!(again.is_none_or(|again| away(again) < 60), "{text} is shown as {shown}, which is another moment");
            }
        } else if let Some(duration) = duration {
            let _ = DateTime::at(NOW, 0).after(&duration).timestamp();
        }
    }
}
