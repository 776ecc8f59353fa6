//! One fence device: what its `pcmk_*` parameters and its agent's meta-data say about how it is used.

use crate::Device;
use crate::configuration::{WATCHDOG, WATCHDOG_AGENT};
use messages::agent::{AgentName, AgentOutcome};
use model::{NodeName, parse_boolean, parse_interval};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What an agent says of itself; the default is for agents that say nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct AgentFacts {
    pub reboots: bool,
    pub turns_on: bool,
    pub lists: bool,
    pub tells_status: bool,
    /// Nodes are unfenced with it when they join.
    pub unfences: bool,
    /// Actions that only the target itself can run.
    pub on_target: BTreeSet<String>,
    /// The parameter that names the target.
    pub host_argument: Option<String>,
}

impl Default for AgentFacts {
    fn default() -> Self {
        Self {
            reboots: true,
            turns_on: true,
            lists: false,
            tells_status: false,
            unfences: false,
            on_target: BTreeSet::new(),
            host_argument: Some("port".to_owned()),
        }
    }
}

impl AgentFacts {
    /// Reads meta-data; `None` when they are not XML.
    pub fn parse(text: &str) -> Option<Self> {
        let at = text.find('<')?;
        let root = xml::parse(&text.as_bytes()[at..], &xml::Limits::default()).ok()?;
        let mut facts = Self { reboots: false, turns_on: false, host_argument: None, ..Self::default() };
        for action in root.descendants().filter(|element| element.name == "action") {
            let truth = |name: &str| action.attribute(name).and_then(parse_boolean).unwrap_or(false);
            let Some(name) = action.attribute("name") else { continue };
            match name {
                "reboot" => facts.reboots = true,
                "list" => facts.lists = true,
                "status" => facts.tells_status = true,
                "on" => {
                    facts.turns_on = true;
                    facts.unfences |= truth("automatic") || truth("required");
                }
                _ => {}
            }
            if truth("on_target") {
                facts.on_target.insert(name.to_owned());
            }
        }
        let has = |name: &str| root.descendants().any(|element| element.name == "parameter" && element.attribute("name") == Some(name));
        facts.host_argument = ["port", "plug"].into_iter().find(|name| has(name)).map(str::to_owned);
        Some(facts)
    }
}

/// How it is known which targets a device reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HostCheck {
    Static,
    Dynamic,
    Status,
    None,
}

impl Device {
    /// Returns the device that stands for nodes that end themselves, where none is configured.
    pub(crate) fn watchdog() -> Self {
        Self {
            id: WATCHDOG.into(),
            agent: AgentName { class: "stonith".to_owned(), provider: None, kind: WATCHDOG_AGENT.to_owned() },
            parameters: BTreeMap::new(),
            meta: BTreeMap::new(),
            banned: BTreeSet::new(),
            only: None,
        }
    }

    /// Returns whether the device stands for nodes that end themselves.
    pub(crate) fn is_watchdog(&self) -> bool {
        self.agent.kind == WATCHDOG_AGENT
    }

    /// Returns whether such a device counts for a node: all, where no list says otherwise.
    pub(crate) fn reaches_by_watchdog(&self, target: &NodeName) -> bool {
        let has_list = self.parameter("pcmk_host_list").is_some() || self.parameter("pcmk_host_map").is_some();
        !has_list || self.is_listed(target)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Returns how to find out whether the device reaches a target. Compat: the order of the guesses.
    pub(crate) fn host_check(&self, facts: &AgentFacts) -> HostCheck {
        match self.parameter("pcmk_host_check") {
            Some("static-list") => HostCheck::Static,
            Some("dynamic-list") => HostCheck::Dynamic,
            Some("status") => HostCheck::Status,
            Some("none") => HostCheck::None,
            _ if self.parameter("pcmk_host_list").is_some() || self.parameter("pcmk_host_map").is_some() => HostCheck::Static,
            _ if facts.lists => HostCheck::Dynamic,
            _ if facts.tells_status => HostCheck::Status,
            _ => HostCheck::None,
        }
    }

    /// Returns whether the configured lists name the target.
    pub(crate) fn is_listed(&self, target: &NodeName) -> bool {
        let listed =
            self.parameter("pcmk_host_list").is_some_and(|list| words(list).any(|word| word.eq_ignore_ascii_case(target.as_str())));
        listed || self.alias(target).is_some()
    }

    /// Returns what the device calls the target (`pcmk_host_map`), if that is another name.
    pub(crate) fn alias(&self, target: &NodeName) -> Option<&str> {
        let map = self.parameter("pcmk_host_map")?;
        map.split([';', ' ', '\t'])
            .filter_map(|pair| pair.split_once([':', '=']))
            .find_map(|(name, alias)| (name.eq_ignore_ascii_case(target.as_str()) && !alias.is_empty()).then_some(alias))
    }

    /// Returns how long one run of an action may take; `default` is the asker's or the cluster's.
    pub(crate) fn timeout(&self, action: &str, default: Duration) -> Duration {
        self.parameter(&format!("pcmk_{action}_timeout")).and_then(parse_interval).unwrap_or(default)
    }

    /// Returns how often an action is tried at most.
    pub(crate) fn tries(&self, action: &str) -> u32 {
        self.parameter(&format!("pcmk_{action}_retries")).and_then(|text| text.parse().ok()).unwrap_or(2).max(1)
    }

    /// Returns the wait before the target is fenced, between these two; `pcmk_delay_base` may be a map by target.
    pub(crate) fn delay(&self, target: &NodeName) -> (Duration, Duration) {
        let base = self.parameter("pcmk_delay_base").map_or(Duration::ZERO, |text| {
            let mapped = text.split([';', ' ', '\t']).filter_map(|pair| pair.split_once(':'));
            let own = mapped.clone().find(|(name, _)| name.eq_ignore_ascii_case(target.as_str())).map(|(_, value)| value);
            own.or(Some(text)).and_then(parse_interval).unwrap_or(Duration::ZERO)
        });
        let most = self.parameter("pcmk_delay_max").and_then(parse_interval).unwrap_or(base);
        // Compat: a maximum below the base is the whole delay.
        (base.min(most), most)
    }

    /// Returns how many actions the device can run at once; `None` sets no limit.
    pub(crate) fn action_limit(&self) -> Option<usize> {
        match self.parameter("pcmk_action_limit").and_then(|text| text.parse::<i64>().ok()) {
            Some(limit) if limit < 0 => None,
            Some(0) | None => Some(1),
            Some(limit) => Some(limit as usize),
        }
    }

    /// Returns the device's rank among those that reach a target; higher ones are tried first.
    pub(crate) fn priority(&self) -> i64 {
        let text = self.meta.get("priority").or_else(|| self.parameters.get("priority"));
        text.and_then(|text| model::Score::parse(text)).map_or(0, |score| i64::from(score.value()))
    }

    /// Returns whether the device leaves its targets off when a reboot is asked for.
    pub(crate) fn stays_off(&self) -> bool {
        self.parameter("pcmk_reboot_action") == Some("off")
    }

    /// Returns the word the agent knows an action by.
    pub(crate) fn action_word(&self, action: &str) -> String {
        self.parameter(&format!("pcmk_{action}_action")).unwrap_or(action).to_owned()
    }

    /// Returns what the agent reads: its own parameters and who the target is.
    pub(crate) fn arguments(&self, facts: &AgentFacts, target: Option<&NodeName>) -> BTreeMap<String, String> {
        let is_ours = |name: &str| {
            name.starts_with("pcmk_")
                || name.starts_with("CRM_meta_")
                || matches!(name, "action" | "crm_feature_set" | "provides" | "stonith-timeout")
        };
        let own = self.parameters.iter().filter(|(name, _)| !is_ours(name));
        let mut arguments: BTreeMap<String, String> = own.map(|(name, value)| (name.clone(), value.clone())).collect();
        let Some(target) = target else { return arguments };
        arguments.insert("nodename".to_owned(), target.to_string());
        let argument = self.parameter("pcmk_host_argument").or(facts.host_argument.as_deref());
        if let Some(argument) = argument.filter(|argument| !argument.eq_ignore_ascii_case("none")) {
            // A parameter that is configured says whom the device fences, whatever its target is called here.
            let open = self.parameter(argument).is_none_or(|value| value.eq_ignore_ascii_case("dynamic"));
            if open {
                arguments.insert(argument.to_owned(), self.alias(target).unwrap_or(target.as_str()).to_owned());
            }
        }
        arguments
    }

    /// Returns whether constraints let the device be used from a node.
    pub(crate) fn is_allowed_on(&self, node: &NodeName) -> bool {
        !self.banned.contains(node) && self.only.as_ref().is_none_or(|only| only.contains(node))
    }
}

/// Reads what an agent's `list` printed: names, each with an alias behind a comma perhaps.
pub(crate) fn listed_targets(text: &str) -> BTreeSet<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let names = lines.flat_map(|line| line.split([',', ';', ' ', '\t', '=']));
    names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("invalid") && *name != "-").map(str::to_ascii_lowercase).collect()
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ';', ' ', '\t', '\n']).filter(|word| !word.is_empty())
}

/// Returns why a run failed, in the words of the agent where it has any; `None` when it succeeded.
pub(crate) fn failure(agent: &AgentName, action: &str, outcome: &AgentOutcome, stderr: &str, stdout: &str) -> Option<String> {
    let said = stderr.lines().rev().chain(stdout.lines().rev()).map(str::trim).find(|line| !line.is_empty());
    let said = said.map(|line| format!(": {line}")).unwrap_or_default();
    let kind = &agent.kind;
    Some(match outcome {
        AgentOutcome::Exited(0) => return None,
        AgentOutcome::Exited(code) => format!("{kind} could not do '{action}' (exit code {code}){said}"),
        AgentOutcome::TimedOut => format!("{kind} did not finish '{action}' in time{said}"),
        AgentOutcome::Signalled(signal) => format!("{kind} was interrupted by signal {signal} during '{action}'{said}"),
        AgentOutcome::NotInstalled => format!("{kind} is not installed on the node that should run it"),
        AgentOutcome::FailedToStart(why) => format!("{kind} could not be run: {why}"),
        AgentOutcome::Cancelled | AgentOutcome::Lost => format!("what became of '{action}' by {kind} is not known"),
    })
}
