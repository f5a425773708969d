//! Probes out and in: numbers them, answers the peer's, and ties answers to what they answer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_core::{CryptoRng, RngCore};

use super::candidate::PathKind;
use super::probe::{Probe, ProbeCipher, ProbeKind};
use super::replay::ReplayWindow;
use super::{PathKeys, PathTransmit, SocketId, canonical};
use crate::Role;
use crate::limits::MAX_OUTSTANDING_PROBES;

/// One socket of ours and one address of the peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) socket: SocketId,
    pub(super) remote: SocketAddr,
}

impl Pair {
    pub(super) const fn new(socket: SocketId, remote: SocketAddr) -> Self {
        Self { socket, remote }
    }
}

/// What a probe of the peer's came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    /// A check of what the peer takes for a path of this kind.
    Check(Pair, PathKind),
    /// A nomination.
    Nomination {
        pair: Pair,
        kind: PathKind,
        sequence: u64,
    },
    /// A check on the path that the peer uses.
    KeepAlive { pair: Pair, sequence: u64 },
    /// A check from a peer that does not hear this side any more.
    Distress(Pair),
    /// An answer, from where the probe went.
    Answer {
        pair: Pair,
        kind: ProbeKind,
        rtt: Duration,
    },
    /// The peer's, but of no use: a replay, or an answer from elsewhere.
    Nothing,
}

impl Received {
    /// By which pair it came, if it says anything.
    pub(super) const fn pair(self) -> Option<Pair> {
        match self {
            Self::Check(pair, _)
            | Self::Nomination { pair, .. }
            | Self::KeepAlive { pair, .. }
            | Self::Distress(pair)
            | Self::Answer { pair, .. } => Some(pair),
            Self::Nothing => None,
        }
    }
}

/// A probe that was sent and may still be answered.
#[derive(Debug)]
struct Outstanding {
    sequence: u64,
    pair: Pair,
    kind: ProbeKind,
    sent_at: Instant,
}

/// The sealing, sending and matching of probes with one peer, whatever they are for.
#[derive(Debug)]
pub(super) struct Prober {
    cipher: ProbeCipher,
    replay: ReplayWindow,
    outstanding: VecDeque<Outstanding>,
    next_sequence: u64,
    transmits: VecDeque<PathTransmit>,
}

impl Prober {
    pub(super) fn new(role: Role, keys: &PathKeys<'_>) -> Self {
        let cipher = match role {
            Role::Sender => ProbeCipher::new(keys.sender, keys.receiver),
            Role::Receiver => ProbeCipher::new(keys.receiver, keys.sender),
        };
        Self {
            cipher,
            replay: ReplayWindow::default(),
            outstanding: VecDeque::new(),
            next_sequence: 0,
            transmits: VecDeque::new(),
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<PathTransmit> {
        self.transmits.pop_front()
    }

    /// Sends anything but an answer.
    pub(super) fn send(
        &mut self,
        now: Instant,
        pair: Pair,
        kind: ProbeKind,
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        if self.outstanding.len() >= MAX_OUTSTANDING_PROBES {
            self.outstanding.pop_front();
        }
        self.outstanding.push_back(Outstanding {
            sequence,
            pair,
            kind,
            sent_at: now,
        });
        self.put(pair, Probe { kind, sequence }, rng);
    }

    /// Takes a datagram in, and answers it if it asks. `None` if it is not a probe of this peer's:
    /// nothing has changed then.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        pair: Pair,
        bytes: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Option<Received> {
        let Probe { kind, sequence } = self.cipher.open(bytes)?;
        let pair = Pair {
            remote: canonical(pair.remote),
            ..pair
        };
        if matches!(kind, ProbeKind::Answer { .. }) {
            return Some(self.on_answer(now, pair, sequence));
        }
        if !self.replay.admit(sequence) {
            return Some(Received::Nothing);
        }
        let seen = pair.remote;
        let answer = Probe {
            kind: ProbeKind::Answer { seen },
            sequence,
        };
        self.put(pair, answer, rng);
        Some(match kind {
            ProbeKind::Check(path) => Received::Check(pair, path),
            ProbeKind::Nomination(kind) => Received::Nomination {
                pair,
                kind,
                sequence,
            },
            ProbeKind::KeepAlive => Received::KeepAlive { pair, sequence },
            ProbeKind::Distress => Received::Distress(pair),
            ProbeKind::Answer { .. } => Received::Nothing,
        })
    }

    /// An answer proves a pair only if it comes from where the probe went (RFC 8445, 7.2.5.2.1).
    fn on_answer(&mut self, now: Instant, pair: Pair, sequence: u64) -> Received {
        let found = self
            .outstanding
            .binary_search_by_key(&sequence, |probe| probe.sequence);
        let Some(probe) = found.ok().filter(|&at| self.outstanding[at].pair == pair) else {
            return Received::Nothing;
        };
        self.outstanding
            .remove(probe)
            .map_or(Received::Nothing, |probe| Received::Answer {
                pair,
                kind: probe.kind,
                rtt: now.saturating_duration_since(probe.sent_at),
            })
    }

    fn put(&mut self, pair: Pair, probe: Probe, rng: &mut (impl RngCore + CryptoRng)) {
        self.transmits.push_back(PathTransmit {
            socket: pair.socket,
            to: pair.remote,
            bytes: self.cipher.seal(probe, rng),
        });
    }
}
