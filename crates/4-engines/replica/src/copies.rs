//! What replicas of one process share: a copy of the CIB that came from the same copy by the same patch, or from the same text.
//!
//! A daemon has one replica and gains nothing by it. In the simulator hundreds of members would each read every patch, and keep a
//! document of their own.

use cib::patch::Patch;
use messages::peer::CibMark;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use xml::Element;

/// What was made of late, and from what. A mark tells copies apart: those that made the same steps from the same document are the same.
#[derive(Clone, Default, Debug)]
pub struct Copies(Arc<Mutex<Last>>);

#[derive(Default, Debug)]
struct Last {
    /// The newest comes last.
    steps: VecDeque<Step>,
    whole: Option<(CibMark, String, Arc<Element>)>,
}

#[derive(Debug)]
struct Step {
    from: CibMark,
    text: String,
    to: Arc<Element>,
    patch: Arc<Patch>,
    digest: String,
}

/// Of so many steps of a coordinator one is made by the others themselves, so that what they do on hosts of their own is done here too.
const OWN_STEPS: u64 = 8;

/// A coordinator is so many steps ahead of the others at most: what they hear late they make themselves.
const STEPS_MAX: usize = 64;

impl Last {
    fn add(&mut self, step: Step) {
        if self.steps.len() >= STEPS_MAX {
            self.steps.pop_front();
        }
        self.steps.push_back(step);
    }
}

impl Copies {
    /// Returns whether nobody else has them: then there is nothing to share.
    fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A coordinator has made a step, which the others are about to hear of.
    pub(crate) fn ordered(&self, from: &CibMark, text: &str, to: &Arc<Element>, patch: &Arc<Patch>, mark: &CibMark) {
        if !self.is_alone() && !(mark.epoch + mark.num_updates).is_multiple_of(OWN_STEPS) {
            let (from, text, digest) = (from.clone(), text.to_owned(), mark.digest.clone());
            self.last().add(Step { from, text, to: to.clone(), patch: patch.clone(), digest });
        }
    }

    /// Returns what a patch makes of the copy of this mark, and the digest after it: as another replica found it, or by `make`.
    pub(crate) fn step(
        &self,
        from: &CibMark,
        text: &str,
        make: impl FnOnce() -> Result<(Element, Patch, String), String>,
    ) -> Result<(Arc<Element>, Arc<Patch>, String), String> {
        let mut last = self.last();
        if let Some(step) = last.steps.iter().rev().find(|step| step.from == *from && step.text == text) {
            return Ok((step.to.clone(), step.patch.clone(), step.digest.clone()));
        }
        let (to, patch, digest) = make()?;
        let (to, patch) = (Arc::new(to), Arc::new(patch));
        if !self.is_alone() {
            let (from, text) = (from.clone(), text.to_owned());
            last.add(Step { from, text, to: to.clone(), patch: patch.clone(), digest: digest.clone() });
        }
        Ok((to, patch, digest))
    }

    /// Returns the document of this text, which is that of this mark.
    pub(crate) fn whole(&self, mark: &CibMark, text: &str, read: impl FnOnce() -> Result<Element, String>) -> Result<Arc<Element>, String> {
        let mut last = self.last();
        if let Some((.., known)) = last.whole.as_ref().filter(|(of, known, _)| of == mark && known == text) {
            return Ok(known.clone());
        }
        let read = Arc::new(read()?);
        last.whole = Some((mark.clone(), text.to_owned(), read.clone()));
        Ok(read)
    }
}
