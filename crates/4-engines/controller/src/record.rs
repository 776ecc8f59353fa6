//! Records of operations in the status section (`lrm_rsc_op`), as Pacemaker 2.1.5 writes them.
//!
//! Which record an outcome takes the place of is part of the format: the scheduler finds the last state of a resource,
//! its last failure, each watch and each end of a migration under ids of their own.

use messages::operation::{OperationOrder, OperationReport};
use model::{AgentExit, ExecutionStatus, Magic, Timestamp};
use xml::Element;

/// Returns whether results of this operation are recorded at all.
pub(crate) fn is_recordable(operation: &str) -> bool {
    !matches!(operation, "cancel" | "delete" | "notify" | "meta-data" | "validate-all")
}

/// Returns whether an operation is an end of a live migration.
pub(crate) fn is_migration(operation: &str) -> bool {
    matches!(operation, "migrate_to" | "migrate_from")
}

/// Returns the exit code as far as success goes: degraded counts as running.
pub(crate) fn effective(exit: AgentExit) -> AgentExit {
    match exit {
        AgentExit::DEGRADED => AgentExit::OK,
        AgentExit::DEGRADED_PROMOTED => AgentExit::RUNNING_PROMOTED,
        exit => exit,
    }
}

/// Returns whether an outcome is a failure to be kept as such.
pub(crate) fn has_failed(report: &OperationReport) -> bool {
    match report.status {
        ExecutionStatus::Cancelled | ExecutionStatus::Pending => false,
        ExecutionStatus::Done => effective(report.exit).0 != report.transition_key.target_rc,
        _ => true,
    }
}

/// Returns the ids of the records an operation's outcome is written to, the first one first.
pub(crate) fn record_ids(resource: &str, operation: &str, interval_ms: u128, failed: bool) -> Vec<String> {
    let own = || format!("{resource}_{operation}_{interval_ms}");
    let last = || format!("{resource}_last_0");
    match (operation, failed) {
        ("migrate_to" | "migrate_from", _) => vec![own()],
        (_, true) if interval_ms == 0 => vec![format!("{resource}_last_failure_0"), last()],
        (_, true) => vec![format!("{resource}_last_failure_0")],
        (_, false) if interval_ms > 0 => vec![own()],
        _ => vec![last()],
    }
}

/// Returns the operation as it is recorded. Compat: a reload that worked counts as a start, one that failed as a failed watch.
fn recorded_operation(operation: &str, status: ExecutionStatus) -> &str {
    match (operation, status) {
        ("reload" | "reload-agent", ExecutionStatus::Done) => "start",
        ("reload" | "reload-agent", _) => "monitor",
        _ => operation,
    }
}

/// Returns the records an outcome comes to.
pub fn record_elements(report: &OperationReport) -> Vec<Element> {
    let failed = has_failed(report);
    let interval_ms = report.interval.as_millis();
    let ids = record_ids(report.resource.as_str(), &report.operation, interval_ms, failed);
    ids.into_iter().map(|id| record_element(report, &id, failed)).collect()
}

fn record_element(report: &OperationReport, id: &str, failed: bool) -> Element {
    let operation = recorded_operation(&report.operation, report.status);
    let key = if operation == report.operation {
        report.operation_key.clone()
    } else {
        format!("{}_{}_{}", report.resource, operation, report.interval.as_millis())
    };
    let magic = Magic { status: report.status.code(), rc: report.exit.0, key: report.transition_key.clone() };
    let reason = report.exit_reason.as_deref().filter(|_| failed).unwrap_or("");
    let mut element = Element::new("lrm_rsc_op")
        .with("id", id)
        .with("operation_key", key)
        .with("operation", operation)
        .with("crm-debug-origin", "controld_update_resource_history")
        .with("crm_feature_set", &report.feature_set)
        .with("transition-key", report.transition_key.to_string())
        .with("transition-magic", magic.to_string())
        .with("exit-reason", reason)
        .with("on_node", report.on_node.as_str())
        // Compat: a result that no executor gave has no call of its own.
        .with("call-id", if report.call.0 == 0 { "-1".to_owned() } else { report.call.to_string() })
        .with("rc-code", report.exit.0.to_string())
        .with("op-status", report.status.code().to_string())
        .with("interval", report.interval.as_millis().to_string())
        .with("last-rc-change", report.last_change.seconds().to_string())
        .with("exec-time", report.run_time.as_millis().to_string())
        .with("queue-time", report.queue_time.as_millis().to_string());
    if matches!(report.operation.as_str(), "migrate_to" | "migrate_from") {
        for (name, value) in [("migrate_source", &report.migrate_source), ("migrate_target", &report.migrate_target)] {
            if let Some(value) = value {
                element.set(name, value);
            }
        }
    }
    if let Some(digests) = &report.digests {
        element.set("op-digest", &digests.all);
        if let Some(restart) = &digests.restart {
            element.set("op-force-restart", &restart.names);
            element.set("op-restart-digest", &restart.digest);
        }
        if let Some(secure) = &digests.secure {
            element.set("op-secure-params", &secure.names);
            element.set("op-secure-digest", &secure.digest);
        }
    }
    element
}

/// Returns the id of the note that an operation is under way: the place of its successful outcome.
pub(crate) fn pending_id(order: &OperationOrder) -> String {
    record_ids(order.resource.as_str(), &order.operation, order.interval.as_millis(), false).swap_remove(0)
}

/// Returns the note that an operation is under way.
pub(crate) fn pending_element(order: &OperationOrder, feature_set: &str, at: Timestamp) -> Element {
    let magic = Magic { status: ExecutionStatus::Pending.code(), rc: AgentExit::UNKNOWN.0, key: order.transition_key.clone() };
    let mut element = Element::new("lrm_rsc_op")
        .with("id", pending_id(order))
        .with("operation_key", &order.operation_key)
        .with("operation", &order.operation)
        .with("crm-debug-origin", "controld_update_resource_history")
        .with("crm_feature_set", feature_set)
        .with("transition-key", order.transition_key.to_string())
        .with("transition-magic", magic.to_string())
        .with("exit-reason", "")
        .with("on_node", order.on_node.as_str())
        .with("call-id", "-1")
        .with("rc-code", AgentExit::UNKNOWN.0.to_string())
        .with("op-status", ExecutionStatus::Pending.code().to_string())
        .with("interval", order.interval.as_millis().to_string())
        .with("last-rc-change", at.seconds().to_string())
        .with("exec-time", "0")
        .with("queue-time", "0");
    for name in ["migrate_source", "migrate_target"] {
        if let Some(value) = order.meta(name).filter(|_| order.operation.starts_with("migrate_")) {
            element.set(name, value);
        }
    }
    element
}
