//! Keeping a path: when to send something over it, and when it is lost.
//!
//! A NAT drops a mapping that nothing uses (RFC 4787, section 4.3: two minutes by the book, five seconds
//! in the field), may take another for no reason at all, and tells nobody. So silence where an answer is
//! due is looked into at once, with probes that cost nothing, and only their silence counts.

use std::time::{Duration, Instant};

use super::found::Traffic;
use super::probe::ProbeKind;
use super::prober::Pair;
use crate::limits::{
    ASSUMED_ROUND_TRIP, DISTRESS_INTERVAL_FIRST, DISTRESS_INTERVAL_LAST, KEEP_ALIVE_LONGEST,
    KEEP_ALIVE_SHORTEST, LOST_AFTER, LOST_AFTER_PROBES, LOST_AFTER_ROUND_TRIPS, MAX_PROOFS,
    SUSPECT_AFTER, SUSPECT_AFTER_ROUND_TRIPS, UPKEEP_TICK, UPKEEP_TICK_IDLE,
};

/// What is to be done for a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    KeepAlive,
    Lost,
}

/// What is heard of the peer on a path that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Heard,
    NotHeard,
}

impl Peer {
    /// The probe that tries whether a lost path carries again. Only a side that hears nothing sends distress
    /// probes: one makes the other side give up its path, so that two that both sent them would take the
    /// path from each other for ever.
    pub(super) const fn probe(self) -> ProbeKind {
        match self {
            Self::Heard => ProbeKind::KeepAlive,
            Self::NotHeard => ProbeKind::Distress,
        }
    }
}

/// What is known of the path in use: when it last carried anything, and what is overdue.
#[derive(Debug)]
pub(super) struct Upkeep {
    heard_at: Instant,
    sent_at: Instant,
    rtt: Duration,
    /// When a probe on the path was last answered, which shows that it carries both ways.
    answered_at: Option<Instant>,
    /// Since when an answer has been due.
    awaiting_since: Option<Instant>,
    suspicion: Option<Suspicion>,
    proof: Proof,
    /// How long the path had been silent when something was sent that may still be unanswered.
    silence_before: Duration,
    /// Longest time in which nothing is sent.
    keep_alive: Duration,
    next_tick_at: Instant,
    /// Where else the peer was heard, and by which of its probes.
    elsewhere: Option<Pair>,
    newest_sequence: Option<u64>,
    /// Since when the path has been proved to lead to the peer.
    proved_since: Option<Instant>,
}

/// A suspicion that the path is lost, since an answer is overdue: it is probed until it answers or counts as
/// lost.
#[derive(Debug, Clone, Copy)]
struct Suspicion {
    since: Instant,
    sent: u32,
    next_at: Instant,
}

/// The regular question whether the path still carries, asked however much is heard. What the link hears may
/// be anybody's: whoever repeats what the peer once sent, from the peer's address, could otherwise make a path
/// seem alive for ever.
#[derive(Debug, Clone, Copy)]
struct Proof {
    asked: u32,
    next_at: Instant,
}

impl Proof {
    fn new(now: Instant) -> Self {
        Self {
            asked: 0,
            next_at: now + KEEP_ALIVE_LONGEST,
        }
    }
}

impl Upkeep {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            heard_at: now,
            sent_at: now,
            rtt: ASSUMED_ROUND_TRIP,
            answered_at: None,
            awaiting_since: None,
            suspicion: None,
            proof: Proof::new(now),
            silence_before: Duration::ZERO,
            keep_alive: KEEP_ALIVE_LONGEST,
            next_tick_at: now,
            elsewhere: None,
            newest_sequence: None,
            proved_since: None,
        }
    }

    /// A path begins, or another takes its place.
    pub(super) fn on_path(&mut self, now: Instant, rtt: Option<Duration>) {
        *self = Self {
            rtt: rtt.unwrap_or(self.rtt),
            keep_alive: self.keep_alive,
            proved_since: rtt.map(|_| now),
            ..Self::new(now)
        };
    }

    pub(super) fn on_traffic(&mut self, now: Instant, traffic: Traffic) {
        if let Some(sent) = traffic.sent {
            self.note_sent(sent);
        }
        if let Some(heard) = traffic.heard.filter(|heard| *heard > self.heard_at) {
            self.on_heard(heard.min(now));
        }
    }

    pub(super) fn on_heard(&mut self, now: Instant) {
        self.heard_at = self.heard_at.max(now);
        self.awaiting_since = None;
        self.suspicion = None;
    }

    pub(super) fn on_sent(&mut self, now: Instant) {
        self.note_sent(now);
    }

    /// A probe on the path in use was answered.
    pub(super) fn on_answer(&mut self, now: Instant, rtt: Duration) {
        self.rtt = rtt;
        self.answered_at = Some(now);
        self.proved_since.get_or_insert(now);
        self.proof = Proof::new(now);
        self.on_heard(now);
    }

    /// Whether the path was shown to carry so lately that a distress probe which comes now may have been sent
    /// before the peer heard us.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        self.answered_at
            .is_some_and(|at| now.saturating_duration_since(at) < self.rtt)
    }

    /// Takes note that a keep-alive of the peer came from another address than the path's: its NAT may have
    /// taken another mapping. Returns whether that address is to be probed: not for a keep-alive that is older
    /// than the newest.
    pub(super) fn on_heard_elsewhere(&mut self, pair: Pair, sequence: u64) -> bool {
        if self
            .newest_sequence
            .is_some_and(|newest| sequence <= newest)
        {
            return false;
        }
        self.newest_sequence = Some(sequence);
        self.elsewhere = Some(pair);
        true
    }

    /// Whether the answer from `pair` shows that the peer has moved there.
    pub(super) fn moves_to(&mut self, pair: Pair) -> bool {
        let moved = self.elsewhere.take_if(|elsewhere| *elsewhere == pair);
        if moved.is_some() {
            self.keep_busier();
        }
        moved.is_some()
    }

    /// The path is lost; gives how long it had carried since it was first proved.
    pub(super) fn on_lost(&mut self, now: Instant) -> Duration {
        self.keep_busier();
        self.suspicion = None;
        self.awaiting_since = None;
        let proved_since = self.proved_since.take();
        proved_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Shortens the keep-alive, since a mapping did not survive: to half of the silence after which that was
    /// found out.
    fn keep_busier(&mut self) {
        if self.silence_before >= KEEP_ALIVE_SHORTEST {
            let shorter = (self.silence_before / 2).max(KEEP_ALIVE_SHORTEST);
            self.keep_alive = self.keep_alive.min(shorter);
        }
    }

    /// Time to the next probe of a path that was lost at `since`.
    pub(super) fn probe_pause(&self, now: Instant, since: Instant) -> Duration {
        let lasting = now.saturating_duration_since(since);
        lasting.clamp(DISTRESS_INTERVAL_FIRST, DISTRESS_INTERVAL_LAST)
    }

    /// When [`due`](Self::due) has something to say, at the earliest.
    pub(super) fn due_at(&self) -> Instant {
        let suspicion = self.suspicion.map(|suspicion| suspicion.next_at);
        let keep_alive = self.sent_at + self.keep_alive;
        let due = suspicion.unwrap_or_else(|| keep_alive.min(self.next_tick_at));
        due.min(self.proof.next_at)
    }

    /// What is to be done now.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        if now >= self.proof.next_at {
            if self.proof.asked >= MAX_PROOFS {
                return Due::Lost;
            }
            self.proof.asked += 1;
            self.proof.next_at = now + KEEP_ALIVE_SHORTEST;
            return Due::KeepAlive;
        }
        if let Some(suspicion) = &mut self.suspicion {
            if now < suspicion.next_at {
                return Due::Nothing;
            }
            let overdue = now.saturating_duration_since(suspicion.since);
            if overdue >= LOST_AFTER.max(self.rtt * LOST_AFTER_ROUND_TRIPS)
                && suspicion.sent >= LOST_AFTER_PROBES
            {
                return Due::Lost;
            }
            suspicion.sent += 1;
            suspicion.next_at = now + (LOST_AFTER / LOST_AFTER_PROBES).max(self.rtt);
            return Due::KeepAlive;
        }
        if now >= self.next_tick_at {
            self.notice_overdue(now);
            if self.suspicion.is_some() {
                return self.due(now);
            }
        }
        if now >= self.sent_at + self.keep_alive {
            return Due::KeepAlive;
        }
        Due::Nothing
    }

    /// Notices whether an answer is due, and begins to suspect the path where it is overdue.
    fn notice_overdue(&mut self, now: Instant) {
        let busy = now.saturating_duration_since(self.sent_at) < UPKEEP_TICK_IDLE * 2;
        self.next_tick_at = now + if busy { UPKEEP_TICK } else { UPKEEP_TICK_IDLE };
        if self.sent_at <= self.heard_at {
            self.awaiting_since = None;
            return;
        }
        let since = *self.awaiting_since.get_or_insert(now);
        if now.saturating_duration_since(since)
            >= SUSPECT_AFTER.max(self.rtt * SUSPECT_AFTER_ROUND_TRIPS)
        {
            self.suspicion = Some(Suspicion {
                since: now,
                sent: 0,
                next_at: now,
            });
        }
    }

    fn note_sent(&mut self, at: Instant) {
        if at <= self.sent_at {
            return;
        }
        if self.sent_at <= self.heard_at {
            self.silence_before = at.saturating_duration_since(self.heard_at);
        }
        self.sent_at = at;
        self.next_tick_at = self.next_tick_at.min(at + UPKEEP_TICK);
    }
}
