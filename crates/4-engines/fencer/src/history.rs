//! What is known of fencings: of this coordinator's own, and what other members told.

use crate::fencing::Fencing;
use messages::client::FenceRecord;
use model::{NodeName, Now, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many records are kept; pending ones are never dropped.
const RECORDS_MAX: usize = 500;

/// Every fencing known, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records {
    records: Vec<FenceRecord>,
}

/// A fencing is known by who asked for what; a pending record becomes the one that says how it ended.
fn same(one: &FenceRecord, other: &FenceRecord) -> bool {
    one.target == other.target
        && one.action == other.action
        && one.client == other.client
        && one.origin == other.origin
        && (one.state == "pending" || one.completed == other.completed)
}

impl Records {
    /// Takes a record, new or changed.
    pub fn learn(&mut self, record: FenceRecord) {
        match self.records.iter_mut().rev().find(|known| same(known, &record)) {
            Some(known) => *known = record,
            None => self.records.push(record),
        }
        while self.records.len() > RECORDS_MAX {
            let Some(place) = self.records.iter().position(|record| record.state != "pending") else { break };
            self.records.remove(place);
        }
    }

    /// Drops what has ended.
    pub fn clear(&mut self, target: Option<&NodeName>) {
        self.records.retain(|record| record.state == "pending" || target.is_some_and(|target| record.target != *target));
    }

    /// Returns the records of a target or of all, newest first.
    pub fn of(&self, target: Option<&NodeName>) -> Vec<FenceRecord> {
        let mut found: Vec<FenceRecord> =
            self.records.iter().filter(|record| target.is_none_or(|target| record.target == *target)).cloned().collect();
        // Pending ones are the newest of all.
        found.sort_by_key(|record| std::cmp::Reverse(record.completed.unwrap_or(Timestamp(i64::MAX))));
        found
    }

    /// Returns how often the last fencings of each node failed in a row.
    pub fn failures_in_a_row(&self) -> BTreeMap<NodeName, u32> {
        let mut failures = BTreeMap::new();
        for record in self.records.iter().filter(|record| record.action != "on") {
            match record.state.as_str() {
                "failed" => *failures.entry(record.target.clone()).or_insert(0) += 1,
                "success" => drop(failures.remove(&record.target)),
                _ => {}
            }
        }
        failures
    }

    /// Returns the record of an equal fencing that succeeded within the tolerance.
    pub fn recent(&self, target: &NodeName, action: &str, tolerance: Duration, now: Now) -> Option<&FenceRecord> {
        self.records.iter().rev().find(|record| {
            let ended = record.completed.is_some_and(|at| now.wall.since(at) <= tolerance && at <= now.wall);
            record.state == "success" && record.target == *target && record.action == action && ended
        })
    }
}

/// Returns the record of a fencing under way or ended.
pub(crate) fn record(fencing: &Fencing, state: &str, completed: Option<Timestamp>, delegate: Option<NodeName>) -> FenceRecord {
    FenceRecord {
        target: fencing.target.clone(),
        action: fencing.action.clone(),
        origin: fencing.origin.clone(),
        delegate,
        client: fencing.client.clone(),
        state: state.to_owned(),
        completed,
        exit_reason: fencing.error.clone().filter(|_| state == "failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_count_until_one_succeeds_whoever_asked() {
        let mut records = Records::default();
        let mut learn = |target: &str, origin: &str, state: &str, at: i64| {
            records.learn(FenceRecord {
                target: target.into(),
                action: "reboot".to_owned(),
                origin: origin.into(),
                delegate: None,
                client: "test".to_owned(),
                state: state.to_owned(),
                completed: (state != "pending").then(|| Timestamp::from_seconds(at)),
                exit_reason: None,
            });
            records.failures_in_a_row()
        };
        learn("n2", "n1", "failed", 1);
        learn("n3", "n1", "failed", 2);
        learn("n3", "n1", "success", 3);
        learn("n2", "n3", "pending", 4);
        assert_eq!(learn("n2", "n3", "failed", 5), [("n2".into(), 2)].into());
    }
}
