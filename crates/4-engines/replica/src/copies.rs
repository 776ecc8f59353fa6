//! What replicas of one process share: a copy of the CIB that came from the same copy by the same patch, or from the same text.
//!
//! A daemon has one replica and gains nothing by it. In the simulator hundreds of members would each read every patch, and keep a
//! document of their own.

use cib::patch::Patch;
use messages::peer::CibMark;
use std::sync::{Arc, Mutex};
use xml::Element;

/// What was made last, and from what. Whoever starts from another copy, were it only equal, makes his own.
#[derive(Clone, Default, Debug)]
pub struct Copies(Arc<Mutex<Last>>);

#[derive(Default, Debug)]
struct Last {
    step: Option<Step>,
    whole: Option<(CibMark, String, Arc<Element>)>,
}

#[derive(Debug)]
struct Step {
    from: Arc<Element>,
    text: String,
    to: Arc<Element>,
    patch: Arc<Patch>,
}

impl Copies {
    /// Returns what a patch makes of this copy: as another replica found it, or by `make`.
    pub(crate) fn step(
        &self,
        from: &Arc<Element>,
        text: &str,
        make: impl FnOnce() -> Result<(Element, Patch), String>,
    ) -> Result<(Arc<Element>, Arc<Patch>), String> {
        let mut last = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(step) = last.step.as_ref().filter(|step| Arc::ptr_eq(&step.from, from) && step.text == text) {
            return Ok((step.to.clone(), step.patch.clone()));
        }
        let (to, patch) = make()?;
        let (to, patch) = (Arc::new(to), Arc::new(patch));
        last.step = Some(Step { from: from.clone(), text: text.to_owned(), to: to.clone(), patch: patch.clone() });
        Ok((to, patch))
    }

    /// Returns the document of this text, which is that of this mark.
    pub(crate) fn whole(&self, mark: &CibMark, text: &str, read: impl FnOnce() -> Result<Element, String>) -> Result<Arc<Element>, String> {
        let mut last = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((.., known)) = last.whole.as_ref().filter(|(of, known, _)| of == mark && known == text) {
            return Ok(known.clone());
        }
        let read = Arc::new(read()?);
        last.whole = Some((mark.clone(), text.to_owned(), read.clone()));
        Ok(read)
    }
}
