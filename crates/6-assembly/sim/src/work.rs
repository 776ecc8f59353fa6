//! What agents and fence devices do to the world, and what becomes of it when their root role dies.

use crate::agents::ending;
use crate::host::Truth;
use crate::outcome::Ending;
use crate::sabotage::Sabotage;
use crate::world::{EPOCH, Happening, ToDaemon, World};
use member::MemberEvent;
use messages::agent::{AgentCall, AgentEvent, AgentOrder, AgentOutcome, AgentResult};
use messages::client::ClientBody;
use model::{CallId, Timestamp};
use std::time::Duration;

impl World {
    pub(crate) fn agent_order(&mut self, at: usize, order: AgentOrder) {
        match order {
            AgentOrder::Run(call) => self.run_agent(at, call),
            AgentOrder::Kill { id } => {
                if self.hosts[at].running.contains_key(&id) {
                    let life = self.hosts[at].life;
                    self.after(Duration::from_millis(1), Happening::AgentDone { host: at, life, id, ending: Ending::cancelled() });
                }
            }
            AgentOrder::Acknowledge { id } => {
                self.hosts[at].results.remove(&id);
            }
            AgentOrder::ResetHost { reason, off: _ } => {
                self.power_off(at, &reason);
                self.after(Duration::from_secs(3), Happening::PowerOn { host: at });
            }
            AgentOrder::Permit { .. } | AgentOrder::Hasten { .. } | AgentOrder::CheckLogin { .. } => {}
        }
    }

    pub(crate) fn run_agent(&mut self, at: usize, call: AgentCall) {
        let resource = call.resource.as_ref().map(ToString::to_string).unwrap_or_default();
        let is_resource = call.agent.class == "ocf" && call.action != "meta-data";
        let active = self.hosts[at].active.get(&resource).copied();
        let ending = ending(&call, active, self.health, &mut self.random);
        if is_resource {
            let (name, action) = (self.hosts[at].name.clone(), call.action.clone());
            self.note(|| {
                format!("{name}: {action} {resource} begins ({active:?}, will end {:?} after {:?})", ending.outcome, ending.after)
            });
            match call.action.as_str() {
                "start" => {
                    self.checkers.starting(self.now, &resource, at, &self.hosts);
                    self.hosts[at].active.entry(resource).or_insert(Truth::Starting);
                }
                "promote" => self.checkers.promoting(self.now, &resource, at, &self.hosts),
                "stop" | "demote" | "migrate_to" if active.is_some() => {
                    let (now, node) = (self.now, self.hosts[at].name.clone());
                    self.checkers.ending(now, &call.action, &resource, node.as_str());
                }
                _ => {}
            }
        }
        let (id, life) = (call.id, self.hosts[at].life);
        if let Some(after) = ending.cuts_after.filter(|_| self.sabotage != Some(Sabotage::LyingDevice)) {
            self.after(after, Happening::Cut { by: at, life, id });
        }
        self.hosts[at].next_call = self.hosts[at].next_call.max(id.0 + 1);
        self.hosts[at].running.insert(id, call);
        self.after(ending.after, Happening::AgentDone { host: at, life, id, ending });
    }

    pub(crate) fn agent_done(&mut self, at: usize, id: CallId, ending: Ending) {
        let Some(call) = self.hosts[at].running.remove(&id) else { return };
        let resource = call.resource.as_ref().map(ToString::to_string).unwrap_or_default();
        if call.action == "monitor" && self.sabotage == Some(Sabotage::Headstrong) && self.random.percent(10) {
            let id = CallId(self.hosts[at].next_call + 1_000_000);
            self.run_agent(at, AgentCall { id, action: "stop".to_owned(), ..call.clone() });
        }
        if call.action == "monitor" && self.sabotage == Some(Sabotage::Chatty) {
            self.said += 1;
            (0..5).for_each(|number| self.give_attribute(at, format!("said-{}-{number}", self.said), "1".to_owned()));
        }
        let has_migrated = call.action == "migrate_to" && ending.outcome == AgentOutcome::Exited(0);
        match ending.leaves {
            Some(Some(truth)) => {
                self.hosts[at].active.insert(resource.clone(), truth);
            }
            Some(None) => {
                self.hosts[at].active.remove(&resource);
            }
            None => {
                // A start that was killed half way leaves nothing that a probe would find, or everything.
                if self.hosts[at].active.get(&resource) == Some(&Truth::Starting) && call.action == "start" {
                    self.hosts[at].active.remove(&resource);
                }
            }
        }
        if has_migrated {
            self.migrated(&call, &resource);
        }
        let outcome = match ending.outcome {
            AgentOutcome::Exited(i32::MIN) => AgentOutcome::Exited(match self.hosts[at].active.get(&resource) {
                Some(Truth::Promoted) => 8,
                Some(_) => 0,
                None => 7,
            }),
            outcome => outcome,
        };
        if matches!(call.action.as_str(), "start" | "monitor") && self.promotable.contains(&resource) {
            self.give_promotion_score(at, &resource);
        }
        if call.agent.class == "stonith" {
            let (name, action) = (self.hosts[at].name.clone(), &call.action);
            self.note(|| format!("{name}: device {action} {:?}: {outcome:?}", target(&call)));
        }
        let now = Timestamp(self.hosts[at].clock.shows(EPOCH, self.now));
        let began = Timestamp(now.0 - ending.after.as_micros() as i64);
        let result = AgentResult { stdout: ending.stdout, ..result(id, outcome, ending.after, began) };
        if self.hosts[at].reach.is_some() {
            return self.done_there(at, result, &call);
        }
        self.hosts[at].results.insert(id, result.clone());
        if let Some(number) = self.hosts[at].daemon.as_ref().map(|daemon| daemon.number) {
            self.deliver(at, number, ToDaemon::Event(Box::new(MemberEvent::Agent(AgentEvent::Finished(result)))));
        }
    }

    /// A fence device at work does what it is for, whatever it says and when.
    pub(crate) fn cut(&mut self, by: usize, id: CallId) {
        let Some(call) = self.hosts[by].running.get(&id) else { return };
        let (action, target) = (call.action.clone(), target(call));
        let Some(target) = target.and_then(|name| self.hosts.iter().position(|host| host.name == *name)) else { return };
        // No device knows of guests.
        if self.hosts[target].is_guest() {
            return;
        }
        if matches!(action.as_str(), "off" | "reboot") && self.hosts[target].is_up {
            let now = self.now;
            self.checkers.fenced(now, target, self.hosts[target].name.as_str());
        }
        match action.as_str() {
            "off" => self.power_off(target, "fenced"),
            "reboot" => {
                self.power_off(target, "fenced");
                let wait = self.random.millis(1500, 4000);
                self.after(wait, Happening::PowerOn { host: target });
            }
            "on" => self.power_on(target),
            _ => {}
        }
    }

    /// Whatever was migrated runs where it was migrated to, if that host is still there.
    fn migrated(&mut self, call: &AgentCall, resource: &str) {
        let target = call.parameters.iter().find(|(name, _)| name.ends_with("meta_migrate_target")).map(|(_, value)| value.clone());
        if let Some(target) = target.and_then(|name| self.hosts.iter_mut().find(|host| host.name == *name && host.is_up)) {
            target.active.insert(resource.to_owned(), Truth::Active);
        }
    }

    /// As agents do with `crm_attribute`: whoever runs may be promoted.
    fn give_promotion_score(&mut self, at: usize, resource: &str) {
        if !self.hosts[at].active.contains_key(resource) {
            return;
        }
        self.give_attribute(at, format!("master-{resource}"), (5 + at).to_string());
    }

    fn give_attribute(&mut self, at: usize, name: String, value: String) {
        let (pattern, dampening, only_dampening, private) = (false, None, false, false);
        let body = ClientBody::AttributeUpdate { node: None, name, pattern, value: Some(value), dampening, only_dampening, private };
        if self.hosts[at].reach.is_some() {
            return self.ask_from_there(at, body);
        }
        self.ask(at, body, "attribute of an agent");
    }

    /// The root role is killed, with it the agents at work and the daemon: what the agents were at is reported as lost.
    pub(crate) fn kill_root_role(&mut self, at: usize) {
        if !self.hosts[at].is_up {
            return;
        }
        let now = Timestamp(self.hosts[at].clock.shows(EPOCH, self.now));
        for (id, call) in std::mem::take(&mut self.hosts[at].running) {
            self.cut_short(at, &call);
            self.hosts[at].results.insert(id, result(id, AgentOutcome::Lost, Duration::ZERO, now));
        }
        let back = self.random.millis(50, 2500);
        self.kill_daemon(at, back);
    }

    /// A run is killed: by then it has done what it is for, or not.
    pub(crate) fn cut_short(&mut self, at: usize, call: &AgentCall) {
        let resource = call.resource.as_ref().map(ToString::to_string).unwrap_or_default();
        let took_effect = self.random.percent(50);
        let active = &mut self.hosts[at].active;
        match call.action.as_str() {
            "start" if took_effect => drop(active.insert(resource, Truth::Active)),
            "start" if active.get(&resource) == Some(&Truth::Starting) => drop(active.remove(&resource)),
            "stop" if took_effect => drop(active.remove(&resource)),
            _ => {}
        }
    }
}

/// Returns the result of a run that said nothing.
pub(crate) fn result(id: CallId, outcome: AgentOutcome, run_time: Duration, started: Timestamp) -> AgentResult {
    let (stdout, stderr, exit_reason, queue_time) = (String::new(), String::new(), None, Duration::ZERO);
    AgentResult { id, outcome, stdout, stderr, exit_reason, started, run_time, queue_time }
}

/// Returns what a fence device is to work on.
fn target(call: &AgentCall) -> Option<String> {
    ["nodename", "port", "plug"].iter().find_map(|name| call.parameters.get(*name)).cloned()
}
