//! The coordinator's part: wishes become patches, and are answered when they are durable where they must be.

use crate::change::{Outcome, carry_out};
use crate::replica::{Changed, Replica, ReplicaCommand, Settlement, Waiting};
use cib::patch::diff;
use messages::client::ClientError;
use messages::peer::{CibChange, CibMark, CibWish, ReplicaMessage};
use model::{NodeName, Now};
use std::sync::Arc;
use std::time::Duration;
use xml::Element;

/// How many of the granted wishes go with a whole CIB.
const GRANTED_SENT: usize = 128;
/// How often at most a change carries the digest of the whole document, which each member makes of its own copy and compares.
const DIGEST_EVERY: Duration = Duration::from_secs(1);
/// How many wishes may wait for the coordinator's own copy.
const EARLY_MAX: usize = 4096;

impl Replica {
    /// Carries out a wish, or says why not.
    pub(crate) fn grant(&mut self, now: Now, wish: CibWish, out: &mut Vec<ReplicaCommand>) {
        if !self.in_step {
            if self.early.len() < EARLY_MAX {
                self.early.push_back(wish);
            }
            return;
        }
        if self.granted.contains(&wish.request) {
            self.wait_or_answer(wish, None, true, out);
            return;
        }
        let is_quorate = self.settlement.as_ref().is_some_and(|settled| settled.is_quorate);
        let is_early = is_quorate && !self.is_lineage_held();
        match carry_out(&self.cib, &wish, is_quorate, now) {
            Err(error) => self.answer(wish.request, wish.origin, Err(error), out),
            Ok(Outcome { cib: None, output, .. }) => self.answer(wish.request, wish.origin, Ok(output), out),
            Ok(Outcome { is_configuration: true, .. }) if is_early && self.early.len() < EARLY_MAX => self.early.push_back(wish),
            Ok(Outcome { cib: Some(cib), output, is_configuration }) => self.order(now, wish, cib, output, is_configuration, out),
        }
    }

    /// Takes the changed CIB and sends everyone the way to it.
    fn order(
        &mut self,
        now: Now,
        wish: CibWish,
        cib: Element,
        output: Option<String>,
        is_configuration: bool,
        out: &mut Vec<ReplicaCommand>,
    ) {
        let mut patch = diff(&self.cib, &cib);
        let from = self.mark.clone();
        let is_digested = is_configuration && self.digest_due <= now.monotonic;
        if is_digested {
            self.digest_due = now.monotonic + DIGEST_EVERY;
        }
        let (text, to) = crate::change::next_mark(&from, &cib, &mut patch, is_digested);
        let is_replacement = matches!(&wish.change, CibChange::Edit(edit) if matches!(edit.operation.as_str(), "replace" | "erase"));
        let replaces_status = is_replacement && self.cib.child("status") != cib.child("status");
        let (cib, patch) = (Arc::new(cib), Arc::new(patch));
        self.config.copies.ordered(&from, &text, &cib, &patch, &to);
        out.push(ReplicaCommand::Send(ReplicaMessage::Apply {
            term: self.term(),
            from,
            to: to.clone(),
            patch: text,
            request: wish.request.clone(),
            origin: wish.origin.clone(),
            client: wish.client.clone(),
            configuration: is_configuration,
        }));
        self.cib = cib;
        self.mark = to;
        self.granted.add(wish.request.clone());
        self.unheard.insert(wish.request.clone());
        if is_configuration {
            self.store(self.is_awaited(&wish.origin), out);
        }
        out.push(ReplicaCommand::Changed(Changed {
            patch: Some(patch),
            is_configuration,
            replaces_status,
            client: wish.client.clone(),
            origin: wish.origin.clone(),
        }));
        // The origin sees it applied and counts the disks itself: it needs no word of its own but for a client's change of the status.
        let is_seen = is_configuration || matches!(wish.change, CibChange::Status(_));
        if !is_seen || wish.origin == self.config.node {
            self.wait_or_answer(wish, output, is_configuration, out);
        }
    }

    fn wait_or_answer(&mut self, wish: CibWish, output: Option<String>, must_be_durable: bool, out: &mut Vec<ReplicaCommand>) {
        let is_forced = matches!(&wish.change, CibChange::Edit(edit) if edit.force);
        let CibWish { request, origin, .. } = wish;
        if !must_be_durable {
            self.answer(request, origin, Ok(output), out);
            return;
        }
        let version = (self.mark.admin_epoch, self.mark.epoch);
        self.waiting.push(Waiting { request, origin, version, output, is_forced });
        self.answer_durable(out);
    }

    fn answer(&mut self, request: String, origin: NodeName, result: Result<Option<String>, ClientError>, out: &mut Vec<ReplicaCommand>) {
        if origin == self.config.node {
            self.answered(request, result, out);
        } else {
            out.push(ReplicaCommand::Send(ReplicaMessage::Answer { term: self.term(), request, origin, result }));
        }
    }

    /// Answers what is durable on enough disks by now.
    ///
    /// Safety: enough is a majority of the configured nodes, so that any later majority has one of them; or every member,
    /// where the present view has fewer than that (then the engine's own rules gave it quorum, or the write was forced).
    pub(crate) fn answer_durable(&mut self, out: &mut Vec<ReplicaCommand>) {
        let Some(settled) = &self.settlement else { return };
        if self.waiting.is_empty() {
            return;
        }
        let enough = |waiting: &Waiting| if waiting.is_forced { settled.members.len() } else { enough(settled) };
        let holders = |version: (u64, u64)| self.holders((self.mark.lineage, version.0, version.1));
        let (done, waiting): (Vec<Waiting>, Vec<Waiting>) =
            self.waiting.iter().cloned().partition(|waiting| holders(waiting.version) >= enough(waiting));
        self.waiting = waiting;
        for Waiting { request, origin, output, .. } in done {
            self.answer(request, origin, Ok(output), out);
        }
    }

    /// Returns whether a write of this node waits to hear of the disk here: who asked knows its own, and so many of the others as make up
    /// the rest are to speak at once, the coordinator first, who knew of the write first. What the others say later counts as well.
    pub(crate) fn is_awaited(&self, origin: &NodeName) -> bool {
        let Some(settled) = &self.settlement else { return false };
        let own = &self.config.node;
        if own == origin {
            return false;
        }
        let is_before = |other: &&NodeName| {
            *other != origin && *other != own && (**other == settled.coordinator || (*own != settled.coordinator && *other < own))
        };
        // Forced writes without quorum wait for everyone.
        !settled.is_quorate || settled.members.iter().filter(is_before).count() + 1 < enough(settled)
    }

    /// Returns how many members have this on disk: the lineage, and in it at least this version.
    fn holders(&self, (lineage, admin_epoch, epoch): (u64, u64, u64)) -> usize {
        let Some(settled) = &self.settlement else { return 0 };
        let holds = |node: &&NodeName| {
            self.durable.get(*node).is_some_and(|durable| durable.0 >= lineage && (durable.1, durable.2) >= (admin_epoch, epoch))
        };
        settled.members.iter().filter(holds).count()
    }

    /// Returns whether enough disks know the lineage that writes belong to now.
    fn is_lineage_held(&self) -> bool {
        let Some(settled) = &self.settlement else { return false };
        settled.is_complete && self.mark.lineage == settled.term && self.holders((self.mark.lineage, 0, 0)) >= enough(settled)
    }

    /// A disk is further than before: what waited for it goes on.
    pub(crate) fn durable_grew(&mut self, now: Now, out: &mut Vec<ReplicaCommand>) {
        self.answer_durable(out);
        if self.is_ordering() && !self.early.is_empty() && self.is_lineage_held() {
            self.grant_early(now, out);
        }
    }

    /// Sends everyone this node's copy.
    pub(crate) fn send_whole(&mut self, out: &mut Vec<ReplicaCommand>) {
        out.push(ReplicaCommand::Send(ReplicaMessage::Whole {
            term: self.term(),
            mark: self.mark.clone(),
            cib: self.cib.to_compact(),
            granted: self.granted.latest(GRANTED_SENT),
        }));
    }

    /// The coordinator's own copy is in step now: what waited for it goes on.
    pub(crate) fn grant_early(&mut self, now: Now, out: &mut Vec<ReplicaCommand>) {
        // What still comes too early queues up again.
        for wish in std::mem::take(&mut self.early) {
            self.grant(now, wish, out);
        }
    }

    /// Returns whether the marks name the same copy, whoever noted its lineage.
    pub(crate) fn is_same_copy(a: &CibMark, b: &CibMark) -> bool {
        (a.admin_epoch, a.epoch, a.num_updates, &a.digest) == (b.admin_epoch, b.epoch, b.num_updates, &b.digest)
    }
}

/// Returns how many disks must have a write.
///
/// Safety: a view smaller than the majority will do only when it has quorum. Quorum that was lost while a write waited for disks
/// leaves its outcome open until there is quorum again.
fn enough(settled: &Settlement) -> usize {
    let majority = settled.configured / 2 + 1;
    if settled.is_quorate && settled.is_complete { majority.min(settled.members.len()) } else { majority }
}
