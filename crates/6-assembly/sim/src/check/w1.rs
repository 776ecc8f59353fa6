//! W1: the writes of one value are linearizable: they take effect in one order, and it agrees with real time.
//!
//! Real time is the order in which the world asked and was answered, also within one instant. Where each took effect is seen from outside, at
//! every member whose copy changes: the mark of the copy is the write's place in the order. A write that was acknowledged has a place before
//! that of every write that was asked for later and acknowledged too; and what is left at the end is the last one.

use messages::peer::CibMark;
use std::collections::BTreeMap;
use xml::Element;

/// Lineage, admin epoch, epoch: the order of configuration writes.
type Place = (u64, u64, u64);

struct Write {
    asked: u64,
    answered: Option<u64>,
    /// The last one: what was written in a part of the cluster that lost is written again.
    place: Option<Place>,
}

/// The writes of the register.
#[derive(Default)]
pub(crate) struct Register {
    /// How often something was asked or answered.
    moment: u64,
    clients: BTreeMap<u64, u64>,
    writes: BTreeMap<u64, Write>,
}

fn value(cib: &Element) -> Option<u64> {
    let sets = cib.descend(&["configuration", "crm_config"])?;
    let pairs = sets.elements().flat_map(|set| set.elements());
    pairs.filter(|pair| pair.id() == Some("register")).find_map(|pair| pair.attribute("value")?.parse().ok())
}

impl Register {
    pub(crate) fn asked(&mut self, client: u64, value: u64) {
        self.moment += 1;
        self.clients.insert(client, value);
        self.writes.insert(value, Write { asked: self.moment, answered: None, place: None });
    }

    pub(crate) fn acknowledged(&mut self, client: u64) {
        self.moment += 1;
        if let Some(write) = self.clients.get(&client).and_then(|value| self.writes.get_mut(value)) {
            write.answered.get_or_insert(self.moment);
        }
    }

    /// A member's copy of the configuration has changed.
    pub(crate) fn seen(&mut self, before: &Element, after: &Element, mark: &CibMark) {
        let Some(value) = value(after).filter(|_| !self.writes.is_empty()) else { return };
        if self::value(before) != Some(value)
            && let Some(write) = self.writes.get_mut(&value)
        {
            write.place = write.place.max(Some((mark.lineage, mark.admin_epoch, mark.epoch)));
        }
    }

    pub(crate) fn backward(&self, cib: &Element) -> Option<String> {
        // A copy may take two writes at once; then the place of the first is not known, and nothing is said of it.
        let done = self.writes.iter().filter(|(_, write)| write.place.is_some());
        let done: Vec<(u64, &Write, u64)> = done.filter_map(|(value, write)| Some((*value, write, write.answered?))).collect();
        for (first, write, answered) in &done {
            let later = done.iter().find(|(_, other, _)| other.asked > *answered && other.place < write.place);
            if let Some((second, ..)) = later {
                return Some(format!("W1: {first} took effect after {second}, which was written after it was acknowledged"));
            }
        }
        let left = value(cib);
        let last = done.iter().max_by_key(|(_, write, _)| write.place)?;
        let is_last = left == Some(last.0) || left.and_then(|left| self.writes.get(&left)).is_some_and(|other| other.place > last.1.place);
        (!is_last).then(|| format!("W1: {left:?} is left, although {} took effect last", last.0))
    }
}
