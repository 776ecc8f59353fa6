//! The queues of all resources, and what is kept of each for the next daemon.
//!
//! A node may have hundreds of resources, and each event changes one or two: what is kept of the others stays what it was.

use crate::ResourceHistory;
use crate::queue::{Afterwards, Queue};
use model::ResourceId;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

/// Reads like a map; whatever may be changed is taken note of.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    queues: BTreeMap<ResourceId, Queue>,
    /// Invariant: it is what [`history_of`] makes of the queues, but for those that were touched since.
    kept: BTreeMap<ResourceId, Arc<ResourceHistory>>,
    touched: BTreeSet<ResourceId>,
}

impl Deref for Queues {
    type Target = BTreeMap<ResourceId, Queue>;

    fn deref(&self) -> &Self::Target {
        &self.queues
    }
}

impl Queues {
    pub fn get_mut(&mut self, id: &ResourceId) -> Option<&mut Queue> {
        let queue = self.queues.get_mut(id)?;
        self.touched.insert(id.clone());
        Some(queue)
    }

    /// Returns the queue of a resource, made when there is none.
    pub fn of(&mut self, id: &ResourceId) -> &mut Queue {
        self.touched.insert(id.clone());
        self.queues.entry(id.clone()).or_default()
    }

    pub fn insert(&mut self, id: ResourceId, queue: Queue) {
        self.touched.insert(id.clone());
        self.queues.insert(id, queue);
    }

    pub fn remove(&mut self, id: &ResourceId) {
        self.touched.insert(id.clone());
        self.queues.remove(id);
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Queue> {
        self.touched.extend(self.queues.keys().cloned());
        self.queues.values_mut()
    }

    /// Returns what is to be kept of each resource.
    pub fn kept(&mut self) -> BTreeMap<ResourceId, Arc<ResourceHistory>> {
        for id in std::mem::take(&mut self.touched) {
            match self.queues.get(&id) {
                Some(queue) => drop(self.kept.insert(id, Arc::new(history_of(queue)))),
                None => drop(self.kept.remove(&id)),
            }
        }
        self.kept.clone()
    }
}

fn history_of(queue: &Queue) -> ResourceHistory {
    let at_work = queue.active.as_ref().filter(|active| active.afterwards == Afterwards::Report);
    ResourceHistory {
        reports: queue.reports.clone(),
        recurring: queue.recurring.iter().map(|recurring| (recurring.order.clone(), recurring.first_call)).collect(),
        in_flight: at_work.map(|active| (active.call, active.order.clone())),
        queued: queue.waiting.iter().map(|waiting| waiting.order.clone()).collect(),
        start_parameters: queue.start_parameters.clone(),
        device_started: queue.device_started,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_event_touched_is_kept_as_it_was() {
        let mut queues = Queues::default();
        let ids: [ResourceId; 2] = ["a".into(), "b".into()];
        ids.iter().for_each(|id| queues.of(id).device_started = true);
        let first = queues.kept();
        queues.get_mut(&ids[1]).unwrap().device_started = false;
        let second = queues.kept();
        assert!(Arc::ptr_eq(&first["a"], &second["a"]));
        assert!(first["b"].device_started && !second["b"].device_started);
        queues.values_mut().for_each(|queue| queue.device_started = false);
        assert!(!queues.kept()["a"].device_started);
        queues.remove(&ids[0]);
        assert_eq!(queues.kept().into_keys().collect::<Vec<_>>(), ids[1..]);
        queues.clear();
        assert!(queues.kept().is_empty());
    }
}
