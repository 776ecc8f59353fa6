//! The cluster options in typed form, with the incumbent's defaults and both generations of names.
//!
//! Compat: `fencing-*` (3.x) and `stonith-*` (1.x, 2.x) name the same options; where both are present the new name wins.

use crate::Attributes;
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
    /// Every option as configured (rules applied, old names kept as written), for views and for the less usual ones.
    pub all: Attributes,
    /// `fencing-enabled`/`stonith-enabled`.
    pub fencing_enabled: bool,
    /// `fencing-action`/`stonith-action`: `reboot` or `off`.
    pub fencing_action: String,
    /// `fencing-timeout`/`stonith-timeout`.
    pub fencing_timeout: Duration,
    /// `fencing-max-attempts`/`stonith-max-attempts`.
    pub fencing_max_attempts: u32,
    /// `fencing-watchdog-timeout`/`stonith-watchdog-timeout`, as written.
    pub fencing_watchdog_timeout: String,
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
    /// `cluster-delay`, as written or its default.
    pub cluster_delay: String,
    /// `batch-limit`, as written or its default.
    pub batch_limit: String,
    /// `migration-limit`, as written or its default.
    pub migration_limit: String,
    /// `cluster-recheck-interval`.
    pub cluster_recheck_interval: Duration,
    /// `dc-deadtime`.
    pub dc_deadtime: Duration,
    /// `transition-delay`.
    pub transition_delay: Duration,
    /// `load-threshold` and the other daemons' options are in `all`.
    pub remove_after_stop: bool,
}
