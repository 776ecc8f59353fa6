//! Systole's own OCF 1.1 agents: one file each, one table for their meta-data and their dispatch.
//!
//! They run as `resource.d/systole/NAME ACTION` with the environment every OCF agent gets, need nothing
//! installed, and stand in for `ocf:pacemaker:NAME` where Pacemaker's agents are absent. An agent knows
//! its own resource only; it never reads the cluster's state.

mod address;
mod call;
mod cluster_mon;
mod dummy;
mod health;
mod holder;
mod metadata;
mod process;
mod refused;
mod stateful;
mod watchers;
mod web;

pub use call::{Call, Failure};
pub use holder::serve;

use model::AgentExit;

/// One agent: its description (from which the meta-data is made) and what carries its actions out.
pub struct Agent {
    pub name: &'static str,
    pub short: &'static str,
    pub long: &'static str,
    pub parameters: &'static [Parameter],
    pub actions: &'static [Action],
    run: fn(&Call) -> Result<(), Failure>,
}

/// One parameter of an agent.
pub struct Parameter {
    pub name: &'static str,
    /// `string`, `integer`, `boolean` or `time`.
    pub kind: &'static str,
    pub default: Option<&'static str>,
    pub required: bool,
    /// Two resources must not share the value.
    pub unique: bool,
    /// A change needs no restart (`reload-agent`).
    pub reloadable: bool,
    pub short: &'static str,
    pub long: &'static str,
}

/// One action with the time-out (and interval) the agent suggests.
pub struct Action {
    pub name: &'static str,
    pub timeout: &'static str,
    pub interval: Option<&'static str>,
    pub role: Option<&'static str>,
}

impl Action {
    const fn once(name: &'static str, timeout: &'static str) -> Self {
        Self { name, timeout, interval: None, role: None }
    }

    const fn every(name: &'static str, timeout: &'static str, interval: &'static str) -> Self {
        Self { name, timeout, interval: Some(interval), role: None }
    }

    const fn every_as(name: &'static str, timeout: &'static str, interval: &'static str, role: &'static str) -> Self {
        Self { name, timeout, interval: Some(interval), role: Some(role) }
    }
}

/// All agents, by name.
pub const AGENTS: &[Agent] = &[
    address::AGENT,
    cluster_mon::AGENT,
    dummy::AGENT,
    health::HEALTH_CPU,
    health::HEALTH_IO_WAIT,
    health::HEALTH_SMART,
    process::AGENT,
    refused::CONTROLD,
    refused::REMOTE,
    stateful::AGENT,
    watchers::ATTRIBUTE,
    watchers::IFSPEED,
    watchers::PING,
    watchers::SYS_INFO,
    web::AGENT,
];

/// Returns the agent of this name.
pub fn find(name: &str) -> Option<&'static Agent> {
    AGENTS.iter().find(|agent| agent.name == name)
}

/// Runs one action of one agent and returns its exit code. The reason of a failure is on stderr in OCF's form.
pub fn run(name: &str, action: &str) -> AgentExit {
    let Some(agent) = find(name) else {
        eprintln!("ocf-exit-reason:Systole has no agent {name:?}");
        return AgentExit::NOT_INSTALLED;
    };
    if matches!(action, "meta-data" | "metadata") {
        print!("{}", metadata::text(agent));
        return AgentExit::OK;
    }
    if !agent.actions.iter().any(|known| known.name == action || (known.name == "monitor" && action == "status")) {
        eprintln!("ocf-exit-reason:{name} has no action {action:?}");
        return AgentExit::UNIMPLEMENTED;
    }
    let call = Call::from_environment(agent, action);
    match (agent.run)(&call) {
        Ok(()) => AgentExit::OK,
        Err(failure) => {
            if let Some(reason) = &failure.reason {
                eprintln!("ocf-exit-reason:{reason}");
            }
            failure.exit
        }
    }
}
