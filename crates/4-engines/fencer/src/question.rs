//! Whether a device reaches a target, for tools that ask without a fencer: what its agent has to be asked, and what the answer means.

use crate::Device;
use crate::device::{AgentFacts, HostCheck, listed_targets};
use messages::agent::AgentName;
use model::NodeName;
use std::collections::BTreeMap;

/// What is left to ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// Nothing: the configuration says it.
    Settled(bool),
    /// The agent's list of targets must name this one.
    List { call: DeviceCall, name: String },
    /// The agent must know the target's state.
    Status(DeviceCall),
}

/// One call of a device's agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceCall {
    /// The word the agent knows the action by.
    pub action: String,
    /// What it reads besides.
    pub parameters: BTreeMap<String, String>,
}

impl Device {
    /// Returns a device that is not configured, for who wants its parameters judged.
    pub fn imagined(agent: AgentName, parameters: BTreeMap<String, String>) -> Self {
        Self { agent, parameters, ..Device::watchdog() }
    }

    /// Returns a call of the device's agent, by its meta-data, about a target or about none.
    pub fn call(&self, action: &str, metadata: &str, target: Option<&NodeName>) -> DeviceCall {
        let facts = AgentFacts::parse(metadata).unwrap_or_default();
        DeviceCall { action: self.action_word(action), parameters: self.arguments(&facts, target) }
    }

    /// Returns how to find out whether the device reaches a target.
    pub fn question(&self, metadata: &str, target: &NodeName) -> Question {
        if self.is_watchdog() {
            return Question::Settled(self.reaches_by_watchdog(target));
        }
        let facts = AgentFacts::parse(metadata).unwrap_or_default();
        match self.host_check(&facts) {
            HostCheck::None => Question::Settled(true),
            HostCheck::Static => Question::Settled(self.is_listed(target)),
            HostCheck::Dynamic => {
                let name = self.alias(target).unwrap_or(target.as_str()).to_ascii_lowercase();
                Question::List { call: self.call("list", metadata, None), name }
            }
            HostCheck::Status => Question::Status(self.call("status", metadata, Some(target))),
        }
    }
}

impl Question {
    /// Returns what the agent has to be called with, if it has to.
    pub fn call(&self) -> Option<&DeviceCall> {
        match self {
            Question::Settled(_) => None,
            Question::List { call, .. } | Question::Status(call) => Some(call),
        }
    }

    /// Returns whether the device reaches the target, by the exit code and the output of the call.
    pub fn is_reached(&self, exit: Option<i32>, stdout: &str) -> bool {
        match self {
            Question::Settled(settled) => *settled,
            Question::List { name, .. } => exit == Some(0) && listed_targets(stdout).contains(name),
            // Compat: 0 says that the target is on, 2 that it is off; both know it.
            Question::Status(_) => matches!(exit, Some(0 | 2)),
        }
    }
}

/// Returns the targets that an agent's `list` names, in order.
pub fn targets(stdout: &str) -> Vec<String> {
    listed_targets(stdout).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_only_imagined_is_asked_about_a_target_by_plug() {
        let metadata = r#"<resource-agent name="fence_x"><parameters><parameter name="plug"/></parameters></resource-agent>"#;
        let agent = AgentName { class: "stonith".to_owned(), provider: None, kind: "fence_x".to_owned() };
        let asked = |given: &[(&str, &str)]| {
            let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let call = Device::imagined(agent.clone(), given).call("validate-all", metadata, Some(&"node1".into()));
            call.parameters.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(asked(&[("ip", "1")]), "ip=1 nodename=node1 plug=node1");
        assert_eq!(asked(&[("plug", "7")]), "nodename=node1 plug=7");
        assert_eq!(asked(&[("pcmk_host_argument", "none")]), "nodename=node1");
    }
}
