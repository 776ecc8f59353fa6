//! What attributes and children of one element demand of each other.

use crate::Problem;
use crate::iso8601::DateTime;
use crate::rules::parse_range;
use xml::Element;

/// Checks one element, not those below it.
pub(super) fn check(element: &Element, problems: &mut Vec<Problem>) {
    let mut report = Report { element, problems };
    match element.name.as_str() {
        "configuration" => report.require_children(&["crm_config", "nodes", "resources", "constraints"]),
        "primitive" | "template" => agent(&mut report),
        "group" if element.child("primitive").is_none() => report.error("a group needs at least one primitive"),
        "clone" | "master" if count(element, &["primitive", "group"]) != 1 => report.error("a clone needs exactly one primitive or group"),
        "bundle" if count(element, &["docker", "podman", "rkt"]) != 1 => {
            report.error("a bundle needs exactly one of <docker> and <podman>")
        }
        "port-mapping" => report.one_of(&["port", "range"]),
        "storage-mapping" => report.one_of(&["source-dir", "source-dir-root"]),
        "op" => operation(&mut report),
        "rsc_location" => location(&mut report),
        "rsc_colocation" => members(&mut report, &["rsc", "with-rsc"]),
        "rsc_order" => {
            members(&mut report, &["first", "then"]);
            report.not_both("kind", "score");
        }
        "rsc_ticket" => members(&mut report, &["rsc"]),
        "resource_set" if !element.has("id-ref") && element.child("resource_ref").is_none() => {
            report.error("a resource set needs at least one <resource_ref>")
        }
        "tag" if element.child("obj_ref").is_none() => report.error("a tag needs at least one <obj_ref>"),
        "rule" => rule(&mut report),
        "expression" => expression(&mut report),
        "date_expression" => date_expression(&mut report),
        "date_spec" => ranges(&mut report),
        "acl_permission" => {
            report.one_of(&["xpath", "reference", "object-type"]);
            if element.has("attribute") && !element.has("object-type") {
                report.error("attribute makes sense with object-type only");
            }
            if let Some(Err(error)) = element.attribute("xpath").map(xml::XPath::parse) {
                report.warning(&format!("{error}; such a permission matches nothing"));
            }
        }
        "fencing-level" => fencing_level(&mut report),
        _ => {}
    }
}

struct Report<'e, 'p> {
    element: &'e Element,
    problems: &'p mut Vec<Problem>,
}

impl Report<'_, '_> {
    fn error(&mut self, message: &str) {
        self.problems.push(Problem::error(self.element, message));
    }

    fn warning(&mut self, message: &str) {
        self.problems.push(Problem::warning(self.element, message));
    }

    fn require_children(&mut self, names: &[&str]) {
        for name in names {
            if self.element.child(name).is_none() {
                self.error(&format!("the section <{name}> is missing"));
            }
        }
    }

    fn one_of(&mut self, names: &[&str]) {
        if names.iter().filter(|name| self.element.has(name)).count() != 1 {
            self.error(&format!("exactly one of the attributes {} is needed", names.join(", ")));
        }
    }

    fn not_both(&mut self, first: &str, second: &str) {
        if self.element.has(first) && self.element.has(second) {
            self.error(&format!("{first} and {second} exclude each other"));
        }
    }
}

fn count(element: &Element, names: &[&str]) -> usize {
    element.elements().filter(|e| names.contains(&e.name.as_str())).count()
}

fn agent(report: &mut Report<'_, '_>) {
    let element = report.element;
    let has_template = element.has("template");
    if has_template && element.name == "template" {
        report.error("a template cannot be made from another template");
    } else if has_template && ["class", "type", "provider"].iter().any(|name| element.has(name)) {
        report.error("a resource made from a template has no class, provider and type of its own");
    } else if !(has_template || (element.has("class") && element.has("type"))) {
        report.error("class and type of the agent are missing, such as class=\"ocf\" provider=\"heartbeat\" type=\"IPaddr2\"");
    } else if element.attribute("class") == Some("ocf") && !element.has("provider") {
        report.error("an ocf agent needs a provider, such as provider=\"heartbeat\"");
    } else if element.attribute("class").is_some_and(|class| class != "ocf") && element.has("provider") {
        report.error("only ocf agents have a provider");
    }
}

fn operation(report: &mut Report<'_, '_>) {
    report.not_both("start-delay", "interval-origin");
    for name in ["interval", "timeout", "start-delay"] {
        if let Some(text) = report.element.attribute(name)
            && model::parse_interval(text).is_none()
        {
            report.warning(&format!("{name}=\"{text}\" is no time, such as 10s, 500ms or 2min"));
        }
    }
}

fn location(report: &mut Report<'_, '_>) {
    let element = report.element;
    let subjects =
        usize::from(element.has("rsc")) + usize::from(element.has("rsc-pattern")) + usize::from(element.child("resource_set").is_some());
    if subjects != 1 {
        report.error("exactly one of rsc, rsc-pattern and resource sets must say which resources are meant");
    }
    match (element.child("rule").is_some(), element.has("node"), element.has("score")) {
        (true, false, _) | (false, true, true) => {}
        (true, true, _) => report.error("node and rules exclude each other"),
        (false, true, false) => report.error("the score is missing"),
        (false, false, _) => report.error("either node and score or a rule must say which nodes are meant"),
    }
    if let Some(Err(error)) =
        element.attribute("rsc-pattern").map(|pattern| regex::Regex::new(pattern.strip_prefix('!').unwrap_or(pattern)))
    {
        let reason = error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        report.warning(&format!("rsc-pattern is no regular expression: {reason}"));
    }
}

/// Either all of these attributes, or resource sets.
fn members(report: &mut Report<'_, '_>, names: &[&str]) {
    let element = report.element;
    let given = names.iter().filter(|name| element.has(name)).count();
    match (given, element.child("resource_set").is_some()) {
        (0, true) => {}
        (n, false) if n == names.len() => {}
        (_, true) => report.error(&format!("resource sets and {} exclude each other", names.join(", "))),
        (0, false) => report.error(&format!("either {} or resource sets are needed", names.join(" and "))),
        (_, false) => {
            let missing: Vec<_> = names.iter().filter(|name| !element.has(name)).copied().collect();
            report.error(&format!("the attribute {} is missing", missing.join(", ")));
        }
    }
}

fn rule(report: &mut Report<'_, '_>) {
    if !report.element.has("id-ref") && report.element.elements().next().is_none() {
        report.error("a rule needs at least one condition");
    }
    report.not_both("score", "score-attribute");
}

fn expression(report: &mut Report<'_, '_>) {
    let element = report.element;
    let takes_value = !matches!(element.attribute("operation"), Some("defined" | "not_defined"));
    if takes_value && !element.has("value") {
        report.warning("without a value the condition is never met");
    } else if !takes_value && element.has("value") {
        report.warning("this operation takes no value; the condition is never met");
    }
}

fn date_expression(report: &mut Report<'_, '_>) {
    let element = report.element;
    let has = |name| element.has(name);
    match element.attribute("operation") {
        Some("gt") if !has("start") => report.error("operation=\"gt\" needs start"),
        Some("lt") if !has("end") => report.error("operation=\"lt\" needs end"),
        Some("in_range") if !has("start") && !has("end") => report.error("operation=\"in_range\" needs start or end"),
        Some("date_spec") if element.child("date_spec").is_none() => report.error("operation=\"date_spec\" needs a <date_spec>"),
        _ => {}
    }
    for name in ["start", "end"] {
        if let Some(text) = element.attribute(name)
            && DateTime::parse(text, model::Timestamp::default(), 0).is_none()
        {
            report.warning(&format!("{name}=\"{text}\" is no moment, such as 2024-02-29T12:00:00Z; the condition is never met"));
        }
    }
}

fn ranges(report: &mut Report<'_, '_>) {
    for (name, value) in report.element.attributes.iter().filter(|(name, _)| name != "id") {
        if parse_range(value).is_none() {
            report.warning(&format!("{name}=\"{value}\" is no range, such as 9-16; the condition is never met"));
        }
    }
}

fn fencing_level(report: &mut Report<'_, '_>) {
    report.one_of(&["target", "target-pattern", "target-attribute"]);
    let element = report.element;
    if element.has("target-attribute") != element.has("target-value") {
        report.error("target-attribute and target-value belong together");
    }
    if element.attribute("index").and_then(|index| index.trim().parse::<u64>().ok()).is_some_and(|index| index > 9) {
        report.warning("levels above 9 are ignored");
    }
}
