//! The executor itself: takes events, keeps the queues, decides which agent runs next.
//!
//! One-time and recurring operations have a limit each, so that monitors that hang never hold back a start or a stop,
//! and an operation at work holds back only its own resource. While starts and stops are at work, few monitors are: they would take the
//! processor time that a recovery waits for.

use crate::metadata::{self, Library};
use crate::queue::{Active, Afterwards, Recurring, Turn, Waiting, changes_state};
use crate::queues::Queues;
use crate::{Command, Event, Settings, device};
use messages::agent::{AgentCall, AgentName, AgentOrder};
use messages::group::Incarnation;
use messages::operation::{CancelOrder, OperationOrder, OperationReport, ReportId};
use model::{CallId, Now, ResourceId, TransitionKey};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long after an operation's own time-out this engine gives up on the root role.
pub(crate) const DEADLINE_BEHIND: Duration = Duration::from_secs(10);
/// How long a call that the root role no longer names may still deliver its result.
const STRAGGLER: Duration = Duration::from_secs(2);
/// How often unacknowledged reports are sent again.
const RESEND: Duration = Duration::from_secs(2);
/// Compat: a recurring operation whose first run is further away than this is confirmed unseen.
const POSTPONED_FAR: Duration = Duration::from_secs(300);

/// One node's executor.
#[derive(Debug)]
pub struct Executor {
    pub(crate) settings: Settings,
    /// Known once the root role said so; nothing runs before.
    pub(crate) incarnation: Option<Incarnation>,
    /// The life of the host whose history was restored.
    pub(crate) restored: Option<Incarnation>,
    pub(crate) connected: bool,
    pub(crate) next_call: CallId,
    pub(crate) next_report: ReportId,
    pub(crate) resources: Queues,
    pub(crate) unacknowledged: BTreeMap<ReportId, OperationReport>,
    pub(crate) library: Library,
    /// Reports that wait for meta-data, each with the order it answers and when it goes without.
    pub(crate) held: Vec<(Duration, OperationOrder, OperationReport)>,
    resend_at: Option<Duration>,
    wake_at: Option<Duration>,
    /// Something that must survive a restart changed in this call of `handle`.
    pub(crate) changed: bool,
}

impl Executor {
    /// Returns an executor that knows of nothing.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            incarnation: None,
            restored: None,
            connected: false,
            next_call: CallId(1),
            next_report: ReportId(1),
            resources: Queues::default(),
            unacknowledged: BTreeMap::new(),
            library: Library::default(),
            held: Vec::new(),
            resend_at: None,
            wake_at: None,
            changed: false,
        }
    }

    /// Takes one event and returns what is to be done, in order.
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Command> {
        let mut commands = Vec::new();
        self.take(now, event, &mut commands);
        self.check_deadlines(now, &mut commands);
        self.dispatch(now, &mut commands);
        self.release_held(now, &mut commands);
        self.resend(now, &mut commands);
        if std::mem::take(&mut self.changed) {
            // Safety: what was decided is saved before the root role forgets a result or starts an agent on it.
            commands.insert(0, Command::SaveHistory);
        }
        let wake_at = self.next_wake(now.monotonic);
        if wake_at != self.wake_at {
            self.wake_at = wake_at;
            commands.extend(wake_at.map(Command::WakeAt));
        }
        commands
    }

    /// Returns a call id for a run of an agent that is not this engine's (fence devices, alerts): ids are unique on a host,
    /// so one place gives them out.
    pub fn allocate_call(&mut self) -> CallId {
        let id = self.next_call;
        self.next_call = CallId(id.0 + 1);
        id
    }

    /// Forgets what is known of every resource; numbers go on.
    pub fn forget_all(&mut self) {
        self.resources.clear();
        self.unacknowledged.clear();
        self.held.clear();
        self.changed = true;
    }

    /// Returns whether what runs agents is connected.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Returns how many operations are at work or wait for their turn; recurring ones count only while they are at work.
    pub fn pending(&self) -> usize {
        self.resources.values().map(|queue| queue.waiting.len() + usize::from(queue.active.is_some())).sum()
    }

    fn take(&mut self, now: Now, event: Event, commands: &mut Vec<Command>) {
        match event {
            Event::AgentsConnected { incarnation, running, next_call } => self.connect(now, incarnation, running, next_call, commands),
            Event::AgentsLost => {
                self.connected = false;
                self.library.forget_questions();
            }
            Event::Ordered(order) => self.order(now, order, commands),
            Event::CancelOrdered(order) => self.cancel(now, order, commands),
            Event::ForgetOrdered { resource } => self.forget(now, &resource, commands),
            Event::AgentFinished(result) => self.agent_finished(now, result, commands),
            Event::ReportsAcknowledged(ids) => {
                for id in ids {
                    self.changed |= self.unacknowledged.remove(&id).is_some();
                }
            }
            Event::CoordinatorChanged => self.introduce(now, commands),
            Event::CheckNow { resource } => {
                for recurring in self.resources.get_mut(&resource).into_iter().flat_map(|queue| &mut queue.recurring) {
                    // One that is at work is due when it has ended.
                    recurring.due = recurring.due.map(|due| due.min(now.monotonic));
                }
            }
            Event::RecurringDropped => self.drop_all_recurring(now, commands),
            Event::LimitChanged { parallel_max } => self.settings.parallel_max = parallel_max,
            Event::TimePassed => {}
        }
    }

    /// The root role told which life of the host this is: what an earlier daemon left at work is adopted, or void after a boot.
    fn connect(&mut self, now: Now, incarnation: Incarnation, running: Vec<AgentCall>, next_call: CallId, commands: &mut Vec<Command>) {
        let before = self.incarnation.take().or_else(|| self.restored.take());
        if before.is_some_and(|before| before != incarnation) {
            // Safety: the host has booted since: nothing of the old history is true any more.
            self.forget_all();
        }
        self.incarnation = Some(incarnation);
        self.connected = true;
        self.changed = true;
        self.next_call = self.next_call.max(next_call);
        let ids: BTreeSet<CallId> = running.iter().map(|call| call.id).collect();
        for queue in self.resources.values_mut() {
            let Some(active) = &mut queue.active else { continue };
            // What runs may take its whole time again; what does not either delivered its result meanwhile or is lost.
            let patience = if ids.contains(&active.call) { active.order.timeout + DEADLINE_BEHIND } else { STRAGGLER };
            active.begun = active.begun.min(now.monotonic);
            active.deadline = now.monotonic + patience;
        }
        for call in running {
            self.end_stranger(now, call, commands);
        }
    }

    /// Ends a call that runs for a resource though this engine does not know it: its history was lost, or it was a recurring one.
    /// Safety: the resource has no other operation until it has ended.
    fn end_stranger(&mut self, now: Now, call: AgentCall, commands: &mut Vec<Command>) {
        // Fence agents at work are the fencer's: to end one half way would leave its target in between.
        let is_ours = call.action != "meta-data" && call.agent.class != "stonith";
        let Some(resource) = call.resource.clone().filter(|_| is_ours) else { return };
        let queue = self.resources.of(&resource);
        if queue.active.is_some() {
            return;
        }
        commands.push(Command::Agent(AgentOrder::Kill { id: call.id }));
        let order = OperationOrder {
            resource,
            agent: call.agent,
            operation_key: String::new(),
            operation: call.action,
            interval: Duration::ZERO,
            start_delay: Duration::ZERO,
            timeout: call.timeout,
            parameters: call.parameters,
            transition_key: TransitionKey { action: -1, transition: -1, target_rc: 0, uuid: String::new() },
            on_node: self.settings.node.clone(),
            locked_since: None,
            later_than: None,
        };
        queue.active = Some(Active {
            call: call.id,
            queue_time: Duration::ZERO,
            begun: now.monotonic,
            deadline: now.monotonic + DEADLINE_BEHIND,
            afterwards: Afterwards::Drop,
            retries: 0,
            order,
        });
    }

    fn order(&mut self, now: Now, mut order: OperationOrder, commands: &mut Vec<Command>) {
        if self.answer_again(&order, commands) {
            return;
        }
        if order.timeout.is_zero() {
            // Compat: without a time-out the interval bounds a recurring operation, and the field's default any other.
            order.timeout = if order.interval.is_zero() { Duration::from_secs(20) } else { order.interval };
        }
        order.parameters.remove("CRM_meta_op_target_rc");
        self.changed = true;
        let id = order.resource.clone();
        if changes_state(&order) {
            self.end_recurring(now, &id, commands);
        }
        if self.connected {
            self.ask_metadata(&order.agent, &order.operation, now, commands);
        }
        let ready_at = now.monotonic + order.start_delay;
        let queue = self.resources.of(&id);
        if order.interval.is_zero() {
            queue.waiting.push_back(Waiting { order, ready_at });
            return;
        }
        let mut due = Some(ready_at);
        if let Some(place) = queue.recurring_place(&order.operation, order.interval) {
            queue.recurring.remove(place);
        }
        if queue.is_at_work(&order.operation, order.interval) {
            let active = queue.active.as_mut().filter(|active| active.afterwards == Afterwards::Report);
            match active {
                // The very same watch is at work: its result answers the new order.
                Some(active) if active.order.parameters == order.parameters => {
                    active.order = order.clone();
                    due = None;
                }
                Some(active) => {
                    active.afterwards = Afterwards::Drop;
                    commands.push(Command::Agent(AgentOrder::Kill { id: active.call }));
                }
                None => {}
            }
        }
        let far = order.start_delay > POSTPONED_FAR;
        queue.recurring.push(Recurring { order: order.clone(), first_call: None, due, reported: None });
        if far {
            self.report_unseen(now, &order, commands);
        }
    }

    /// Answers an order that was received before: repetitions are harmless.
    fn answer_again(&mut self, order: &OperationOrder, commands: &mut Vec<Command>) -> bool {
        let known = |report: &OperationReport| report.transition_key == order.transition_key && report.operation_key == order.operation_key;
        if let Some(report) = self.unacknowledged.values().find(|report| known(report)) {
            commands.push(Command::Report(Box::new(report.clone())));
            return true;
        }
        let Some(queue) = self.resources.get(&order.resource) else { return false };
        let same = |other: &OperationOrder| other.transition_key == order.transition_key && other.operation_key == order.operation_key;
        let at_work = queue.waiting.iter().any(|waiting| same(&waiting.order))
            || queue.active.as_ref().is_some_and(|active| same(&active.order) && active.afterwards == Afterwards::Report);
        // A recurring operation that has been reported answers with that report again.
        let reported = queue.reports.values().find(|report| known(report)).cloned();
        if let Some(report) = reported.filter(|_| !at_work) {
            self.send(report, commands);
            return true;
        }
        at_work || queue.recurring.iter().any(|recurring| same(&recurring.order))
    }

    fn cancel(&mut self, now: Now, order: CancelOrder, commands: &mut Vec<Command>) {
        self.changed = true;
        let queue = self.resources.of(&order.resource);
        if let Some(place) = queue.recurring_place(&order.operation, order.interval) {
            queue.recurring.remove(place);
        }
        queue.reports.remove(&format!("{}_{}", order.operation, order.interval.as_millis()));
        let same = |other: &OperationOrder| other.operation == order.operation && other.interval == order.interval;
        if let Some(place) = queue.waiting.iter().position(|waiting| same(&waiting.order))
            && let Some(waiting) = queue.waiting.remove(place)
        {
            self.report_cancelled_order(now, &waiting.order, commands);
            self.report_cancelled(now, &order, commands);
            return;
        }
        match &mut queue.active {
            Some(active) if same(&active.order) => {
                if !order.interval.is_zero() {
                    active.afterwards = Afterwards::AnswerCancel(order);
                }
                commands.push(Command::Agent(AgentOrder::Kill { id: active.call }));
            }
            _ => self.report_cancelled(now, &order, commands),
        }
    }

    /// Forgets what was. What is at work goes on, and its result is news, for which somebody waits; what waits for its turn is answered.
    fn forget(&mut self, now: Now, resource: &ResourceId, commands: &mut Vec<Command>) {
        self.changed = true;
        self.end_recurring(now, resource, commands);
        let Some(queue) = self.resources.get_mut(resource) else { return };
        let waiting = std::mem::take(&mut queue.waiting);
        queue.reports.clear();
        queue.start_parameters = None;
        if queue.active.is_none() {
            self.resources.remove(resource);
        }
        let held = std::mem::take(&mut self.held);
        let (forgotten, kept): (Vec<_>, _) = held.into_iter().partition(|(_, order, _)| order.resource == *resource);
        self.held = kept;
        let ended = forgotten.into_iter().map(|(_, order, _)| order);
        for order in waiting.into_iter().map(|waiting| waiting.order).chain(ended) {
            self.report_cancelled_order(now, &order, commands);
        }
    }

    /// Ends what recurs of a resource because its state is about to change; results of it would say nothing.
    ///
    /// Whoever still waits for the first result of one is told that there will be none.
    fn end_recurring(&mut self, now: Now, resource: &ResourceId, commands: &mut Vec<Command>) {
        let Some(queue) = self.resources.get_mut(resource) else { return };
        let ended = std::mem::take(&mut queue.recurring);
        if let Some(active) = queue.active.as_mut().filter(|active| !active.order.interval.is_zero()) {
            if active.afterwards == Afterwards::Report {
                active.afterwards = Afterwards::Drop;
            }
            commands.push(Command::Agent(AgentOrder::Kill { id: active.call }));
        }
        for recurring in ended.iter().filter(|recurring| recurring.reported.is_none()) {
            self.report_cancelled_order(now, &recurring.order, commands);
        }
    }

    fn drop_all_recurring(&mut self, now: Now, commands: &mut Vec<Command>) {
        self.changed = true;
        let ids: Vec<ResourceId> = self.resources.keys().cloned().collect();
        for id in ids {
            self.end_recurring(now, &id, commands);
        }
    }

    /// Tells a coordinator that is new to this node what is at work and what is known; reports that wait for an answer follow.
    fn introduce(&mut self, now: Now, commands: &mut Vec<Command>) {
        let mut orders = Vec::new();
        let mut history = Vec::new();
        for queue in self.resources.values() {
            orders.extend(queue.active.iter().filter(|active| active.order.interval.is_zero()).map(|active| active.order.clone()));
            orders.extend(queue.waiting.iter().map(|waiting| waiting.order.clone()));
            orders.extend(queue.recurring.iter().filter(|recurring| recurring.reported.is_none()).map(|recurring| recurring.order.clone()));
            history.extend(queue.reports.values().cloned());
        }
        // Safety: what has ended and waits for its agent's meta-data has been told to nobody. (Found by the simulator: seed 7554, half an hour;
        // the resource was started elsewhere.)
        orders.extend(self.held.iter().map(|(_, order, _)| order.clone()));
        history.sort_by_key(|report| report.call);
        commands.push(Command::ReportAtWork { orders, history });
        self.resend_at = Some(now.monotonic);
    }

    /// Starts whatever may start: one-time operations within their limit, then recurring ones within theirs, what has waited longest first.
    fn dispatch(&mut self, now: Now, commands: &mut Vec<Command>) {
        if !self.connected {
            return;
        }
        let limit = self.settings.parallel_max.max(1);
        let (mut once, mut recurring) = (0, 0);
        for active in self.resources.values().filter_map(|queue| queue.active.as_ref()) {
            *if active.order.interval.is_zero() { &mut once } else { &mut recurring } += 1;
        }
        let mut turns: Vec<(Duration, ResourceId, Turn)> = self
            .resources
            .iter()
            .filter_map(|(id, queue)| queue.turn(now.monotonic).map(|(since, turn)| (since, id.clone(), turn)))
            .collect();
        turns.sort_by_key(|(since, id, turn)| (matches!(turn, Turn::Recurring(_)), *since, id.clone()));
        for (since, id, turn) in turns {
            let (count, limit) = match turn {
                Turn::Waiting(_) => (&mut once, limit),
                Turn::Recurring(_) if once > 0 => (&mut recurring, (limit / 4).max(1)),
                Turn::Recurring(_) => (&mut recurring, limit),
            };
            if *count >= limit {
                continue;
            }
            *count += 1;
            self.begin(now, since, &id, turn, commands);
        }
    }

    fn begin(&mut self, now: Now, since: Duration, id: &ResourceId, turn: Turn, commands: &mut Vec<Command>) {
        let Some(queue) = self.resources.get_mut(id) else { return };
        let order = match turn {
            Turn::Waiting(place) => match queue.waiting.remove(place) {
                Some(waiting) => waiting.order,
                None => return,
            },
            Turn::Recurring(place) => {
                queue.recurring[place].due = None;
                queue.recurring[place].order.clone()
            }
        };
        self.changed |= order.interval.is_zero();
        let call = self.allocate_call();
        let Some(queue) = self.resources.get_mut(id) else { return };
        let queue_time = now.monotonic.saturating_sub(since);
        let retries = device::retries(&order);
        let deadline = now.monotonic + order.timeout + DEADLINE_BEHIND;
        let active = Active { call, queue_time, begun: now.monotonic, deadline, afterwards: Afterwards::Report, retries, order };
        let unattended = device::verdict_without_agent(&active.order, queue.device_started);
        let stop_parameters = queue.start_parameters.clone();
        let order = active.order.clone();
        queue.active = Some(active);
        if let Some(verdict) = unattended {
            self.operation_ended(now, id, verdict, Duration::ZERO, now.wall, commands);
            // What waited behind it has its turn at once.
            if let Some((since, turn)) = self.resources.get(id).and_then(|queue| queue.turn(now.monotonic)) {
                self.begin(now, since, id, turn, commands);
            }
            return;
        }
        let action = self.action_word(&order);
        let parameters = parameters_for(&order, stop_parameters.as_ref());
        commands.push(run(call, &order, action, parameters, order.timeout));
    }

    /// Returns the word the agent is called with.
    pub(crate) fn action_word(&self, order: &OperationOrder) -> String {
        match (order.agent.class.as_str(), order.operation.as_str()) {
            ("lsb" | "service", "monitor") => "status".to_owned(),
            ("stonith", operation) => device::action_word(operation, &order.parameters),
            // Compat: plans name either; the agent's own meta-data decide which of the two it knows.
            ("ocf", "reload" | "reload-agent") => match self.library.facts(&order.agent) {
                Some(facts) if facts.reloads_legacy && !facts.reloads_agent => "reload".to_owned(),
                _ => "reload-agent".to_owned(),
            },
            (_, operation) => operation.to_owned(),
        }
    }

    fn ask_metadata(&mut self, agent: &AgentName, operation: &str, now: Now, commands: &mut Vec<Command>) {
        if !metadata::matters(agent, operation) || !self.library.should_ask(agent, operation, now.monotonic) {
            return;
        }
        let id = self.allocate_call();
        self.library.asked(agent.clone(), id);
        commands.push(Command::Agent(AgentOrder::Run(AgentCall {
            id,
            agent: agent.clone(),
            action: "meta-data".to_owned(),
            resource: None,
            parameters: BTreeMap::new(),
            timeout: metadata::TIMEOUT,
            unprivileged: true,
        })));
    }

    fn resend(&mut self, now: Now, commands: &mut Vec<Command>) {
        if self.unacknowledged.is_empty() {
            self.resend_at = None;
            return;
        }
        match self.resend_at {
            Some(at) if at <= now.monotonic => {
                commands.retain(|command| !matches!(command, Command::Report(_)));
                commands.extend(self.unacknowledged.values().cloned().map(|report| Command::Report(Box::new(report))));
                self.resend_at = Some(now.monotonic + RESEND);
            }
            Some(_) => {}
            None => self.resend_at = Some(now.monotonic + RESEND),
        }
    }

    fn next_wake(&self, now: Duration) -> Option<Duration> {
        let queues = self.resources.values().filter(|_| self.connected).filter_map(|queue| queue.next_wake(now));
        queues.chain(self.held.iter().map(|(until, ..)| *until)).chain(self.resend_at).min()
    }
}

/// Returns the command that runs an operation's agent.
pub(crate) fn run(id: CallId, order: &OperationOrder, action: String, parameters: BTreeMap<String, String>, timeout: Duration) -> Command {
    Command::Agent(AgentOrder::Run(AgentCall {
        id,
        agent: order.agent.clone(),
        action,
        resource: Some(order.resource.clone()),
        parameters,
        timeout,
        unprivileged: false,
    }))
}

/// Returns what the agent gets to see. Compat: a stop uses the parameters of the start, so that it finds what runs
/// although the configuration has changed since.
pub(crate) fn parameters_for(order: &OperationOrder, start_parameters: Option<&BTreeMap<String, String>>) -> BTreeMap<String, String> {
    if order.agent.class == "stonith" {
        return device::parameters(&order.parameters);
    }
    match start_parameters.filter(|_| order.operation == "stop") {
        None => order.parameters.clone(),
        Some(started) => {
            let is_meta = |name: &str| name.starts_with("CRM_meta_") || name == "crm_feature_set";
            let meta = order.parameters.iter().filter(|(name, _)| is_meta(name));
            started.iter().filter(|(name, _)| !is_meta(name)).chain(meta).map(|(name, value)| (name.clone(), value.clone())).collect()
        }
    }
}
