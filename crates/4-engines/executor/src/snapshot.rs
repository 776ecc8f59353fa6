//! What survives a restart of the daemon: a history to save, and an executor made of one.

use crate::executor::Executor;
use crate::queue::{Active, Afterwards, Queue, Recurring, Waiting};
use crate::{History, Settings};
use model::CallId;
use std::sync::Arc;
use std::time::Duration;

impl Executor {
    /// Returns what must survive a restart of the daemon.
    pub fn history(&mut self) -> History {
        // Reports that wait for meta-data are due: a restarted daemon sends them as they are.
        let held = self.held.iter().map(|(_, _, report)| report.clone());
        History {
            incarnation: self.incarnation.clone().or_else(|| self.restored.clone()),
            next_report: self.next_report,
            resources: self.resources.kept(),
            unacknowledged: self.unacknowledged.values().cloned().chain(held).collect(),
        }
    }

    /// Returns an executor that goes on from what an earlier daemon of this host saved. What recurs runs again as soon as the root
    /// role is connected; what was in flight is adopted there, or becomes a failure of unknown outcome. After a boot all of it is void.
    pub fn restore(settings: Settings, history: History) -> Self {
        let mut executor = Self::new(settings);
        executor.restored = history.incarnation;
        executor.next_report = history.next_report;
        let reports = history.resources.values().flat_map(|saved| saved.reports.values()).chain(&history.unacknowledged);
        let in_flight = history.resources.values().filter_map(|saved| saved.in_flight.as_ref().map(|(call, _)| *call));
        // Safety: whoever runs agents of a remote node remembers no calls. One that counted below an earlier one would be taken for the
        // older of the two. (Found by the simulator: seed 88 with two remote nodes and a guest.)
        if let Some(last) = reports.map(|report| report.call).chain(in_flight).max() {
            executor.next_call = CallId(last.0 + 1);
        }
        for (id, saved) in history.resources {
            let saved = Arc::unwrap_or_clone(saved);
            let active = saved.in_flight.map(|(call, order)| Active {
                call,
                queue_time: Duration::ZERO,
                // Not known by this clock; set when the root role says whether it still runs.
                begun: Duration::MAX,
                deadline: Duration::MAX,
                afterwards: Afterwards::Report,
                retries: 0,
                order,
            });
            let at_work = |operation: &str, interval: Duration| {
                active.as_ref().is_some_and(|active| active.order.operation == operation && active.order.interval == interval)
            };
            let recurring = saved.recurring.into_iter().map(|(order, first_call)| {
                let key = format!("{}_{}", order.operation, order.interval.as_millis());
                let known = saved.reports.get(&key).or_else(|| {
                    let failure = saved.reports.get("last_failure");
                    failure.filter(|report| report.operation == order.operation && report.interval == order.interval)
                });
                let reported = known.map(|report| (report.status, report.exit, report.last_change));
                let due = (!at_work(&order.operation, order.interval)).then_some(Duration::ZERO);
                Recurring { order, first_call, due, reported }
            });
            let recurring = recurring.collect();
            let waiting = saved.queued.into_iter().map(|order| Waiting { order, ready_at: Duration::ZERO }).collect();
            let queue = Queue {
                waiting,
                active,
                recurring,
                reports: saved.reports,
                start_parameters: saved.start_parameters,
                device_started: saved.device_started,
            };
            executor.resources.insert(id, queue);
        }
        for report in history.unacknowledged {
            executor.next_report = executor.next_report.max(messages::operation::ReportId(report.id.0 + 1));
            let id = if report.id.0 == 0 { executor.next_report } else { report.id };
            executor.next_report = executor.next_report.max(messages::operation::ReportId(id.0 + 1));
            executor.unacknowledged.insert(id, messages::operation::OperationReport { id, ..report });
        }
        executor
    }
}
