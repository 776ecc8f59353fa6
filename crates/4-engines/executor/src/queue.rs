//! What one resource has to do: the operation at work, those that wait, and those that recur.
//!
//! Invariant: a resource has at most one operation at work; a state-changing order ends its recurring operations first.

use messages::operation::{CancelOrder, OperationOrder, OperationReport};
use model::{AgentExit, CallId, ExecutionStatus, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// An order that waits for its turn.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub order: OperationOrder,
    /// The end of its start delay.
    pub ready_at: Duration,
}

/// What becomes of the result of the operation at work.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Afterwards {
    /// It is reported (of recurring ones: when it changed).
    Report,
    /// Nobody waits for it any more.
    Drop,
    /// The recurring operation was cancelled; its end answers this order.
    AnswerCancel(CancelOrder),
}

/// The operation at work.
#[derive(Clone, Debug)]
pub(crate) struct Active {
    pub call: CallId,
    pub order: OperationOrder,
    pub queue_time: Duration,
    pub begun: Duration,
    /// When this engine stops waiting for the root role.
    pub deadline: Duration,
    pub afterwards: Afterwards,
    /// Further tries that a fence agent's monitor has.
    pub retries: u32,
}

/// An operation that recurs.
#[derive(Clone, Debug)]
pub(crate) struct Recurring {
    pub order: OperationOrder,
    /// The call of its first run: the history keeps that number.
    pub first_call: Option<CallId>,
    /// When it runs next; absent while it is at work.
    pub due: Option<Duration>,
    /// The result that was reported last, and since when it holds.
    pub reported: Option<(ExecutionStatus, AgentExit, Timestamp)>,
}

/// One resource on this node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    pub waiting: VecDeque<Waiting>,
    pub active: Option<Active>,
    pub recurring: Vec<Recurring>,
    pub reports: BTreeMap<String, OperationReport>,
    pub start_parameters: Option<BTreeMap<String, String>>,
    pub device_started: bool,
}

/// What a resource could run next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Turn {
    /// The waiting order at this place.
    Waiting(usize),
    /// The recurring operation at this place.
    Recurring(usize),
}

/// Returns whether an operation may change what a resource does (then nothing may watch it meanwhile).
pub(crate) fn changes_state(order: &OperationOrder) -> bool {
    order.interval.is_zero() && !matches!(order.operation.as_str(), "monitor" | "status" | "notify" | "meta-data" | "validate-all")
}

impl Queue {
    /// Returns what may run now and since when it has been ready. One-time orders go before recurring ones.
    pub fn turn(&self, now: Duration) -> Option<(Duration, Turn)> {
        if self.active.is_some() {
            return None;
        }
        if let Some((place, waiting)) = self.waiting.iter().enumerate().find(|(_, waiting)| waiting.ready_at <= now) {
            return Some((waiting.ready_at, Turn::Waiting(place)));
        }
        let due =
            |(place, recurring): (usize, &Recurring)| recurring.due.filter(|due| *due <= now).map(|due| (due, Turn::Recurring(place)));
        self.recurring.iter().enumerate().filter_map(due).min()
    }

    /// Returns when this resource needs to be looked at again although nothing happens.
    pub fn next_wake(&self, now: Duration) -> Option<Duration> {
        if let Some(active) = &self.active {
            return Some(active.deadline);
        }
        let waiting = self.waiting.iter().map(|waiting| waiting.ready_at);
        let recurring = self.recurring.iter().filter_map(|recurring| recurring.due);
        waiting.chain(recurring).filter(|at| *at > now).min()
    }

    /// Returns whether nothing is known of the resource any more.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.active.is_none() && self.recurring.is_empty() && self.reports.is_empty() && !self.device_started
    }

    /// Returns the place of the recurring operation of this name and interval.
    pub fn recurring_place(&self, operation: &str, interval: Duration) -> Option<usize> {
        self.recurring.iter().position(|recurring| recurring.order.operation == operation && recurring.order.interval == interval)
    }

    /// Returns whether the operation at work is a run of this recurring one.
    pub fn is_at_work(&self, operation: &str, interval: Duration) -> bool {
        self.active.as_ref().is_some_and(|active| active.order.operation == operation && active.order.interval == interval)
    }

    /// Keeps a report as what is known, in the place its record has in the CIB.
    pub fn keep(&mut self, report: &OperationReport) {
        let failed = report.status != ExecutionStatus::Cancelled && !report.is_expected();
        let key = format!("{}_{}", report.operation, report.interval.as_millis());
        if matches!(report.operation.as_str(), "migrate_to" | "migrate_from") {
            self.reports.insert(key, report.clone());
            return;
        }
        if failed {
            self.reports.insert("last_failure".to_owned(), report.clone());
        }
        if report.interval.is_zero() {
            self.reports.insert("last".to_owned(), report.clone());
        } else if !failed {
            self.reports.insert(key, report.clone());
        }
    }
}
