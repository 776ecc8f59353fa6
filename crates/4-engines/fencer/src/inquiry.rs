//! Questions to fence agents: what they are (meta-data), whom they reach (list), whether they know a target (status).
//!
//! Each is asked of one node at a time, never twice at once, and its answer is kept a while. Fencing waits for an answer only
//! where nothing else is left to try.

use crate::device::{AgentFacts, HostCheck, failure, listed_targets};
use crate::fencer::{Fencer, Purpose};
use crate::{Command, Device};
use messages::agent::{AgentName, AgentOutcome};
use messages::operation::DeviceReport;
use model::{NodeName, Now, ResourceId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long an agent may take to print its meta-data.
const METADATA_TIMEOUT: Duration = Duration::from_secs(10);
/// Compat: how long a list that does not name a target is believed.
const LIST_FRESH: Duration = Duration::from_secs(60);
/// How long a status, or that a question failed, is believed.
const ANSWER_FRESH: Duration = Duration::from_secs(10);

/// What is known of something that was asked.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Answer<T> {
    Known(T),
    Failed(String),
    Asked,
}

/// The answers so far, with their times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    pub agents: BTreeMap<AgentName, (Option<AgentFacts>, Duration)>,
    pub lists: BTreeMap<ResourceId, (Result<BTreeSet<String>, String>, Duration)>,
    pub statuses: BTreeMap<(ResourceId, NodeName), (Result<(), String>, Duration)>,
    /// Nodes whose answer on meta-data was none.
    pub fruitless: BTreeMap<AgentName, BTreeSet<NodeName>>,
}

impl Fencer {
    /// Returns what a device's agent says of itself; `None` while it is being asked. An agent that says nothing is taken as one
    /// that can do everything and calls its target `port`.
    pub(crate) fn facts(&mut self, now: Now, device: &Device, commands: &mut Vec<Command>) -> Option<AgentFacts> {
        let fresh = |at: Duration| now.monotonic.saturating_sub(at) < ANSWER_FRESH;
        match self.answers.agents.get(&device.agent) {
            Some((Some(facts), _)) => return Some(facts.clone()),
            Some((None, at)) if fresh(*at) => return Some(AgentFacts::default()),
            _ => {}
        }
        let purpose = Purpose::Metadata(device.agent.clone());
        if self.is_asked(&purpose) {
            return None;
        }
        let fruitless = self.answers.fruitless.get(&device.agent);
        let asked = |node: &&NodeName| fruitless.is_none_or(|nodes| !nodes.contains(*node));
        let mut nodes: Vec<&NodeName> = self.situation.members.keys().filter(|node| device.is_allowed_on(node)).filter(asked).collect();
        nodes.sort_by_key(|node| !self.situation.running.get(&device.id).is_some_and(|running| running.contains(*node)));
        match nodes.first().map(|node| (*node).clone()) {
            Some(node) => {
                self.run(now, node, device, "metadata".to_owned(), BTreeMap::new(), METADATA_TIMEOUT, purpose, commands);
                None
            }
            None => {
                self.answers.agents.insert(device.agent.clone(), (None, now.monotonic));
                self.answers.fruitless.remove(&device.agent);
                Some(AgentFacts::default())
            }
        }
    }

    /// Returns whom a device lists; `wanted` is the target's name there. A list that names it is good at any age: fencing
    /// need not wait for a newer one, and an agent that is wrong about its target fails.
    pub(crate) fn list_of(
        &mut self,
        now: Now,
        device: &Device,
        facts: &AgentFacts,
        wanted: &str,
        commands: &mut Vec<Command>,
    ) -> Answer<BTreeSet<String>> {
        match self.answers.lists.get(&device.id) {
            Some((Ok(names), _)) if names.contains(wanted) => return Answer::Known(names.clone()),
            Some((Ok(names), at)) if now.monotonic.saturating_sub(*at) < LIST_FRESH => return Answer::Known(names.clone()),
            Some((Err(why), at)) if now.monotonic.saturating_sub(*at) < ANSWER_FRESH => return Answer::Failed(why.clone()),
            _ => {}
        }
        self.ask(now, device, facts, "list", None, Purpose::List(device.id.clone()), commands)
    }

    pub(crate) fn status_of(
        &mut self,
        now: Now,
        device: &Device,
        facts: &AgentFacts,
        target: &NodeName,
        commands: &mut Vec<Command>,
    ) -> Answer<()> {
        let key = (device.id.clone(), target.clone());
        match self.answers.statuses.get(&key) {
            Some((result, at)) if now.monotonic.saturating_sub(*at) < ANSWER_FRESH => {
                return result.clone().map_or_else(Answer::Failed, Answer::Known);
            }
            _ => {}
        }
        self.ask(now, device, facts, "status", Some(target), Purpose::Status(key.0, key.1), commands)
    }

    /// Asks a device that runs whom it lists, before anyone needs to know.
    pub(crate) fn ask_ahead(&mut self, now: Now, device: &Device, facts: &AgentFacts, commands: &mut Vec<Command>) {
        let is_new = !self.answers.lists.contains_key(&device.id);
        if is_new && device.host_check(facts) == HostCheck::Dynamic && self.situation.running.contains_key(&device.id) {
            let _ = self.list_of(now, device, facts, "", commands);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what is asked, of which device, about whom; two callers")]
    fn ask<T>(
        &mut self,
        now: Now,
        device: &Device,
        facts: &AgentFacts,
        action: &str,
        target: Option<&NodeName>,
        purpose: Purpose,
        commands: &mut Vec<Command>,
    ) -> Answer<T> {
        if self.is_asked(&purpose) {
            return Answer::Asked;
        }
        let nobody = NodeName::default();
        let Some(node) = self.candidates(device, facts, target.unwrap_or(&nobody), action).into_iter().next() else {
            return Answer::Failed("no member may use it".to_owned());
        };
        let timeout = device.timeout(action, self.configuration.timeout);
        let arguments = device.arguments(facts, target);
        self.run(now, node, device, device.action_word(action), arguments, timeout, purpose, commands);
        Answer::Asked
    }

    fn is_asked(&self, purpose: &Purpose) -> bool {
        self.runs.values().any(|run| run.purpose == *purpose)
    }

    /// Keeps the answer to a question.
    pub(crate) fn answered(&mut self, now: Now, node: &NodeName, purpose: Purpose, report: &DeviceReport) {
        let at = now.monotonic;
        match purpose {
            Purpose::Metadata(agent) => {
                let succeeded = report.outcome == AgentOutcome::Exited(0);
                match AgentFacts::parse(&report.stdout).filter(|_| succeeded) {
                    Some(facts) => {
                        self.answers.agents.insert(agent, (Some(facts), at));
                    }
                    // Perhaps it is installed on another node.
                    None => {
                        self.answers.fruitless.entry(agent).or_default().insert(node.clone());
                    }
                }
            }
            Purpose::List(device) => {
                let why = self.why_failed(&device, "list", report);
                let result = why.map_or_else(|| Ok(listed_targets(&report.stdout)), Err);
                // An older list is better than none.
                if result.is_ok() || !self.answers.lists.get(&device).is_some_and(|(known, _)| known.is_ok()) {
                    self.answers.lists.insert(device, (result, at));
                } else if let Some((_, known_at)) = self.answers.lists.get_mut(&device) {
                    *known_at = at.saturating_sub(LIST_FRESH - ANSWER_FRESH);
                }
            }
            Purpose::Status(device, target) => {
                // Compat: 0 says that the target is on, 2 that it is off; both know the target.
                let knows = matches!(report.outcome, AgentOutcome::Exited(0 | 2));
                let why = self.why_failed(&device, "status", report).unwrap_or_default();
                self.answers.statuses.insert((device, target), (if knows { Ok(()) } else { Err(why) }, at));
            }
            Purpose::Fence(_) => {}
        }
    }

    pub(crate) fn why_failed(&self, device: &ResourceId, action: &str, report: &DeviceReport) -> Option<String> {
        let unknown = AgentName { class: "stonith".to_owned(), provider: None, kind: device.to_string() };
        let agent = self.configuration.devices.get(device).map_or(&unknown, |device| &device.agent);
        failure(agent, action, &report.outcome, &report.stderr, &report.stdout)
    }
}
