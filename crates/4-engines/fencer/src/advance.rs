//! Moves one fencing on: choose the devices, then the node, wait for delays and limits, run, try again, or give up with a reason.

use crate::device::AgentFacts;
use crate::eligibility::Reach;
use crate::fencer::{Fencer, Purpose};
use crate::fencing::{Attempt, AttemptProgress, Stage};
use crate::{Command, Device};
use messages::event::Fact;
use model::{NodeName, Now, ResourceId};
use std::collections::BTreeSet;
use std::time::Duration;

impl Fencer {
    /// Moves a fencing as far as it goes now.
    pub(crate) fn advance(&mut self, now: Now, id: u64, commands: &mut Vec<Command>) {
        loop {
            let Some(fencing) = self.fencings.get_mut(&id) else { return };
            if fencing.deadline.is_some_and(|deadline| deadline <= now.monotonic) {
                let last = fencing.error.as_ref().map(|error| format!(" (last: {error})")).unwrap_or_default();
                let error =
                    format!("Fencing did not complete within a total timeout based on the configured timeouts of its devices{last}");
                return self.finish(now, id, Some(error), commands);
            }
            if fencing.attempt.is_some() {
                return self.move_attempt(now, id, commands);
            }
            if let Some(stage) = fencing.stages.front().cloned() {
                self.begin_stage(now, id, stage, BTreeSet::new(), commands);
                continue;
            }
            if let Some(stages) = fencing.alternatives.pop_front() {
                fencing.stages = stages.into();
                continue;
            }
            if !self.find_alternatives(now, id, commands) {
                return;
            }
        }
    }

    /// Finds devices that were not considered yet. Returns false when there is nothing to do but wait, or the fencing has failed.
    fn find_alternatives(&mut self, now: Now, id: u64, commands: &mut Vec<Command>) -> bool {
        let Some(fencing) = self.fencings.get(&id).cloned() else { return false };
        let attributes = self.situation.attributes.get(&fencing.target);
        let levels: Vec<Vec<ResourceId>> =
            self.configuration.levels_for(&fencing.target, attributes).into_iter().map(|level| level.devices.clone()).collect();
        let has_topology = !levels.is_empty();
        if has_topology && fencing.has_topology {
            return self.give_up(now, id, Vec::new(), commands);
        }
        let ids: BTreeSet<ResourceId> =
            if has_topology { levels.iter().flatten().cloned().collect() } else { self.configuration.devices.keys().cloned().collect() };
        let (mut found, mut refused, mut asking) = (Vec::new(), Vec::new(), false);
        for device_id in ids.iter().filter(|device| !fencing.considered.contains(*device)) {
            let Some(device) = self.configuration.devices.get(device_id).cloned() else {
                refused.push((device_id.clone(), "there is no such fence device, or it is disabled".to_owned()));
                continue;
            };
            match self.reach(now, &device, &fencing.target, &fencing.action, commands) {
                Reach::Yes => found.push(device),
                Reach::No(why) => refused.push((device_id.clone(), why)),
                Reach::Asking => asking = true,
            }
        }
        let waits = asking && (has_topology || found.is_empty());
        if waits && now.monotonic < fencing.patience {
            return false;
        }
        if found.is_empty() {
            return self.give_up(now, id, refused, commands);
        }
        // Nodes that end themselves take the longest of all: what ends them at once is tried first.
        found.sort_by_key(|device| (device.is_watchdog(), std::cmp::Reverse(device.priority()), device.id.clone()));
        let alternatives = if has_topology {
            self.level_alternatives(&levels, &found, &fencing.action)
        } else {
            self.single_alternatives(&found, &fencing.action)
        };
        let Some(fencing) = self.fencings.get_mut(&id) else { return false };
        fencing.has_topology = has_topology;
        fencing.considered.extend(found.iter().map(|device| device.id.clone()));
        if alternatives.is_empty() {
            return self.give_up(now, id, refused, commands);
        }
        fencing.alternatives = alternatives.into();
        let fencing = fencing.clone();
        let end = now.monotonic + self.total_budget(&fencing);
        if let Some(fencing) = self.fencings.get_mut(&id) {
            fencing.deadline = Some(fencing.deadline.map_or(end, |deadline| deadline.max(end)));
        }
        true
    }

    /// A level is tried only as a whole: all its devices must be there and reach the target.
    fn level_alternatives(&self, levels: &[Vec<ResourceId>], found: &[Device], action: &str) -> Vec<Vec<Stage>> {
        let complete = levels.iter().filter(|level| level.iter().all(|id| found.iter().any(|device| device.id == *id)));
        let stages = complete.map(|level| {
            let devices: Vec<&Device> = level.iter().filter_map(|id| found.iter().find(|device| device.id == *id)).collect();
            self.stages(&devices, action)
        });
        stages.filter(|stages| !stages.is_empty()).collect()
    }

    /// Without topology each device is an alternative by itself; those that unfence by themselves must all do so.
    fn single_alternatives(&self, found: &[Device], action: &str) -> Vec<Vec<Stage>> {
        let required: Vec<&Device> = found.iter().filter(|device| action == "on" && self.known(device).unfences).collect();
        if !required.is_empty() {
            return vec![self.stages(&required, action)];
        }
        found.iter().map(|device| self.stages(&[device], action)).collect()
    }

    /// Returns the parts of a level. Compat: a reboot by several devices is all off, then all on: with two power supplies,
    /// one reboot after the other would leave the node running.
    fn stages(&self, devices: &[&Device], action: &str) -> Vec<Stage> {
        let stage = |device: &&Device, action, optional| Stage { device: device.id.clone(), action, optional };
        let all = |action| devices.iter().map(|device| stage(device, action, false)).collect::<Vec<_>>();
        match action {
            "on" => all("on"),
            "off" => all("off"),
            _ => {
                let can = |device: &&Device| {
                    device.is_watchdog() || self.known(device).reboots || device.parameters.contains_key("pcmk_reboot_action")
                };
                if devices.len() == 1 && devices.iter().all(can) {
                    return all("reboot");
                }
                let on = devices.iter().filter(|device| self.known(device).turns_on && !device.stays_off() && !device.is_watchdog());
                all("off").into_iter().chain(on.map(|device| stage(device, "on", true))).collect()
            }
        }
    }

    fn known(&self, device: &Device) -> AgentFacts {
        self.answers.agents.get(&device.agent).and_then(|(facts, _)| facts.clone()).unwrap_or_default()
    }

    /// Chooses a node for a stage that was not asked yet, or ends the stage.
    fn begin_stage(&mut self, now: Now, id: u64, stage: Stage, mut tried: BTreeSet<NodeName>, commands: &mut Vec<Command>) {
        let Some(fencing) = self.fencings.get(&id).cloned() else { return };
        let device = self.configuration.devices.get(&stage.device).cloned();
        if device.as_ref().is_some_and(Device::is_watchdog) {
            return self.await_self_fencing(now, id, stage, commands);
        }
        let nodes =
            device.as_ref().map(|device| self.candidates(device, &self.known(device), &fencing.target, stage.action)).unwrap_or_default();
        let next = nodes.into_iter().find(|node| !tried.contains(node));
        let (Some(device), Some(node)) = (device, next) else {
            let nobody = format!("no member can use {} to do '{}'", stage.device, stage.action);
            let error = fencing.error.clone().filter(|_| !tried.is_empty()).unwrap_or(nobody);
            return self.stage_failed(now, id, &stage, error, commands);
        };
        let is_first = tried.is_empty() && stage.action != "on";
        let delay = if is_first { self.delay(&fencing.target, &device) + fencing.delay } else { Duration::ZERO };
        tried.insert(node.clone());
        let progress = if delay.is_zero() { AttemptProgress::Queued } else { AttemptProgress::Delayed { until: now.monotonic + delay } };
        if !delay.is_zero() {
            commands.push(Command::Log(format!(
                "Delaying '{}' action targeting {} using {} for {delay:?}",
                stage.action, fencing.target, device.id
            )));
        }
        let time_left = device.timeout(stage.action, fencing.timeout);
        if let Some(fencing) = self.fencings.get_mut(&id) {
            if is_first {
                // The asker's delay gives the more important side a head start, once.
                fencing.delay = Duration::ZERO;
            }
            fencing.attempt = Some(Attempt { stage, node, tried, tries: 1, time_left, progress });
        }
    }

    fn delay(&mut self, target: &NodeName, device: &Device) -> Duration {
        let (least, most) = device.delay(target);
        let spread = most.saturating_sub(least).as_millis() as u64;
        least + Duration::from_millis(if spread == 0 { 0 } else { self.random_below(spread) })
    }

    fn move_attempt(&mut self, now: Now, id: u64, commands: &mut Vec<Command>) {
        let Some(fencing) = self.fencings.get_mut(&id) else { return };
        let Some(attempt) = &mut fencing.attempt else { return };
        match attempt.progress {
            AttemptProgress::AtWork { .. } => return,
            AttemptProgress::EndsItself { until, ordered } => return self.watch_self_fencing(now, id, until, ordered, commands),
            AttemptProgress::Delayed { until } if until > now.monotonic => return,
            _ => attempt.progress = AttemptProgress::Queued,
        }
        let attempt = attempt.clone();
        let Some(device) = self.configuration.devices.get(&attempt.stage.device).cloned() else {
            let error = format!("{} is not configured any more", attempt.stage.device);
            if let Some(fencing) = self.fencings.get_mut(&id) {
                fencing.attempt = None;
            }
            self.stage_failed(now, id, &attempt.stage, error, commands);
            return self.advance(now, id, commands);
        };
        let busy = self.runs.values().filter(|run| run.device == device.id && matches!(run.purpose, Purpose::Fence(_))).count();
        if device.action_limit().is_some_and(|limit| busy >= limit) {
            return;
        }
        self.start(now, id, &device, attempt, commands);
    }

    fn start(&mut self, now: Now, id: u64, device: &Device, attempt: Attempt, commands: &mut Vec<Command>) {
        let Some(fencing) = self.fencings.get(&id) else { return };
        let (target, client, action) = (fencing.target.clone(), fencing.client.clone(), attempt.stage.action);
        commands.push(Command::Log(format!(
            "Requesting that {} perform '{action}' action targeting {target} using {} for client {client}",
            attempt.node, device.id
        )));
        commands.push(Command::Tell(Fact::FencingStarted {
            target: target.clone(),
            action: action.to_owned(),
            device: device.id.to_string(),
            by: attempt.node.clone(),
        }));
        let arguments = device.arguments(&self.known(device), Some(&target));
        let word = device.action_word(action);
        let number = self.run(now, attempt.node.clone(), device, word, arguments, attempt.time_left, Purpose::Fence(id), commands);
        let life = self.situation.last_seen.get(&target).cloned();
        let Some(fencing) = self.fencings.get_mut(&id) else { return };
        if action != "on" {
            // Safety: a success confirms the end of the life that was there when the run began, of no later one.
            fencing.incarnation = life;
        }
        fencing.attempt = Some(Attempt { progress: AttemptProgress::AtWork { run: number, since: now.monotonic }, ..attempt });
    }

    /// Takes the end of a run: the next stage, another try, another node, another level.
    pub(crate) fn attempt_ended(
        &mut self,
        now: Now,
        id: u64,
        number: u64,
        error: Option<String>,
        retriable: bool,
        commands: &mut Vec<Command>,
    ) {
        let Some(fencing) = self.fencings.get_mut(&id) else { return };
        let Some(mut attempt) = fencing.attempt.take() else { return };
        let AttemptProgress::AtWork { run, since } = attempt.progress else {
            fencing.attempt = Some(attempt);
            return;
        };
        if run != number {
            fencing.attempt = Some(attempt);
            return;
        }
        let Some(error) = error else {
            return self.stage_succeeded(now, id, attempt.node, attempt.stage.device, commands);
        };
        fencing.error = Some(error.clone());
        commands.push(Command::Log(format!("{} failed on {}: {error}", attempt.stage.device, attempt.node)));
        let spent = now.monotonic.saturating_sub(since);
        let left = attempt.time_left.saturating_sub(spent);
        let (tries, whole) = match self.configuration.devices.get(&attempt.stage.device) {
            Some(device) => (device.tries(attempt.stage.action), device.timeout(attempt.stage.action, fencing.timeout)),
            None => (1, fencing.timeout),
        };
        // Compat: another try is worth it only with three tenths of the time left.
        if retriable && attempt.tries < tries && left * 10 >= whole * 3 {
            attempt.tries += 1;
            attempt.time_left = left;
            attempt.progress = AttemptProgress::Queued;
            fencing.attempt = Some(attempt);
            return;
        }
        self.begin_stage(now, id, attempt.stage, attempt.tried, commands);
    }

    /// The first of the stages that are left is done: the next one, or the end.
    pub(crate) fn stage_succeeded(&mut self, now: Now, id: u64, by: NodeName, device: ResourceId, commands: &mut Vec<Command>) {
        let Some(fencing) = self.fencings.get_mut(&id) else { return };
        fencing.last = Some((by, device));
        fencing.stages.pop_front();
        if fencing.stages.is_empty() {
            self.finish(now, id, None, commands);
        }
    }

    pub(crate) fn stage_failed(&mut self, now: Now, id: u64, stage: &Stage, error: String, commands: &mut Vec<Command>) {
        let Some(fencing) = self.fencings.get_mut(&id) else { return };
        if stage.optional {
            commands.push(Command::Log(format!("Ignoring that {} does not turn {} back on: {error}", stage.device, fencing.target)));
            fencing.stages.pop_front();
            if fencing.stages.is_empty() {
                self.finish(now, id, None, commands);
            }
            return;
        }
        fencing.error = Some(error);
        fencing.stages.clear();
    }

    /// Ends a fencing for which nothing is left to try, and says why each device was no help.
    fn give_up(&mut self, now: Now, id: u64, refused: Vec<(ResourceId, String)>, commands: &mut Vec<Command>) -> bool {
        let Some(fencing) = self.fencings.get(&id) else { return false };
        let error = match &fencing.error {
            Some(error) => error.clone(),
            None if self.configuration.devices.is_empty() => "No fence device is configured".to_owned(),
            None => {
                let reasons: Vec<String> = refused.iter().map(|(device, why)| format!("{device}: {why}")).collect();
                format!("No fence device can do '{}' to {}: {}", fencing.action, fencing.target, reasons.join("; "))
            }
        };
        self.finish(now, id, Some(error), commands);
        false
    }
}
