//! The wishes granted last: a wish that is sent again is answered, not carried out a second time.

use std::collections::{BTreeSet, VecDeque};

/// How many wishes are remembered. A retry comes within seconds; a busy cluster grants some hundred a second at most.
const KEPT: usize = 8192;

/// A bounded memory of request ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Granted {
    order: VecDeque<String>,
    known: BTreeSet<String>,
}

impl Granted {
    pub(crate) fn contains(&self, request: &str) -> bool {
        self.known.contains(request)
    }

    pub(crate) fn add(&mut self, request: String) {
        if self.known.insert(request.clone()) {
            self.order.push_back(request);
        }
        while self.order.len() > KEPT {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    /// Forgets a wish: what came of it is in no copy.
    pub(crate) fn remove(&mut self, request: &str) {
        if self.known.remove(request) {
            self.order.retain(|kept| kept != request);
        }
    }

    /// Returns the last ones, oldest first.
    pub(crate) fn latest(&self, count: usize) -> Vec<String> {
        self.order.iter().skip(self.order.len().saturating_sub(count)).cloned().collect()
    }
}
