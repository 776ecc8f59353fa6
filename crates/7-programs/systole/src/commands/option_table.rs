//! The options a cluster knows, each with type, default and what it is for: the one table behind `--list-options` and
//! the daemons' `metadata`.
//!
//! Compat: names, types and defaults are those of Pacemaker 2.1.5, since crmsh and pcs check values by them; the words
//! are our own.

/// Who answers for an option when a tool asks the daemon of that name for `metadata`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    Based,
    Controld,
    Schedulerd,
    Fenced,
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct ClusterOption {
    pub name: &'static str,
    pub owners: &'static [Owner],
    /// `boolean`, `integer`, `time`, `percentage`, `score`, `select` or `string`.
    pub kind: &'static str,
    pub default: Option<&'static str>,
    /// The values of a `select`.
    pub values: &'static [&'static str],
    /// Rarely of use to an administrator.
    pub is_advanced: bool,
    pub about: &'static str,
}

const B: &[Owner] = &[Owner::Based];
const C: &[Owner] = &[Owner::Controld];
const S: &[Owner] = &[Owner::Schedulerd];
const CS: &[Owner] = &[Owner::Controld, Owner::Schedulerd];
const F: &[Owner] = &[Owner::Fenced];

const fn plain(
    name: &'static str,
    owners: &'static [Owner],
    kind: &'static str,
    default: &'static str,
    about: &'static str,
) -> ClusterOption {
    ClusterOption { name, owners, kind, default: Some(default), values: &[], is_advanced: false, about }
}

const fn advanced(
    name: &'static str,
    owners: &'static [Owner],
    kind: &'static str,
    default: &'static str,
    about: &'static str,
) -> ClusterOption {
    ClusterOption { is_advanced: true, ..plain(name, owners, kind, default, about) }
}

const fn choice(
    name: &'static str,
    owners: &'static [Owner],
    default: &'static str,
    values: &'static [&'static str],
    about: &'static str,
) -> ClusterOption {
    ClusterOption { values, ..plain(name, owners, "select", default, about) }
}

/// Options of the cluster, in the order in which they are listed.
pub const CLUSTER_OPTIONS: &[ClusterOption] = &[
    plain("enable-acl", B, "boolean", "false", "Whether access control lists decide what users may read and change"),
    plain("cluster-ipc-limit", B, "integer", "500", "How many messages may wait for a client before it is cut off (without effect)"),
    plain("dc-version", C, "string", "none", "The version of the coordinator; written by the cluster"),
    plain("cluster-infrastructure", C, "string", "corosync", "What carries the cluster's messages; written by the cluster"),
    ClusterOption {
        name: "cluster-name",
        owners: C,
        kind: "string",
        default: None,
        values: &[],
        is_advanced: false,
        about: "The cluster's name, for people and for rules",
    },
    plain("dc-deadtime", C, "time", "20s", "How long to wait for other nodes at start-up"),
    plain("cluster-recheck-interval", C, "time", "15min", "How often conditions on the time, and the like, are looked at again"),
    plain("load-threshold", C, "percentage", "80%", "The load of a node above which it gets fewer actions at a time (without effect)"),
    plain("node-action-limit", C, "integer", "0", "How many actions a node may carry out at a time (0: twice its cores)"),
    plain(
        "fence-reaction",
        C,
        "string",
        "stop",
        "What a node does that learns it was fenced: stop or panic (without effect: its host ends)",
    ),
    advanced("election-timeout", C, "time", "2min", "How long an election may take (without effect)"),
    advanced("shutdown-escalation", C, "time", "20min", "How long a node may take to shut down before it ends all the same"),
    advanced("join-integration-timeout", C, "time", "3min", "How long a node may take to join (without effect)"),
    advanced("join-finalization-timeout", C, "time", "30min", "How long a node may take to confirm that it joined (without effect)"),
    advanced("transition-delay", C, "time", "0s", "How long to wait for further changes before a plan is carried out"),
    plain("stonith-watchdog-timeout", C, "time", "0", "After how long a lost node with a watchdog counts as off (0: never)"),
    plain("stonith-max-attempts", C, "integer", "10", "After how many failures fencing of a node is not tried at once again"),
    choice(
        "no-quorum-policy",
        CS,
        "stop",
        &["stop", "freeze", "ignore", "demote", "suicide"],
        "What a partition without quorum does with its resources",
    ),
    plain("shutdown-lock", CS, "boolean", "false", "Whether resources wait for a node that was shut down cleanly"),
    plain("symmetric-cluster", S, "boolean", "true", "Whether resources may run on any node that nothing excludes"),
    plain("maintenance-mode", S, "boolean", "false", "Whether the cluster leaves all resources alone"),
    plain("start-failure-is-fatal", S, "boolean", "true", "Whether one failed start bars a resource from the node"),
    plain("enable-startup-probes", S, "boolean", "true", "Whether what runs already is looked for when a node joins"),
    plain("shutdown-lock-limit", S, "time", "0", "For how long resources wait for such a node (0: for ever)"),
    advanced("stonith-enabled", S, "boolean", "true", "Whether nodes may be fenced; without it data is at risk"),
    choice("stonith-action", S, "reboot", &["reboot", "off", "poweroff"], "What fencing does to a node (poweroff is an old word for off)"),
    advanced("stonith-timeout", S, "time", "60s", "How long one fencing may take"),
    plain("have-watchdog", S, "boolean", "false", "Whether nodes have watchdogs; written by the cluster"),
    plain("concurrent-fencing", S, "boolean", "false", "Whether several nodes may be fenced at a time"),
    advanced("startup-fencing", S, "boolean", "true", "Whether nodes that were never seen are fenced"),
    plain("priority-fencing-delay", S, "time", "0", "By how much fencing of the nodes with the more important resources is delayed"),
    plain("cluster-delay", S, "time", "60s", "How much longer than its own time-out an action's result may take to arrive"),
    plain("batch-limit", S, "integer", "0", "How many actions the cluster may carry out at a time (0: as its load allows)"),
    plain("migration-limit", S, "integer", "-1", "How many live migrations a node may take part in at a time (-1: any number)"),
    plain("stop-all-resources", S, "boolean", "false", "Whether all resources are to be stopped"),
    plain("stop-orphan-resources", S, "boolean", "true", "Whether resources that are no longer configured are stopped"),
    plain("stop-orphan-actions", S, "boolean", "true", "Whether recurring operations that are no longer configured are ended"),
    plain("remove-after-stop", S, "boolean", "false", "(Old) Whether what stopped is forgotten by the executor"),
    plain("pe-error-series-max", S, "integer", "-1", "How many inputs of plans with errors are kept (-1: all, 0: none)"),
    plain("pe-warn-series-max", S, "integer", "5000", "How many inputs of plans with warnings are kept (-1: all, 0: none)"),
    plain("pe-input-series-max", S, "integer", "4000", "How many other inputs of plans are kept (-1: all, 0: none)"),
    choice(
        "node-health-strategy",
        S,
        "none",
        &["none", "migrate-on-red", "only-green", "progressive", "custom"],
        "What the health attributes of a node (#health…) mean for its resources",
    ),
    plain("node-health-base", S, "integer", "0", "What every node's health starts from (with progressive)"),
    plain("node-health-green", S, "integer", "0", "What green is worth (with progressive and custom)"),
    plain("node-health-yellow", S, "integer", "0", "What yellow is worth (with progressive and custom)"),
    plain("node-health-red", S, "integer", "-INFINITY", "What red is worth (with progressive and custom)"),
    choice(
        "placement-strategy",
        S,
        "default",
        &["default", "utilization", "minimal", "balanced"],
        "How much the capacity of nodes counts for where resources run",
    ),
];

/// Parameters of fence devices that the cluster itself uses.
pub const FENCING_OPTIONS: &[ClusterOption] = &[
    advanced("pcmk_host_argument", F, "string", "port", "The agent's parameter that gets the target (none: none does)"),
    plain("pcmk_host_map", F, "string", "", "What the device calls the nodes: node1:1;node2:2,3"),
    plain("pcmk_host_list", F, "string", "", "The nodes the device can fence: node1,node2"),
    plain("pcmk_host_check", F, "string", "dynamic-list", "How these are known: dynamic-list, static-list, status or none"),
    plain("pcmk_delay_max", F, "time", "0s", "Up to how much fencing is delayed, at random"),
    plain("pcmk_delay_base", F, "string", "0s", "By how much fencing is delayed at least; also by node: node1:5s;node2:0"),
    plain("pcmk_action_limit", F, "integer", "1", "How many actions the device may carry out at a time (-1: any number)"),
    advanced("pcmk_reboot_action", F, "string", "reboot", "What the agent calls reboot"),
    advanced("pcmk_reboot_timeout", F, "time", "60s", "How long reboot may take"),
    advanced("pcmk_reboot_retries", F, "integer", "2", "How often reboot is tried"),
    advanced("pcmk_off_action", F, "string", "off", "What the agent calls off"),
    advanced("pcmk_off_timeout", F, "time", "60s", "How long off may take"),
    advanced("pcmk_off_retries", F, "integer", "2", "How often off is tried"),
    advanced("pcmk_on_action", F, "string", "on", "What the agent calls on"),
    advanced("pcmk_on_timeout", F, "time", "60s", "How long on may take"),
    advanced("pcmk_on_retries", F, "integer", "2", "How often on is tried"),
    advanced("pcmk_list_action", F, "string", "list", "What the agent calls list"),
    advanced("pcmk_list_timeout", F, "time", "60s", "How long list may take"),
    advanced("pcmk_list_retries", F, "integer", "2", "How often list is tried"),
    advanced("pcmk_monitor_action", F, "string", "monitor", "What the agent calls monitor"),
    advanced("pcmk_monitor_timeout", F, "time", "60s", "How long monitor may take"),
    advanced("pcmk_monitor_retries", F, "integer", "2", "How often monitor is tried"),
    advanced("pcmk_status_action", F, "string", "status", "What the agent calls status"),
    advanced("pcmk_status_timeout", F, "time", "60s", "How long status may take"),
    advanced("pcmk_status_retries", F, "integer", "2", "How often status is tried"),
];

const NONE: &[Owner] = &[];

/// Meta-attributes of primitives.
pub const PRIMITIVE_OPTIONS: &[ClusterOption] = &[
    plain("priority", NONE, "score", "0", "Which resources are stopped first when not all can run: those with the lower priority"),
    plain("critical", NONE, "boolean", "true", "What this resource's colocations and group have for 'influence'"),
    choice("target-role", NONE, "Started", &["Stopped", "Started", "Unpromoted", "Promoted"], "The state the resource is to be in"),
    plain("is-managed", NONE, "boolean", "true", "Whether the cluster may start and stop the resource"),
    plain("maintenance", NONE, "boolean", "false", "Whether the cluster leaves the resource alone, monitors included"),
    plain("resource-stickiness", NONE, "score", "0", "How much the resource prefers to stay where it is"),
    ClusterOption {
        name: "requires",
        owners: NONE,
        kind: "select",
        default: None,
        values: &["nothing", "quorum", "fencing", "unfencing"],
        is_advanced: false,
        about: "What must be so before the resource may start",
    },
    plain("migration-threshold", NONE, "score", "INFINITY", "After how many failures the resource may not run on a node any more"),
    plain("failure-timeout", NONE, "time", "0", "After how long a failure is forgotten (0: never)"),
    choice(
        "multiple-active",
        NONE,
        "stop_start",
        &["block", "stop_only", "stop_start", "stop_unexpected"],
        "What to do when it runs in several places",
    ),
    plain("allow-migrate", NONE, "boolean", "false", "Whether the resource is moved live; its agent decides when this is not set"),
    plain("allow-unhealthy-nodes", NONE, "boolean", "false", "Whether the health of nodes does not matter to the resource"),
    plain(
        "container-attribute-target",
        NONE,
        "string",
        "",
        "Where attributes of a bundled resource are kept: on the host (host) or the guest",
    ),
    plain("remote-node", NONE, "string", "", "The name of the guest node that this resource makes"),
    plain("remote-addr", NONE, "string", "", "The address of that node"),
    plain("remote-port", NONE, "integer", "3121", "The port of that node"),
    plain("remote-connect-timeout", NONE, "time", "60s", "How long the connection to that node may take to be made"),
    plain("remote-allow-migrate", NONE, "boolean", "true", "Whether the connection to that node is moved live"),
];
