//! W1: writes of one value take effect in an order that agrees with real time.
//!
//! A write that was acknowledged before another was asked for is never the one that remains, when the other was acknowledged too.

use std::collections::BTreeMap;
use std::time::Duration;
use xml::Element;

struct Write {
    asked: Duration,
    answered: Option<Duration>,
}

/// The writes of the register.
#[derive(Default)]
pub(crate) struct Register {
    clients: BTreeMap<u64, u64>,
    writes: BTreeMap<u64, Write>,
}

impl Register {
    pub(crate) fn asked(&mut self, now: Duration, client: u64, value: u64) {
        self.clients.insert(client, value);
        self.writes.insert(value, Write { asked: now, answered: None });
    }

    pub(crate) fn acknowledged(&mut self, now: Duration, client: u64) {
        if let Some(write) = self.clients.get(&client).and_then(|value| self.writes.get_mut(value)) {
            write.answered.get_or_insert(now);
        }
    }

    pub(crate) fn backward(&self, cib: &Element) -> Option<String> {
        let left: u64 = cib.find_by_id("register")?.attribute("value")?.parse().ok()?;
        let answered = self.writes.get(&left)?.answered?;
        let later = self.writes.iter().find(|(_, write)| write.asked > answered && write.answered.is_some())?;
        Some(format!("W1: {left} is left, although {} was written after it was acknowledged", later.0))
    }
}
