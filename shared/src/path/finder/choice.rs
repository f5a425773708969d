//! Which pair both sides use: the sender nominates, the receiver follows (RFC 8445, section 8.1.1).
//!
//! A pair at which the other side was only heard may be chosen, which saves half a round trip; but until
//! it is proved both ways either side goes on looking, and a pair that is proved takes its place. So
//! somebody who repeats probes that were lost, from an address of his own, holds up nobody for long.

use std::time::{Duration, Instant};

use rand_core::{CryptoRng, RngCore};

use super::{PathFinder, Stage};
use crate::Role;
use crate::limits::{
    CHECK_INTERVAL_FIRST, CHECK_INTERVAL_LAST, MAX_CHECKS_PER_ADDRESS, MAX_NOMINATIONS,
    MAX_PEER_REFLEXIVE, NOMINATION_GRACE, NOMINATIONS_IN_VAIN,
};
use crate::path::candidate::PathKind;
use crate::path::checklist::check_interval;
use crate::path::found::{FoundPath, PathEvent};
use crate::path::probe::ProbeKind;
use crate::path::prober::Pair;

/// A pair that the sender has chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nomination {
    pub(super) sequence: u64,
    pub(super) pair: Pair,
    pub(super) kind: PathKind,
    /// How long an answer of the pair's took; it works both ways.
    pub(super) rtt: Option<Duration>,
    /// Checks that were sent because it was nominated.
    checks_sent: usize,
    next_check_at: Instant,
}

impl Nomination {
    pub(super) const fn new(now: Instant, sequence: u64, pair: Pair, kind: PathKind) -> Self {
        Self {
            sequence,
            pair,
            kind,
            rtt: None,
            checks_sent: 0,
            next_check_at: now,
        }
    }
}

impl PathFinder {
    pub(super) fn on_nomination(
        &mut self,
        now: Instant,
        nomination: Nomination,
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        if self.config.role != Role::Receiver {
            return;
        }
        self.heard_at.get_or_insert(now);
        let Nomination { pair, sequence, .. } = nomination;
        let rtt = self
            .checklist
            .find(pair)
            .and_then(|index| self.checklist.at(index).rtt);
        let mut known = self.nominations.iter_mut();
        if let Some(known) = known.find(|known| known.pair == pair) {
            known.sequence = known.sequence.max(sequence);
            known.next_check_at = now;
        } else {
            self.make_room_for(sequence);
            if self.nominations.len() < MAX_PEER_REFLEXIVE {
                self.nominations.push(Nomination { rtt, ..nomination });
            }
        }
        self.check_nominee(now, rng);
        self.follow();
    }

    /// Forgets the oldest nomination that is not proved, for a newer one.
    fn make_room_for(&mut self, sequence: u64) {
        if self.nominations.len() < MAX_PEER_REFLEXIVE {
            return;
        }
        let known = self.nominations.iter().enumerate();
        let oldest = known
            .filter(|(_, known)| known.rtt.is_none() && known.sequence < sequence)
            .min_by_key(|(_, known)| known.sequence);
        if let Some((index, _)) = oldest {
            self.nominations.swap_remove(index);
        }
    }

    /// The newest nomination, while it is to be proved: older ones are what the sender has given up.
    fn nominee(&self) -> Option<usize> {
        let known = self.nominations.iter().enumerate();
        let (index, newest) = known.max_by_key(|(_, known)| known.sequence)?;
        let wanting = newest.rtt.is_none() && newest.checks_sent < MAX_CHECKS_PER_ADDRESS;
        (wanting && self.budget.has_check()).then_some(index)
    }

    /// When the newest nomination's pair is to be checked. It may be lost, and the sender, which was
    /// answered, says it no more.
    pub(super) fn nominee_check_due(&self) -> Option<Instant> {
        Some(self.nominations[self.nominee()?].next_check_at)
    }

    pub(super) fn check_nominee(&mut self, now: Instant, rng: &mut (impl RngCore + CryptoRng)) {
        let Some(index) = self.nominee() else {
            return;
        };
        let nominee = &mut self.nominations[index];
        if now < nominee.next_check_at {
            return;
        }
        nominee.next_check_at = now + check_interval(nominee.checks_sent);
        nominee.checks_sent += 1;
        let (pair, kind) = (nominee.pair, nominee.kind);
        if self.budget.take_check() {
            self.prober.send(now, pair, ProbeKind::Check(kind), rng);
        }
    }

    /// An answer proves a pair that was nominated.
    pub(super) fn on_nominee_answer(&mut self, pair: Pair, rtt: Duration) {
        let mut known = self.nominations.iter_mut();
        if let Some(known) = known.find(|known| known.pair == pair) {
            known.rtt.get_or_insert(rtt);
            self.follow();
        }
    }

    /// The pair that this side has nominated, if it is about to.
    pub(super) const fn chosen(&self) -> Option<usize> {
        match self.stage {
            Stage::Nominating { remote, .. } => Some(remote),
            Stage::Searching | Stage::Settled | Stage::Failed => None,
        }
    }

    /// Uses the newest nomination whose pair is proved both ways, or else the newest: whoever repeats a
    /// nomination that was lost, from elsewhere, can show no pair that works.
    pub(super) fn follow(&mut self) {
        let known = self.nominations.iter();
        let Some(&Nomination {
            pair, kind, rtt, ..
        }) = known.max_by_key(|known| (known.rtt.is_some(), known.sequence))
        else {
            return;
        };
        // Until the pair is proved, others are looked at as well.
        if rtt.is_some() {
            self.stage = Stage::Settled;
        }
        // A repetition says nothing new.
        if self.followed.replace(pair) != Some(pair) {
            self.events.push_back(PathEvent::Found(FoundPath {
                socket: pair.socket,
                remote: pair.remote,
                kind,
                rtt,
            }));
        }
    }

    /// When the sender stops waiting for a better kind than the best that works.
    pub(super) fn nomination_due(&self) -> Option<Instant> {
        if self.config.role != Role::Sender {
            return None;
        }
        let best = self.checklist.at(self.checklist.best()?);
        let heard_at = self.heard_at?;
        Some(if self.checklist.may_improve_on(best.kind()) {
            heard_at + NOMINATION_GRACE
        } else {
            heard_at
        })
    }

    pub(super) fn nominate_when_due(&mut self, now: Instant, rng: &mut (impl RngCore + CryptoRng)) {
        let Some(best) = self.checklist.best() else {
            return;
        };
        if self.nomination_due().is_some_and(|due| now >= due) {
            self.nominate(now, best, rng);
        }
    }

    pub(super) fn nominate(
        &mut self,
        now: Instant,
        best: usize,
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        let target = self.checklist.at(best);
        self.events.push_back(PathEvent::Found(FoundPath {
            socket: target.pair.socket,
            remote: target.pair.remote,
            kind: target.kind(),
            rtt: target.rtt,
        }));
        self.send_nomination(now, best, 0, rng);
    }

    /// Chooses a pair that is proved in place of one that was only heard, if that one is not better or
    /// was nominated a few times in vain.
    pub(super) fn reconsider(
        &mut self,
        now: Instant,
        remote: usize,
        sent: usize,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> bool {
        let chosen = self.checklist.at(remote);
        let Some(proved) = self.checklist.best_proved() else {
            return false;
        };
        let better =
            self.checklist.at(proved).kind() <= chosen.kind() || sent >= NOMINATIONS_IN_VAIN;
        if chosen.rtt.is_some() || !better {
            return false;
        }
        self.nominate(now, proved, rng);
        true
    }

    pub(super) fn is_unproved(&self) -> bool {
        match self.stage {
            Stage::Nominating { remote, .. } => self.checklist.at(remote).rtt.is_none(),
            Stage::Searching | Stage::Settled | Stage::Failed => false,
        }
    }

    pub(super) fn send_nomination(
        &mut self,
        now: Instant,
        remote: usize,
        sent: usize,
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        let target = self.checklist.at(remote);
        let unproved = target.rtt.is_none();
        if sent >= MAX_NOMINATIONS || (unproved && !self.budget.take_check()) {
            // It came through to us, and nothing of ours does.
            self.checklist.refuse(now, remote);
            self.stage = Stage::Searching;
            return;
        }
        let (pair, kind, rtt) = (target.pair, target.kind(), target.rtt);
        self.prober
            .send(now, pair, ProbeKind::Nomination(kind), rng);
        let pause = rtt.map_or_else(
            || check_interval(sent),
            |rtt| (rtt * 3 / 2).clamp(CHECK_INTERVAL_FIRST, CHECK_INTERVAL_LAST),
        );
        self.stage = Stage::Nominating {
            remote,
            sent: sent + 1,
            next_at: now + pause,
        };
    }
}
