//! What agents say of themselves: which parameters can change without a restart, which are secret.
//!
//! Asked for by a call of its own that runs beside the operation; an operation's report waits for it a short while and goes
//! without it when it does not come. Never asked twice at a time.

use messages::agent::AgentName;
use model::CallId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long an agent may take to print its meta-data.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a finished operation's report waits for meta-data that is being asked for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// After this long meta-data is asked again at the next start: the agent may have been upgraded.
const FRESH: Duration = Duration::from_secs(3600);
/// After a failure it is not asked again for this long.
const RETRY: Duration = Duration::from_secs(60);

/// The part of an agent's meta-data that operations depend on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct AgentFacts {
    /// `reload-agent` (OCF 1.1).
    pub reloads_agent: bool,
    /// `reload` in a 1.0 agent.
    pub reloads_legacy: bool,
    /// All parameters, in the order of the meta-data.
    pub parameters: Vec<Parameter>,
}

/// One parameter of an agent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Parameter {
    pub name: String,
    pub is_reloadable: bool,
    pub is_unique: bool,
    pub is_private: bool,
}

impl AgentFacts {
    /// Reads meta-data; `None` when it is not XML.
    pub fn parse(text: &str) -> Option<Self> {
        let at = text.find('<')?;
        let root = xml::parse(&text.as_bytes()[at..], &xml::Limits::default()).ok()?;
        let truth = |element: &xml::Element, name: &str| element.attribute(name).and_then(model::parse_boolean).unwrap_or(false);
        let version = root.child("version").map(|element| element.text()).unwrap_or_default();
        let is_1_1 = version.trim().split_once('.').is_some_and(|(major, minor)| {
            let number = |text: &str| text.parse::<u32>().unwrap_or(0);
            (number(major), number(minor.split('.').next().unwrap_or(""))) >= (1, 1)
        });
        let actions: BTreeSet<&str> = root
            .child("actions")
            .map(|actions| actions.elements_named("action").filter_map(|action| action.attribute("name")).collect())
            .unwrap_or_default();
        let parameters = root.child("parameters").map(|parameters| {
            parameters
                .elements_named("parameter")
                .filter_map(|element| {
                    let name = element.attribute("name")?.to_owned();
                    Some(Parameter {
                        is_reloadable: truth(element, "reloadable"),
                        is_unique: truth(element, "unique"),
                        is_private: truth(element, "private"),
                        name,
                    })
                })
                .collect()
        });
        Some(Self {
            reloads_agent: actions.contains("reload-agent"),
            // Compat: a 1.1 agent's `reload` reloads the service itself, not changed parameters.
            reloads_legacy: actions.contains("reload") && !is_1_1,
            parameters: parameters.unwrap_or_default(),
        })
    }
}

/// What is known of one agent.
#[derive(Clone, Debug)]
enum Knowledge {
    Asked { call: CallId },
    Known { facts: AgentFacts, at: Duration },
    Failed { at: Duration },
}

/// What is known of all agents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Library {
    agents: BTreeMap<AgentName, Knowledge>,
    /// Facts that are being refreshed stay in use.
    previous: BTreeMap<AgentName, AgentFacts>,
}

impl Library {
    /// Returns what is known now.
    pub fn facts(&self, agent: &AgentName) -> Option<&AgentFacts> {
        match self.agents.get(agent) {
            Some(Knowledge::Known { facts, .. }) => Some(facts),
            _ => self.previous.get(agent),
        }
    }

    /// Returns whether a report about this agent should wait: it is being asked and nothing is known of it yet.
    pub fn is_awaited(&self, agent: &AgentName) -> bool {
        matches!(self.agents.get(agent), Some(Knowledge::Asked { .. })) && !self.previous.contains_key(agent)
    }

    /// Returns whether the agent has to be asked before (or beside) this operation.
    pub fn should_ask(&self, agent: &AgentName, operation: &str, now: Duration) -> bool {
        match self.agents.get(agent) {
            None => true,
            Some(Knowledge::Asked { .. }) => false,
            Some(Knowledge::Known { at, .. }) => operation == "start" && now.saturating_sub(*at) >= FRESH,
            Some(Knowledge::Failed { at }) => now.saturating_sub(*at) >= RETRY,
        }
    }

    /// Notes that the agent was asked by this call.
    pub fn asked(&mut self, agent: AgentName, call: CallId) {
        if let Some(Knowledge::Known { facts, .. }) = self.agents.insert(agent.clone(), Knowledge::Asked { call }) {
            self.previous.insert(agent, facts);
        }
    }

    /// Takes the answer of a call; returns the agent when it was one of ours.
    pub fn answered(&mut self, call: CallId, facts: Option<AgentFacts>, now: Duration) -> Option<AgentName> {
        let agent = self.agents.iter().find(|(_, known)| matches!(known, Knowledge::Asked { call: asked } if *asked == call))?.0.clone();
        let known = match facts.or_else(|| self.previous.remove(&agent)) {
            Some(facts) => Knowledge::Known { facts, at: now },
            None => Knowledge::Failed { at: now },
        };
        self.agents.insert(agent.clone(), known);
        Some(agent)
    }

    /// Forgets every question whose answer is still to come (the root role is gone).
    pub fn forget_questions(&mut self) {
        self.agents.retain(|_, known| !matches!(known, Knowledge::Asked { .. }));
    }
}

/// Returns whether an operation's record depends on its agent's meta-data. Only OCF agents have useful ones.
pub(crate) fn matters(agent: &AgentName, operation: &str) -> bool {
    agent.class == "ocf"
        && matches!(operation, "start" | "monitor" | "promote" | "demote" | "reload" | "reload-agent" | "migrate_to" | "migrate_from")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"<?xml version="1.0"?>
<resource-agent name="web"><version>1.1</version>
<parameters><parameter name="port" reloadable="1"/><parameter name="password" private="1" unique="0"/><parameter name="address" unique="1"/></parameters>
<actions><action name="start" timeout="20s"/><action name="reload"/><action name="reload-agent"/></actions></resource-agent>"#;

    #[test]
    fn meta_data_say_what_reloads() {
        let facts = AgentFacts::parse(TEXT).unwrap();
        assert!(facts.reloads_agent && !facts.reloads_legacy);
        let flags: Vec<_> = facts.parameters.iter().map(|p| (p.name.as_str(), p.is_reloadable, p.is_unique, p.is_private)).collect();
        assert_eq!(flags, [("port", true, false, false), ("password", false, false, true), ("address", false, true, false)]);
        let old = AgentFacts::parse(&TEXT.replace("1.1", "1.0")).unwrap();
        assert!(old.reloads_legacy);
        assert_eq!(AgentFacts::parse("no agent here"), None);
    }

    #[test]
    fn a_failure_is_not_asked_again_at_once() {
        let agent = AgentName { class: "ocf".into(), provider: Some("x".into()), kind: "y".into() };
        let mut library = Library::default();
        assert!(library.should_ask(&agent, "monitor", Duration::ZERO));
        library.asked(agent.clone(), CallId(1));
        assert!(library.is_awaited(&agent));
        assert_eq!(library.answered(CallId(1), None, Duration::from_secs(1)), Some(agent.clone()));
        assert!(!library.should_ask(&agent, "start", Duration::from_secs(2)));
        assert!(library.should_ask(&agent, "start", Duration::from_secs(90)));
    }
}
