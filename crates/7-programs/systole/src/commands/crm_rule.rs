//! `crm_rule`: whether a rule of the configuration is in effect at a time.

use super::iso8601::utc_offset;
use super::tool::{self, Report};
use admin::{Cluster, Exit, Refusal};
use cib::iso8601::DateTime;
use cib::rules::{DateExpression, DateVerdict, Input, Recheck};
use clap::Args;
use model::Timestamp;
use std::ffi::OsString;
use std::process::ExitCode;
use xml::{Element, XPath};

#[derive(Args)]
struct Arguments {
    /// Check whether a rule is in effect
    #[arg(short = 'c', long)]
    check: bool,
    /// Read the configuration from this text (or from standard input: -)
    #[arg(short = 'X', long, value_name = "XML", allow_hyphen_values = true)]
    xml_text: Option<String>,
    /// The moment, instead of now
    #[arg(short = 'd', long)]
    date: Option<String>,
    /// The id of the rule (may be given several times)
    #[arg(short = 'r', long)]
    rule: Vec<String>,
}

/// Runs `crm_rule`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<Arguments>("crm_rule", arguments, act)
}

fn act(arguments: &Arguments, report: &mut Report) -> Result<Exit, Refusal> {
    if !arguments.check {
        return Err(Refusal::new(Exit::USAGE, "No mode operation given"));
    }
    if arguments.rule.is_empty() {
        return Err(Refusal::new(Exit::USAGE, "--check requires use of --rule="));
    }
    let now = admin::now();
    let at = match &arguments.date {
        None => now,
        Some(text) => DateTime::parse(text, now, utc_offset(now))
            .map(|moment| moment.timestamp())
            .ok_or_else(|| Refusal::new(Exit::DATA, format!("Invalid date/time specified: {text}")))?,
    };
    let document = document(arguments, report)?;
    let mut exit = Exit::OK;
    for id in &arguments.rule {
        let (text, code) = checked(&document, id, at);
        if code == Exit::OK || code == Exit::EXPIRED || code == Exit::NOT_YET || code == Exit::UNSATISFIED {
            report.line(&text);
        } else {
            report.error(&text);
        }
        report.element(Element::new("rule-check").with("rule-id", id).with("rc", code.0.to_string()));
        exit = code;
    }
    Ok(exit)
}

fn document(arguments: &Arguments, report: &mut Report) -> Result<Element, Refusal> {
    let Some(text) = &arguments.xml_text else { return Cluster::from_environment("crm_rule").cib() };
    let (parsed, what) = match text.as_str() {
        "-" => (admin::read_file("-".as_ref()), "Couldn't parse input from STDIN\n".to_owned()),
        text => (admin::parse(text.as_bytes(), "XML"), format!("Couldn't parse input string: {text}\n")),
    };
    parsed.map_err(|why| {
        if !report.is_xml() {
            report.error(format!("error: {why}"));
        }
        Refusal::new(Exit::DATA, what)
    })
}

/// Returns what is said of a rule, and the exit code that says the same.
fn checked(document: &Element, id: &str, at: Timestamp) -> (String, Exit) {
    let unknown = |why: &str, exit| (format!("Could not determine whether rule {id} is in effect: {why}"), exit);
    let expression = if id.contains('\'') { format!("//rule[@id=\"{id}\"]") } else { format!("//rule[@id='{id}']") };
    let rules = XPath::parse(&expression).map(|xpath| xpath.select_elements(document)).unwrap_or_default();
    let rule = match rules.as_slice() {
        [] => return unknown("Rule not found", Exit::NO_SUCH),
        [rule] => *rule,
        _ => return unknown("More than one rule with that ID", Exit::MULTIPLE),
    };
    // Compat: only what can say "expired" or "not yet" is checked.
    let conditions: Vec<DateExpression<'_>> =
        rule.descendants().filter(|e| e.name == "date_expression").map(|element| DateExpression { element }).collect();
    let condition = match conditions.as_slice() {
        [] => return unknown("Rule does not have a date expression", Exit::UNIMPLEMENTED),
        [condition] => condition,
        _ => return unknown("Rule has more than one date expression", Exit::UNIMPLEMENTED),
    };
    let is_spec = condition.element.attribute("operation") == Some("date_spec");
    let spec = condition.element.child("date_spec");
    if is_spec && !spec.is_some_and(|spec| spec.has("years") && !spec.has("moon")) {
        let why = "Rule must either not use date_spec, or use date_spec with years= but not moon=";
        return unknown(why, Exit::UNIMPLEMENTED);
    }
    let input = Input { now: Some(at), utc_offset: utc_offset(at), ..Input::default() };
    match condition.verdict(&input, &mut Recheck::default()) {
        DateVerdict::Within if is_spec => (format!("Rule {id} satisfies conditions"), Exit::OK),
        DateVerdict::Within => (format!("Rule {id} is still in effect"), Exit::OK),
        DateVerdict::Before => (format!("Rule {id} has not yet taken effect"), Exit::NOT_YET),
        DateVerdict::After => (format!("Rule {id} is expired"), Exit::EXPIRED),
        DateVerdict::Unusable => unknown("Result undetermined", Exit::INDETERMINATE),
    }
}
