//! Targets that end themselves: there is nothing to run, only the time to wait until a lost node's watchdog has done it.
//!
//! Safety: what is waited for is longer than the watchdog of the target takes (`stonith-watchdog-timeout`), and a target that still
//! takes part afterwards has not ended, whatever the clock says.

use crate::Command;
use crate::fencer::Fencer;
use crate::fencing::{Attempt, AttemptProgress, Stage};
use messages::event::Fact;
use messages::operation::{DeviceOrder, DeviceTicket};
use model::{NodeName, Now};
use std::collections::BTreeMap;
use std::time::Duration;

impl Fencer {
    /// Begins to wait for a target to end itself, and tells one that can be told to.
    pub(crate) fn await_self_fencing(&mut self, now: Now, id: u64, stage: Stage, commands: &mut Vec<Command>) {
        let Some(wait) = self.configuration.watchdog else { return };
        let Some(fencing) = self.fencings.get_mut(&id) else { return };
        let target = fencing.target.clone();
        let until = now.monotonic + wait;
        commands
            .push(Command::Log(format!("Waiting {wait:?} for {target} to self-fence ({}) for client {}", fencing.action, fencing.client)));
        commands.push(Command::Tell(Fact::FencingStarted {
            target: target.clone(),
            action: stage.action.to_owned(),
            device: stage.device.to_string(),
            by: target.clone(),
        }));
        // The head start of the more important side is for races between devices; here nobody shoots.
        fencing.delay = Duration::ZERO;
        fencing.incarnation = self.situation.last_seen.get(&target).cloned();
        let tried = [target.clone()].into();
        let progress = AttemptProgress::EndsItself { until, ordered: false };
        fencing.attempt = Some(Attempt { stage, node: target, tried, tries: 1, time_left: wait, progress });
        self.watch_self_fencing(now, id, until, false, commands);
    }

    /// Looks after a target that ends itself.
    pub(crate) fn watch_self_fencing(&mut self, now: Now, id: u64, until: Duration, ordered: bool, commands: &mut Vec<Command>) {
        let Some(fencing) = self.fencings.get_mut(&id) else { return };
        let target = fencing.target.clone();
        // The same life of the host that was to end takes part: it was never lost, or it came back in time to be told.
        let is_here = self.situation.members.get(&target).is_some_and(|life| fencing.incarnation.as_ref() == Some(life));
        // Another life of it was seen: the one that was to end has.
        let has_returned = match (self.situation.last_seen.get(&target), &fencing.incarnation) {
            (Some(seen), Some(ended)) => seen != ended,
            _ => false,
        };
        if now.monotonic < until && !has_returned {
            if is_here && !ordered {
                self.order_self_fencing(id, &target, until, commands);
            }
            return;
        }
        let Some(attempt) = fencing.attempt.take() else { return };
        if is_here {
            let error = format!("{target} was to end itself and still takes part");
            self.stage_failed(now, id, &attempt.stage, error, commands);
            return self.advance(now, id, commands);
        }
        commands.push(Command::Log(format!("Self-fencing ({}) of {target} assumed complete", attempt.stage.action)));
        self.stage_succeeded(now, id, target, attempt.stage.device, commands);
        self.advance(now, id, commands);
    }

    fn order_self_fencing(&mut self, id: u64, target: &NodeName, until: Duration, commands: &mut Vec<Command>) {
        let number = self.next_run;
        self.next_run += 1;
        let Some(attempt) = self.fencings.get_mut(&id).and_then(|fencing| fencing.attempt.as_mut()) else { return };
        attempt.progress = AttemptProgress::EndsItself { until, ordered: true };
        let Some(device) = self.configuration.devices.get(&attempt.stage.device) else { return };
        let ticket = DeviceTicket { term: self.term.unwrap_or(0), number };
        let order = DeviceOrder {
            ticket,
            device: device.id.clone(),
            agent: device.agent.clone(),
            action: attempt.stage.action.to_owned(),
            parameters: BTreeMap::new(),
            timeout: attempt.time_left,
        };
        commands.push(Command::RunDevice { node: target.clone(), order });
    }
}
