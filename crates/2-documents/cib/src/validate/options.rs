//! Names and values of cluster options and meta-attributes.
//!
//! Any name is allowed, since programs keep notes of their own there. Told are values that a known option cannot have,
//! and names that are probably a slip of the pen.

use super::distance;
use super::values::Kind;
use crate::Problem;
use xml::Element;

/// A kind of value that is wider than the schemas' own.
#[derive(Clone, Copy)]
enum Value {
    Text,
    Boolean,
    /// A time such as `10s`.
    Interval,
    /// A whole number or a percentage.
    Number,
    Score,
    Role,
    Words(&'static [&'static str]),
}

use Value::{Boolean, Interval, Number, Role, Score, Text, Words};

/// Cluster options, old and new names.
const CLUSTER: &[(&str, Value)] = &[
    ("batch-limit", Number),
    ("cluster-delay", Interval),
    ("cluster-infrastructure", Text),
    ("cluster-ipc-limit", Number),
    ("cluster-name", Text),
    ("cluster-recheck-interval", Interval),
    ("concurrent-fencing", Boolean),
    ("dc-deadtime", Interval),
    ("dc-version", Text),
    ("election-timeout", Interval),
    ("enable-acl", Boolean),
    ("enable-startup-probes", Boolean),
    ("fence-reaction", Words(&["stop", "panic"])),
    ("fencing-action", Words(&["reboot", "off", "poweroff"])),
    ("fencing-enabled", Boolean),
    ("fencing-max-attempts", Score),
    ("fencing-reaction", Words(&["stop", "panic"])),
    ("fencing-timeout", Interval),
    ("fencing-watchdog-timeout", Text),
    ("have-watchdog", Boolean),
    ("join-finalization-timeout", Interval),
    ("join-integration-timeout", Interval),
    ("load-threshold", Number),
    ("maintenance-mode", Boolean),
    ("migration-limit", Number),
    ("no-quorum-policy", Words(&["stop", "freeze", "ignore", "demote", "fence", "suicide"])),
    ("node-action-limit", Number),
    ("node-health-base", Score),
    ("node-health-green", Score),
    ("node-health-red", Score),
    ("node-health-strategy", Words(&["none", "migrate-on-red", "only-green", "progressive", "custom"])),
    ("node-health-yellow", Score),
    ("node-pending-timeout", Interval),
    ("pe-error-series-max", Number),
    ("pe-input-series-max", Number),
    ("pe-warn-series-max", Number),
    ("placement-strategy", Words(&["default", "utilization", "minimal", "balanced"])),
    ("priority-fencing-delay", Interval),
    ("remove-after-stop", Boolean),
    ("shutdown-escalation", Interval),
    ("shutdown-lock", Boolean),
    ("shutdown-lock-limit", Interval),
    ("start-failure-is-fatal", Boolean),
    ("startup-fencing", Boolean),
    ("stonith-action", Words(&["reboot", "off", "poweroff"])),
    ("stonith-enabled", Boolean),
    ("stonith-max-attempts", Score),
    ("stonith-timeout", Interval),
    ("stonith-watchdog-timeout", Text),
    ("stop-all-resources", Boolean),
    ("stop-orphan-actions", Boolean),
    ("stop-orphan-resources", Boolean),
    ("stop-removed-actions", Boolean),
    ("stop-removed-resources", Boolean),
    ("symmetric-cluster", Boolean),
    ("transition-delay", Interval),
];

/// Meta-attributes of resources.
const RESOURCE: &[(&str, Value)] = &[
    ("allow-migrate", Boolean),
    ("allow-unhealthy-nodes", Boolean),
    ("clone-max", Number),
    ("clone-min", Number),
    ("clone-node-max", Number),
    ("container-attribute-target", Text),
    ("critical", Boolean),
    ("failure-timeout", Interval),
    ("globally-unique", Boolean),
    ("interleave", Boolean),
    ("is-managed", Boolean),
    ("maintenance", Boolean),
    ("master-max", Number),
    ("master-node-max", Number),
    ("migration-threshold", Score),
    ("multiple-active", Words(&["stop_start", "stop_only", "stop_unexpected", "block"])),
    ("notify", Boolean),
    ("ordered", Boolean),
    ("priority", Score),
    ("promotable", Boolean),
    ("promoted-max", Number),
    ("promoted-node-max", Number),
    ("remote-addr", Text),
    ("remote-allow-migrate", Boolean),
    ("remote-connect-timeout", Interval),
    ("remote-node", Text),
    ("remote-port", Number),
    ("requires", Words(&["nothing", "quorum", "fencing", "unfencing"])),
    ("resource-stickiness", Score),
    ("target-role", Role),
];

/// Meta-attributes of operations.
const OPERATION: &[(&str, Value)] = &[
    ("enabled", Boolean),
    ("interval-origin", Text),
    ("on-fail", Words(&["ignore", "block", "demote", "stop", "restart", "standby", "fence", "restart-container"])),
    ("record-pending", Boolean),
    ("role", Role),
    ("start-delay", Interval),
    ("timeout", Interval),
];

/// Checks all options of the configuration.
pub(super) fn check(configuration: &Element, problems: &mut Vec<Problem>) {
    for owner in configuration.descendants() {
        for set in owner.elements() {
            let known = match (owner.name.as_str(), set.name.as_str()) {
                ("crm_config", "cluster_property_set") => CLUSTER,
                ("op" | "op_defaults", "meta_attributes") => OPERATION,
                ("primitive" | "template" | "group" | "clone" | "master" | "bundle" | "rsc_defaults", "meta_attributes") => RESOURCE,
                _ => continue,
            };
            set.elements_named("nvpair").for_each(|option| check_option(option, known, problems));
        }
    }
}

fn check_option(option: &Element, known: &[(&str, Value)], problems: &mut Vec<Problem>) {
    let (Some(name), Some(value)) = (option.attribute("name"), option.attribute("value")) else { return };
    match known.iter().find(|(n, _)| *n == name) {
        Some((_, kind)) => {
            if !value.is_empty()
                && !value.eq_ignore_ascii_case("#default")
                && let Err(wanted) = kind.accepts(value)
            {
                problems.push(Problem::warning(option, format!("{name}=\"{value}\" must be {wanted}")));
            }
        }
        None => {
            // Comparing letter by letter is dear, and an option of one's own is looked at with every change: the length tells of most words.
            let length = name.chars().count();
            let likely =
                known.iter().map(|(candidate, _)| candidate).filter(|candidate| candidate.len().abs_diff(length) <= candidate.len() / 7);
            let nearest = likely.map(|candidate| (distance(name, candidate), candidate)).min();
            if let Some((_, candidate)) = nearest.filter(|(distance, candidate)| *distance <= candidate.len() / 7) {
                problems.push(Problem::warning(option, format!("there is no option {name}; did you mean {candidate}?")));
            }
        }
    }
}

impl Value {
    fn accepts(self, value: &str) -> Result<(), String> {
        let (is_right, wanted) = match self {
            Text => (true, ""),
            Boolean => (model::parse_boolean(value).is_some(), "true or false"),
            Interval => (model::parse_interval(value).is_some(), "a time such as 10s, 500ms or 2min"),
            Number => (value.trim().trim_end_matches('%').parse::<f64>().is_ok(), "a number"),
            // Health scores may be colours.
            Score => (
                model::Score::parse(value).is_some() || matches!(value, "red" | "yellow" | "green"),
                "a whole number, INFINITY or -INFINITY",
            ),
            Role => (model::Role::parse(value).is_some(), "Stopped, Started, Unpromoted or Promoted"),
            Words(words) if words.iter().any(|word| word.eq_ignore_ascii_case(value)) => return Ok(()),
            Words(words) => return Kind::OneOf(words).accepts(value),
        };
        if is_right { Ok(()) } else { Err(wanted.to_owned()) }
    }
}
