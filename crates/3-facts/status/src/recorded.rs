//! What a node recorded (`lrm_resource`, `lrm_rsc_op`), typed, and in which order it happened.
//!
//! It depends on the element alone: nothing of the configuration or of other elements is looked at. So facts of a later
//! document share it with those of an earlier one wherever the element is the same.

use crate::document::shared_children;
use crate::{Agent, numbers};
use compact_str::CompactString;
use model::{AgentExit, ExecutionStatus, Timestamp};
use std::cmp::Ordering;
use std::sync::Arc;
use xml::Element;

/// What one `lrm_resource` says.
#[derive(Debug)]
pub struct RecordedHistory {
    /// The element itself.
    pub element: Arc<Element>,
    /// Its id as recorded.
    pub id: CompactString,
    /// The agent as recorded.
    pub agent: Agent,
    /// The `container` attribute.
    pub container: Option<CompactString>,
    /// Oldest call first.
    pub(crate) operations: Vec<Arc<RecordedOperation>>,
}

/// What one `lrm_rsc_op` says: what decisions need often as fields, the rest by name from the element.
#[derive(Debug)]
pub struct RecordedOperation {
    /// The element itself.
    pub xml: Arc<Element>,
    /// `id`.
    pub id: CompactString,
    /// `operation_key`, or the id where that is missing.
    pub key: CompactString,
    /// `operation`.
    pub operation: CompactString,
    /// `interval`.
    pub interval_ms: u64,
    /// `call-id`; −1 where it is pending or missing.
    pub call: i32,
    /// `rc-code` as recorded.
    pub exit: AgentExit,
    /// `op-status` as recorded.
    pub status: ExecutionStatus,
    /// The exit code that counts as success, from the transition key.
    pub expected_exit: Option<AgentExit>,
    /// `last-rc-change`.
    pub last_change: Option<Timestamp>,
}

impl RecordedHistory {
    /// Reads an `lrm_resource`.
    pub(crate) fn read(element: &Arc<Element>) -> Self {
        let mut operations: Vec<_> = operations(element).rev().map(Arc::new).collect();
        sort_by_age(&mut operations);
        let text = |name: &str| element.attribute(name).map(CompactString::new);
        Self {
            id: text("id").unwrap_or_default(),
            agent: Agent { class: text("class").unwrap_or_default(), provider: text("provider"), name: text("type").unwrap_or_default() },
            container: text("container"),
            operations,
            element: element.clone(),
        }
    }
}

/// Returns the operations of an `lrm_resource` in the order of the document.
pub(crate) fn operations(history: &Element) -> impl DoubleEndedIterator<Item = RecordedOperation> {
    shared_children(history).filter(|e| e.name == "lrm_rsc_op").map(RecordedOperation::read)
}

impl RecordedOperation {
    /// Reads an `lrm_rsc_op`. There are very many of them: one pass over the attributes.
    pub(crate) fn read(element: &Arc<Element>) -> Self {
        let (mut id, mut key, mut operation) = ("", "", "");
        // Compat: what has no `rc-code` went well.
        let (mut exit, mut status, mut interval_ms, mut call) = (0, ExecutionStatus::Unknown, 0, -1);
        let (mut expected_exit, mut last_change) = (None, None);
        let small = |text: &str| numbers::integer(text).and_then(|n| i32::try_from(n).ok());
        for (name, value) in &element.attributes {
            match name.as_str() {
                "id" => id = value,
                "operation_key" => key = value,
                "operation" => operation = value,
                "rc-code" => exit = small(value).unwrap_or(exit),
                "op-status" => status = small(value).map_or(status, ExecutionStatus::from_code),
                "interval" => interval_ms = numbers::integer(value).and_then(|n| u32::try_from(n).ok()).unwrap_or(0).into(),
                "call-id" => call = small(value).unwrap_or(call),
                "transition-key" => expected_exit = target_exit(value),
                "last-rc-change" => last_change = numbers::integer(value).map(Timestamp::from_seconds),
                _ => {}
            }
        }
        Self {
            id: id.into(),
            key: if key.is_empty() { id } else { key }.into(),
            operation: operation.into(),
            interval_ms,
            call,
            exit: AgentExit(exit),
            status,
            expected_exit,
            last_change,
            xml: element.clone(),
        }
    }

    /// Returns an attribute of the element.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.xml.attribute(name)
    }

    /// Returns `exit-reason`; empty where there is none.
    pub fn exit_reason(&self) -> &str {
        self.attribute("exit-reason").unwrap_or_default()
    }

    /// Returns `exec-time`.
    pub fn exec_time_ms(&self) -> Option<u64> {
        self.attribute("exec-time")?.trim().parse().ok()
    }

    /// Returns `queue-time`.
    pub fn queue_time_ms(&self) -> Option<u64> {
        self.attribute("queue-time")?.trim().parse().ok()
    }

    /// Returns `transition-key`.
    pub fn transition_key(&self) -> Option<&str> {
        self.attribute("transition-key")
    }

    /// Returns `transition-magic`.
    pub fn transition_magic(&self) -> Option<&str> {
        self.attribute("transition-magic")
    }

    /// Returns `op-digest`, the digest of all parameters.
    pub fn digest(&self) -> Option<&str> {
        self.attribute("op-digest")
    }

    /// Returns `op-force-restart`, the parameters whose change needs a restart.
    pub fn restart_parameters(&self) -> Option<&str> {
        self.attribute("op-force-restart")
    }

    /// Returns `op-secure-digest`, the digest without the private parameters.
    pub fn secure_digest(&self) -> Option<&str> {
        self.attribute("op-secure-digest")
    }

    /// Returns `op-secure-params`, the private parameters.
    pub fn secure_parameters(&self) -> Option<&str> {
        self.attribute("op-secure-params")
    }

    /// Returns `migrate_source`.
    pub fn migrate_source(&self) -> Option<&str> {
        self.attribute("migrate_source")
    }

    /// Returns `migrate_target`.
    pub fn migrate_target(&self) -> Option<&str> {
        self.attribute("migrate_target")
    }

    /// Returns `on_node`.
    pub fn on_node(&self) -> Option<&str> {
        self.attribute("on_node")
    }

    /// Returns `crm_feature_set`.
    pub fn feature_set(&self) -> Option<&str> {
        self.attribute("crm_feature_set")
    }

    /// Returns whether it is a probe: a monitor that is run once.
    pub fn is_probe(&self) -> bool {
        self.operation == "monitor" && self.interval_ms == 0
    }

    /// Returns whether it is a failed probe that says "this cannot run here" rather than "it is broken".
    /// Compat: such a failure is shown and bans the node, and counts as "not running".
    pub fn is_masked_probe_failure(&self) -> bool {
        self.is_probe()
            && (self.exit == AgentExit::NOT_INSTALLED
                || self.exit == AgentExit::INVALID_PARAMETER
                || self.status == ExecutionStatus::NotInstalled)
    }
}

/// Returns the exit code that counts as success, the third part of a transition key.
fn target_exit(key: &str) -> Option<AgentExit> {
    let mut parts = key.splitn(4, ':');
    let (action, transition, exit, uuid) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let are_numbers = action.parse::<i32>().is_ok() && transition.parse::<i32>().is_ok() && !uuid.is_empty();
    exit.parse().ok().filter(|_| are_numbers).map(AgentExit)
}

/// Sorts operations by age, equal ones as they were.
///
/// Compat: the comparison is no strict order (pending operations of different transitions), so the result depends on
/// which are compared; this is the merge sort that Pacemaker's lists have.
fn sort_by_age(operations: &mut Vec<Arc<RecordedOperation>>) {
    if operations.len() < 2 {
        return;
    }
    let mut right = operations.split_off(operations.len().div_ceil(2));
    sort_by_age(operations);
    sort_by_age(&mut right);
    let (mut left, mut right) = (std::mem::take(operations).into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let from_left = compare_age(a, b) != Ordering::Greater;
        operations.extend(if from_left { left.next() } else { right.next() });
    }
    operations.extend(left);
    operations.extend(right);
}

/// Compares two recorded operations: which one happened later is greater.
pub(crate) fn compare_age(a: &RecordedOperation, b: &RecordedOperation) -> Ordering {
    let same_node = match (a.on_node(), b.on_node()) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        (a, b) => a == b,
    };
    if same_node && a.id == b.id {
        return Ordering::Equal;
    }
    match (a.call, b.call) {
        (-1, -1) => Ordering::Equal,
        (a_call, b_call) if same_node && a_call >= 0 && a_call < b_call => Ordering::Less,
        (a_call, b_call) if same_node && b_call >= 0 && a_call > b_call => Ordering::Greater,
        (0.., 0..) => {
            // The same call, as last result and as last failure; or calls of different nodes, which only time compares.
            let (a, b) = (a.last_change.map_or(-1, Timestamp::seconds), b.last_change.map_or(-1, Timestamp::seconds));
            match () {
                () if a >= 0 && a < b => Ordering::Less,
                () if b >= 0 && a > b => Ordering::Greater,
                () => Ordering::Equal,
            }
        }
        _ => compare_transitions(a, b),
    }
}

/// Returns whether an operation was ordered and ended before another one was ordered, on another node.
pub(crate) fn is_earlier(operation: &RecordedOperation, other: &RecordedOperation) -> bool {
    let key = |operation: &RecordedOperation| operation.transition_magic().and_then(model::Magic::parse).map(|magic| magic.key);
    match (key(operation), key(other)) {
        (Some(a), Some(b)) if a.uuid.eq_ignore_ascii_case(&b.uuid) && a.transition != b.transition => a.transition < b.transition,
        (Some(a), Some(b)) if !a.uuid.eq_ignore_ascii_case(&b.uuid) => operation.last_change < other.last_change,
        _ => false,
    }
}

/// Compares a pending operation with another one by the transitions that ordered them.
fn compare_transitions(a: &RecordedOperation, b: &RecordedOperation) -> Ordering {
    let parse = |operation: &RecordedOperation| operation.transition_magic().and_then(model::Magic::parse);
    let (Some(a_magic), Some(b_magic)) = (parse(a), parse(b)) else { return Ordering::Equal };
    let (a_id, b_id) = (a_magic.key.transition, b_magic.key.transition);
    if !a_magic.key.uuid.eq_ignore_ascii_case(&b_magic.key.uuid) || a_id == b_id {
        // Another coordinator: what is pending is the newer, since pending operations do not outlive an election.
        return match (a.call, b.call) {
            (_, -1) => Ordering::Less,
            (-1, _) => Ordering::Greater,
            _ => Ordering::Equal,
        };
    }
    match () {
        () if (a_id >= 0 && a_id < b_id) || b_id == -1 => Ordering::Less,
        () if (b_id >= 0 && a_id > b_id) || a_id == -1 => Ordering::Greater,
        () => Ordering::Equal,
    }
}
