//! The member itself: one event in, what is to be done out.
//!
//! Each engine's commands are carried out here until nothing is left to do; what one engine asks becomes another's event.
//! Decides nothing of its own: what must hold between the engines is brought about again after every event (`upkeep`).

use crate::administration::Follower;
use crate::alerts::Alerts;
use crate::command::{Doors, LogLevel, MemberCommand};
use crate::config::MemberConfig;
use crate::event::{ClientId, MemberEvent};
use crate::fencing::StartedDevices;
use crate::inputs::Inputs;
use crate::kept::Kept;
use crate::peers::Outbox;
use crate::remotes::Remotes;
use attributes::{Attributes, AttributesEvent};
use controller::Controller;
use executor::Executor;
use fencer::Fencer;
use membership::{Membership, MembershipConfig, MembershipEvent};
use messages::agent::SelfFencing;
use messages::client::{ClientBody, ClientError, ReplyBody};
use messages::event::Fact;
use messages::group::{GroupEvent, Incarnation};
use messages::operation::DeviceOrder;
use messages::peer::PeerMessage;
use model::{CallId, NodeName, Now};
use replica::{Replica, ReplicaConfig, ReplicaEvent};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use transition::Plan;
use xml::Element;

/// The feature set written and spoken. Compat: that of Pacemaker 2.1.5, so that one can take over from it and hand back.
pub(crate) const FEATURE_SET: &str = "3.16.1";

/// Who waits for an answer.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Asker {
    /// A client of this node and the id of its request.
    Client(ClientId, u64),
    /// Another node's member, on behalf of one of its clients.
    Peer(NodeName, u64),
    /// This node itself: nobody needs the answer.
    Nobody,
}

/// A request that another member is to answer.
pub(crate) struct Forwarded {
    pub asker: Asker,
    /// When its answer is given up.
    pub until: Duration,
    /// The program that asks.
    pub client: String,
    pub body: ClientBody,
}

/// The engines that ask to be woken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Sleeper {
    Membership,
    Replica,
    Attributes,
    Executor,
    Remotes,
    Controller,
    Fencer,
    Solitude,
    Waiters,
    Leaving,
    Escalation,
    Reports,
    Permission,
}

/// One node's part of the cluster.
pub struct Member {
    pub(crate) config: MemberConfig,
    pub(crate) now: Now,
    pub(crate) membership: Membership,
    pub(crate) replica: Replica,
    pub(crate) attributes: Attributes,
    pub(crate) executor: Executor,
    pub(crate) controller: Controller,
    pub(crate) fencer: Fencer,
    pub(crate) out: Vec<MemberCommand>,
    pub(crate) outbox: Outbox,
    /// Messages that come back at once while this node is on its own.
    pub(crate) loopback: VecDeque<String>,
    pub(crate) is_solitary: bool,
    /// The nodes that the engine below named last; none before its first view.
    pub(crate) engine_nodes: BTreeMap<NodeName, u32>,
    pub(crate) apart_since: Option<Duration>,
    /// What the history says of `Membership::is_known_to_quorum`.
    pub(crate) was_known_to_quorum: bool,
    pub(crate) history_changed: bool,
    /// The version of messages that all members understand, as people were told last.
    pub(crate) told_version: u32,
    pub(crate) wakes: BTreeMap<Sleeper, Duration>,
    pub(crate) counter: u64,
    // As the coordinator.
    /// The controller was told that it leads.
    pub(crate) in_charge: bool,
    /// Members that said what they are at since this node took charge, with the number of their daemon's start.
    pub(crate) reported: BTreeMap<NodeName, u64>,
    /// Members that were asked to.
    pub(crate) asked: BTreeMap<NodeName, u64>,
    /// The term in which members were asked last.
    pub(crate) asked_in: u64,
    /// The term in which this node said its feature set last.
    pub(crate) said_feature_set_in: u64,
    pub(crate) told_nodes: BTreeMap<NodeName, controller::Node>,
    pub(crate) told_settings: Option<controller::Settings>,
    pub(crate) told_situation: Option<fencer::Situation>,
    pub(crate) started_devices: StartedDevices,
    /// What the fencer was told is so only while these nodes' attributes are, and until this time.
    pub(crate) fencing_depends_on_nodes: bool,
    pub(crate) fencing_until: Option<model::Timestamp>,
    pub(crate) told_gone: BTreeSet<NodeName>,
    pub(crate) configuration_changed: bool,
    pub(crate) status_changed: bool,
    /// Something may be due of what a coordinator keeps up.
    pub(crate) has_news: bool,
    /// The calculation under way and its input.
    pub(crate) planning: Option<(u64, Arc<Element>)>,
    pub(crate) inputs: Inputs,
    /// Requests of attributes that the controller waits for.
    pub(crate) attributes_asked_for: BTreeSet<String>,
    /// The controller was told that it need not wait for anybody.
    pub(crate) has_hurried: bool,
    /// A calculation that waits for members' reports, and until when.
    pub(crate) held_calculation: Option<(u64, Duration)>,
    // Requests.
    pub(crate) askers: BTreeMap<String, Asker>,
    pub(crate) fence_askers: BTreeMap<u64, Asker>,
    pub(crate) forwarded: BTreeMap<u64, Forwarded>,
    pub(crate) idle_waiters: Vec<(Asker, Duration)>,
    pub(crate) subscribers: BTreeMap<ClientId, u64>,
    pub(crate) followers: BTreeMap<ClientId, Follower>,
    /// The ports that are open for administration from other hosts.
    pub(crate) doors: Doors,
    // As a node.
    pub(crate) incarnation: Option<Incarnation>,
    /// What the root role can do to end this host; it needs permission not to.
    pub(crate) self_fencing: Option<SelfFencing>,
    /// The CIB whose `stonith-watchdog-timeout` this host was found to live up to.
    pub(crate) checked: Option<Arc<Element>>,
    pub(crate) alerts: Alerts,
    pub(crate) remotes: Remotes,
    pub(crate) devices: BTreeMap<CallId, DeviceOrder>,
    pub(crate) device_results: VecDeque<messages::operation::DeviceReport>,
    /// The node is on its way out; no further requests of that kind are needed.
    pub(crate) is_leaving: bool,
    /// It said so, and ends at this time at the latest.
    pub(crate) leave_by: Option<Duration>,
    /// Nodes whose daemons were told that they may end.
    pub(crate) let_go: BTreeSet<NodeName>,
    pub(crate) has_ended: bool,
    pub(crate) last_plan: Option<Plan>,
    /// Something happened that may ask for upkeep: anything but a sign of life.
    pub(crate) is_stirred: bool,
}

impl Member {
    /// Returns a member that has not heard of anything yet.
    pub fn new(config: MemberConfig) -> Self {
        let kept = config.history.as_deref().map(Kept::read).unwrap_or_default();
        // What the stored configuration says holds from the start on, not only from the first change.
        let deadtime = config.stored.as_ref().and_then(|stored| crate::options::interval(&stored.cib, "dc-deadtime"));
        let mut membership = Membership::new(MembershipConfig {
            node: config.node.clone(),
            grace: config.grace,
            silence: config.silence,
            dc_deadtime: deadtime.unwrap_or(config.dc_deadtime),
            feature_set: FEATURE_SET.to_owned(),
            version: config.message_version,
        });
        membership.set_known_to_quorum(kept.known_to_quorum);
        membership.set_ignores_quorum(config.stored.as_ref().is_some_and(|stored| crate::options::ignores_quorum(&stored.cib)));
        membership.know_term(config.stored.as_ref().map_or(0, |stored| stored.lineage));
        let replica = Replica::new(ReplicaConfig {
            node: config.node.clone(),
            stored: config.stored.clone().map(|stored| (stored.cib, stored.lineage)),
            patience: Duration::from_secs(30),
            copies: config.copies.clone(),
        });
        let settings =
            executor::Settings { node: config.node.clone(), parallel_max: config.parallel_max, feature_set: FEATURE_SET.to_owned() };
        let remotes = Remotes::restore(&settings, kept.remotes);
        let mut executor = match kept.executor {
            Some(history) => Executor::restore(settings, history),
            None => Executor::new(settings),
        };
        Self {
            now: Now::default(),
            membership,
            replica,
            attributes: Attributes::new(config.node.clone(), kept.attributes),
            alerts: Alerts::new(executor.history().next_report),
            executor,
            controller: Controller::new(config.node.clone()),
            fencer: Fencer::new(),
            out: Vec::new(),
            outbox: Outbox::default(),
            loopback: VecDeque::new(),
            is_solitary: false,
            engine_nodes: BTreeMap::new(),
            apart_since: None,
            was_known_to_quorum: kept.known_to_quorum,
            history_changed: false,
            told_version: messages::peer::VERSION,
            wakes: BTreeMap::new(),
            counter: 0,
            in_charge: false,
            reported: BTreeMap::new(),
            asked: BTreeMap::new(),
            asked_in: 0,
            said_feature_set_in: 0,
            told_nodes: BTreeMap::new(),
            told_settings: None,
            told_situation: None,
            started_devices: StartedDevices::default(),
            fencing_depends_on_nodes: false,
            fencing_until: None,
            told_gone: BTreeSet::new(),
            configuration_changed: false,
            status_changed: false,
            has_news: true,
            planning: None,
            attributes_asked_for: BTreeSet::new(),
            has_hurried: false,
            held_calculation: None,
            inputs: Inputs::new(&config.next_inputs),
            askers: BTreeMap::new(),
            fence_askers: BTreeMap::new(),
            forwarded: BTreeMap::new(),
            idle_waiters: Vec::new(),
            subscribers: BTreeMap::new(),
            followers: BTreeMap::new(),
            doors: Doors::default(),
            incarnation: None,
            remotes,
            self_fencing: None,
            checked: None,
            devices: BTreeMap::new(),
            device_results: VecDeque::new(),
            is_leaving: false,
            leave_by: None,
            let_go: BTreeSet::new(),
            has_ended: false,
            last_plan: None,
            is_stirred: false,
            config,
        }
    }

    /// Returns the name of this node.
    pub fn node(&self) -> &NodeName {
        &self.config.node
    }

    /// Returns this node's copy of the CIB.
    pub fn cib(&self) -> &std::sync::Arc<xml::Element> {
        self.replica.cib()
    }

    /// Returns where this node's copy of the CIB stands.
    pub fn mark(&self) -> &messages::peer::CibMark {
        self.replica.mark()
    }

    /// Returns whether this node coordinates and is free to plan.
    pub fn is_in_charge(&self) -> bool {
        self.in_charge
    }

    /// Returns the coordinator, once it is known.
    pub fn coordinator(&self) -> Option<&NodeName> {
        self.membership.coordinator()
    }

    /// Returns whether nothing is being done and nothing is due, as far as this node knows.
    pub fn is_idle(&self) -> bool {
        self.in_charge
            && self.planning.is_none()
            && self.held_calculation.is_none()
            && self.controller.is_idle()
            && !self.attributes.has_unwritten()
            && self.membership.members().all(|node| self.reported.contains_key(node))
    }

    /// Returns how many things wait here for something else: messages that have not come round, requests without an answer.
    pub fn backlog(&self) -> usize {
        self.outbox.unheard() + self.askers.len() + self.fence_askers.len() + self.forwarded.len()
    }

    /// Takes one event and returns what is to be done, in this order.
    pub fn handle(&mut self, now: Now, event: MemberEvent) -> Vec<MemberCommand> {
        let mut commands = self.take(now, event);
        commands.extend(self.settle());
        commands
    }

    /// Takes one event and returns what is to be done at once, in this order: what others wait for goes out before this node looks what
    /// follows from it, which [`Member::settle`] does and must do before the next event.
    pub fn take(&mut self, now: Now, event: MemberEvent) -> Vec<MemberCommand> {
        self.now = now;
        if self.has_ended {
            return Vec::new();
        }
        // Signs of life are nearly all that is heard at rest, and each asks for nothing: what holds between the engines goes on holding.
        self.is_stirred = !matches!(event, MemberEvent::Group(GroupEvent::Message { .. }) | MemberEvent::Heard { .. } | MemberEvent::Woken);
        match event {
            MemberEvent::Started => self.check_solitude(),
            MemberEvent::Group(event) => self.group(event),
            MemberEvent::Heard { from, envelope } => self.understood(from, &envelope),
            MemberEvent::Agent(event) => self.agent(event),
            MemberEvent::Remote(event) => self.remote(event),
            MemberEvent::Client { client, user, request } => self.client(client, user, request),
            MemberEvent::ClientGone(client) => {
                self.subscribers.remove(&client);
                self.followers.remove(&client);
            }
            MemberEvent::Planned(outcome) => self.planned(outcome),
            MemberEvent::Stored(stored) => {
                self.give_replica(ReplicaEvent::Stored { token: stored.token, result: stored.result });
            }
            MemberEvent::Terminated => self.shut_down_this_node(),
            MemberEvent::Woken => {}
        }
        self.save_changed_history();
        std::mem::take(&mut self.out)
    }

    /// Returns what follows from the event that was taken last: what holds between the engines is brought about again.
    pub fn settle(&mut self) -> Vec<MemberCommand> {
        if self.has_ended {
            return std::mem::take(&mut self.out);
        }
        self.wake_sleepers();
        self.settle_down();
        self.save_changed_history();
        if !self.has_ended
            && let Some(at) = self.wakes.values().min()
        {
            self.out.push(MemberCommand::WakeAt(*at));
        }
        std::mem::take(&mut self.out)
    }

    /// Carries on until nothing follows any more.
    fn settle_down(&mut self) {
        // Each round either hears a message or brings something about; a hundred rounds are far more than any event needs.
        for _ in 0..100 {
            while let Some(payload) = self.loopback.pop_front() {
                let from = self.config.node.clone();
                self.heard(from, &payload);
            }
            if self.is_stirred {
                self.upkeep();
            }
            if self.loopback.is_empty() {
                break;
            }
        }
    }

    fn wake_sleepers(&mut self) {
        let due: Vec<Sleeper> = self.wakes.iter().filter(|(_, at)| **at <= self.now.monotonic).map(|(sleeper, _)| *sleeper).collect();
        for sleeper in due {
            // A member that stood still acts on nothing before it knows what it missed.
            if self.membership.is_doubtful() && sleeper != Sleeper::Membership {
                let later = self.now.monotonic + Duration::from_millis(200);
                self.wakes.insert(sleeper, later);
                continue;
            }
            self.wakes.remove(&sleeper);
            self.is_stirred |= sleeper != Sleeper::Membership;
            match sleeper {
                Sleeper::Membership => self.give_membership(MembershipEvent::Woken),
                Sleeper::Replica => self.give_replica(ReplicaEvent::Woken),
                Sleeper::Attributes => self.give_attributes(AttributesEvent::Woken),
                Sleeper::Executor => self.give_executor(executor::Event::TimePassed),
                Sleeper::Remotes => self.wake_remotes(),
                Sleeper::Controller => self.give_controller(controller::Event::TimePassed),
                Sleeper::Fencer => self.give_fencer(fencer::Event::TimePassed),
                Sleeper::Solitude => self.check_solitude(),
                Sleeper::Waiters => self.check_waiters(),
                Sleeper::Reports => self.calculate_when_known(),
                Sleeper::Leaving => self.finish_leaving(),
                Sleeper::Escalation => self.end_unfinished(),
                Sleeper::Permission => self.permit(),
            }
        }
    }

    /// Returns an id for a request that no other daemon gives out.
    pub(crate) fn new_request(&mut self) -> String {
        self.counter += 1;
        format!("{}/{}/{}", self.config.node, self.config.uuid, self.counter)
    }

    pub(crate) fn log(&mut self, level: LogLevel, text: impl Into<String>) {
        self.out.push(MemberCommand::Log { level, text: text.into() });
    }

    /// Tells this node's subscribers, and the log.
    pub(crate) fn tell_here(&mut self, fact: Fact) {
        let event = messages::event::ClusterEvent { at: self.now.wall, by: self.config.node.clone(), fact };
        self.tell_subscribers(&event);
    }

    /// Tells the subscribers of every node.
    pub(crate) fn tell_everyone(&mut self, fact: Fact) {
        let event = messages::event::ClusterEvent { at: self.now.wall, by: self.config.node.clone(), fact };
        self.send(PeerMessage::Event(event));
    }

    /// Gives an answer to whoever waits for it.
    pub(crate) fn answer(&mut self, asker: Asker, result: Result<ReplyBody, ClientError>) {
        match asker {
            Asker::Client(client, id) => self.reply(client, id, result),
            Asker::Peer(origin, request) => self.send(PeerMessage::Told { origin, request, result }),
            Asker::Nobody => {
                if let Err(error) = result {
                    self.log(LogLevel::Warning, error.message);
                }
            }
        }
    }

    pub(crate) fn end(&mut self, code: i32, reason: impl Into<String>) {
        self.has_ended = true;
        self.out.push(MemberCommand::Exit { code, reason: reason.into() });
    }

    /// An engine below, as events come: see [`crate::peers`].
    fn group(&mut self, event: GroupEvent) {
        match event {
            GroupEvent::View(view) => {
                self.is_solitary = false;
                self.apart_since = None;
                self.engine_nodes.clone_from(&view.configured);
                self.loopback.clear();
                self.view(view);
            }
            GroupEvent::Message { from, payload } => self.heard(from, &payload),
            GroupEvent::Lost { reason } => self.group_lost(reason),
        }
    }
}
