//! The controller itself: takes events, says when to plan, keeps what is known of nodes.
//!
//! Planning never waits for actions under way; it waits only for an earlier calculation. A plan whose input has changed meanwhile
//! is thrown away and made again: it may rest on what is no longer true.

use crate::progress::Progress;
use crate::results::retry_wait;
use crate::step::Question;
use crate::{AttributeChange, Command, Event, InFlight, Node, Settings, StatusEdit};
use messages::event::{Fact, PlannedAction};
use messages::group::Incarnation;
use messages::operation::{OperationReport, ReportId};
use model::{NodeName, Now, ResourceId, Timestamp, TransitionKey};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use transition::{ActionNode, Choices, Plan, PlannedChange};

/// How long a new coordinator waits for what its members have to say before it plans.
const SETTLING: Duration = Duration::from_secs(2);
/// How long a plan waits for the attributes that count a failure to be in the CIB.
const ATTRIBUTES_PATIENCE: Duration = Duration::from_millis(300);

/// So many plans in a row may begin nothing before the next one waits a little.
const FRUITLESS_MAX: u32 = 8;
/// How long it waits then. Something writes to the CIB again and again what leads to no action: a storm of plans would help nobody.
const FRUITLESS_PAUSE: Duration = Duration::from_millis(250);

/// A calculation that has been asked for and not answered.
#[derive(Clone, Copy, Debug)]
struct Calculation {
    number: u64,
    /// Its input has changed since.
    outdated: bool,
}

/// A wish for a new plan.
#[derive(Clone, Debug)]
struct Wish {
    cause: String,
    not_before: Duration,
}

/// Records that notes of pending operations took the place of, by node, resource and record id.
pub(crate) type Replaced = BTreeMap<(NodeName, ResourceId), BTreeMap<String, OperationReport>>;

/// One node's controller; idle unless the node is the coordinator.
#[derive(Debug)]
pub struct Controller {
    pub(crate) node: NodeName,
    pub(crate) settings: Settings,
    /// The first part of every key of this coordinator; absent while another node leads.
    pub(crate) uuid: Option<String>,
    pub(crate) nodes: BTreeMap<NodeName, Node>,
    pub(crate) progress: Progress,
    /// What is recorded of each resource on each node, as far as notes of pending operations may hide it.
    pub(crate) recorded: Replaced,
    /// Resources that migrate, or did.
    pub(crate) migratory: BTreeSet<ResourceId>,
    /// Lives of hosts that were fenced: what they still say is void.
    pub(crate) fenced: BTreeMap<NodeName, Incarnation>,
    /// The reports taken of what ran on each node, in the present life of the host that sends them.
    pub(crate) taken: BTreeMap<NodeName, (Incarnation, BTreeSet<(ReportId, TransitionKey)>)>,
    /// Fencings that failed, by target: how often in a row, and until when the next one waits.
    pub(crate) unfenced: BTreeMap<NodeName, (u32, Duration)>,
    /// Which node holds the connection to each remote node, as far as it was told.
    pub(crate) connections: BTreeMap<NodeName, NodeName>,
    /// Nodes that asked to leave.
    pub(crate) leaving: BTreeMap<NodeName, Timestamp>,
    calculation: Option<Calculation>,
    next_calculation: u64,
    /// Resources whose state was changed by an action that ended while a plan was calculated: its input did not know yet.
    pub(crate) changed_meanwhile: BTreeSet<ResourceId>,
    /// Where what may have arrived by migration is to be looked for.
    pub(crate) adrift: BTreeSet<(NodeName, ResourceId)>,
    /// What is adrift from guest nodes whose machine the plan takes for ended.
    pub(crate) adrift_from_guests: BTreeMap<NodeName, Vec<(ResourceId, NodeName)>>,
    /// What a majority is to be asked about what begins now, and of which resource.
    pub(crate) unasked: Option<(ResourceId, Question)>,
    wish: Option<Wish>,
    /// Plans in a row since something began or ended.
    pub(crate) fruitless: u32,
    recheck_at: Option<Duration>,
    /// Until then members that have not told what they are at are waited for.
    settle_until: Option<Duration>,
    /// Until then the attributes just asked for are waited for: a plan without them would begin what they forbid.
    attributes_until: Option<Duration>,
    wake_at: Option<Duration>,
    told_idle: bool,
}

impl Controller {
    /// Returns a controller of this node that is not in charge.
    pub fn new(node: NodeName) -> Self {
        Self {
            node,
            settings: Settings::default(),
            uuid: None,
            nodes: BTreeMap::new(),
            progress: Progress::default(),
            recorded: BTreeMap::new(),
            migratory: BTreeSet::new(),
            fenced: BTreeMap::new(),
            taken: BTreeMap::new(),
            unfenced: BTreeMap::new(),
            connections: BTreeMap::new(),
            leaving: BTreeMap::new(),
            calculation: None,
            next_calculation: 1,
            changed_meanwhile: BTreeSet::new(),
            adrift: BTreeSet::new(),
            adrift_from_guests: BTreeMap::new(),
            unasked: None,
            wish: None,
            fruitless: 0,
            recheck_at: None,
            settle_until: None,
            attributes_until: None,
            wake_at: None,
            told_idle: false,
        }
    }

    /// Takes one event and returns what is to be done, in order.
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Command> {
        let mut commands = Vec::new();
        match event {
            Event::Elected { uuid, .. } => self.elected(now, uuid),
            Event::FencingsFailed(failures) => {
                self.unfenced = failures.into_iter().map(|(node, count)| (node, (count, now.monotonic + retry_wait(count)))).collect();
            }
            // Which nodes there are, and that each has said what it is at, is told anew after the next election.
            // Invariant: plans are counted on, so that no key of this daemon comes twice: a result of what it ordered before would pass for
            // that of another action. (Found by the simulator: seed 700271 with 20 deeds.)
            Event::Deposed => {
                let (settings, next_calculation) = (self.settings.clone(), self.next_calculation);
                *self = Self { settings, next_calculation, ..Self::new(self.node.clone()) };
            }
            Event::SettingsChanged(settings) => self.settings = settings,
            Event::NodesChanged(nodes) => self.nodes = nodes,
            event if self.uuid.is_some() => self.take(now, event, &mut commands),
            // Another node leads: what happens is its business.
            _ => {}
        }
        if self.uuid.is_some() {
            self.check_overdue(now, &mut commands);
            self.look_for_what_is_adrift(now, &mut commands);
            self.fire(now, &mut commands);
            if commands.iter().any(|command| matches!(command, Command::SetAttribute { .. })) {
                // Failures that follow each other closely put a plan off no longer than one does.
                self.attributes_until.get_or_insert(now.monotonic + ATTRIBUTES_PATIENCE);
            }
            self.plan_if_due(now, &mut commands);
        }
        self.wake(now, &mut commands);
        commands
    }

    /// Returns the actions that have been ordered and have not ended.
    pub fn in_flight(&self) -> Vec<InFlight> {
        let steps = self.progress.at_work().filter_map(|step| {
            let crate::step::State::UnderWay { since, .. } = step.state else { return None };
            Some(InFlight {
                node: step.node()?.clone(),
                resource: step.resource().cloned(),
                operation: step.action.operation.clone(),
                operation_key: step.action.operation_key.clone(),
                since,
            })
        });
        steps.collect()
    }

    /// Returns whether no transition runs and none is due.
    pub fn is_idle(&self) -> bool {
        !self.progress.running && self.wish.is_none() && self.calculation.is_none() && self.progress.under_way() == 0
    }

    fn elected(&mut self, now: Now, uuid: String) {
        self.uuid = Some(uuid);
        self.settle_until = Some(now.monotonic + SETTLING);
        self.told_idle = false;
        self.wish = Some(Wish { cause: "this node became the coordinator".to_owned(), not_before: Duration::ZERO });
    }

    fn take(&mut self, now: Now, event: Event, commands: &mut Vec<Command>) {
        if !matches!(
            event,
            Event::InputChanged { .. }
                | Event::AttributesSet
                | Event::GuestsAdrift(_)
                | Event::PlanMade { .. }
                | Event::PlanFailed { .. }
                | Event::TimePassed
        ) {
            self.fruitless = 0;
        }
        match event {
            Event::NodeJoined { node, incarnation, at_work, history, adrift } => {
                self.source_joined(&node, adrift, &at_work, &history);
                self.node_joined(now, node, incarnation, at_work, history, commands)
            }
            Event::NodeLost { node } => self.node_lost(now, &node, commands),
            Event::DaemonLost { node } => self.daemon_lost(now, &node, commands),
            Event::InputChanged { cause } => self.want_plan(now, cause),
            Event::AttributesSet => self.attributes_until = None,
            Event::GuestsAdrift(adrift) => self.adrift_from_guests = adrift,
            Event::PlanMade { calculation, plan, input } => self.plan_made(now, calculation, *plan, input, commands),
            Event::PlanFailed { calculation, error } => self.plan_failed(now, calculation, error, commands),
            Event::Reported { from, report } => self.reported(now, &from, *report, commands),
            Event::FencingEnded(end) => self.fencing_ended(now, end, commands),
            Event::Hurry => self.settle_until = None,
            Event::ShutdownRequested { node } => self.shutdown_requested(now, node, commands),
            Event::ShutdownDone { node } => self.shutdown_done(now, &node, commands),
            _ => {}
        }
    }

    /// Asks for a new plan: at once, or when the calculation under way is answered.
    pub(crate) fn want_plan(&mut self, now: Now, cause: impl Into<String>) {
        if let Some(calculation) = &mut self.calculation {
            calculation.outdated = true;
        }
        let pause = if self.fruitless > FRUITLESS_MAX { FRUITLESS_PAUSE } else { Duration::ZERO };
        let not_before = now.monotonic + self.settings.transition_delay.max(pause);
        match &mut self.wish {
            Some(wish) => wish.not_before = wish.not_before.min(not_before),
            None => self.wish = Some(Wish { cause: cause.into(), not_before }),
        }
    }

    /// Asks for a new plan only if one is being made that cannot know this yet.
    pub(crate) fn outdate_plan(&mut self, now: Now, cause: impl Into<String>) {
        if self.calculation.is_some() {
            self.want_plan(now, cause);
        }
    }

    fn plan_if_due(&mut self, now: Now, commands: &mut Vec<Command>) {
        if self.recheck_at.is_some_and(|at| at <= now.monotonic) {
            self.recheck_at = None;
            self.want_plan(now, "something in the configuration depends on the time");
        }
        self.settle_until.take_if(|until| *until <= now.monotonic);
        self.attributes_until.take_if(|until| *until <= now.monotonic);
        // Safety: a node that has not said what it is at may run anything; what it runs must not be started elsewhere.
        if !self.nodes.is_empty() && self.nodes.values().all(|node| node.incarnation.is_none() || node.reachable) {
            self.settle_until = None;
        }
        let waits = self.calculation.is_some() || self.settle_until.is_some() || self.attributes_until.is_some();
        if waits || self.wish.as_ref().is_none_or(|wish| wish.not_before > now.monotonic) {
            return;
        }
        let Some(wish) = self.wish.take() else { return };
        let number = self.next_calculation;
        self.next_calculation += 1;
        self.changed_meanwhile.clear();
        self.calculation = Some(Calculation { number, outdated: false });
        commands.push(Command::Calculate { calculation: number, cause: wish.cause });
    }

    fn plan_made(&mut self, now: Now, number: u64, mut plan: Plan, input: Option<String>, commands: &mut Vec<Command>) {
        let Some(calculation) = self.calculation.take_if(|calculation| calculation.number == number) else { return };
        if calculation.outdated {
            return;
        }
        // Safety: a plan that was made as if an action had not begun must adopt it or wait for it. When the action has ended meanwhile
        // it can do neither: it would start elsewhere what runs by now.
        let is_stale = |action: &transition::Action| {
            let named = action.resource.as_ref().filter(|_| action.kind == transition::ActionKind::Resource);
            named.is_some_and(|resource| {
                let ids = [Some(&resource.id), resource.long_id.as_ref()];
                ids.into_iter().flatten().any(|id| self.changed_meanwhile.contains(id))
            })
        };
        if plan.graph.actions.iter().any(is_stale) {
            self.want_plan(now, "actions ended while a plan was made");
            return;
        }
        // Invariant: keys of two plans never agree, or a late result of one would be taken for the other's.
        plan.graph.transition = i32::try_from(number & 0x7fff_ffff).unwrap_or(1);
        self.schedule_recheck(now, plan.recheck_by);
        let choices = plan.choices();
        let actions: Vec<PlannedAction> = plan.changes.iter().map(|change| planned(&choices, change)).collect();
        if !plan.graph.actions.is_empty() {
            commands.push(Command::Tell(Fact::Planned { plan: plan_number(plan.graph.transition), actions, input }));
        }
        let uuid = self.uuid.clone().unwrap_or_default();
        self.progress.take_over(plan, &uuid);
        self.fruitless += 1;
        if !self.changed_meanwhile.is_empty() {
            // It leaves those resources alone, believing them as they were: whether that is still right is for one more plan.
            self.want_plan(now, "actions ended while a plan was made");
        }
        self.told_idle = false;
    }

    fn plan_failed(&mut self, now: Now, number: u64, error: String, commands: &mut Vec<Command>) {
        if self.calculation.take_if(|calculation| calculation.number == number).is_none() {
            return;
        }
        // The same input fails the same way: only a change or the recheck makes another attempt worthwhile.
        self.schedule_recheck(now, None);
        commands.push(Command::Tell(Fact::Warning { text: format!("failed to make a plan: {error}") }));
    }

    fn schedule_recheck(&mut self, now: Now, by: Option<Timestamp>) {
        let interval = Some(self.settings.recheck_interval).filter(|interval| !interval.is_zero());
        // A second is the smallest step of rules; sooner would find the same.
        let by = by.map(|by| by.since(now.wall).max(Duration::from_secs(1)));
        self.recheck_at = interval.into_iter().chain(by).min().map(|wait| now.monotonic + wait);
    }

    /// Tells when the plan has ended, and when nothing is left to do.
    pub(crate) fn note_end(&mut self, commands: &mut Vec<Command>) {
        if self.progress.under_way() > 0 || self.progress.ready().any(|step| self.is_due(step)) {
            return;
        }
        if self.progress.running {
            self.progress.running = false;
            let complete = self.progress.steps.iter().filter(|step| !step.foreign).all(|step| step.state == crate::step::State::Succeeded);
            if !self.progress.steps.is_empty() {
                commands.push(Command::Tell(Fact::PlanEnded { plan: plan_number(self.progress.graph.transition), complete }));
            }
        }
        if self.is_idle() && !self.told_idle {
            self.told_idle = true;
            commands.push(Command::Idle);
        }
    }

    fn wake(&mut self, now: Now, commands: &mut Vec<Command>) {
        let wish = self.wish.as_ref().filter(|_| self.calculation.is_none()).map(|wish| wish.not_before);
        let waits = self.settle_until.into_iter().chain(self.attributes_until);
        let retries = self.unfenced.values().map(|(_, until)| *until).filter(|until| *until > now.monotonic);
        let wake_at = self
            .recheck_at
            .into_iter()
            .chain(wish.map(|at| waits.fold(at, Duration::max)))
            .chain(self.progress.next_deadline())
            .chain(retries)
            .min();
        if wake_at != self.wake_at {
            self.wake_at = wake_at;
            commands.extend(wake_at.map(Command::WakeAt));
        }
    }

    /// Returns a node as the status section names it.
    pub(crate) fn action_node(&self, name: &NodeName) -> ActionNode {
        // Compat: a remote node's id is its name.
        let id = self.nodes.get(name).map_or_else(|| name.to_string(), |node| node.id.clone());
        ActionNode { name: name.clone(), id }
    }

    fn shutdown_requested(&mut self, now: Now, node: NodeName, commands: &mut Vec<Command>) {
        if self.leaving.contains_key(&node) {
            return;
        }
        self.leaving.insert(node.clone(), now.wall);
        let value = AttributeChange::Set(now.wall.seconds().to_string());
        commands.push(Command::SetAttribute { node: node.clone(), name: "shutdown".to_owned(), value });
        self.want_plan(now, format!("{node} asks to leave"));
    }
}

/// Returns a plan's number for people.
pub(crate) fn plan_number(transition: i32) -> u64 {
    u64::try_from(transition).unwrap_or(0)
}

/// Adds an edit to the one write of this call: edits that follow each other are written together.
pub(crate) fn push_edit(commands: &mut Vec<Command>, edit: StatusEdit) {
    match commands.last_mut() {
        Some(Command::EditStatus(edits)) => edits.push(edit),
        _ => commands.push(Command::EditStatus(vec![edit])),
    }
}

/// Returns a line of the plan with its reason: the cause the summary gives, else why this node was chosen.
fn planned(choices: &Choices<'_>, change: &PlannedChange) -> PlannedAction {
    let destination = change.place.rsplit("-> ").next().unwrap_or(&change.place).split_whitespace().next_back().unwrap_or_default();
    let goes_somewhere = matches!(change.verb.as_str(), "Start" | "Move" | "Migrate" | "Recover" | "Promote");
    let choice = if goes_somewhere { choices.of(&change.subject, destination) } else { None };
    let reason = match (change.reason.is_empty(), choice) {
        (true, choice) => choice.unwrap_or_default(),
        (false, Some(choice)) => format!("{} and {choice}", change.reason),
        (false, None) => change.reason.clone(),
    };
    PlannedAction { verb: change.verb.clone(), subject: change.subject.clone(), place: change.place.clone(), reason }
}
