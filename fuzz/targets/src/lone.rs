//! A member on its own: it leads a cluster of which another node has never been seen, and takes whatever it is told.

use member::{Member, MemberCommand, MemberConfig, MemberEvent, PlanOutcome, StoreResult, StoredCib};
use messages::agent::{AgentCall, AgentEvent, AgentOrder, AgentOutcome, AgentResult};
use messages::group::{GroupCommand, GroupEvent, Incarnation, View};
use model::{CallId, NodeName, Now, Timestamp};
use status::Facts;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use xml::Element;

/// Longer chains of events than this come from one input only when something runs in circles.
const EVENTS_MAX: usize = 20_000;

pub(crate) struct Lone<'a> {
    member: Member,
    now: Duration,
    wake_at: Option<Duration>,
    events: VecDeque<MemberEvent>,
    /// What agents print as their meta-data.
    meta_data: &'a str,
    active: BTreeSet<String>,
}

impl<'a> Lone<'a> {
    /// Returns a member that leads and has carried its first plans out.
    pub(crate) fn new(cib: Element, meta_data: &'a str) -> Self {
        let uuid = "00000000-0000-0000-0000-000000000001".to_owned();
        let stored = Some(StoredCib { cib: Arc::new(cib), lineage: 1 });
        let member = Member::new(MemberConfig { uuid, stored, ..MemberConfig::new("node1", 1) });
        let mut lone =
            Self { member, now: Duration::from_secs(1), wake_at: None, events: VecDeque::new(), meta_data, active: BTreeSet::new() };
        let incarnation = Incarnation("node1-life".to_owned());
        lone.give(MemberEvent::Started);
        lone.give(MemberEvent::Agent(AgentEvent::Welcome {
            incarnation,
            running: Vec::new(),
            next_call: CallId(1),
            self_fencing: None,
            hastens: false,
            checks_logins: false,
        }));
        lone.give(MemberEvent::Group(GroupEvent::View(view(1, &["node1"]))));
        lone.pass(Duration::from_secs(30));
        lone
    }

    /// Another node's daemon is there.
    pub(crate) fn is_joined(&mut self) {
        self.give(MemberEvent::Group(GroupEvent::View(view(2, &["node1", "node2"]))));
        self.pass(Duration::from_millis(100));
    }

    pub(crate) fn give(&mut self, event: MemberEvent) {
        self.events.push_back(event);
        let mut left = EVENTS_MAX;
        while let Some(event) = self.events.pop_front() {
            let now = Now { monotonic: self.now, wall: Timestamp(1_790_000_000_000_000 + self.now.as_micros() as i64) };
            self.member.handle(now, event).into_iter().for_each(|command| self.carry_out(command));
            left = left.checked_sub(1).expect("one event leads to others without an end");
        }
    }

    /// Lets time pass, and whatever is due happen.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.wake_at.take().filter(|at| *at <= until) {
            self.now = at.max(self.now + Duration::from_millis(1));
            self.give(MemberEvent::Woken);
        }
        self.now = until;
    }

    fn carry_out(&mut self, command: MemberCommand) {
        match command {
            MemberCommand::Group(GroupCommand::Send { payload }) => {
                self.events.push_back(MemberEvent::Group(GroupEvent::Message { from: "node1".into(), payload }));
            }
            MemberCommand::Agent(AgentOrder::Run(call)) => {
                let result = self.ran(&call);
                self.events.push_back(MemberEvent::Agent(AgentEvent::Finished(result)));
            }
            MemberCommand::Plan(request) => {
                let plan = scheduler::schedule(&Facts::deduce(&request.input, request.now));
                self.events.push_back(MemberEvent::Planned(PlanOutcome { number: request.number, result: Ok(plan) }));
            }
            MemberCommand::Store(order) => {
                self.events.push_back(MemberEvent::Stored(StoreResult { token: order.token, result: Ok(()) }));
            }
            MemberCommand::WakeAt(at) => self.wake_at = Some(at),
            _ => {}
        }
    }

    fn ran(&mut self, call: &AgentCall) -> AgentResult {
        let is_question = matches!(call.action.as_str(), "meta-data" | "metadata");
        let resource = call.resource.as_ref().map(ToString::to_string).unwrap_or_default();
        match call.action.as_str() {
            "stop" => drop(self.active.remove(&resource)),
            "start" => drop(self.active.insert(resource.clone())),
            _ => {}
        }
        let is_well = call.action != "monitor" || call.agent.class != "ocf" || self.active.contains(&resource);
        AgentResult {
            id: call.id,
            outcome: AgentOutcome::Exited(if is_well { 0 } else { 7 }),
            stdout: if is_question || call.action == "list" { self.meta_data.to_owned() } else { String::new() },
            stderr: String::new(),
            exit_reason: None,
            started: Timestamp(1_790_000_000_000_000),
            run_time: Duration::from_millis(20),
            queue_time: Duration::ZERO,
        }
    }
}

fn view(id: u64, names: &[&str]) -> View {
    let configured: Vec<(NodeName, u32)> = vec![("node1".into(), 1), ("node2".into(), 2)];
    View {
        id,
        hosts: names.iter().map(|name| ((*name).into(), Incarnation(format!("{name}-life")))).collect(),
        daemons: names.iter().map(|name| ((*name).into(), 1)).collect(),
        configured: configured.into_iter().collect(),
        quorate: true,
    }
}
