//! The status section: what nodes reported, operation by operation.
//!
//! Records borrow the tree and are read once; nothing is deduced here.

use crate::NvSets;
use crate::references::References;
use xml::Element;

/// The whole section.
#[derive(Clone, Debug, Default)]
pub struct Status<'a> {
    pub element: Option<&'a Element>,
    /// In document order.
    pub nodes: Vec<NodeState<'a>>,
    /// In document order.
    pub tickets: Vec<TicketState<'a>>,
}

/// What is recorded of one node (`node_state`); the other attributes are in `element`.
#[derive(Clone, Debug)]
pub struct NodeState<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    pub uname: Option<&'a str>,
    /// Node attributes that last until the node restarts.
    pub transient: NvSets<'a>,
    /// In document order.
    pub history: Vec<ResourceHistory<'a>>,
}

/// The recorded operations of one resource on one node (`lrm_resource`).
#[derive(Clone, Debug)]
pub struct ResourceHistory<'a> {
    pub element: &'a Element,
    /// The id of the resource, without or with an instance number.
    pub id: &'a str,
    pub class: Option<&'a str>,
    pub provider: Option<&'a str>,
    pub agent: Option<&'a str>,
    /// The id of the bundle's container that hosts it, for the connection of a bundle's node.
    pub container: Option<&'a str>,
    /// In document order, which says nothing about time.
    pub operations: Vec<OperationRecord<'a>>,
}

/// One recorded operation (`lrm_rsc_op`). Absent attributes are `None`; texts that are no number count as absent.
#[derive(Clone, Copy, Debug)]
pub struct OperationRecord<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    pub operation: &'a str,
    pub operation_key: Option<&'a str>,
    /// 0 for an operation that is run once.
    pub interval_ms: u64,
    /// -1 while pending.
    pub call_id: Option<i64>,
    /// The agent's exit code.
    pub rc: Option<i32>,
    /// The execution status as a number, see [`model::ExecutionStatus`].
    pub status: Option<i32>,
    pub transition_key: Option<&'a str>,
    pub transition_magic: Option<&'a str>,
    pub exit_reason: Option<&'a str>,
    pub on_node: Option<&'a str>,
    pub migrate_source: Option<&'a str>,
    pub migrate_target: Option<&'a str>,
    /// When the exit code last changed, in seconds since 1970.
    pub last_change: Option<i64>,
    /// Digest of all parameters.
    pub digest: Option<&'a str>,
    /// Digest of those whose change needs a restart, and their names.
    pub restart_digest: Option<&'a str>,
    pub restart_parameters: Option<&'a str>,
    /// Digest without the private ones, and the names of those.
    pub secure_digest: Option<&'a str>,
    pub secure_parameters: Option<&'a str>,
}

/// What is recorded of one ticket.
#[derive(Clone, Copy, Debug)]
pub struct TicketState<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    pub granted: Option<bool>,
    pub standby: Option<bool>,
    /// In seconds since 1970.
    pub last_granted: Option<i64>,
}

impl<'a> Status<'a> {
    pub(crate) fn new(element: Option<&'a Element>) -> Self {
        let Some(section) = element else { return Self::default() };
        let mut references = References::new(section);
        Self {
            element,
            nodes: section.elements_named("node_state").map(|e| NodeState::new(e, &mut references)).collect(),
            tickets: section.elements_named("tickets").flat_map(|t| t.elements_named("ticket_state")).map(TicketState::new).collect(),
        }
    }

    /// Returns what is recorded of the node with this name.
    pub fn node(&self, uname: &str) -> Option<&NodeState<'a>> {
        self.nodes.iter().find(|node| node.uname == Some(uname))
    }
}

impl<'a> NodeState<'a> {
    fn new(element: &'a Element, references: &mut References<'a>) -> Self {
        let resources = element.child("lrm").and_then(|lrm| lrm.child("lrm_resources"));
        Self {
            element,
            id: element.id().unwrap_or_default(),
            uname: element.attribute("uname"),
            transient: NvSets::below(&[element.child("transient_attributes")], "instance_attributes", references),
            history: resources.into_iter().flat_map(|r| r.elements_named("lrm_resource")).map(ResourceHistory::new).collect(),
        }
    }

    /// Returns another attribute of the `node_state`, such as `in_ccm` or `join`.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        self.element.attribute(name)
    }
}

impl<'a> ResourceHistory<'a> {
    fn new(element: &'a Element) -> Self {
        Self {
            element,
            id: element.id().unwrap_or_default(),
            class: element.attribute("class"),
            provider: element.attribute("provider"),
            agent: element.attribute("type"),
            container: element.attribute("container"),
            operations: element.elements_named("lrm_rsc_op").map(OperationRecord::new).collect(),
        }
    }
}

impl<'a> OperationRecord<'a> {
    /// Reads one record.
    pub fn new(element: &'a Element) -> Self {
        let mut record = Self::empty(element);
        for (name, value) in &element.attributes {
            let value = value.as_str();
            match name.as_str() {
                "id" => record.id = value,
                "operation" => record.operation = value,
                "operation_key" => record.operation_key = Some(value),
                "interval" => record.interval_ms = value.trim().parse().unwrap_or(0),
                "call-id" => record.call_id = value.trim().parse().ok(),
                "rc-code" => record.rc = value.trim().parse().ok(),
                "op-status" => record.status = value.trim().parse().ok(),
                "transition-key" => record.transition_key = Some(value),
                "transition-magic" => record.transition_magic = Some(value),
                "exit-reason" => record.exit_reason = Some(value),
                "on_node" => record.on_node = Some(value),
                "migrate_source" => record.migrate_source = Some(value),
                "migrate_target" => record.migrate_target = Some(value),
                "last-rc-change" => record.last_change = value.trim().parse().ok(),
                "op-digest" => record.digest = Some(value),
                "op-restart-digest" => record.restart_digest = Some(value),
                "op-force-restart" => record.restart_parameters = Some(value),
                "op-secure-digest" => record.secure_digest = Some(value),
                "op-secure-params" => record.secure_parameters = Some(value),
                _ => {}
            }
        }
        record
    }

    fn empty(element: &'a Element) -> Self {
        Self {
            element,
            id: "",
            operation: "",
            operation_key: None,
            interval_ms: 0,
            call_id: None,
            rc: None,
            status: None,
            transition_key: None,
            transition_magic: None,
            exit_reason: None,
            on_node: None,
            migrate_source: None,
            migrate_target: None,
            last_change: None,
            digest: None,
            restart_digest: None,
            restart_parameters: None,
            secure_digest: None,
            secure_parameters: None,
        }
    }

    /// Returns any attribute of the record, for what has no field.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        self.element.attribute(name)
    }
}

impl<'a> TicketState<'a> {
    fn new(element: &'a Element) -> Self {
        let boolean = |name| element.attribute(name).and_then(model::parse_boolean);
        Self {
            element,
            id: element.id().unwrap_or_default(),
            granted: boolean("granted"),
            standby: boolean("standby"),
            last_granted: element.attribute("last-granted").and_then(|t| t.trim().parse().ok()),
        }
    }
}
