//! Which of the peer's addresses works: probes all of them, agrees on one.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_core::{CryptoRng, RngCore};

use super::candidate::{Candidate, PathKind};
use super::probe::{Probe, ProbeCipher, ProbeKind};
use super::remote::Remote;
use super::replay::ReplayWindow;
use crate::Role;
use crate::limits::{
    CHECK_INTERVAL_FIRST, CHECK_INTERVAL_LAST, CHECK_PACE, MAX_CANDIDATES, MAX_CHECKS,
    MAX_NOMINATIONS, MAX_PEER_REFLEXIVE, NOMINATION_GRACE, PATH_DEADLINE,
};

/// The two keys that probes are sealed under.
#[derive(Debug)]
pub struct PathKeys<'a> {
    /// What the sender of the files seals with.
    pub sender: &'a [u8; 32],
    /// What the receiver seals with.
    pub receiver: &'a [u8; 32],
}

/// A datagram to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTransmit {
    /// Where to.
    pub to: SocketAddr,
    /// What.
    pub bytes: Vec<u8>,
}

/// A pair of addresses that works both ways and that both sides have agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundPath {
    /// The peer's address.
    pub remote: SocketAddr,
    /// How it was found.
    pub kind: PathKind,
    /// Round-trip time of the first answered check, if one of ours was answered.
    pub rtt: Option<Duration>,
}

/// What the search came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathEvent {
    /// The first check went to an address of this kind.
    Trying(PathKind),
    /// A check of this kind was answered.
    Works(PathKind, Duration),
    /// The path to use. Comes once; the machine goes on answering the peer.
    Found(FoundPath),
    /// No path was found within [`PATH_DEADLINE`]. Comes once.
    Failed,
}

/// Finds a path to one peer.
///
/// After any call, drain [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event),
/// then read [`poll_timeout`](Self::poll_timeout). At most [`MAX_CHECKS`] checks are ever sent, to
/// at most [`MAX_CANDIDATES`] + [`MAX_PEER_REFLEXIVE`] addresses, whatever the peer says.
#[derive(Debug)]
pub struct PathFinder {
    role: Role,
    cipher: ProbeCipher,
    replay: ReplayWindow,
    remotes: Vec<Remote>,
    outstanding: VecDeque<Check>,
    next_sequence: u64,
    checks_sent: usize,
    next_check_at: Instant,
    deadline: Instant,
    first_answer_at: Option<Instant>,
    stage: Stage,
    events: VecDeque<PathEvent>,
    transmits: VecDeque<PathTransmit>,
}

/// A check that may still be answered.
#[derive(Debug)]
struct Check {
    sequence: u64,
    remote: usize,
    sent_at: Instant,
    nominates: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Searching,
    /// The sender has chosen and repeats itself until the receiver is heard to know.
    Nominating {
        remote: usize,
        left: usize,
        next_at: Instant,
    },
    Settled,
    Failed,
}

impl PathFinder {
    /// Begins to look for a path to a peer with these candidates. Candidates that no packet may go
    /// to are left out, loopback ones unless `same_machine`; of the others the first
    /// [`MAX_CANDIDATES`] are used.
    #[must_use]
    pub fn new(
        role: Role,
        keys: &PathKeys<'_>,
        candidates: &[Candidate],
        same_machine: bool,
        now: Instant,
    ) -> Self {
        let cipher = match role {
            Role::Sender => ProbeCipher::new(keys.sender, keys.receiver),
            Role::Receiver => ProbeCipher::new(keys.receiver, keys.sender),
        };
        let mut remotes: Vec<Remote> = Vec::new();
        let usable = candidates
            .iter()
            .filter(|candidate| candidate.usable(same_machine));
        for candidate in usable.take(MAX_CANDIDATES) {
            let address = canonical(candidate.address);
            if remotes.iter().all(|remote| remote.address != address) {
                let kind = PathKind::of(address, Some(candidate.kind));
                remotes.push(Remote::new(address, kind, now));
            }
        }
        remotes.sort_by_key(|remote| remote.kind);
        Self {
            role,
            cipher,
            replay: ReplayWindow::default(),
            remotes,
            outstanding: VecDeque::new(),
            next_sequence: 0,
            checks_sent: 0,
            next_check_at: now,
            deadline: now + PATH_DEADLINE,
            first_answer_at: None,
            stage: Stage::Searching,
            events: VecDeque::new(),
            transmits: VecDeque::new(),
        }
    }

    /// Takes in a datagram. `false` if it is not a probe of this peer's: nothing has changed then.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
    ) -> bool {
        let Some(probe) = self.cipher.open(bytes) else {
            return false;
        };
        let from = canonical(from);
        match probe.kind {
            ProbeKind::Answer { .. } => self.on_answer(now, from, probe.sequence, rng),
            ProbeKind::Check | ProbeKind::Nomination => {
                if self.replay.admit(probe.sequence) {
                    self.on_check(now, from, probe, rng);
                }
            }
        }
        true
    }

    /// Does what has become due. Calling it early or twice does nothing.
    pub fn handle_timeout(&mut self, now: Instant, rng: &mut (impl RngCore + CryptoRng)) {
        match self.stage {
            Stage::Searching => {
                if now >= self.deadline {
                    self.stage = Stage::Failed;
                    self.events.push_back(PathEvent::Failed);
                    return;
                }
                self.nominate_when_due(now, rng);
                if self.stage == Stage::Searching {
                    self.check_when_due(now, rng);
                }
            }
            Stage::Nominating {
                remote,
                left,
                next_at,
            } => {
                if now >= next_at {
                    self.send_nomination(now, remote, left, rng);
                }
            }
            Stage::Settled | Stage::Failed => {}
        }
    }

    /// The receiver was heard on the nominated path by other means: the nomination need not be
    /// repeated.
    pub fn confirm(&mut self) {
        if matches!(self.stage, Stage::Nominating { .. }) {
            self.stage = Stage::Settled;
        }
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<PathTransmit> {
        self.transmits.pop_front()
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<PathEvent> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.stage {
            Stage::Searching => {
                let mut due = self.deadline;
                if let Some(at) = self.next_check_due() {
                    due = due.min(at);
                }
                if let Some(at) = self.nomination_due() {
                    due = due.min(at);
                }
                Some(due)
            }
            Stage::Nominating { next_at, .. } => Some(next_at),
            Stage::Settled | Stage::Failed => None,
        }
    }

    fn on_check(
        &mut self,
        now: Instant,
        from: SocketAddr,
        probe: Probe,
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        let answer = Probe {
            kind: ProbeKind::Answer { seen: from },
            sequence: probe.sequence,
        };
        self.transmits.push_back(PathTransmit {
            to: from,
            bytes: self.cipher.seal(answer, rng),
        });
        if self.stage == Stage::Searching {
            let remote = self.learn(now, from);
            // RFC 8445, section 7.3.1.4, the triggered check: it came through, so ours may as well.
            if let Some(remote) = remote
                && self.remotes[remote].rtt.is_none()
            {
                self.remotes[remote].next_at = now;
                self.next_check_at = now;
                self.check_when_due(now, rng);
            }
        }
        if probe.kind == ProbeKind::Nomination && self.role == Role::Receiver {
            self.on_nomination(from);
        }
    }

    /// The remote that `from` is, a new one (peer-reflexive, RFC 8445 section 7.3.1.3) if there is
    /// room for it.
    fn learn(&mut self, now: Instant, from: SocketAddr) -> Option<usize> {
        if let Some(known) = self
            .remotes
            .iter()
            .position(|remote| remote.address == from)
        {
            return Some(known);
        }
        if self.remotes.len() >= MAX_CANDIDATES + MAX_PEER_REFLEXIVE {
            return None;
        }
        self.remotes
            .push(Remote::new(from, PathKind::of(from, None), now));
        Some(self.remotes.len() - 1)
    }

    fn on_nomination(&mut self, from: SocketAddr) {
        if !matches!(self.stage, Stage::Searching) {
            return;
        }
        let known = self.remotes.iter().find(|remote| remote.address == from);
        self.stage = Stage::Settled;
        self.events.push_back(PathEvent::Found(FoundPath {
            remote: from,
            kind: known.map_or_else(|| PathKind::of(from, None), |remote| remote.kind),
            rtt: known.and_then(|remote| remote.rtt),
        }));
    }

    fn on_answer(
        &mut self,
        now: Instant,
        from: SocketAddr,
        sequence: u64,
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        let Some(found) = self
            .outstanding
            .iter()
            .position(|check| check.sequence == sequence)
        else {
            return;
        };
        // An answer proves a pair only if it comes from where the check went (RFC 8445, 7.2.5.2.1).
        let remote = self.outstanding[found].remote;
        if self.remotes[remote].address != from {
            return;
        }
        let Some(check) = self.outstanding.remove(found) else {
            return;
        };
        match self.stage {
            Stage::Searching => {
                let rtt = now.saturating_duration_since(check.sent_at);
                let target = &mut self.remotes[remote];
                if target.rtt.is_none() {
                    target.rtt = Some(rtt);
                    self.events.push_back(PathEvent::Works(target.kind, rtt));
                }
                self.first_answer_at.get_or_insert(now);
                self.nominate_when_due(now, rng);
            }
            Stage::Nominating { .. } if check.nominates => {
                self.stage = Stage::Settled;
            }
            Stage::Nominating { .. } | Stage::Settled | Stage::Failed => {}
        }
    }

    /// The best remote that works: by kind, then by round-trip time.
    fn best(&self) -> Option<usize> {
        let working = self
            .remotes
            .iter()
            .enumerate()
            .filter_map(|(index, remote)| remote.rtt.map(|rtt| (remote.kind, rtt, index)));
        working.min().map(|(_, _, index)| index)
    }

    /// When the sender stops waiting for a better kind than the best that works.
    fn nomination_due(&self) -> Option<Instant> {
        if self.role != Role::Sender {
            return None;
        }
        let best = &self.remotes[self.best()?];
        let better_may_come = self
            .remotes
            .iter()
            .any(|remote| remote.kind < best.kind && remote.rtt.is_none());
        let first = self.first_answer_at?;
        Some(if better_may_come {
            first + NOMINATION_GRACE
        } else {
            first
        })
    }

    fn nominate_when_due(&mut self, now: Instant, rng: &mut (impl RngCore + CryptoRng)) {
        let Some(best) = self.best() else { return };
        if self.nomination_due().is_some_and(|due| now >= due) {
            let target = &self.remotes[best];
            self.events.push_back(PathEvent::Found(FoundPath {
                remote: target.address,
                kind: target.kind,
                rtt: target.rtt,
            }));
            self.send_nomination(now, best, MAX_NOMINATIONS, rng);
        }
    }

    fn send_nomination(
        &mut self,
        now: Instant,
        remote: usize,
        left: usize,
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        if left == 0 {
            self.stage = Stage::Settled;
            return;
        }
        self.send(now, remote, ProbeKind::Nomination, rng);
        let rtt = self.remotes[remote].rtt.unwrap_or(CHECK_INTERVAL_LAST);
        self.stage = Stage::Nominating {
            remote,
            left: left - 1,
            next_at: now + (rtt * 2).clamp(CHECK_INTERVAL_FIRST, CHECK_INTERVAL_LAST),
        };
    }

    /// When the next check may go out, if any is left to send.
    fn next_check_due(&self) -> Option<Instant> {
        if self.checks_sent >= MAX_CHECKS {
            return None;
        }
        let unanswered = self.remotes.iter().filter(|remote| remote.wants_check());
        unanswered
            .map(|remote| remote.next_at.max(self.next_check_at))
            .min()
    }

    fn check_when_due(&mut self, now: Instant, rng: &mut (impl RngCore + CryptoRng)) {
        if self.next_check_due().is_none_or(|due| now < due) {
            return;
        }
        let due = self
            .remotes
            .iter()
            .enumerate()
            .filter(|(_, remote)| remote.wants_check() && remote.next_at <= now);
        // Those tried least come first, so that a long list cannot starve its tail.
        let Some(remote) = due
            .min_by_key(|(_, remote)| (remote.sent, remote.kind))
            .map(|(i, _)| i)
        else {
            return;
        };
        if self.remotes[remote].sent == 0 {
            let kind = self.remotes[remote].kind;
            let tried = self
                .remotes
                .iter()
                .any(|other| other.kind == kind && other.sent > 0);
            if !tried {
                self.events.push_back(PathEvent::Trying(kind));
            }
        }
        self.send(now, remote, ProbeKind::Check, rng);
        self.checks_sent += 1;
        self.next_check_at = now + CHECK_PACE;
        self.remotes[remote].on_check_sent(now);
    }

    fn send(
        &mut self,
        now: Instant,
        remote: usize,
        kind: ProbeKind,
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.outstanding.push_back(Check {
            sequence,
            remote,
            sent_at: now,
            nominates: kind == ProbeKind::Nomination,
        });
        self.transmits.push_back(PathTransmit {
            to: self.remotes[remote].address,
            bytes: self.cipher.seal(Probe { kind, sequence }, rng),
        });
    }
}

/// The address as the peer wrote it: never an IPv4 address in IPv6 clothing.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
