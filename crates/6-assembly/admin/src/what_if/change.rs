//! Changes that can be imagined, and the CIB that each would leave.

use crate::exit::{Exit, Refusal};
use crate::placing::{self, Terms};
use cib::edit::{PairPlace, Wanted, set_pair};
use model::Role;
use rehearsal::Injections;
use status::{Facts, NodeKind, ResourceIndex};
use std::collections::BTreeSet;
use xml::Element;

/// Something that may happen to a cluster or be done to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// The nodes are gone from one moment to the next.
    Crash(Vec<String>),
    /// The nodes leave cleanly.
    Shutdown(Vec<String>),
    /// The nodes come (back).
    Join(Vec<String>),
    Standby(Vec<String>),
    Unstandby(Vec<String>),
    /// The monitor of a resource fails, so many times.
    Fail {
        resource: String,
        node: Option<String>,
        times: u32,
    },
    /// What has one of these ids is taken out of the configuration.
    Remove(Vec<String>),
    /// A cluster option gets a value.
    Set {
        option: String,
        value: String,
    },
    Ban {
        resource: String,
        node: String,
    },
    Move {
        resource: String,
        node: String,
    },
    Grant(String),
    Revoke(String),
    /// Quorum is lost or won.
    Quorum(bool),
}

/// A CIB with a change in it.
#[derive(Clone, Debug)]
pub struct Imagined {
    pub cib: Element,
    /// The change in words: `node2 crashes`.
    pub event: String,
    /// What an administrator should know of it.
    pub notes: Vec<String>,
}

impl Change {
    /// Returns the CIB as the change leaves it, before the cluster does anything.
    ///
    /// # Errors
    /// When the cluster has no such node, resource, constraint or ticket.
    pub fn imagine(&self, cib: &Element, facts: &Facts) -> Result<Imagined, Refusal> {
        let mut imagined = Imagined { cib: cib.clone(), event: String::new(), notes: Vec::new() };
        match self {
            Change::Crash(nodes) => imagined.crash(facts, nodes)?,
            Change::Shutdown(nodes) => imagined.ask_to_leave(facts, nodes)?,
            Change::Join(nodes) => imagined.join(facts, nodes)?,
            Change::Standby(nodes) => imagined.standby(facts, nodes, true)?,
            Change::Unstandby(nodes) => imagined.standby(facts, nodes, false)?,
            Change::Fail { resource, node, times } => imagined.fail(facts, resource, node.as_deref(), *times)?,
            Change::Remove(ids) => imagined.remove(ids)?,
            Change::Set { option, value } => imagined.set_option(option, value)?,
            Change::Ban { resource, node } => {
                let constraint = placing::ban(&known_resource(facts, resource)?, &known_node(facts, node)?, &Terms::default());
                imagined.constrain(constraint, format!("{resource} is kept off {node}"));
            }
            Change::Move { resource, node } => {
                let constraint = placing::prefer(&known_resource(facts, resource)?, &known_node(facts, node)?, &Terms::default());
                imagined.constrain(constraint, format!("{resource} is moved to {node}"));
            }
            Change::Grant(ticket) => imagined.ticket(facts, ticket, true)?,
            Change::Revoke(ticket) => imagined.ticket(facts, ticket, false)?,
            Change::Quorum(has) => {
                imagined.inject(facts, Injections { quorum: Some(has.to_string()), ..Injections::default() });
                imagined.event = format!("quorum is {}", if *has { "won" } else { "lost" });
            }
        }
        Ok(imagined)
    }

    /// Returns the nodes that are gone once the cluster has done what a clean leave needs.
    pub fn leaving(&self) -> &[String] {
        if let Change::Shutdown(nodes) = self { nodes } else { &[] }
    }
}

impl Imagined {
    fn inject(&mut self, facts: &Facts, injections: Injections) {
        rehearsal::inject(&mut self.cib, facts, &injections, facts.now);
    }

    fn crash(&mut self, facts: &Facts, nodes: &[String]) -> Result<(), Refusal> {
        let nodes = known_nodes(facts, nodes)?;
        self.event = format!("{} {}", joined(&nodes), if nodes.len() == 1 { "crashes" } else { "crash" });
        if let Some(node) = nodes.iter().find(|node| facts.find_node(node).is_some_and(|at| !facts.node(at).online)) {
            self.notes.push(format!("{node} is not online now"));
        }
        self.lose(facts, &nodes);
        let devices = facts.resources.iter().filter(|resource| resource.fence_device).count();
        if !facts.options.fencing_enabled {
            self.notes
                .push("fencing is switched off: what ran on a crashed node is started elsewhere without knowing that it is off".to_owned());
        } else if devices == 0 {
            self.notes.push("there is no fence device: fencing would fail, and nothing of a crashed node would be recovered".to_owned());
        }
        Ok(())
    }

    /// Makes nodes fail, and counts the votes that are left.
    fn lose(&mut self, facts: &Facts, nodes: &[String]) {
        self.inject(facts, Injections { nodes_failed: nodes.to_vec(), ..Injections::default() });
        self.count_votes(facts, nodes);
    }

    /// Takes quorum away when too few nodes are left.
    pub(super) fn count_votes(&mut self, facts: &Facts, lost: &[String]) {
        let votes = Votes::without(facts, lost);
        if votes.lost == 0 {
            return;
        }
        let words = format!("{} of {} nodes would be left", votes.left, votes.all);
        if !facts.have_quorum {
            self.notes.push(format!("{words}; there is no quorum now"));
        } else if votes.is_quorate() {
            self.notes.push(format!("{words}: quorum holds"));
        } else {
            self.notes.push(format!("{words}: quorum is lost"));
            self.inject(facts, Injections { quorum: Some("false".to_owned()), ..Injections::default() });
        }
    }

    fn ask_to_leave(&mut self, facts: &Facts, nodes: &[String]) -> Result<(), Refusal> {
        let nodes = known_nodes(facts, nodes)?;
        self.event = format!("{} {}", joined(&nodes), if nodes.len() == 1 { "leaves cleanly" } else { "leave cleanly" });
        for node in &nodes {
            self.set_node_attribute(facts, node, "shutdown", &facts.now.seconds().to_string(), true)?;
        }
        Ok(())
    }

    fn join(&mut self, facts: &Facts, nodes: &[String]) -> Result<(), Refusal> {
        let nodes = known_nodes(facts, nodes)?;
        self.event = format!("{} {}", joined(&nodes), if nodes.len() == 1 { "joins" } else { "join" });
        self.inject(facts, Injections { nodes_up: nodes.clone(), ..Injections::default() });
        let votes = Votes::with(facts, &nodes);
        if !facts.have_quorum && votes.is_quorate() {
            self.notes.push(format!("{} of {} nodes would be there: quorum is won", votes.left, votes.all));
            self.inject(facts, Injections { quorum: Some("true".to_owned()), ..Injections::default() });
        }
        Ok(())
    }

    fn standby(&mut self, facts: &Facts, nodes: &[String], on: bool) -> Result<(), Refusal> {
        let nodes = known_nodes(facts, nodes)?;
        let verb = if nodes.len() == 1 { "is" } else { "are" };
        self.event = format!("{} {verb} {}", joined(&nodes), if on { "put in standby" } else { "taken out of standby" });
        for node in &nodes {
            self.set_node_attribute(facts, node, "standby", if on { "on" } else { "off" }, false)?;
        }
        Ok(())
    }

    fn set_node_attribute(&mut self, facts: &Facts, node: &str, name: &str, value: &str, transient: bool) -> Result<(), Refusal> {
        let id = facts.find_node(node).map(|at| facts.node(at).id.to_string()).unwrap_or_default();
        let place = if transient { PairPlace::Transient(&id) } else { PairPlace::Node(&id) };
        // A node that was never configured (a guest) has its attributes in the status section.
        let wanted = Wanted { name: Some(name), ..Wanted::default() };
        let changed = set_pair(&self.cib, place, wanted, value).or_else(|_| set_pair(&self.cib, PairPlace::Transient(&id), wanted, value));
        self.cib = changed?;
        Ok(())
    }

    fn fail(&mut self, facts: &Facts, resource: &str, node: Option<&str>, times: u32) -> Result<(), Refusal> {
        let node = node.map(|node| known_node(facts, node)).transpose()?;
        let (index, node) = failing(facts, resource, node.as_deref())?;
        let entry = facts.resource(index);
        let monitor = entry.operations.iter().find(|operation| {
            let of_role = operation.role.is_none_or(|role| role == entry.role || (role == Role::Started && entry.role.is_active()));
            operation.name == "monitor" && operation.interval_ms > 0 && operation.enabled && of_role
        });
        if monitor.is_none() {
            self.notes.push(format!("{} has no recurring monitor: the cluster would not notice that it failed", entry.configured_id));
        }
        let interval = monitor.map_or(10_000, |operation| operation.interval_ms);
        let name = entry.history_id.as_ref().unwrap_or(&entry.id);
        let result = format!("{name}_monitor_{interval}@{node}=1");
        self.event = match times {
            1 => format!("{} fails on {node}", facts.printable_id(index)),
            _ => format!("{} fails on {node} {times} times", facts.printable_id(index)),
        };
        self.name_node(&node, name.as_str());
        self.inject(facts, Injections { operations: vec![result; times as usize], ..Injections::default() });
        Ok(())
    }

    /// Notes in what is recorded of a resource which node it is of: only results of one node are ordered by their calls.
    fn name_node(&mut self, node: &str, resource: &str) {
        let Some(status) = self.cib.child_mut("status") else { return };
        for state in status.elements_mut().filter(|e| e.name == "node_state" && e.attribute("uname") == Some(node)) {
            let histories = state.child_mut("lrm").and_then(|lrm| lrm.child_mut("lrm_resources"));
            for history in histories.into_iter().flat_map(Element::elements_mut).filter(|e| e.id() == Some(resource)) {
                history.elements_mut().filter(|result| !result.has("on_node")).for_each(|result| result.set("on_node", node));
            }
        }
    }

    fn remove(&mut self, ids: &[String]) -> Result<(), Refusal> {
        for id in ids {
            let configuration = self.cib.child("configuration").filter(|c| c.find_by_id(id).is_some());
            let kind = configuration.and_then(|c| c.find_by_id(id)).map(|e| e.name.to_string());
            let Some(kind) = kind else {
                return Err(Refusal::new(Exit::NO_SUCH, format!("nothing in the configuration has the id {id:?}")));
            };
            self.cib = without(&self.cib, id).unwrap_or_else(|| self.cib.clone());
            if matches!(kind.as_str(), "primitive" | "group" | "clone" | "bundle") {
                self.cib = without_mentions(&self.cib, id);
                self.notes.push(format!("constraints that name {id} go with it"));
            }
        }
        self.event = format!("{} {} removed", joined(ids), if ids.len() == 1 { "is" } else { "are" });
        Ok(())
    }

    fn set_option(&mut self, option: &str, value: &str) -> Result<(), Refusal> {
        let before: BTreeSet<String> = cib::validate(&self.cib).iter().map(|p| p.message.clone()).collect();
        let current = cib::edit::find_pairs(&self.cib, PairPlace::Option, Wanted { name: Some(option), ..Wanted::default() });
        // One of several rules' sets holds; all of them are given the value.
        let ids: Vec<String> = current.iter().filter_map(|(_, pair)| pair.id().map(str::to_owned)).collect();
        if ids.is_empty() {
            self.cib = set_pair(&self.cib, PairPlace::Option, Wanted { name: Some(option), ..Wanted::default() }, value)?;
        }
        for id in ids {
            self.cib = set_pair(&self.cib, PairPlace::Option, Wanted { id: Some(&id), ..Wanted::default() }, value)?;
        }
        self.notes.extend(cib::validate(&self.cib).into_iter().filter(|p| !before.contains(&p.message)).map(|p| p.message));
        self.event = format!("{option} is set to {value}");
        Ok(())
    }

    fn constrain(&mut self, constraint: Element, event: String) {
        let id = constraint.id().unwrap_or_default().to_owned();
        let constraints = self.cib.child_or_new("configuration").child_or_new("constraints");
        constraints.remove_child("rsc_location", Some(&id));
        constraints.push(constraint);
        self.event = event;
    }

    fn ticket(&mut self, facts: &Facts, ticket: &str, granted: bool) -> Result<(), Refusal> {
        let is_named = |e: &Element| e.name == "rsc_ticket" && e.attribute("ticket") == Some(ticket);
        if !facts.tickets.contains_key(ticket) && !self.cib.descendants().any(is_named) {
            return Err(Refusal::new(Exit::NO_SUCH, format!("there is no ticket {ticket:?}")));
        }
        let tickets = vec![ticket.to_owned()];
        self.inject(
            facts,
            match granted {
                true => Injections { tickets_granted: tickets, ..Injections::default() },
                false => Injections { tickets_revoked: tickets, ..Injections::default() },
            },
        );
        self.event = format!("ticket {ticket} is {}", if granted { "granted" } else { "revoked" });
        Ok(())
    }
}

/// The votes of the cluster's members, one each.
///
/// Compat: Corosync's votequorum; of two nodes one is enough (`two_node`).
#[derive(Clone, Copy, Debug)]
pub struct Votes {
    pub all: usize,
    pub left: usize,
    pub lost: usize,
}

impl Votes {
    /// Counts the votes when these nodes are gone.
    pub fn without(facts: &Facts, gone: &[String]) -> Self {
        let members = || facts.nodes.iter().filter(|node| node.kind == NodeKind::Member);
        let is_gone = |node: &status::Node| gone.iter().any(|name| *name == *node.name.as_str());
        let left = members().filter(|node| node.online && !is_gone(node)).count();
        Self { all: members().count(), left, lost: members().filter(|node| node.online && is_gone(node)).count() }
    }

    fn with(facts: &Facts, back: &[String]) -> Self {
        let members = || facts.nodes.iter().filter(|node| node.kind == NodeKind::Member);
        let left = members().filter(|node| node.online || back.iter().any(|name| *name == *node.name.as_str())).count();
        Self { all: members().count(), left, lost: 0 }
    }

    /// Returns whether those that are left are enough.
    pub fn is_quorate(self) -> bool {
        if self.all == 2 { self.left > 0 } else { self.left * 2 > self.all }
    }
}

/// Returns the CIB without the element of this id.
pub(crate) fn without(cib: &Element, id: &str) -> Option<Element> {
    let path = cib.path_to(&mut |e| e.id() == Some(id))?;
    let (last, above) = path.split_last()?;
    let mut changed = cib.clone();
    changed.at_path_mut(above)?.children.remove(*last);
    Some(changed)
}

fn without_mentions(cib: &Element, resource: &str) -> Element {
    let mut changed = cib.clone();
    let names = |e: &Element| ["rsc", "with-rsc", "first", "then"].iter().any(|name| e.attribute(name) == Some(resource));
    let is_meant = |e: &Element| (e.name.starts_with("rsc_") && names(e)) || (e.name == "resource_ref" && e.id() == Some(resource));
    while let Some(path) = changed.path_to(&mut |e| is_meant(e)) {
        let Some((last, above)) = path.split_last() else { break };
        let Some(parent) = changed.at_path_mut(above) else { break };
        parent.children.remove(*last);
    }
    changed
}

fn known_nodes(facts: &Facts, names: &[String]) -> Result<Vec<String>, Refusal> {
    names.iter().map(|name| known_node(facts, name)).collect()
}

fn known_node(facts: &Facts, name: &str) -> Result<String, Refusal> {
    let found = facts.find_node(name).map(|index| facts.node(index).name.to_string());
    found.ok_or_else(|| {
        let all: Vec<&str> = facts.nodes.iter().map(|node| node.name.as_str()).collect();
        Refusal::new(Exit::NO_SUCH, format!("there is no node {name:?}; there are {}", all.join(", ")))
    })
}

fn known_resource(facts: &Facts, id: &str) -> Result<String, Refusal> {
    match facts.find_resource(id).or_else(|| facts.find_configured(id)) {
        Some(_) => Ok(id.to_owned()),
        None => Err(Refusal::new(Exit::NO_SUCH, format!("there is no resource {id:?}"))),
    }
}

/// Returns the primitive that is meant to fail, and where.
fn failing(facts: &Facts, id: &str, node: Option<&str>) -> Result<(ResourceIndex, String), Refusal> {
    known_resource(facts, id)?;
    let is_below = |mut index: ResourceIndex| loop {
        let resource = facts.resource(index);
        if resource.id == *id || resource.configured_id == *id {
            return true;
        }
        match resource.parent {
            Some(parent) => index = parent,
            None => return false,
        }
    };
    let primitives = facts.walk().into_iter().filter(|index| facts.resource(*index).is_primitive() && is_below(*index));
    let running: Vec<(ResourceIndex, String)> = primitives
        .flat_map(|index| facts.resource(index).active_nodes.iter().map(move |at| (index, facts.node(*at).name.to_string())))
        .filter(|(_, at)| node.is_none_or(|node| node == at))
        .collect();
    match running.as_slice() {
        [one] => Ok(one.clone()),
        [] => {
            let place = node.map_or_else(|| "anywhere".to_owned(), |node| format!("on {node}"));
            Err(Refusal::new(Exit::USAGE, format!("{id} does not run {place}, so it cannot fail there")))
        }
        several => {
            let names: Vec<String> = several.iter().map(|(index, at)| format!("{}@{at}", facts.printable_id(*index))).collect();
            Err(Refusal::new(Exit::USAGE, format!("{id} is several: say which fails, one of {}", names.join(", "))))
        }
    }
}

/// Returns names as a sentence lists them.
pub(crate) fn joined(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [many @ .., last] => format!("{} and {last}", many.join(", ")),
    }
}
