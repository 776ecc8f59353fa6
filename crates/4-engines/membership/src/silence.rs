//! Time in the engine: beats, silence, grace and the wait of the cluster's start.

use crate::membership::{Membership, MembershipCommand, Phase};
use crate::peer::{Peer, PeerState};
use messages::event::Fact;
use messages::peer::MembershipMessage;
use model::{NodeName, Now};
use std::collections::BTreeMap;
use std::time::Duration;

impl Membership {
    fn beat_interval(&self) -> Duration {
        self.config.silence / 5
    }

    /// A daemon that stood still (stopped, or its host without processor time) must not take its own standstill for the silence
    /// of others: it waits until a beat of its own has come round, behind everything it missed.
    pub(crate) fn notice_standstill(&mut self, now: Now, out: &mut Vec<MembershipCommand>) {
        let gap = now.monotonic.saturating_sub(self.last_handled);
        let was = std::mem::replace(&mut self.last_handled, now.monotonic);
        if was.is_zero() || gap <= self.config.silence / 2 || self.phase == Phase::Apart {
            return;
        }
        for peer in self.peers.values_mut() {
            peer.heard = now.monotonic;
        }
        self.send_beat(now, out);
        self.awaited_beat = Some(self.beat);
    }

    fn send_beat(&mut self, now: Now, out: &mut Vec<MembershipCommand>) {
        self.beat += 1;
        self.next_beat = now.monotonic + self.beat_interval();
        out.push(MembershipCommand::Send(MembershipMessage::Beat { number: self.beat }));
    }

    /// Beats with the others: a message costs the engine below many turns of its token, and several at once no more than one.
    pub(crate) fn beat_along(&mut self, now: Now, out: &mut Vec<MembershipCommand>) {
        if self.next_beat <= now.monotonic + self.beat_interval() / 2 {
            self.send_beat(now, out);
        }
    }

    /// Does what is due.
    pub(crate) fn on_time(&mut self, now: Now, out: &mut Vec<MembershipCommand>) {
        self.end_graces(now, out);
        if self.phase == Phase::Apart {
            return;
        }
        if now.monotonic >= self.next_beat {
            self.send_beat(now, out);
        }
        if self.awaited_beat.is_none() {
            self.accuse_silent(now, out);
            self.end_start_wait(now, out);
        }
    }

    fn end_graces(&mut self, now: Now, out: &mut Vec<MembershipCommand>) {
        if self.grace_ends.is_none_or(|at| now.monotonic < at) {
            return;
        }
        for (name, peer) in &mut self.peers {
            if let PeerState::Away { since } = peer.state
                && now.monotonic >= since + self.config.grace
            {
                peer.state = PeerState::DaemonLost;
                let seconds = self.config.grace.as_secs_f64();
                let cause = format!("its daemon did not come back within {seconds} s");
                out.push(MembershipCommand::Fact(Fact::DaemonLost { node: name.clone(), cause }));
            }
        }
        self.grace_ends = self.first_grace();
    }

    /// Returns when the first grace of all ends.
    pub(crate) fn first_grace(&self) -> Option<Duration> {
        let ends = |peer: &Peer| if let PeerState::Away { since } = peer.state { Some(since + self.config.grace) } else { None };
        self.peers.values().filter_map(ends).min()
    }

    fn accuse_silent(&mut self, now: Now, out: &mut Vec<MembershipCommand>) {
        let Some(view) = &self.view else { return };
        if now.monotonic < self.all_heard_until {
            return;
        }
        let is_judged =
            |(name, peer): &(&NodeName, &Peer)| matches!(peer.state, PeerState::Member | PeerState::Joining) && **name != self.config.node;
        let is_silent = |(_, peer): &(&NodeName, &Peer)| now.monotonic >= peer.heard + self.config.silence;
        let judged = || self.peers.iter().filter(is_judged);
        let silent: BTreeMap<NodeName, u64> = judged().filter(is_silent).map(|(name, peer)| (name.clone(), peer.beat)).collect();
        if silent.is_empty() {
            // Whoever comes meanwhile is heard at that time.
            self.all_heard_until = judged().map(|(_, peer)| peer.heard).min().unwrap_or(now.monotonic) + self.config.silence;
            return;
        }
        let message = MembershipMessage::Exclude { view: view.id, silent: silent.clone() };
        // Once is enough for now: if the accusation is lost with the view, the next view starts afresh.
        for name in silent.keys() {
            if let Some(peer) = self.peers.get_mut(name) {
                peer.heard = now.monotonic;
            }
        }
        out.push(MembershipCommand::Send(message));
    }

    /// Tells whether the quorum policy is to go on as if there were quorum.
    pub fn set_ignores_quorum(&mut self, ignores: bool) {
        self.ignores_quorum = ignores;
    }

    /// Begins the wait of the cluster's start, interrupts it or goes on with it, as there is quorum or none in a view.
    pub(crate) fn judge_start_wait(&mut self, now: Now, quorate: bool) {
        if self.waiting_since.is_none() || (quorate && !self.waited_quorate) {
            self.waited_quorate = quorate;
            self.waiting_since = Some(now.monotonic);
            self.waited_out = false;
        } else if quorate {
            self.waited_out = false;
        } else if self.waited_quorate && !self.ignores_quorum {
            // Safety: what runs here may be started elsewhere once this partition is given up: it does not wait for anybody to join. (Found
            // by the simulator: seed 6876, half an hour.)
            self.waited_out = true;
        }
    }

    /// Ends the wait of the cluster's start: early only when every configured node takes part.
    fn end_start_wait(&mut self, now: Now, out: &mut Vec<MembershipCommand>) {
        if self.established || !self.is_coordinator() {
            return;
        }
        let (Some(view), Some(since)) = (&self.view, self.waiting_since) else { return };
        let is_member = |name: &NodeName| self.peers.get(name).is_some_and(|peer| peer.is_member());
        let all_here = !view.configured.is_empty() && view.configured.keys().all(is_member);
        let is_over = all_here || now.monotonic >= since + self.config.dc_deadtime;
        if is_over && view.quorate {
            self.established = true;
            out.push(MembershipCommand::Send(MembershipMessage::Established));
        }
        self.waited_out |= is_over;
    }

    /// Returns when the engine next has something to do.
    pub(crate) fn next_wake(&self) -> Option<Duration> {
        let is_apart = self.phase == Phase::Apart;
        let beat = (!is_apart).then_some(self.next_beat);
        let waits = !is_apart && !self.is_start_over() && self.is_coordinator();
        let start = self.waiting_since.filter(|_| waits).map(|since| since + self.config.dc_deadtime);
        self.grace_ends.into_iter().chain(beat).chain(start).min()
    }
}
