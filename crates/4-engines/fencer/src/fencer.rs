//! The fencer itself: takes events, keeps what is under way, gives commands.
//!
//! Each target is fenced by itself: nothing here waits for another target, except a device that is at its `pcmk_action_limit`.

use crate::fencing::{AttemptProgress, Fencing};
use crate::history::Records;
use crate::inquiry::Answers;
use crate::overheard::Overheard;
use crate::{Command, Configuration, Device, Event, Outcome, Request, Situation, history};
use messages::agent::AgentName;
use messages::agent::AgentOutcome;
use messages::client::FenceRecord;
use messages::event::Fact;
use messages::operation::{DeviceOrder, DeviceReport, DeviceTicket};
use model::{NodeName, Now, ResourceId};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a node may be silent after a run's own time-out.
const SILENCE: Duration = Duration::from_secs(10);

/// What a run of a device is for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Purpose {
    Metadata(AgentName),
    List(ResourceId),
    Status(ResourceId, NodeName),
    Fence(u64),
}

/// A run that a node was asked for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Run {
    pub node: NodeName,
    pub device: ResourceId,
    pub purpose: Purpose,
    pub deadline: Duration,
}

/// One node's fencer; only the coordinator's is active, all keep the history.
#[derive(Debug, Default)]
pub struct Fencer {
    pub(crate) configuration: Configuration,
    pub(crate) situation: Situation,
    pub(crate) answers: Answers,
    pub(crate) overheard: Overheard,
    pub(crate) runs: BTreeMap<u64, Run>,
    pub(crate) fencings: BTreeMap<u64, Fencing>,
    records: Records,
    /// The present term while this node leads.
    pub(crate) term: Option<u64>,
    random: u64,
    pub(crate) next_run: u64,
    next_fencing: u64,
    wake_at: Option<Duration>,
}

impl Fencer {
    /// Returns a fencer that is not in charge.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one event and returns what is to be done, in order.
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Command> {
        let mut commands = Vec::new();
        match event {
            Event::Elected { term, first_ticket, seed } => {
                self.term = Some(term);
                self.random = seed;
                // Safety: partitions that meet may have had coordinators of one term, and a node answers a ticket that it knows with what
                // it knows. (Found by the simulator: seed 670, half an hour.)
                self.next_run = self.next_run.max(first_ticket);
            }
            Event::Deposed => {
                self.term = None;
                self.runs.clear();
                self.fencings.clear();
            }
            Event::Configured(configuration) => self.configured(*configuration),
            Event::SituationChanged(situation) => self.situation = situation,
            Event::Requested(request) => self.requested(now, request, &mut commands),
            Event::ManuallyConfirmed { target, client } => self.confirmed(now, target, client, &mut commands),
            Event::Overheard(order) => self.overheard.question(order),
            Event::DeviceReported { from, report } if self.term.is_none() => self.overheard_answer(now, &from, &report),
            Event::DeviceReported { from, report } => self.reported(now, &from, &report, &mut commands),
            Event::NodeUnreachable { node } => {
                self.situation.members.remove(&node);
                self.lose_node(now, |of| *of == node, "cannot be reached any more", &mut commands);
            }
            Event::RecordsLearnt(records) => records.into_iter().for_each(|record| self.records.learn(record)),
            Event::HistoryCleared { target } => self.records.clear(target.as_ref()),
            Event::TimePassed => {}
        }
        if self.term.is_some() {
            self.tend(now, &mut commands);
        }
        self.wake(now, &mut commands);
        commands
    }

    /// Returns the fencings known of, of one target or of all, newest first.
    pub fn history(&self, target: Option<&NodeName>) -> Vec<FenceRecord> {
        self.records.of(target)
    }

    /// Returns how often the last fencings of each node failed in a row, whoever led; nodes whose last one succeeded are not named.
    pub fn failures_in_a_row(&self) -> BTreeMap<NodeName, u32> {
        self.records.failures_in_a_row()
    }

    /// Returns the targets being fenced now.
    pub fn targets(&self) -> Vec<NodeName> {
        self.fencings.values().map(|fencing| fencing.target.clone()).collect()
    }

    fn configured(&mut self, configuration: Configuration) {
        // What was asked of a device that is configured otherwise now says nothing any more.
        let (old, new) = (&self.configuration.devices, &configuration.devices);
        let same = |id: &ResourceId| old.get(id).map(|device| &device.parameters) == new.get(id).map(|device| &device.parameters);
        self.answers.lists.retain(|id, _| same(id) || self.overheard.is_list_of(id, &configuration));
        self.answers.statuses.retain(|(id, _), _| same(id));
        self.configuration = configuration;
    }

    fn requested(&mut self, now: Now, request: Request, commands: &mut Vec<Command>) {
        if self.term.is_none() {
            let error = Some("this node does not lead the cluster".to_owned());
            commands.push(Command::Finished { tickets: vec![request.ticket], outcome: outcome_of(&request, error) });
            return;
        }
        if self.records.recent(&request.target, &request.action, request.tolerance, now).is_some() && !request.tolerance.is_zero() {
            let (target, action) = (&request.target, &request.action);
            commands
                .push(Command::Log(format!("{target} was successfully fenced ({action}) recently: that will do for {}", request.client)));
            commands.push(Command::Finished { tickets: vec![request.ticket], outcome: outcome_of(&request, None) });
            return;
        }
        if let Some(fencing) = self.fencings.values_mut().find(|fencing| fencing.is_same(&request.target, &request.action)) {
            fencing.tickets.push(request.ticket);
            return;
        }
        let id = self.next_fencing;
        self.next_fencing += 1;
        let timeout = if request.timeout.is_zero() { self.configuration.timeout } else { request.timeout };
        let fencing = Fencing {
            tickets: vec![request.ticket],
            target: request.target,
            action: request.action,
            origin: request.origin,
            client: request.client,
            begun: now.monotonic,
            timeout,
            delay: request.delay.unwrap_or(Duration::ZERO),
            deadline: None,
            alternatives: Default::default(),
            stages: Default::default(),
            attempt: None,
            considered: Default::default(),
            has_topology: false,
            incarnation: None,
            last: None,
            error: None,
            patience: now.monotonic + timeout,
        };
        let record = history::record(&fencing, "pending", None, None);
        self.records.learn(record.clone());
        commands.push(Command::Record(record));
        self.fencings.insert(id, fencing);
    }

    /// An administrator says that a node is off. Safety: not believed of a node that is here and speaks.
    fn confirmed(&mut self, now: Now, target: NodeName, client: String, commands: &mut Vec<Command>) {
        if self.situation.members.contains_key(&target) {
            commands.push(Command::Log(format!("{client} says that {target} is off, but it is a member of the cluster: not believed")));
            return;
        }
        let human = NodeName::new("a human");
        let ids: Vec<u64> =
            self.fencings.iter().filter(|(_, fencing)| fencing.target == target && fencing.action != "on").map(|(id, _)| *id).collect();
        let none = ids.is_empty();
        let incarnation = self.situation.last_seen.get(&target).cloned();
        for id in ids {
            if let Some(fencing) = self.fencings.get_mut(&id) {
                fencing.last = None;
                fencing.error = None;
                fencing.incarnation = incarnation.clone();
            }
            self.finish_by(now, id, None, Some(human.clone()), commands);
        }
        if none {
            let record = FenceRecord {
                target: target.clone(),
                action: "off".to_owned(),
                origin: human.clone(),
                delegate: Some(human.clone()),
                client: client.clone(),
                state: "success".to_owned(),
                completed: Some(now.wall),
                exit_reason: None,
            };
            self.records.learn(record.clone());
            commands.push(Command::Record(record));
            let outcome =
                Outcome { target, action: "off".to_owned(), incarnation, by: Some(human), device: None, error: None, took: Duration::ZERO };
            commands.push(Command::Finished { tickets: vec![], outcome });
        }
    }

    fn reported(&mut self, now: Now, from: &NodeName, report: &DeviceReport, commands: &mut Vec<Command>) {
        if Some(report.ticket.term) != self.term {
            return;
        }
        let Some(run) = self.runs.get(&report.ticket.number).filter(|run| run.node == *from).cloned() else { return };
        self.runs.remove(&report.ticket.number);
        match run.purpose {
            Purpose::Fence(id) => {
                let action = self.fencings.get(&id).and_then(|fencing| fencing.attempt.as_ref()).map_or("", |attempt| attempt.stage.action);
                let error = self.why_failed(&run.device, action, report);
                let retriable = !matches!(report.outcome, AgentOutcome::TimedOut);
                self.attempt_ended(now, id, report.ticket.number, error, retriable, commands);
            }
            purpose => self.answered(now, from, purpose, report),
        }
    }

    /// Ends runs whose node will not tell how they went.
    fn lose_runs(&mut self, now: Now, is_lost: impl Fn(&Run) -> bool, why: &str, commands: &mut Vec<Command>) {
        let lost: Vec<u64> = self.runs.iter().filter(|(_, run)| is_lost(run)).map(|(number, _)| *number).collect();
        for number in lost {
            let Some(run) = self.runs.remove(&number) else { continue };
            let error = format!("{} {why}", run.node);
            match run.purpose {
                Purpose::Fence(id) => self.attempt_ended(now, id, number, Some(error), false, commands),
                purpose => {
                    let outcome = AgentOutcome::FailedToStart(error);
                    let ticket = DeviceTicket { term: 0, number };
                    let device = run.device.clone();
                    let report =
                        DeviceReport { ticket, device, outcome, stdout: String::new(), stderr: String::new(), run_time: Duration::ZERO };
                    self.answered(now, &run.node, purpose, &report);
                }
            }
        }
    }

    /// A question that went with its node is put to another one: only who was there and did not answer has failed. (Found by a soak on hosts:
    /// a device was asked for its list on a host that was cut off at that moment, and nobody could be fenced for ten seconds.)
    fn lose_node(&mut self, now: Now, is_gone: impl Fn(&NodeName) -> bool, why: &str, commands: &mut Vec<Command>) {
        self.runs.retain(|_, run| matches!(run.purpose, Purpose::Fence(_)) || !is_gone(&run.node));
        self.lose_runs(now, |run| is_gone(&run.node), why, commands);
    }

    /// Looks after everything that time or new knowledge may have moved on.
    fn tend(&mut self, now: Now, commands: &mut Vec<Command>) {
        self.lose_runs(now, |run| run.deadline <= now.monotonic, "gave no answer in time", commands);
        let members = self.situation.members.clone();
        self.lose_node(now, |node| !members.contains_key(node), "has left the cluster", commands);
        // Agents are asked about themselves before anyone needs them.
        let devices: Vec<Device> = self.configuration.devices.values().filter(|device| !device.is_watchdog()).cloned().collect();
        if !self.situation.members.is_empty() {
            for device in &devices {
                if let Some(facts) = self.facts(now, device, commands) {
                    self.ask_ahead(now, device, &facts, commands);
                }
            }
        }
        let ids: Vec<u64> = self.fencings.keys().copied().collect();
        for id in ids {
            self.advance(now, id, commands);
        }
    }

    /// Asks a node to run a device's agent.
    #[expect(clippy::too_many_arguments, reason = "each is a part of the order, and there are two callers")]
    pub(crate) fn run(
        &mut self,
        now: Now,
        node: NodeName,
        device: &Device,
        action: String,
        parameters: BTreeMap<String, String>,
        timeout: Duration,
        purpose: Purpose,
        commands: &mut Vec<Command>,
    ) -> u64 {
        let number = self.next_run;
        self.next_run += 1;
        let deadline = now.monotonic + timeout + SILENCE;
        self.runs.insert(number, Run { node: node.clone(), device: device.id.clone(), purpose, deadline });
        let ticket = DeviceTicket { term: self.term.unwrap_or(0), number };
        let order = DeviceOrder { ticket, device: device.id.clone(), agent: device.agent.clone(), action, parameters, timeout };
        commands.push(Command::RunDevice { node, order });
        number
    }

    /// Ends a fencing, well or badly.
    pub(crate) fn finish(&mut self, now: Now, id: u64, error: Option<String>, commands: &mut Vec<Command>) {
        let by = self.fencings.get(&id).and_then(|fencing| fencing.last.as_ref()).map(|(node, _)| node.clone());
        self.finish_by(now, id, error, by, commands);
    }

    fn finish_by(&mut self, now: Now, id: u64, error: Option<String>, by: Option<NodeName>, commands: &mut Vec<Command>) {
        let Some(mut fencing) = self.fencings.remove(&id) else { return };
        self.runs.retain(|_, run| run.purpose != Purpose::Fence(id));
        fencing.error = error.clone();
        let state = if error.is_none() { "success" } else { "failed" };
        let record = history::record(&fencing, state, Some(now.wall), by.clone());
        self.records.learn(record.clone());
        let took = now.monotonic.saturating_sub(fencing.begun);
        let device = fencing.last.as_ref().map(|(_, device)| device.clone());
        let delegate = by.as_ref().map_or("<no-one>", NodeName::as_str);
        let (target, action) = (&fencing.target, &fencing.action);
        let result = match &error {
            None => "OK (complete)".to_owned(),
            Some(why) => format!("Error occurred ({why})"),
        };
        // Compat: the line that tools which read the log look for.
        commands.push(Command::Log(format!(
            "Operation '{action}' targeting {target} by {delegate} for {}@{}: {result}",
            fencing.client, fencing.origin
        )));
        commands.push(Command::Record(record));
        commands.push(Command::Tell(Fact::FencingFinished {
            target: target.clone(),
            action: action.clone(),
            device: device.as_ref().map(ToString::to_string),
            by: by.clone(),
            error: error.clone(),
            took,
        }));
        let outcome =
            Outcome { target: target.clone(), action: action.clone(), incarnation: fencing.incarnation.clone(), by, device, error, took };
        commands.push(Command::Finished { tickets: fencing.tickets, outcome });
    }

    /// Returns the next random number below a bound, from the seed alone.
    pub(crate) fn random_below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    fn wake(&mut self, now: Now, commands: &mut Vec<Command>) {
        let runs = self.runs.values().map(|run| run.deadline);
        let fencings = self.fencings.values().flat_map(|fencing| {
            let delayed = match fencing.attempt.as_ref().map(|attempt| attempt.progress) {
                Some(AttemptProgress::Delayed { until } | AttemptProgress::EndsItself { until, .. }) => Some(until),
                _ => None,
            };
            let patience = Some(fencing.patience).filter(|at| fencing.attempt.is_none() && *at > now.monotonic);
            [fencing.deadline, delayed, patience].into_iter().flatten()
        });
        let wake_at = runs.chain(fencings).min();
        if wake_at != self.wake_at {
            self.wake_at = wake_at;
            commands.extend(wake_at.map(Command::WakeAt));
        }
    }
}

fn outcome_of(request: &Request, error: Option<String>) -> Outcome {
    Outcome {
        target: request.target.clone(),
        action: request.action.clone(),
        incarnation: None,
        by: None,
        device: None,
        error,
        took: Duration::ZERO,
    }
}
