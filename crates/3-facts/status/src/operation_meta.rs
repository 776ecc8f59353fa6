//! What is configured for an operation of a resource: interval, time-out, what a failure requires.

use crate::name_values::{RuleContext, add_values};
use crate::{Attributes, Facts, NodeIndex, NodeKind, OnFail, Operation, Requires, ResourceIndex, numbers};
use cib::iso8601::DateTime;
use compact_str::format_compact;
use model::Role;

/// Milliseconds that an operation may take unless told otherwise.
const DEFAULT_TIMEOUT_MS: i64 = 20_000;

impl Facts {
    /// Returns the configured operation of this name and interval; for migrations also one called `migrate`.
    pub fn find_operation(&self, resource: ResourceIndex, name: &str, interval_ms: u64, include_disabled: bool) -> Option<&Operation> {
        let operations = &self.resource(resource).operations;
        let find = |name: &str, interval_ms: u64| {
            operations.iter().find(|o| (include_disabled || o.enabled) && o.interval_ms == interval_ms && o.name == name)
        };
        find(name, interval_ms).or_else(|| if matches!(name, "migrate_to" | "migrate_from") { find("migrate", 0) } else { None })
    }

    /// Returns the meta attributes of an operation, normalised: `interval` in milliseconds (absent for 0), `timeout` in
    /// milliseconds, `on-fail` only where valid, `start-delay` in milliseconds.
    ///
    /// Precedence: the element's own attributes, its sets, (for probes: the time-out of the most frequent monitor), and
    /// `op_defaults`.
    pub fn operation_meta(&self, resource: ResourceIndex, node: Option<NodeIndex>, name: &str, interval_ms: u64) -> Attributes {
        let operation = self.find_operation(resource, name, interval_ms, true);
        self.operation_meta_of(resource, node, name, interval_ms, operation)
    }

    /// Returns the meta attributes of an operation as `operation_meta`, for this configured operation.
    pub fn operation_meta_of(
        &self,
        resource: ResourceIndex,
        node: Option<NodeIndex>,
        name: &str,
        interval_ms: u64,
        operation: Option<&Operation>,
    ) -> Attributes {
        let entry = self.resource(resource);
        let context = RuleContext { resource: Some(&entry.xml), operation: Some((name, interval_ms)), ..RuleContext::default() };
        let mut meta = Attributes::new();
        if let Some(operation) = operation {
            meta.extend(operation.xml.attributes.iter().cloned());
            add_values(self, &operation.xml, "meta_attributes", None, context, &mut meta);
        }
        let is_probe = name == "monitor" && interval_ms == 0;
        if is_probe && !meta.contains_key("timeout") {
            let monitors = entry.operations.iter().filter(|o| o.name == "monitor" && o.interval_ms > 0 && o.enabled);
            if let Some(timeout) = monitors.min_by_key(|o| o.interval_ms).and_then(|o| o.xml.attribute("timeout")) {
                meta.insert("timeout".into(), timeout.into());
            }
        }
        if let Some(defaults) = &self.operation_defaults {
            add_values(self, defaults, "meta_attributes", None, context, &mut meta);
        }
        meta.remove("id");
        if interval_ms > 0 {
            meta.insert("interval".into(), format_compact!("{interval_ms}"));
        } else {
            meta.remove("interval");
        }
        if entry.fence_device && (name == "start" || is_probe) {
            // Compat: starting and probing a fence device run its monitor.
            if let Some(timeout) = self.parameters(resource, node).get("pcmk_monitor_timeout") {
                meta.insert("timeout".into(), timeout.clone());
            }
        }
        let timeout = meta.get("timeout").and_then(|text| numbers::milliseconds(text)).filter(|&ms| ms > 0).unwrap_or(DEFAULT_TIMEOUT_MS);
        meta.insert("timeout".into(), format_compact!("{}", timeout.min(i64::from(i32::MAX))));
        self.validate_on_fail(resource, name, operation, &mut meta);
        self.normalise_start_delay(interval_ms, &mut meta);
        meta
    }

    /// Removes an `on-fail` that is not allowed for the operation; a demote takes over that of the promoted monitor.
    fn validate_on_fail(&self, resource: ResourceIndex, name: &str, operation: Option<&Operation>, meta: &mut Attributes) {
        let value = meta.get("on-fail").map(|value| value.to_ascii_lowercase());
        match (name, value.as_deref()) {
            ("stop", Some("standby" | "demote" | "stop")) => {
                meta.remove("on-fail");
            }
            ("demote", None) => {
                let monitors = self.resource(resource).operations.iter().filter(|o| is_promoted_monitor(o) && o.enabled);
                let configured = monitors.filter_map(|o| o.xml.attribute("on-fail")).rfind(|value| !value.eq_ignore_ascii_case("demote"));
                if let Some(value) = configured {
                    meta.insert("on-fail".into(), value.into());
                }
            }
            ("lrm_delete", _) => {
                meta.insert("on-fail".into(), "ignore".into());
            }
            (_, Some("demote")) if !operation.is_some_and(|o| o.name == "promote" || is_promoted_monitor(o)) => {
                meta.remove("on-fail");
            }
            _ => {}
        }
    }

    fn normalise_start_delay(&self, interval_ms: u64, meta: &mut Attributes) {
        let delay = match meta.get("start-delay") {
            Some(text) => Some(numbers::milliseconds(text).unwrap_or(0).clamp(0, i64::from(i32::MAX))),
            None if interval_ms > 0 => meta.get("interval-origin").and_then(|origin| self.delay_from_origin(origin, interval_ms)),
            None => None,
        };
        if let Some(delay) = delay {
            meta.insert("start-delay".into(), format_compact!("{delay}"));
        }
    }

    /// Returns the milliseconds until the next multiple of the interval since an origin.
    fn delay_from_origin(&self, origin: &str, interval_ms: u64) -> Option<i64> {
        let origin = DateTime::parse(origin, self.now, self.utc_offset)?.timestamp();
        let interval = numbers::seconds(interval_ms).max(1);
        let since = (self.now.seconds() - origin.seconds()) % interval;
        Some((if since <= 0 { -since } else { interval - since }) * 1000)
    }

    /// Returns what a failure of an operation requires; `configured` is the `on-fail` of its meta attributes.
    pub fn on_fail(&self, resource: ResourceIndex, name: &str, interval_ms: u64, configured: Option<&str>) -> OnFail {
        let entry = self.resource(resource);
        let fencing_enabled = self.options.fencing_enabled;
        let explicit = match configured.map(str::to_ascii_lowercase).as_deref() {
            Some("block") => Some(OnFail::Block),
            Some("fence") => Some(if fencing_enabled { OnFail::Fence } else { OnFail::Stop }),
            Some("standby") => Some(OnFail::Standby),
            Some("ignore" | "nothing") => Some(OnFail::Ignore),
            Some("migrate") => Some(OnFail::Ban),
            Some("stop") => Some(OnFail::Stop),
            Some("restart") => Some(OnFail::Restart),
            Some("restart-container") if entry.launcher.is_some() => Some(OnFail::RestartContainer),
            Some("demote") => Some(OnFail::Demote),
            _ => None,
        };
        // A connection that is dropped leaves its node unattended: all but a probe or a start must end in fencing.
        let is_remote =
            entry.remote_connection && self.find_node(entry.id.as_str()).is_some_and(|node| self.node(node).kind == NodeKind::Remote);
        let needs_reset = is_remote && name != "start" && !(name == "monitor" && interval_ms == 0);
        match explicit {
            Some(on_fail) if !needs_reset || entry.managed => on_fail,
            _ if entry.launcher.is_some() => OnFail::RestartContainer,
            _ if needs_reset && entry.managed => OnFail::ResetRemote,
            _ if needs_reset => OnFail::Stop,
            _ if name == "stop" && fencing_enabled => OnFail::Fence,
            _ if name == "stop" => OnFail::Block,
            _ => OnFail::Restart,
        }
    }

    /// Returns the role that a resource has after a failure of this operation.
    pub fn role_after_failure(&self, resource: ResourceIndex, name: &str, on_fail: OnFail) -> Role {
        match on_fail {
            OnFail::Stop => Role::Stopped,
            OnFail::ResetRemote if self.resource(resource).reconnect_interval.is_some() => Role::Stopped,
            _ if name == "promote" => Role::Unpromoted,
            _ => Role::Started,
        }
    }

    /// Returns what must be true before an operation may run: only starts and promotions need anything.
    pub fn operation_requires(&self, resource: ResourceIndex, name: &str) -> Requires {
        match self.resource(resource).requires {
            _ if !name.eq_ignore_ascii_case("start") && !name.eq_ignore_ascii_case("promote") => Requires::Nothing,
            Requires::Unfencing => Requires::Fencing,
            requires => requires,
        }
    }
}

fn is_promoted_monitor(operation: &Operation) -> bool {
    operation.name == "monitor" && operation.interval_ms > 0 && operation.role == Some(Role::Promoted)
}
