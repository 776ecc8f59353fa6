//! Where a tool is called: on which node, for which resource, and how it ends.

use admin::{Cluster, Exit, Refusal};
use std::process::ExitCode;

/// Returns the node a tool is about when its `-N` is absent, `auto` or `localhost`: that of the agent which
/// calls it (or of the host its container runs on), else the local one.
pub fn node(cluster: &Cluster, given: Option<&str>) -> Result<String, Refusal> {
    if let Some(name) = given.filter(|name| !matches!(*name, "auto" | "localhost")) {
        return Ok(name.to_owned());
    }
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if variable("OCF_RESKEY_CRM_meta_container_attribute_target").as_deref() == Some("host")
        && let Some(host) = variable("OCF_RESKEY_CRM_meta_physical_host")
    {
        return Ok(host);
    }
    match variable("OCF_RESKEY_CRM_meta_on_node") {
        Some(node) => Ok(node),
        None => local(cluster),
    }
}

/// Returns the name of the local node: the daemon's word, else the machine's own name.
pub fn local(cluster: &Cluster) -> Result<String, Refusal> {
    match cluster.info() {
        Ok(info) => Ok(info.node.to_string()),
        Err(refusal) if matches!(refusal.exit, Exit::DISCONNECT | Exit::UNAVAILABLE) => {
            std::fs::read_to_string("/proc/sys/kernel/hostname")
                .map(|name| name.trim().to_owned())
                .map_err(|error| Refusal::new(Exit::ERROR, error.to_string()))
        }
        Err(refusal) => Err(refusal),
    }
}

/// Returns the resource that a promotion score is of: the one given, else the calling agent's, without its instance number.
pub fn promotion_attribute(given: Option<&str>) -> Result<String, Refusal> {
    let resource = match given.filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => std::env::var("OCF_RESOURCE_INSTANCE").map_err(|_| {
            Refusal::new(Exit::USAGE, "-p/--promotion must be called from an OCF resource agent or with a resource ID specified")
        })?,
    };
    let is_unique = std::env::var("OCF_RESKEY_CRM_meta_globally_unique").is_ok_and(|value| model::parse_boolean(&value) == Some(true));
    let base = match resource.split_once(':') {
        Some((base, _)) if given.is_none_or(str::is_empty) && !is_unique => base.to_owned(),
        _ => resource,
    };
    Ok(format!("master-{base}"))
}

/// Reads an interval in milliseconds.
pub fn interval_ms(text: &str) -> Result<u64, Refusal> {
    let interval =
        model::parse_interval(text).ok_or_else(|| Refusal::new(Exit::USAGE, format!("{text:?} is not an interval such as 10s")))?;
    Ok(u64::try_from(interval.as_millis()).unwrap_or(u64::MAX))
}

/// Prints a refusal as Pacemaker's tools do, and returns the exit code.
pub fn end(tool: &str, outcome: Result<(), Refusal>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            eprintln!("{tool}: {}", refusal.message);
            ExitCode::from(refusal.exit.0)
        }
    }
}
