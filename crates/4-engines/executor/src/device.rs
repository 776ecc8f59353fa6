//! Fence devices as resources: their agents know no start and no stop, only whether they can reach their device.
//!
//! A start checks the device by `monitor`, a stop does nothing, and whether it runs here is what this node remembers.

use crate::outcome::Verdict;
use messages::operation::OperationOrder;
use model::AgentExit;
use std::collections::BTreeMap;

/// Returns the verdict on operations of a fence device that need no agent.
pub(crate) fn verdict_without_agent(order: &OperationOrder, started: bool) -> Option<Verdict> {
    if order.agent.class != "stonith" {
        return None;
    }
    match order.operation.as_str() {
        "start" => None,
        "monitor" | "status" if !order.interval.is_zero() => None,
        "monitor" | "status" if started => Some(Verdict::done(AgentExit::OK)),
        "monitor" | "status" => Some(Verdict::done(AgentExit::NOT_RUNNING)),
        "stop" => Some(Verdict::done(AgentExit::OK)),
        other => Some(Verdict::failed(
            model::ExecutionStatus::NotSupported,
            AgentExit::UNIMPLEMENTED,
            format!("a fence device knows no operation {other}"),
        )),
    }
}

/// Returns what the fence agent is called with.
pub(crate) fn action_word(operation: &str, parameters: &BTreeMap<String, String>) -> String {
    let action = if operation == "start" { "monitor" } else { operation };
    parameters.get(&format!("pcmk_{action}_action")).cloned().unwrap_or_else(|| action.to_owned())
}

/// Returns the parameters that are the agent's own; those of the cluster are no business of its.
pub(crate) fn parameters(all: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_ours = |name: &str| {
        name.starts_with("pcmk_")
            || name.starts_with("CRM_meta_")
            || matches!(name, "action" | "crm_feature_set" | "provides" | "stonith-timeout")
    };
    all.iter().filter(|(name, _)| !is_ours(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Returns how often a failed check may be repeated (`pcmk_monitor_retries` counts the tries).
pub(crate) fn retries(order: &OperationOrder) -> u32 {
    if order.agent.class != "stonith" {
        return 0;
    }
    let tries = order.parameters.get("pcmk_monitor_retries").and_then(|text| text.parse::<u32>().ok()).unwrap_or(2);
    tries.saturating_sub(1)
}
