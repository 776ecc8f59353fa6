//! S2: a configuration write that was acknowledged is there in the end.

use std::collections::BTreeMap;
use xml::Element;

/// The writes of a history.
#[derive(Default)]
pub(crate) struct Writes {
    asked: BTreeMap<u64, String>,
    acknowledged: Vec<String>,
}

impl Writes {
    pub(crate) fn asked(&mut self, client: u64, id: String) {
        self.asked.insert(client, id);
    }

    pub(crate) fn acknowledged(&mut self, client: u64) {
        self.acknowledged.extend(self.asked.remove(&client));
    }

    pub(crate) fn lost(&self, cib: &Element) -> Vec<String> {
        let lost = self.acknowledged.iter().filter(|id| cib.find_by_id(id).is_none());
        lost.map(|id| format!("S2: the acknowledged write {id} is lost")).collect()
    }
}
