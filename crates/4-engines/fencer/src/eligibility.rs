//! Which devices can reach a target, and which nodes can run them.

use crate::device::{AgentFacts, HostCheck};
use crate::fencer::Fencer;
use crate::inquiry::Answer;
use crate::{Command, Device};
use model::{NodeName, Now};

/// Whether a device reaches a target.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Reach {
    Yes,
    /// It does not, and why.
    No(String),
    /// It is being found out.
    Asking,
}

impl Fencer {
    /// Returns whether a device can do this to a target. Asks its agent where that is the only way to know.
    pub(crate) fn reach(&mut self, now: Now, device: &Device, target: &NodeName, action: &str, commands: &mut Vec<Command>) -> Reach {
        if device.is_watchdog() {
            return match action {
                "on" => Reach::No("a watchdog turns no node on".to_owned()),
                _ if !device.reaches_by_watchdog(target) => Reach::No("its pcmk_host_list does not name it".to_owned()),
                _ => Reach::Yes,
            };
        }
        let Some(facts) = self.facts(now, device, commands) else { return Reach::Asking };
        if action == "on" && !facts.turns_on {
            return Reach::No("its agent cannot turn a node on".to_owned());
        }
        if self.candidates(device, &facts, target, action).is_empty() {
            return Reach::No("no member may use it".to_owned());
        }
        match device.host_check(&facts) {
            HostCheck::None => Reach::Yes,
            HostCheck::Static if device.is_listed(target) => Reach::Yes,
            HostCheck::Static => Reach::No("its pcmk_host_list and pcmk_host_map do not name it".to_owned()),
            HostCheck::Dynamic => {
                let alias = device.alias(target).unwrap_or(target.as_str()).to_ascii_lowercase();
                match self.list_of(now, device, &facts, &alias, commands) {
                    Answer::Known(names) if names.contains(&alias) => Reach::Yes,
                    Answer::Known(_) => Reach::No(format!("its list of targets does not name {alias}")),
                    Answer::Failed(why) => Reach::No(format!("its list of targets could not be had: {why}")),
                    Answer::Asked => Reach::Asking,
                }
            }
            HostCheck::Status => match self.status_of(now, device, &facts, target, commands) {
                Answer::Known(()) => Reach::Yes,
                Answer::Failed(why) => Reach::No(format!("it does not know the state of the target: {why}")),
                Answer::Asked => Reach::Asking,
            },
        }
    }

    /// Returns the nodes that can run a device against a target, the best one first: where its resource runs, then any other member.
    /// Compat: the target itself only when there is no one else, since it will hardly tell how it went.
    pub(crate) fn candidates(&self, device: &Device, facts: &AgentFacts, target: &NodeName, action: &str) -> Vec<NodeName> {
        let allowed = |node: &&NodeName| device.is_allowed_on(node);
        if facts.on_target.contains(action) {
            return self.situation.members.keys().filter(|node| *node == target).filter(allowed).cloned().collect();
        }
        let runs_on = |node: &NodeName| self.situation.running.get(&device.id).is_some_and(|nodes| nodes.contains(node));
        let mut nodes: Vec<NodeName> = self.situation.members.keys().filter(|node| *node != target).filter(allowed).cloned().collect();
        nodes.sort_by_key(|node| !runs_on(node));
        if nodes.is_empty() && action != "on" {
            nodes.extend(self.situation.members.keys().filter(|node| *node == target).filter(allowed).cloned());
        }
        nodes
    }
}
