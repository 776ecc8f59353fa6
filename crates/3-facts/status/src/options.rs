//! The cluster options in typed form, with the incumbent's defaults and both generations of names.
//!
//! Compat: `fencing-*` (3.x) and `stonith-*` (1.x, 2.x) name the same options; where both are present the new name wins.

use crate::numbers::{self, HealthScores};
use crate::{Attributes, Problem};
use compact_str::CompactString;
use model::{Score, parse_boolean};
use std::time::Duration;

/// What a partition without quorum does with its resources.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoQuorumPolicy {
    /// What runs stays, nothing else is recovered.
    Freeze,
    /// Everything that needs quorum stops.
    Stop,
    /// As though there were quorum.
    Ignore,
    /// All nodes of the partition are fenced (`fence` or `suicide`).
    Fence,
    /// Promoted instances are demoted, everything else stops.
    Demote,
}

/// How the health attributes of nodes (`#health-…`) influence placement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HealthStrategy {
    /// Not at all.
    None,
    /// Nothing runs on nodes with yellow or red attributes.
    OnlyGreen,
    /// Nothing runs on nodes with red attributes.
    MigrateOnRed,
    /// The attributes' scores are added to every resource's score.
    Progressive,
    /// Only as the administrator's own rules say.
    Custom,
}

/// How resources are spread over nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlacementStrategy {
    /// Scores, then the number of resources; utilization is ignored.
    Default,
    /// Utilization limits what fits, else as `Default`.
    Utilization,
    /// Utilization limits what fits, nodes are filled evenly.
    Balanced,
    /// Utilization limits what fits, few nodes are used.
    Minimal,
}

/// The cluster options that decisions and views need.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Every option by its present name, as configured (rules applied) or its default, and what is configured by other
    /// names; see `value`.
    pub all: Attributes,
    /// `fencing-enabled`/`stonith-enabled`.
    pub fencing_enabled: bool,
    /// `fencing-action`/`stonith-action`: `reboot` or `off`.
    pub fencing_action: CompactString,
    /// `fencing-timeout`/`stonith-timeout`.
    pub fencing_timeout: Duration,
    /// `fencing-max-attempts`/`stonith-max-attempts`.
    pub fencing_max_attempts: u32,
    /// `have-watchdog`.
    pub have_watchdog: bool,
    /// `concurrent-fencing`.
    pub concurrent_fencing: bool,
    /// `startup-fencing` (false also where fencing is disabled).
    pub startup_fencing: bool,
    /// `fence-remote-without-quorum`.
    pub fence_remote_without_quorum: bool,
    /// `priority-fencing-delay`.
    pub priority_fencing_delay: Duration,
    /// The policy in force: `fence` becomes `Stop` where fencing is impossible.
    pub no_quorum_policy: NoQuorumPolicy,
    /// `symmetric-cluster`.
    pub symmetric_cluster: bool,
    /// `maintenance-mode`.
    pub maintenance_mode: bool,
    /// `stop-all-resources`.
    pub stop_all_resources: bool,
    /// `stop-orphan-resources`/`stop-removed-resources`.
    pub stop_removed_resources: bool,
    /// `stop-orphan-actions`/`cancel-removed-actions`.
    pub cancel_removed_actions: bool,
    /// `start-failure-is-fatal`.
    pub start_failure_is_fatal: bool,
    /// `enable-startup-probes`.
    pub enable_startup_probes: bool,
    /// `shutdown-lock`.
    pub shutdown_lock: bool,
    /// `shutdown-lock-limit`; zero: no limit.
    pub shutdown_lock_limit: Duration,
    /// `node-pending-timeout`; zero: none.
    pub node_pending_timeout: Duration,
    /// `placement-strategy`.
    pub placement_strategy: PlacementStrategy,
    /// `node-health-strategy`.
    pub health_strategy: HealthStrategy,
    /// `node-health-base`.
    pub health_base: i32,
    /// The score of green (0 where the strategy does not use colours).
    pub health_green: i32,
    /// The score of yellow.
    pub health_yellow: i32,
    /// The score of red.
    pub health_red: i32,
    /// `cluster-recheck-interval`.
    pub cluster_recheck_interval: Duration,
    /// `dc-deadtime`.
    pub dc_deadtime: Duration,
    /// `transition-delay`.
    pub transition_delay: Duration,
}

/// What a value must be to count.
#[derive(Clone, Copy, PartialEq)]
enum Valid {
    Any,
    Boolean,
    Interval,
    Integer,
    PositiveInteger,
    Percentage,
    OneOf(&'static [&'static str]),
}

/// Name, older name, default, validity.
type Definition = (&'static str, Option<&'static str>, &'static str, Valid);

/// The options that have a default, in the order in which Pacemaker lists them.
const DEFINITIONS: &[Definition] = &[
    ("dc-deadtime", None, "20s", Valid::Interval),
    ("cluster-recheck-interval", None, "15min", Valid::Interval),
    ("election-timeout", None, "2min", Valid::Interval),
    ("shutdown-escalation", None, "20min", Valid::Interval),
    ("join-integration-timeout", None, "3min", Valid::Interval),
    ("join-finalization-timeout", None, "30min", Valid::Interval),
    ("transition-delay", None, "0s", Valid::Interval),
    ("no-quorum-policy", None, "stop", Valid::OneOf(&["stop", "freeze", "ignore", "demote", "fence", "suicide"])),
    ("shutdown-lock", None, "false", Valid::Boolean),
    ("shutdown-lock-limit", None, "0", Valid::Interval),
    ("enable-acl", None, "false", Valid::Boolean),
    ("symmetric-cluster", None, "true", Valid::Boolean),
    ("maintenance-mode", None, "false", Valid::Boolean),
    ("start-failure-is-fatal", None, "true", Valid::Boolean),
    ("enable-startup-probes", None, "true", Valid::Boolean),
    ("fence-remote-without-quorum", None, "false", Valid::Boolean),
    ("fencing-enabled", Some("stonith-enabled"), "true", Valid::Boolean),
    ("fencing-action", Some("stonith-action"), "reboot", Valid::OneOf(&["reboot", "off"])),
    ("fencing-reaction", Some("fence-reaction"), "stop", Valid::Any),
    ("fencing-timeout", Some("stonith-timeout"), "60s", Valid::Interval),
    ("have-watchdog", None, "false", Valid::Boolean),
    ("fencing-watchdog-timeout", Some("stonith-watchdog-timeout"), "0", Valid::Any),
    ("fencing-max-attempts", Some("stonith-max-attempts"), "10", Valid::PositiveInteger),
    ("concurrent-fencing", None, "true", Valid::Boolean),
    ("startup-fencing", None, "true", Valid::Boolean),
    ("priority-fencing-delay", None, "0", Valid::Interval),
    ("node-pending-timeout", None, "0", Valid::Interval),
    ("cluster-delay", None, "60s", Valid::Interval),
    ("load-threshold", None, "80%", Valid::Percentage),
    ("node-action-limit", None, "0", Valid::Integer),
    ("batch-limit", None, "0", Valid::Integer),
    ("migration-limit", None, "-1", Valid::Integer),
    ("stop-all-resources", None, "false", Valid::Boolean),
    ("stop-removed-resources", Some("stop-orphan-resources"), "true", Valid::Boolean),
    ("cancel-removed-actions", Some("stop-orphan-actions"), "true", Valid::Boolean),
    ("pe-error-series-max", None, "-1", Valid::Integer),
    ("pe-warn-series-max", None, "5000", Valid::Integer),
    ("pe-input-series-max", None, "4000", Valid::Integer),
    ("node-health-strategy", None, "none", Valid::OneOf(&["none", "migrate-on-red", "only-green", "progressive", "custom"])),
    ("node-health-base", None, "0", Valid::Integer),
    ("node-health-green", None, "0", Valid::Integer),
    ("node-health-yellow", None, "0", Valid::Integer),
    ("node-health-red", None, "-INFINITY", Valid::Integer),
    ("placement-strategy", None, "default", Valid::OneOf(&["default", "utilization", "minimal", "balanced"])),
];

impl Valid {
    fn accepts(self, value: &str) -> bool {
        match self {
            Valid::Any => true,
            Valid::Boolean => parse_boolean(value).is_some(),
            Valid::Interval => numbers::duration_ms(value).is_some_and(|ms| ms >= 0),
            Valid::Integer => matches!(value, "INFINITY" | "+INFINITY" | "-INFINITY") || numbers::integer(value).is_some(),
            Valid::PositiveInteger => matches!(value, "INFINITY" | "+INFINITY") || numbers::integer(value).is_some_and(|n| n > 0),
            Valid::Percentage => numbers::leading_integer(value).is_some_and(|(n, rest)| n >= 0 && rest.starts_with('%')),
            Valid::OneOf(values) => values.iter().any(|allowed| allowed.eq_ignore_ascii_case(value)),
        }
    }
}

impl ClusterOptions {
    /// Returns an option by its present name, as written or its default.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.all.get(name).map(CompactString::as_str)
    }

    /// Returns a score in any of the field's spellings; the colours mean what `node-health-*` says.
    pub fn parse_score(&self, text: &str) -> Option<Score> {
        numbers::score(text, self.health_scores()).map(Score::new)
    }

    pub(crate) fn health_scores(&self) -> HealthScores {
        HealthScores { green: self.health_green, yellow: self.health_yellow, red: self.health_red }
    }

    /// Reads the options from what `crm_config` gives. Values that are none count as absent and are told in `problems`.
    ///
    /// `fence_without_quorum`: a partition without quorum may fence itself (it had quorum once, or has it).
    pub(crate) fn new(configured: Attributes, fence_without_quorum: bool, problems: &mut Vec<Problem>) -> Self {
        let all = complete(configured, problems);
        let text = |name: &str| all.get(name).map_or("", CompactString::as_str);
        let boolean = |name: &str| parse_boolean(text(name)).unwrap_or(false);
        let duration = |name: &str| Duration::from_millis(numbers::interval_ms(Some(text(name))));
        let fencing_enabled = boolean("fencing-enabled");
        let health_strategy = match text("node-health-strategy").to_ascii_lowercase().as_str() {
            "migrate-on-red" => HealthStrategy::MigrateOnRed,
            "only-green" => HealthStrategy::OnlyGreen,
            "progressive" => HealthStrategy::Progressive,
            "custom" => HealthStrategy::Custom,
            _ => HealthStrategy::None,
        };
        let forbidden = Score::MINUS_INFINITY.value();
        let health_score = |name: &str| numbers::score(text(name), HealthScores::default()).unwrap_or(0);
        let (health_green, health_yellow, health_red) = match health_strategy {
            HealthStrategy::None => (0, 0, 0),
            HealthStrategy::MigrateOnRed => (0, 0, forbidden),
            HealthStrategy::OnlyGreen => (0, forbidden, forbidden),
            _ => (health_score("node-health-green"), health_score("node-health-yellow"), health_score("node-health-red")),
        };
        let placement_strategy = match text("placement-strategy").to_ascii_lowercase().as_str() {
            "utilization" => PlacementStrategy::Utilization,
            "minimal" => PlacementStrategy::Minimal,
            "balanced" => PlacementStrategy::Balanced,
            _ => PlacementStrategy::Default,
        };
        Self {
            fencing_enabled,
            fencing_action: text("fencing-action").into(),
            fencing_timeout: duration("fencing-timeout"),
            fencing_max_attempts: numbers::score(text("fencing-max-attempts"), HealthScores::default()).unwrap_or(10).max(1) as u32,
            have_watchdog: boolean("have-watchdog"),
            concurrent_fencing: boolean("concurrent-fencing"),
            startup_fencing: fencing_enabled && boolean("startup-fencing"),
            fence_remote_without_quorum: boolean("fence-remote-without-quorum"),
            priority_fencing_delay: duration("priority-fencing-delay"),
            no_quorum_policy: no_quorum_policy(text("no-quorum-policy"), fencing_enabled, fence_without_quorum, problems),
            symmetric_cluster: boolean("symmetric-cluster"),
            maintenance_mode: boolean("maintenance-mode"),
            stop_all_resources: boolean("stop-all-resources"),
            stop_removed_resources: boolean("stop-removed-resources"),
            cancel_removed_actions: boolean("cancel-removed-actions"),
            start_failure_is_fatal: boolean("start-failure-is-fatal"),
            enable_startup_probes: boolean("enable-startup-probes"),
            shutdown_lock: boolean("shutdown-lock"),
            shutdown_lock_limit: duration("shutdown-lock-limit"),
            node_pending_timeout: duration("node-pending-timeout"),
            placement_strategy,
            health_strategy,
            health_base: health_score("node-health-base"),
            health_green,
            health_yellow,
            health_red,
            cluster_recheck_interval: duration("cluster-recheck-interval"),
            dc_deadtime: duration("dc-deadtime"),
            transition_delay: duration("transition-delay"),
            all,
        }
    }
}

/// Adds present names for older ones and defaults for what is absent or invalid.
fn complete(mut configured: Attributes, problems: &mut Vec<Problem>) -> Attributes {
    for &(name, older, default, valid) in DEFINITIONS {
        // Compat: the old name takes an old word that the new one does not.
        if older == Some("stonith-action") && configured.get("stonith-action").is_some_and(|value| value == "poweroff") {
            configured.insert("stonith-action".into(), "off".into());
        }
        let value = configured.get(name).or_else(|| configured.get(older?));
        match value {
            Some(value) if valid.accepts(value) => {
                let value = value.clone();
                configured.insert(name.into(), value);
            }
            Some(value) => {
                problems.push(Problem::error(format!("cluster option {name}: \"{value}\" is not valid; the default, {default}, is used")));
                configured.insert(name.into(), default.into());
            }
            None => {
                configured.insert(name.into(), default.into());
            }
        }
    }
    configured
}

fn no_quorum_policy(text: &str, fencing_enabled: bool, fence_without_quorum: bool, problems: &mut Vec<Problem>) -> NoQuorumPolicy {
    match text.to_ascii_lowercase().as_str() {
        "ignore" => NoQuorumPolicy::Ignore,
        "freeze" => NoQuorumPolicy::Freeze,
        "demote" => NoQuorumPolicy::Demote,
        "fence" | "suicide" if !fencing_enabled => {
            problems.push(Problem::error("no-quorum-policy=\"fence\" needs fencing, which is disabled; \"stop\" is used".into()));
            NoQuorumPolicy::Stop
        }
        // A partition that never had quorum must not kill itself: it would never come up.
        "fence" | "suicide" if !fence_without_quorum => NoQuorumPolicy::Stop,
        "fence" | "suicide" => NoQuorumPolicy::Fence,
        _ => NoQuorumPolicy::Stop,
    }
}
