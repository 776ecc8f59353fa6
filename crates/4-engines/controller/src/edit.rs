//! Changes of the status section as values, and as the edits of the CIB they come to.
//!
//! Compat: names, attributes and their order are those that Pacemaker 2.1.5 writes, old words included.

use crate::record::{pending_element, record_elements};
use messages::client::CibEdit;
use messages::operation::{OperationOrder, OperationReport};
use model::{AgentExit, ResourceId, Timestamp};
use transition::ActionNode;
use xml::Element;

/// One change of the status section.
#[derive(Clone, PartialEq, Debug)]
pub enum StatusEdit {
    /// Writes an operation's result into the history of its resource.
    Record { node: ActionNode, report: Box<OperationReport> },
    /// Writes that an operation is under way (`record-pending`), in the place its result will take.
    Pending { node: ActionNode, order: Box<OperationOrder>, feature_set: String, at: Timestamp },
    /// Drops a record (a recurring operation that was cancelled, a failure that was cleared).
    DropRecord { node: ActionNode, resource: ResourceId, record: String },
    /// Drops a resource's whole history on a node.
    DropResource { node: ActionNode, resource: ResourceId },
    /// Drops every history of a node (`lrm`).
    DropHistory { node: ActionNode },
    /// Drops the histories of a node but those of resources that are locked to it (`shutdown-lock`).
    DropUnlocked { node: ActionNode },
    /// Drops a node's transient attributes.
    DropAttributes { node: ActionNode },
    /// Writes what is known of a node's presence.
    NodeState { node: ActionNode, state: NodeState },
    /// Writes whether a (remote) node is in maintenance.
    Maintenance { node: ActionNode, on: bool },
}

/// A node's presence in the words of `node_state`; absent parts stay as they are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeState {
    /// The host is in the membership (`in_ccm`).
    pub in_membership: Option<bool>,
    /// Its daemon is connected (`crmd`: online, offline).
    pub daemon_online: Option<bool>,
    /// `join`.
    pub join: Option<Join>,
    /// `expected`.
    pub expected: Option<Join>,
    /// It is a remote or guest node (`remote_node`).
    pub is_remote: bool,
    /// Of a remote node: it was fenced since it was up last (`node_fenced`).
    pub fenced: Option<bool>,
    /// `crm-debug-origin`.
    pub origin: &'static str,
}

/// How far a node is in joining, as `join` and `expected` say it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Join {
    Down,
    Pending,
    Member,
    Banned,
}

impl Join {
    /// Returns the word in the CIB.
    pub fn as_str(self) -> &'static str {
        match self {
            Join::Down => "down",
            Join::Pending => "pending",
            Join::Member => "member",
            Join::Banned => "banned",
        }
    }
}

impl StatusEdit {
    /// Returns the edit of the CIB this comes to. Deletions of what is not there are meant to do nothing.
    pub fn to_cib_edit(&self) -> CibEdit {
        match self {
            StatusEdit::Record { node, report } => {
                let mut history = resource_history(&report.resource, &report.agent, report.container.as_deref());
                if let Some(since) = report.locked_since {
                    history.set("shutdown-lock", if keeps_lock(report) { since.to_string() } else { "0".to_owned() });
                }
                modify(resource_state(node, history.with_children(record_elements(report))))
            }
            StatusEdit::Pending { node, order, feature_set, at } => {
                let history = resource_history(&order.resource, &order.agent, order.meta("container"));
                modify(resource_state(node, history.with_child(pending_element(order, feature_set, *at))))
            }
            StatusEdit::DropRecord { node, resource, record } => delete(
                node,
                &format!("/lrm/lrm_resources/lrm_resource[@id={}]/lrm_rsc_op[@id={}]", quoted(resource.as_str()), quoted(record)),
            ),
            StatusEdit::DropResource { node, resource } => {
                delete(node, &format!("/lrm/lrm_resources/lrm_resource[@id={}]", quoted(resource.as_str())))
            }
            StatusEdit::DropHistory { node } => delete(node, "/lrm"),
            StatusEdit::DropUnlocked { node } => CibEdit {
                operation: "delete-all".to_owned(),
                ..delete(node, "/lrm/lrm_resources/lrm_resource[not(@shutdown-lock) or @shutdown-lock='0']")
            },
            StatusEdit::DropAttributes { node } => delete(node, "/transient_attributes"),
            StatusEdit::NodeState { node, state } => modify(state.element(node)),
            StatusEdit::Maintenance { node, on } => modify(
                Element::new("node_state")
                    .with("id", &node.id)
                    .with("uname", node.name.as_str())
                    .with("node_in_maintenance", on.to_string()),
            ),
        }
    }
}

impl NodeState {
    fn element(&self, node: &ActionNode) -> Element {
        let mut element = Element::new("node_state").with("id", &node.id).with("uname", node.name.as_str());
        if let Some(there) = self.in_membership {
            element.set("in_ccm", there.to_string());
        }
        if let Some(online) = self.daemon_online {
            element.set("crmd", if online { "online" } else { "offline" });
        }
        if let Some(join) = self.join {
            element.set("join", join.as_str());
        }
        if let Some(expected) = self.expected {
            element.set("expected", expected.as_str());
        }
        if self.is_remote {
            element.set("remote_node", "true");
        }
        if let Some(fenced) = self.fenced {
            element.set("node_fenced", if fenced { "1" } else { "0" });
        }
        element.with("crm-debug-origin", self.origin)
    }
}

/// Returns a resource's history without records.
fn resource_history(resource: &ResourceId, agent: &messages::agent::AgentName, container: Option<&str>) -> Element {
    let mut history = Element::new("lrm_resource").with("id", resource.as_str()).with("class", &agent.class);
    if let Some(provider) = &agent.provider {
        history.set("provider", provider);
    }
    history.set("type", &agent.kind);
    if let Some(container) = container {
        history.set("container", container);
    }
    history
}

/// A resource stays locked to its node while it is cleanly stopped there; anything else it does ends the lock.
fn keeps_lock(report: &OperationReport) -> bool {
    matches!((report.operation.as_str(), report.exit), ("stop", AgentExit::OK) | ("monitor", AgentExit::NOT_RUNNING))
}

/// Returns a node's state with one resource's history.
fn resource_state(node: &ActionNode, history: Element) -> Element {
    let lrm = Element::new("lrm").with("id", &node.id).with_child(Element::new("lrm_resources").with_child(history));
    let state = Element::new("node_state").with("id", &node.id).with("uname", node.name.as_str());
    state.with("crm-debug-origin", "controld_update_resource_history").with_child(lrm)
}

fn modify(state: Element) -> CibEdit {
    CibEdit {
        operation: "modify".to_owned(),
        section: Some("status".to_owned()),
        xml: Some(Element::new("status").with_child(state).to_compact()),
        allow_create: true,
        ..CibEdit::default()
    }
}

fn delete(node: &ActionNode, path: &str) -> CibEdit {
    let xpath = format!("/cib/status/node_state[@uname={}]{path}", quoted(node.name.as_str()));
    CibEdit { operation: "delete".to_owned(), xpath: Some(xpath), ..CibEdit::default() }
}

/// Writes a text as an XPath literal; XPath 1.0 knows no escapes, and an id has no quotation marks of both kinds.
fn quoted(text: &str) -> String {
    if text.contains('\'') { format!("\"{text}\"") } else { format!("'{text}'") }
}
