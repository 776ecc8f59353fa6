//! One thing that could be otherwise: the condition in words, the CIB as it would be, and the command that brings it about.
//!
//! Whether it helps is not known here; whoever asks the scheduler again knows.

use crate::what_if::without;
use cib::edit::{PairPlace, Wanted, set_pair};
use rehearsal::Injections;
use status::{Facts, NodeIndex};
use std::collections::BTreeSet;
use xml::Element;

/// One thing that could be otherwise.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Fix {
    /// A constraint is gone; `clear`: the resource and node whose `systole clear` takes it away.
    Unconstrained { element: String, id: String, clear: Option<(String, Option<String>)> },
    /// A location lets a resource onto a node that it may not use without one.
    Allowed { resource: String, node: String },
    /// The failures of a resource are forgotten.
    Forgotten { resource: String, names: BTreeSet<String> },
    /// A pair that a resource (or the resources' defaults) has is not set.
    Unset { holder: Option<String>, id: String, name: String, value: String },
    /// A meta attribute of a resource has another value.
    Meta { resource: String, name: String, value: String },
    /// A cluster option has another value.
    Option { name: String, value: String },
    /// A node leaves standby; `locally`: until now it is in standby because of a failure.
    Unstandby { node: String },
    /// A node leaves maintenance.
    Unmaintained { node: String },
    /// The partition has quorum.
    Quorum,
    /// A ticket is granted and not in standby.
    Granted { ticket: String },
    /// A node has so much of a capacity.
    Capacity { node: String, name: String, value: i64 },
    /// The health attributes of a node are green.
    Healthy { node: String, names: Vec<String> },
    /// A node's attribute has this value.
    Attribute { node: String, name: String, value: String },
    /// A node that is lost is known to be off.
    Off { node: String },
}

impl Fix {
    /// Returns what kind of thing it is; programs read this word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unconstrained { .. } => "constraint",
            Self::Allowed { .. } => "location",
            Self::Forgotten { .. } => "failures",
            Self::Unset { .. } | Self::Meta { .. } => "meta-attribute",
            Self::Option { .. } => "option",
            Self::Unstandby { .. } => "standby",
            Self::Unmaintained { .. } => "maintenance",
            Self::Quorum => "quorum",
            Self::Granted { .. } => "ticket",
            Self::Capacity { .. } => "capacity",
            Self::Healthy { .. } => "health",
            Self::Attribute { .. } => "node-attribute",
            Self::Off { .. } => "fencing",
        }
    }

    /// Returns the id or name of what it is about.
    pub fn id(&self) -> String {
        match self {
            Self::Unconstrained { id, .. } | Self::Unset { id, .. } => id.clone(),
            Self::Allowed { node, .. }
            | Self::Unstandby { node }
            | Self::Unmaintained { node }
            | Self::Capacity { node, .. }
            | Self::Healthy { node, .. }
            | Self::Attribute { node, .. }
            | Self::Off { node } => node.clone(),
            Self::Forgotten { resource, .. } => resource.clone(),
            Self::Meta { name, .. } | Self::Option { name, .. } => name.clone(),
            Self::Quorum => "quorum".to_owned(),
            Self::Granted { ticket } => ticket.clone(),
        }
    }

    /// Returns the condition, as it follows an "if".
    pub fn condition(&self) -> String {
        match self {
            Self::Unconstrained { id, .. } => format!("constraint {id} were gone"),
            Self::Allowed { resource, node } => format!("a location allowed {resource} on {node}"),
            Self::Forgotten { resource, .. } => format!("the failures of {resource} were forgotten"),
            Self::Unset { holder: Some(holder), name, value, .. } => format!("{name}={value} were not set on {holder}"),
            Self::Unset { holder: None, name, value, .. } => format!("{name}={value} were not among the resources' defaults"),
            Self::Meta { resource, name, value } => format!("{name} of {resource} were {value}"),
            Self::Option { name, value } => format!("{name} were {value}"),
            Self::Unstandby { node } => format!("{node} left standby"),
            Self::Unmaintained { node } => format!("{node} left maintenance"),
            Self::Quorum => "there were quorum".to_owned(),
            Self::Granted { ticket } => format!("ticket {ticket} were granted"),
            Self::Capacity { node, name, value } => format!("{node} had {name}={value}"),
            Self::Healthy { node, names } => format!("{} of {node} were green", names.join(" and ")),
            Self::Attribute { node, name, value } => format!("{name} of {node} were {value}"),
            Self::Off { node } => format!("{node} were known to be off"),
        }
    }

    /// Returns the command that brings it about, where there is one to type.
    pub fn command(&self) -> Option<String> {
        Some(match self {
            Self::Unconstrained { clear: Some((resource, Some(node))), .. } => format!("systole clear {resource} {node}"),
            Self::Unconstrained { clear: Some((resource, None)), .. } => format!("systole clear {resource}"),
            Self::Unconstrained { element, id, .. } => format!("cibadmin --delete --xml-text '<{element} id=\"{id}\"/>'"),
            Self::Allowed { resource, node } => {
                let id = format!("{resource}-on-{node}");
                format!(
                    "cibadmin --create -o constraints --xml-text '<rsc_location id=\"{id}\" rsc=\"{resource}\" node=\"{node}\" score=\"0\"/>'"
                )
            }
            Self::Forgotten { resource, .. } => format!("systole cleanup {resource}"),
            Self::Unset { holder: Some(holder), name, .. } => format!("crm_resource --resource {holder} --meta --delete-parameter {name}"),
            Self::Unset { holder: None, name, .. } => format!("crm_attribute --type rsc_defaults --name {name} --delete"),
            Self::Meta { resource, name, value } => {
                format!("crm_resource --resource {resource} --meta --set-parameter {name} --parameter-value {value}")
            }
            Self::Option { name, value } if name == "maintenance-mode" && value == "false" => "systole maintenance off".to_owned(),
            Self::Option { name, value } => format!("crm_attribute --name {name} --update {value}"),
            Self::Unstandby { node } => format!("systole standby {node} off"),
            Self::Unmaintained { node } => format!("systole maintenance off --node {node}"),
            Self::Quorum => return None,
            Self::Granted { ticket } => format!("crm_ticket --ticket {ticket} --grant"),
            Self::Capacity { node, name, value } => format!("crm_attribute --node {node} --utilization --name {name} --update {value}"),
            Self::Healthy { node, names } => {
                let commands: Vec<String> =
                    names.iter().map(|name| format!("attrd_updater --node {node} --name '{name}' --update green")).collect();
                commands.join("; ")
            }
            Self::Attribute { node, name, value } => format!("attrd_updater --node {node} --name {name} --update {value}"),
            Self::Off { node } => format!("systole fence --confirm {node}"),
        })
    }

    /// Returns what should be made certain before the command is typed.
    pub fn caution(&self) -> Option<String> {
        match self {
            Self::Off { node } => Some(format!("only when you have seen that {node} is off")),
            Self::Granted { ticket } => Some(format!("only when no other site has {ticket}")),
            Self::Forgotten { .. } => Some("after the cause is mended".to_owned()),
            _ => None,
        }
    }

    /// Returns the CIB as it would be; `None` where that is no change.
    pub fn apply(&self, cib: &Element, facts: &Facts) -> Option<Element> {
        let node_id = |name: &str| facts.find_node(name).map(|node| facts.node(node).id.to_string());
        let wanted = |name| Wanted { name: Some(name), ..Wanted::default() };
        match self {
            Self::Unconstrained { id, .. } | Self::Unset { id, .. } => without(cib, id),
            Self::Allowed { resource, node } => {
                let id = format!("{resource}-on-{node}");
                let location = Element::new("rsc_location").with("id", id).with("rsc", resource).with("node", node).with("score", "0");
                let mut changed = cib.clone();
                changed.child_or_new("configuration").child_or_new("constraints").push(location);
                Some(changed)
            }
            Self::Forgotten { names, .. } => without_failures(cib, facts, names),
            Self::Meta { resource, name, value } => {
                set_pair(cib, PairPlace::Resource(resource, "meta_attributes"), wanted(name), value).ok()
            }
            Self::Option { name, value } => set_pair(cib, PairPlace::Option, wanted(name), value).ok(),
            Self::Unstandby { node } => without_standby(cib, facts, facts.find_node(node)?),
            Self::Unmaintained { node } => set_pair(cib, PairPlace::Node(&node_id(node)?), wanted("maintenance"), "false").ok(),
            Self::Quorum => {
                let mut changed = cib.clone();
                changed.set("have-quorum", "1");
                Some(changed)
            }
            Self::Granted { ticket } => {
                let tickets = || vec![ticket.clone()];
                let injections = Injections { tickets_granted: tickets(), tickets_activated: tickets(), ..Injections::default() };
                Some(injected(cib, facts, &injections))
            }
            Self::Capacity { node, name, value } => {
                set_pair(cib, PairPlace::NodeUtilization(&node_id(node)?), wanted(name), &value.to_string()).ok()
            }
            Self::Healthy { node, names } => {
                names.iter().try_fold(cib.clone(), |cib, name| with_attribute(&cib, &node_id(node)?, name, "green"))
            }
            Self::Attribute { node, name, value } => with_attribute(cib, &node_id(node)?, name, value),
            Self::Off { node } => Some(injected(cib, facts, &Injections { nodes_down: vec![node.clone()], ..Injections::default() })),
        }
    }
}

fn injected(cib: &Element, facts: &Facts, injections: &Injections) -> Element {
    let mut changed = cib.clone();
    rehearsal::inject(&mut changed, facts, injections, facts.now);
    changed
}

/// Sets an attribute of a node wherever it stands: among the transient ones where it is one or is not there.
fn with_attribute(cib: &Element, node_id: &str, name: &str, value: &str) -> Option<Element> {
    let wanted = Wanted { name: Some(name), ..Wanted::default() };
    let place = match cib::edit::find_pairs(cib, PairPlace::Node(node_id), wanted).is_empty() {
        true => PairPlace::Transient(node_id),
        false => PairPlace::Node(node_id),
    };
    set_pair(cib, place, wanted, value).ok()
}

/// Returns the CIB in which a node may run resources, whichever of the ways into standby it went.
fn without_standby(cib: &Element, facts: &Facts, node: NodeIndex) -> Option<Element> {
    let known = facts.node(node);
    let places = [PairPlace::Node(&known.id), PairPlace::Transient(&known.id)];
    let wanted = Wanted { name: Some("standby"), ..Wanted::default() };
    let mut changed = None;
    for place in places {
        let now = changed.as_ref().unwrap_or(cib);
        if !cib::edit::find_pairs(now, place, wanted).is_empty() {
            changed = set_pair(now, place, wanted, "off").ok();
        }
    }
    changed
}

/// Returns the CIB with a node in standby.
pub(super) fn with_standby(cib: &Element, node_id: &str) -> Element {
    let wanted = Wanted { name: Some("standby"), ..Wanted::default() };
    set_pair(cib, PairPlace::Node(node_id), wanted, "on").unwrap_or_else(|_| cib.clone())
}

/// Returns the CIB without the failures of these resources (fail counts and failed results), if there are any.
fn without_failures(cib: &Element, facts: &Facts, names: &BTreeSet<String>) -> Option<Element> {
    let failed: BTreeSet<(String, String)> = facts
        .failures
        .iter()
        .map(|failure| facts.operation(failure.history))
        .zip(&facts.failures)
        .map(|(operation, failure)| (facts.node(failure.node).id.to_string(), operation.id.to_string()))
        .collect();
    let of_failure = |e: &Element| {
        let key = e.attribute("name").and_then(|name| name.strip_prefix("fail-count-").or_else(|| name.strip_prefix("last-failure-")));
        key.and_then(|key| key.split(['#', ':']).next()).is_some_and(|resource| names.contains(resource))
    };
    let mut changed = cib.clone();
    let mut found = false;
    for state in changed.child_mut("status")?.elements_mut().filter(|e| e.name == "node_state") {
        let node = state.id().unwrap_or_default().to_owned();
        for set in state.child_mut("transient_attributes").into_iter().flat_map(Element::elements_mut) {
            found |= drop_elements(set, |pair| pair.name == "nvpair" && of_failure(pair));
        }
        let Some(histories) = state.descend_mut(&["lrm", "lrm_resources"]) else { continue };
        for history in histories.elements_mut() {
            let name = history.id().unwrap_or_default().to_owned();
            if !names.contains(name.split(':').next().unwrap_or(&name)) {
                continue;
            }
            let last_failure = format!("{name}_last_failure_0");
            found |= drop_elements(history, |operation| {
                operation.id().is_some_and(|id| id == last_failure || failed.contains(&(node.clone(), id.to_owned())))
            });
        }
        // What nothing is known of is probed again.
        drop_elements(histories, |history| history.elements().next().is_none());
    }
    found.then_some(changed)
}

fn drop_elements(parent: &mut Element, is_dropped: impl Fn(&Element) -> bool) -> bool {
    let before = parent.children.len();
    parent.children.retain(|child| child.as_element().is_none_or(|element| !is_dropped(element)));
    parent.children.len() != before
}
