//! What was fenced, what is being fenced, and what could not be.

use crate::times::iso_time;
use crate::{Lines, StatusView};
use messages::client::FenceRecord;
use xml::Element;

impl StatusView<'_> {
    /// Returns the records of one state about the nodes that are shown; unless all are wanted, the latest of each kind.
    fn fence_records(&self, wanted: &dyn Fn(&str) -> bool) -> Vec<&FenceRecord> {
        let mut shown: Vec<&FenceRecord> = Vec::new();
        for record in self.fence_history {
            if !wanted(&record.state) || !self.filter.has_node(record.target.as_str()) {
                continue;
            }
            let is_repeated = shown.iter().any(|other| {
                (&other.target, &other.action, &other.state) == (&record.target, &record.action, &record.state) && other.state != "pending"
            });
            if self.full_fence_history || !is_repeated {
                shown.push(record);
            }
        }
        shown
    }

    /// Prints what could not be fenced; returns whether there is any.
    pub(crate) fn failed_fencing(&self, with_spacer: bool, out: &mut Lines) -> bool {
        self.fence_list("Failed Fencing Actions", &self.fence_records(&|state| state == "failed"), with_spacer, out)
    }

    /// Prints what is being fenced, and what was where that is wanted; returns whether there is any.
    pub(crate) fn other_fencing(&self, with_spacer: bool, out: &mut Lines) -> bool {
        if self.sections.fence_worked {
            return self.fence_list("Fencing History", &self.fence_records(&|state| state != "failed"), with_spacer, out);
        }
        if self.sections.fence_pending {
            return self.fence_list("Pending Fencing Actions", &self.fence_records(&|state| state == "pending"), with_spacer, out);
        }
        false
    }

    fn fence_list(&self, title: &str, records: &[&FenceRecord], with_spacer: bool, out: &mut Lines) -> bool {
        if records.is_empty() {
            return false;
        }
        out.spacer_if(with_spacer);
        out.begin(title);
        for record in records {
            out.item(self.fence_line(record));
        }
        out.end();
        true
    }

    /// Returns one record on one line.
    pub fn fence_line(&self, record: &FenceRecord) -> String {
        let action = match record.action.as_str() {
            "on" => "unfencing",
            "off" => "turning off",
            other => other,
        };
        let (state, last) = match record.state.as_str() {
            "success" => ("successful", "last-successful"),
            "failed" => ("failed", "last-failed"),
            _ => ("pending", ""),
        };
        let reason = record.exit_reason.as_ref().filter(|_| state == "failed");
        let reason = reason.map(|text| format!(" ({text})")).unwrap_or_default();
        let delegate = record.delegate.as_ref().map(|node| node.as_str()).filter(|_| state != "pending");
        let completed = record.completed.filter(|_| state != "pending").map(|at| iso_time(at, self.zone));
        if !self.show.failed_detail {
            let by = delegate.map(|node| format!(" by {node}")).unwrap_or_default();
            let last = if self.full_fence_history { "" } else { " last" };
            let at = completed.map(|at| format!(" at {at}")).unwrap_or_default();
            return format!("{action} of {}{by} for {}@{}{last} {state}{reason}{at}", record.target, record.client, record.origin);
        }
        let by = delegate.map(|node| format!("delegate={node}, ")).unwrap_or_default();
        let last = if self.full_fence_history { "completed" } else { last };
        let at = completed.map(|at| format!(", {last}='{at}'")).unwrap_or_default();
        format!("{action} of {} {state}{reason}: {by}client={}, origin={}{at}", record.target, record.client, record.origin)
    }

    /// Returns the records as XML, if any are wanted and known.
    pub(crate) fn fence_history_element(&self) -> Option<Element> {
        let s = &self.sections;
        let records = self.fence_records(&|state| match state {
            "failed" => s.fence_failed,
            "success" => s.fence_worked,
            _ => s.fence_pending,
        });
        let events = records.into_iter().map(|record| self.fence_element(record));
        let list = Element::new("fence_history").with_children(events);
        (!list.children.is_empty()).then_some(list)
    }

    /// Returns one record as `<fence_event>`.
    pub fn fence_element(&self, record: &FenceRecord) -> Element {
        let mut element = Element::new("fence_event")
            .with("action", &record.action)
            .with("target", &record.target)
            .with("client", &record.client)
            .with("origin", &record.origin)
            .with("status", &record.state);
        if record.state == "pending" {
            element.set("extended-status", "pending");
        }
        if let Some(reason) = &record.exit_reason {
            element.set("exit-reason", reason);
        }
        if let Some(delegate) = &record.delegate {
            element.set("delegate", delegate);
        }
        if let Some(at) = record.completed {
            element.set("completed", iso_time(at, self.zone));
        }
        element
    }
}
