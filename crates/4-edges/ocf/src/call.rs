//! One call of an agent: the action, its parameters and where state is kept, as the OCF environment tells them.

use crate::Agent;
use model::{AgentExit, parse_interval};
use std::path::PathBuf;
use std::time::Duration;

/// What an agent is asked, read from the environment once.
pub struct Call {
    pub action: String,
    /// `OCF_RESOURCE_INSTANCE`.
    pub resource: String,
    /// The node the cluster runs the action for.
    pub node: String,
    /// Where state files are kept; emptied when the host boots.
    pub state_directory: PathBuf,
    defaults: Vec<(&'static str, &'static str)>,
}

/// Why an action did not succeed. `NOT_RUNNING` of a monitor needs no reason.
#[derive(Debug)]
pub struct Failure {
    pub exit: AgentExit,
    pub reason: Option<String>,
}

impl Failure {
    /// Returns a failure with the reason shown to people.
    pub fn new(exit: AgentExit, reason: impl Into<String>) -> Self {
        Self { exit, reason: Some(reason.into()) }
    }

    /// Returns the answer of a monitor that found nothing running.
    pub fn not_running() -> Self {
        Self { exit: AgentExit::NOT_RUNNING, reason: None }
    }

    /// Returns the answer of a monitor that found the promoted role.
    pub fn promoted() -> Self {
        Self { exit: AgentExit::RUNNING_PROMOTED, reason: None }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(AgentExit::ERROR, error.to_string())
    }
}

impl Call {
    /// Reads the call from the environment that OCF defines.
    pub fn from_environment(agent: &Agent, action: &str) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            action: action.to_owned(),
            resource: variable("OCF_RESOURCE_INSTANCE").unwrap_or_else(|| "default".to_owned()),
            node: variable("OCF_RESKEY_CRM_meta_on_node").unwrap_or_else(|| "localhost".to_owned()),
            state_directory: variable("HA_RSCTMP").map_or_else(|| PathBuf::from("/run/resource-agents"), PathBuf::from),
            defaults: agent.parameters.iter().filter_map(|p| p.default.map(|value| (p.name, value))).collect(),
        }
    }

    /// Returns a parameter as configured, or its default.
    pub fn parameter(&self, name: &str) -> Option<String> {
        std::env::var(format!("OCF_RESKEY_{name}"))
            .ok()
            .filter(|value| !value.is_empty())
            .or_else(|| self.defaults.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    /// Returns a parameter that must be there.
    pub fn required(&self, name: &str) -> Result<String, Failure> {
        self.parameter(name).ok_or_else(|| Failure::new(AgentExit::NOT_CONFIGURED, format!("parameter {name} is required")))
    }

    /// Returns the time this action may take, less a little for the answer itself.
    pub fn time_allowed(&self) -> Duration {
        let ms = std::env::var("OCF_RESKEY_CRM_meta_timeout").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000u64);
        Duration::from_millis(ms.saturating_sub(ms / 10).max(100))
    }

    /// Returns a parameter that is a time, zero when it is absent.
    pub fn time(&self, name: &str) -> Result<Duration, Failure> {
        match self.parameter(name) {
            None => Ok(Duration::ZERO),
            Some(text) => parse_interval(&text).ok_or_else(|| {
                Failure::new(AgentExit::NOT_CONFIGURED, format!("parameter {name} is {text:?}, which is not a time such as 5 or 500ms"))
            }),
        }
    }

    /// Returns the path of a state file of this resource. Instances of a clone keep separate files (`web:0`).
    pub fn state_file(&self, kind: &str) -> PathBuf {
        self.state_directory.join(format!("{kind}-{}.state", self.resource.replace('/', "_")))
    }
}
