//! This node as one that ends itself when it is lost: whether it may live, and whether it can keep what the configuration promises.
//!
//! Safety: where nobody else can end this host (`stonith-watchdog-timeout`), the others count it as off that long after they lost it.
//! So the daemon lets it live only while it has quorum and hears itself in the group, or while nothing runs here.

use crate::command::{LogLevel, MemberCommand};
use crate::member::{Member, Sleeper};
use crate::options;
use executor::ResourceHistory;
use messages::agent::AgentOrder;
use messages::event::Fact;
use model::{NodeName, parse_boolean};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Permission is given at least this often.
const PERMIT_INTERVAL: Duration = Duration::from_secs(1);

impl Member {
    /// Lets this host live, and says whether that is for sure.
    pub(crate) fn permit(&mut self) {
        let Some(fencing) = &self.self_fencing else { return };
        let next = self.now.monotonic + (fencing.timeout / 4).min(PERMIT_INTERVAL);
        self.wakes.insert(Sleeper::Permission, next);
        let is_safe = !self.is_counted_on() || self.has_sure_quorum() || self.runs_nothing();
        self.out.push(MemberCommand::Agent(AgentOrder::Permit { at: self.now.monotonic, is_safe }));
    }

    /// Returns whether the others count on this node to end itself when it is lost.
    fn is_counted_on(&self) -> bool {
        let cib = self.replica.cib();
        let is_on = options::option(cib, &["stonith-enabled", "fencing-enabled"]).and_then(parse_boolean).unwrap_or(true);
        // Compat: where quorum is to be ignored, its loss is no reason to end.
        let needs_quorum = options::option(cib, &["no-quorum-policy"]) != Some("ignore");
        let has_disks = self.self_fencing.as_ref().is_some_and(|fencing| fencing.has_disks);
        is_on && needs_quorum && (has_disks || self.watchdog_wait().is_some())
    }

    fn watchdog_wait(&self) -> Option<Duration> {
        let text = options::option(self.replica.cib(), &["stonith-watchdog-timeout", "fencing-watchdog-timeout"])?;
        // A negative value stands for twice a time-out that a host without a watchdog does not have; it counts all the same.
        fencer::watchdog_wait(text, Some(self.self_fencing.as_ref().map_or(PERMIT_INTERVAL, |fencing| fencing.timeout)))
    }

    fn has_sure_quorum(&self) -> bool {
        // An engine that stands still reports no loss: only what this node hears of itself shows that it is heard.
        let is_heard = self.membership.peers().get(&self.config.node).is_some_and(|own| {
            let silent = self.now.monotonic.saturating_sub(own.heard());
            own.is_member() && silent <= self.config.silence / 2
        });
        self.membership.is_quorate() && !self.membership.is_apart() && is_heard
    }

    fn runs_nothing(&mut self) -> bool {
        self.executor.history().resources.values().all(|resource| is_at_rest(resource))
    }

    /// Leaves the cluster where it counts on this node to end itself and the node cannot.
    ///
    /// Compat: Pacemaker ends at once; we stop what runs here first, since nobody else will see that it still does.
    pub(crate) fn check_self_fencing(&mut self) {
        let cib = self.replica.cib();
        if self.incarnation.is_none() || self.checked.as_ref().is_some_and(|checked| Arc::ptr_eq(checked, cib)) {
            return;
        }
        let cib = Arc::clone(cib);
        let problem = self.self_fencing_problem();
        self.checked = Some(cib);
        let Some(problem) = problem.filter(|_| !self.is_leaving) else { return };
        let text = format!("{} does not take part: {problem}", self.config.node);
        self.log(LogLevel::Error, &text);
        self.tell_everyone(Fact::Warning { text });
        self.shut_down_this_node();
    }

    fn self_fencing_problem(&self) -> Option<String> {
        let wait = self.watchdog_wait()?;
        let own = self.config.node.clone();
        if !fencer::Configuration::read(self.replica.cib(), &self.circumstances(BTreeMap::new())).fences_itself(&own) {
            return None;
        }
        let Some(fencing) = &self.self_fencing else {
            return Some(format!(
                "stonith-watchdog-timeout is {wait:?}, and this host has no watchdog (SBD_WATCHDOG_DEV, SYSTOLE_WATCHDOG)"
            ));
        };
        if let Some(unfit) = &fencing.unfit {
            return Some(format!("stonith-watchdog-timeout is {wait:?}, and nobody can count on this host's watchdog: {unfit}"));
        }
        let text =
            format!("stonith-watchdog-timeout is {wait:?}, too short for a watchdog of {:?} (SBD_WATCHDOG_TIMEOUT)", fencing.timeout);
        (wait <= fencing.timeout).then_some(text)
    }

    /// Returns what the rules of fencing depend on.
    pub(crate) fn circumstances(&self, attributes: BTreeMap<NodeName, BTreeMap<String, String>>) -> fencer::Circumstances {
        let watchdog = self.self_fencing.as_ref().map(|fencing| fencing.timeout);
        fencer::Circumstances { now: self.now.wall, attributes, watchdog }
    }

    /// The coordinator wants this node to end, and there is nobody else who could do it.
    pub(crate) fn end_this_host(&mut self, action: &str) {
        let reason = format!("the cluster wants this node to fence itself ({action})");
        self.log(LogLevel::Error, &reason);
        self.out.push(MemberCommand::Agent(AgentOrder::ResetHost { reason: reason.clone(), off: action == "off" }));
        self.end(100, reason);
    }
}

/// Returns whether a resource surely is not active here and nothing is being done to it. Fence devices harm nobody.
fn is_at_rest(resource: &ResourceHistory) -> bool {
    let is_device = resource.reports.values().any(|report| report.agent.class == "stonith");
    let is_busy = resource.in_flight.is_some() || !resource.queued.is_empty();
    let latest = resource.reports.values().max_by_key(|report| report.call);
    let is_inactive = latest.is_none_or(|report| match report.operation.as_str() {
        "stop" => report.exit.0 == 0,
        "monitor" => matches!(report.exit.0, 5 | 7),
        _ => false,
    });
    is_device || (!is_busy && is_inactive)
}
