//! Every other member's part: apply what the coordinator ordered, or ask for the whole.

use crate::change::{check, next_digest};
use crate::replica::{Changed, Replica, ReplicaCommand, Waiting};
use cib::patch::{Patch, apply};
use messages::peer::{CibChange, CibMark, ReplicaMessage};
use model::{NodeName, Now};
use std::sync::Arc;
use xml::{Limits, parse};

impl Replica {
    /// Takes what the coordinator (or the holder of the newest copy) sent. What an older term's coordinator ordered does not count.
    pub(crate) fn follow(&mut self, now: Now, from: NodeName, message: &ReplicaMessage, out: &mut Vec<ReplicaCommand>) {
        let Some(settled) = &self.settlement else { return };
        match message {
            ReplicaMessage::Apply { term, .. } if *term != settled.term || settled.coordinator != from => {}
            ReplicaMessage::Apply { from: start, to, patch, request, origin, client, configuration, .. } => {
                if !self.in_step && self.asked_for_whole {
                    return;
                }
                if *start != self.mark {
                    self.ask_for_whole(out);
                    return;
                }
                match self.applied(patch, to) {
                    Ok(patch) => {
                        self.granted.add(request.clone());
                        self.in_step = true;
                        if !configuration && self.pending.get(request).is_some_and(|own| matches!(own.wish.change, CibChange::Status(_))) {
                            self.answered(request.clone(), Ok(None), out);
                        }
                        if *configuration {
                            self.wait_for_own(request, to);
                            self.store(self.is_awaited(origin), out);
                        }
                        let (client, origin) = (client.clone(), origin.clone());
                        let (patch, is_configuration) = (Some(patch), *configuration);
                        out.push(ReplicaCommand::Changed(Changed { patch, is_configuration, replaces_status: false, client, origin }));
                    }
                    Err(reason) => {
                        out.push(ReplicaCommand::Warn(format!("failed to apply change {}.{}: {reason}", to.epoch, to.num_updates)));
                        self.ask_for_whole(out);
                    }
                }
            }
            ReplicaMessage::Whole { term, mark, cib, granted } if *term == settled.term => {
                self.take_whole(now, from, mark, cib, granted, out)
            }
            _ => {}
        }
    }

    /// A wish of this node was ordered: everyone says what is durable, so that the answer needs no message of its own.
    ///
    /// Safety: it is counted here as the coordinator counts (`answer_durable`), from the same messages in the same order.
    fn wait_for_own(&mut self, request: &str, to: &CibMark) {
        if let Some(own) = self.pending.get(request) {
            let is_forced = matches!(&own.wish.change, CibChange::Edit(edit) if edit.force);
            let (request, origin, version) = (request.to_owned(), self.config.node.clone(), (to.admin_epoch, to.epoch));
            self.waiting.push(Waiting { request, origin, version, output: None, is_forced });
        }
    }

    fn applied(&mut self, text: &str, to: &CibMark) -> Result<Arc<Patch>, String> {
        let (cib, patch, digest) = self.config.copies.step(&self.mark, text, || {
            let element = parse(text.as_bytes(), &Limits::default()).map_err(|error| error.to_string())?;
            let patch = Patch::from_xml(&element).map_err(|error| error.to_string())?;
            let cib = apply(&patch, &self.cib, true).map_err(|error| error.to_string())?;
            let digest = next_digest(&self.mark, &patch, text);
            Ok((cib, patch, digest))
        })?;
        // Invariant: two copies of one mark are the same; a copy that came apart is replaced before anything is built on it.
        if digest != to.digest {
            return Err("the result has another digest than the coordinator's".to_owned());
        }
        self.cib = cib;
        self.mark = to.clone();
        Ok(patch)
    }

    pub(crate) fn ask_for_whole(&mut self, out: &mut Vec<ReplicaCommand>) {
        self.in_step = false;
        if !std::mem::replace(&mut self.asked_for_whole, true) {
            out.push(ReplicaCommand::Send(ReplicaMessage::NeedWhole));
        }
    }

    fn take_whole(&mut self, now: Now, from: NodeName, mark: &CibMark, text: &str, granted: &[String], out: &mut Vec<ReplicaCommand>) {
        let is_wanted = !self.in_step || (from != self.config.node && self.settlement.as_ref().is_some_and(|s| s.coordinator == from));
        if self.is_ordering() || !is_wanted {
            return;
        }
        let was = (self.mark.admin_epoch, self.mark.epoch, self.mark.lineage);
        let is_same = Self::is_same_copy(&self.mark, mark);
        if !is_same {
            let read = || parse(text.as_bytes(), &Limits::default()).map_err(|error| error.to_string()).and_then(|cib| check(cib, mark));
            let cib = match self.config.copies.whole(mark, text, read) {
                Ok(cib) => cib,
                Err(reason) => {
                    out.push(ReplicaCommand::Warn(format!("failed to take over the CIB of {from}: {reason}")));
                    return;
                }
            };
            self.cib = cib;
            self.forget_discarded();
            out.push(ReplicaCommand::Changed(Changed {
                patch: None,
                is_configuration: true,
                replaces_status: false,
                client: "join".to_owned(),
                origin: from,
            }));
        }
        for request in granted {
            self.granted.add(request.clone());
        }
        self.mark = mark.clone();
        // A copy that is the same and of another lineage is stored as well: writes wait until enough disks know the lineage.
        if was != (self.mark.admin_epoch, self.mark.epoch, self.mark.lineage) {
            self.store(true, out);
        }
        let has_missed = !std::mem::replace(&mut self.in_step, true) || !is_same;
        self.asked_for_whole = false;
        if has_missed && !self.is_coordinator() {
            // What this node waits for may have been granted in a step that it did not see.
            out.extend(self.pending.values().map(|pending| ReplicaCommand::Send(ReplicaMessage::Wish(pending.wish.clone()))));
        }
        if self.is_coordinator() {
            // It was lent this copy; others may have asked for it meanwhile, when there was nobody to answer.
            if self.settlement.as_ref().is_some_and(|settled| settled.newest.is_none()) {
                self.send_whole(out);
            }
            self.grant_early(now, out);
        }
    }

    /// Another copy takes the place of this one: what was granted in this one alone is granted no more.
    ///
    /// Safety: who sends such a wish again would be told that it is done, by the versions of a copy in which it is not. (Found by the simulator:
    /// seed 90406, half an hour: a coordinator that had stood still granted a wish before it learned that it was no coordinator any more,
    /// and was elected again.)
    fn forget_discarded(&mut self) {
        for request in std::mem::take(&mut self.unheard) {
            self.granted.remove(&request);
        }
        self.waiting.clear();
    }
}
