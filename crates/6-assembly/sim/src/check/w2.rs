//! W2: a write takes effect once: a counter ends between the number of increments that were acknowledged and that were asked for.

use std::collections::BTreeSet;
use xml::Element;

/// The increments of a history.
#[derive(Default)]
pub(crate) struct Counter {
    open: BTreeSet<u64>,
    asked: u64,
    acknowledged: u64,
}

impl Counter {
    pub(crate) fn asked(&mut self, client: u64) {
        self.open.insert(client);
        self.asked += 1;
    }

    pub(crate) fn acknowledged(&mut self, client: u64) {
        self.acknowledged += u64::from(self.open.remove(&client));
    }

    pub(crate) fn wrong(&self, cib: &Element) -> Option<String> {
        let count: u64 = cib.find_by_id("counter").and_then(|pair| pair.attribute("value")?.parse().ok()).unwrap_or(0);
        let is_right = (self.acknowledged..=self.asked).contains(&count);
        (!is_right)
            .then(|| format!("W2: of {} increments {} were acknowledged, and the counter is at {count}", self.asked, self.acknowledged))
    }
}
