//! One action on its way: waiting, under way, ended.

use crate::record::is_migration;
use messages::operation::{CancelOrder, OperationOrder};
use model::{NodeName, ResourceId, TransitionKey, parse_interval};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use transition::{Action, ActionId, ActionKind, Graph};

/// How far an action is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Waiting,
    /// Ordered; the times are of the monotonic clock. Fencing has no deadline here: the fencer always answers.
    UnderWay {
        since: Duration,
        deadline: Option<Duration>,
    },
    Succeeded,
    /// It failed, or can not be carried out any more.
    Failed,
}

/// An action of the present plan, or one of an earlier plan that is still under way.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub action: Action,
    /// The key it was (or will be) ordered under. Invariant: an adopted action keeps the key of its first order.
    pub key: TransitionKey,
    /// Changed by [`Progress::enter`](crate::progress::Progress::enter) alone once it is part of a plan.
    pub state: State,
    /// The steps that must have succeeded before.
    pub after: Vec<usize>,
    /// It is not in the present plan: nothing there waits for it, its end asks for a new plan.
    pub foreign: bool,
    /// It contradicts, or depends on, something foreign under way: only a new plan decides about it.
    pub held: bool,
    /// A note in the status section says that it is under way.
    pub noted: bool,
    /// Others are asked whether they know of it: it has not been ordered yet.
    pub asks: Option<Question>,
    /// It ended although something before it had failed: only what does so too may follow it.
    pub tainted: bool,
}

/// Whether others know of what is to be ordered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Question {
    /// Who has not answered.
    pub open: BTreeSet<NodeName>,
    /// How many of them must.
    pub needed: usize,
    /// Answers name it; several steps may wait for the same.
    pub key: TransitionKey,
}

/// What tells whether two actions are the same thing to do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Identity {
    operation: String,
    /// What an order is matched by on its node: the resource as its node knows it, and the interval; else the key.
    key: String,
    node: Option<NodeName>,
    detail: String,
}

impl Step {
    /// Returns the step of an action that has not begun.
    pub fn waiting(action: Action, transition: i32, uuid: &str) -> Self {
        let target_rc = action.meta("op_target_rc").and_then(|text| text.parse().ok()).unwrap_or(0);
        let number = i32::try_from(action.id.0).unwrap_or(i32::MAX);
        let key = TransitionKey { action: number, transition, target_rc, uuid: uuid.to_owned() };
        Self {
            action,
            key,
            state: State::Waiting,
            after: Vec::new(),
            foreign: false,
            held: false,
            noted: false,
            asks: None,
            tainted: false,
        }
    }

    /// Returns the step of an order that another coordinator gave and a node is at.
    pub fn inherited(order: &OperationOrder, node: &transition::ActionNode, now: Duration) -> Self {
        let interval = order.interval.as_millis().to_string();
        let mut attributes: BTreeMap<String, String> = order.parameters.clone();
        attributes.insert("CRM_meta_interval".to_owned(), interval);
        let action = Action {
            id: ActionId(0),
            kind: ActionKind::Resource,
            operation: order.operation.clone(),
            operation_key: order.operation_key.clone(),
            internal_operation_key: None,
            node: Some(node.clone()),
            router_node: None,
            resource: Some(transition::ActionResource {
                id: order.resource.clone(),
                long_id: None,
                class: order.agent.class.clone(),
                provider: order.agent.provider.clone(),
                kind: order.agent.kind.clone(),
            }),
            attributes,
            numbered_parameters: BTreeMap::new(),
            locked_since: order.locked_since,
            downed: Vec::new(),
            maintenance: Vec::new(),
            after: Vec::new(),
            priority: 0,
            reason: String::new(),
        };
        let deadline = Some(now + order.timeout + order.start_delay + Duration::from_secs(60));
        let state = State::UnderWay { since: now, deadline };
        let key = order.transition_key.clone();
        Self { action, key, state, after: Vec::new(), foreign: true, held: false, noted: true, asks: None, tainted: false }
    }

    pub fn is_under_way(&self) -> bool {
        matches!(self.state, State::UnderWay { .. })
    }

    /// Returns whether nobody has been told to do it.
    pub fn has_no_order(&self) -> bool {
        self.state == State::Waiting || self.asks.is_some()
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.state, State::Succeeded | State::Failed)
    }

    /// Returns whether it begins to watch over a resource, again and again.
    pub fn is_watch(&self) -> bool {
        let interval = || self.action.meta("interval").and_then(|text| text.parse::<u64>().ok());
        self.action.kind == ActionKind::Resource && self.action.operation == "monitor" && interval().is_some_and(|interval| interval > 0)
    }

    pub fn is_fencing(&self) -> bool {
        self.action.kind == ActionKind::Cluster && self.action.operation == "stonith"
    }

    /// Returns the remote node whose connection it ends.
    pub fn ends_connection(&self) -> Option<NodeName> {
        self.connection().filter(|_| self.action.kind == ActionKind::Resource && self.action.operation == "stop")
    }

    /// Returns the remote node the failure of whose connection it forgets.
    pub fn forgives_connection(&self) -> Option<NodeName> {
        self.connection().filter(|_| self.action.kind == ActionKind::Cluster && self.action.operation == "clear_failcount")
    }

    fn connection(&self) -> Option<NodeName> {
        let resource = self.action.resource.as_ref()?;
        let is_connection =
            (resource.class.as_str(), resource.provider.as_deref(), resource.kind.as_str()) == ("ocf", Some("pacemaker"), "remote");
        is_connection.then(|| NodeName::new(resource.id.as_str()))
    }

    /// Returns whether it says that a guest node is down because its machine is: nobody is asked to fence it.
    pub fn is_guest_fencing(&self) -> bool {
        self.action.is_guest_fencing()
    }

    pub fn is_shutdown(&self) -> bool {
        self.action.kind == ActionKind::Cluster && self.action.operation == "do_shutdown"
    }

    /// Returns whether it goes on although a newer plan has come. Compat: notifications of what has been done are always sent.
    pub fn outlives_its_plan(&self) -> bool {
        let quiet = self.action.kind == ActionKind::Pseudo || self.action.operation == "notify";
        quiet && self.action.priority >= 1_000_000
    }

    /// Returns the node it is about.
    pub fn node(&self) -> Option<&NodeName> {
        self.action.node.as_ref().map(|node| &node.name)
    }

    /// Returns the node that gets the order.
    pub fn executor(&self) -> Option<&NodeName> {
        self.action.router_node.as_ref().or_else(|| self.node())
    }

    pub fn resource(&self) -> Option<&ResourceId> {
        self.action.resource.as_ref().map(|resource| &resource.id)
    }

    pub fn interval(&self) -> Duration {
        Duration::from_millis(self.action.meta("interval").and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// Returns whether it may change what a resource does somewhere, or find out what it does (a probe).
    pub fn concerns_state(&self) -> bool {
        self.action.kind != ActionKind::Pseudo
            && self.interval().is_zero()
            && !matches!(self.action.operation.as_str(), "notify" | "cancel")
    }

    /// Returns whether it happens on the remote or guest node of this connection.
    pub fn is_behind(&self, connection: &ResourceId) -> bool {
        self.action.kind == ActionKind::Resource && self.node().is_some_and(|node| node.as_str() == connection.as_str())
    }

    /// Returns whether it asks once what a resource does somewhere.
    pub fn is_probe(&self) -> bool {
        self.action.kind == ActionKind::Resource && self.action.operation == "monitor" && self.interval().is_zero()
    }

    /// The number of an anonymous clone's instance is no part of it: another plan counts them anew, and the node does one thing only.
    /// (Found by the simulator, seed 173: a watch ordered again under another number left the first order without an answer.)
    pub fn identity(&self) -> Identity {
        let detail = match self.action.operation.as_str() {
            "stonith" => self.action.meta("stonith_action").unwrap_or("reboot").to_owned(),
            // A migration to another node is another migration.
            "migrate_to" | "migrate_from" => {
                format!("{:?} {:?}", self.action.meta("migrate_source"), self.action.meta("migrate_target"))
            }
            "notify" => format!("{:?} {:?}", self.action.meta("notify_type"), self.action.meta("notify_operation")),
            _ => String::new(),
        };
        let key = match self.resource() {
            Some(resource) if self.action.kind == ActionKind::Resource && self.action.operation != "notify" => {
                format!("{resource}_{}", self.interval().as_millis())
            }
            _ => self.action.operation_key.clone(),
        };
        Identity { operation: self.action.operation.clone(), key, node: self.node().cloned(), detail }
    }

    /// Returns how long to wait for an answer: what the action may take, and what the network may.
    pub fn patience(&self, graph: &Graph) -> Duration {
        let ms = |name: &str| Duration::from_millis(self.action.meta(name).and_then(|text| text.parse().ok()).unwrap_or(0));
        let network = graph.option("cluster-delay").and_then(parse_interval).unwrap_or(Duration::from_secs(60));
        ms("timeout") + ms("start_delay") + network
    }

    /// Returns what the node is ordered to do.
    pub fn operation_order(&self) -> Option<OperationOrder> {
        let (resource, node) = (self.action.resource.as_ref()?, self.action.node.as_ref()?);
        let ms = |name: &str| Duration::from_millis(self.action.meta(name).and_then(|text| text.parse().ok()).unwrap_or(0));
        Some(OperationOrder {
            resource: resource.id.clone(),
            agent: messages::agent::AgentName {
                class: resource.class.clone(),
                provider: resource.provider.clone(),
                kind: resource.kind.clone(),
            },
            operation: self.action.operation.clone(),
            operation_key: self.action.operation_key.clone(),
            interval: self.interval(),
            start_delay: ms("start_delay"),
            timeout: ms("timeout"),
            parameters: self
                .action
                .attributes
                .iter()
                .chain(&self.action.numbered_parameters)
                .map(|(n, v)| (n.clone(), v.clone()))
                .collect(),
            transition_key: self.key.clone(),
            on_node: node.name.clone(),
            locked_since: self.action.locked_since,
            later_than: None,
        })
    }

    /// Returns which recurring operation a `cancel` is about.
    pub fn cancel_order(&self) -> Option<CancelOrder> {
        Some(CancelOrder {
            resource: self.resource()?.clone(),
            operation: self.action.meta("operation").unwrap_or("monitor").to_owned(),
            interval: self.interval(),
            transition_key: Some(self.key.clone()),
            on_node: self.node()?.clone(),
        })
    }

    /// Returns the nodes whose job limits it counts against; both ends of a migration.
    pub fn job_nodes(&self) -> Vec<&str> {
        if self.action.kind != ActionKind::Resource {
            return Vec::new();
        }
        if self.action.router_node.is_none() && self.is_migration() {
            return ["migrate_source", "migrate_target"].into_iter().filter_map(|name| self.action.meta(name)).collect();
        }
        self.executor().map(NodeName::as_str).into_iter().collect()
    }

    /// Returns where a live migration goes that it begins.
    pub fn migrates_to(&self) -> Option<&str> {
        self.action.meta("migrate_target").filter(|_| self.action.operation == "migrate_to")
    }

    pub fn is_migration(&self) -> bool {
        is_migration(&self.action.operation)
    }
}
