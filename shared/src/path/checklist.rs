//! The checklist of a search (RFC 8445, section 6.1.2): the candidate pairs, what is known of each, and which
//! is checked next.

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::candidate::PathKind;
use super::prober::Pair;
use super::{SocketId, canonical};
use crate::backoff::doubled;
use crate::limits::{
    CHECK_INTERVAL_FIRST, CHECK_INTERVAL_LAST, MAX_CHECKS_PER_ADDRESS, MAX_NAMED_PAIRS,
    MAX_PEER_REFLEXIVE,
};

/// A candidate pair with what is known of it.
#[derive(Debug)]
pub(super) struct CandidatePair {
    pub(super) pair: Pair,
    /// The kind of path that its address makes it, as far as this side can tell.
    pub(super) own_kind: PathKind,
    /// The kind of path that the peer takes it for, once the peer has been heard there.
    peers_kind: Option<PathKind>,
    /// Checks sent.
    pub(super) sent: usize,
    next_at: Instant,
    /// How long an answer took; it works both ways.
    pub(super) rtt: Option<Duration>,
    /// It was chosen and did not hold.
    refused: bool,
    /// Whether the peer was heard there without having named it.
    learned: bool,
}

impl CandidatePair {
    const fn new(pair: Pair, own_kind: PathKind, now: Instant) -> Self {
        Self {
            pair,
            own_kind,
            peers_kind: None,
            sent: 0,
            next_at: now,
            rtt: None,
            refused: false,
            learned: false,
        }
    }

    /// The kind of path that it is.
    pub(super) fn kind(&self) -> PathKind {
        self.peers_kind.map_or(self.own_kind, |theirs| {
            PathKind::of_pair(self.own_kind, theirs)
        })
    }

    /// Whether the peer was heard there, by a check or an answer.
    pub(super) const fn heard(&self) -> bool {
        self.peers_kind.is_some() || self.rtt.is_some()
    }

    /// Whether the pair may be chosen.
    const fn eligible(&self) -> bool {
        self.heard() && !self.refused
    }

    pub(super) const fn wants_check(&self) -> bool {
        self.rtt.is_none() && self.sent < MAX_CHECKS_PER_ADDRESS
    }

    /// Notes a check, and when the next is due: soon at first, then later and later, after the spirit of
    /// RFC 8445, section 14.
    fn on_check_sent(&mut self, now: Instant) {
        self.next_at = now + check_interval(self.sent);
        self.sent += 1;
    }
}

/// The time from one check of a pair to the next; `number` counts from 0.
pub(super) fn check_interval(number: usize) -> Duration {
    let doublings = u32::try_from(number).unwrap_or(u32::MAX);
    doubled(CHECK_INTERVAL_FIRST, doublings, CHECK_INTERVAL_LAST)
}

/// What shows that the peer is at a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// A check of what it takes for a path of this kind.
    Check(PathKind),
    /// An answer: the pair works.
    Answer,
}

/// The order in which pairs are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The best kinds.
    BestFirst,
    /// Those beyond our NAT: it maps in sequence, the peer has predicted the next ports, and every other
    /// try moves the sequence on.
    FarthestFirst,
}

/// All candidate pairs of a search: at most [`MAX_NAMED_PAIRS`], and [`MAX_PEER_REFLEXIVE`] that were learned.
#[derive(Debug, Default)]
pub(super) struct Checklist {
    all: Vec<CandidatePair>,
    learned: usize,
}

impl Checklist {
    /// Adds an address that the peer has named, unless it is there, or there are too many.
    pub(super) fn add(&mut self, now: Instant, address: SocketAddr, kind: PathKind) {
        let pair = Pair::new(SocketId::MAIN, canonical(address));
        let named = self.all.len() - self.learned;
        if self.find(pair).is_none() && named < MAX_NAMED_PAIRS {
            self.all.push(CandidatePair::new(pair, kind, now));
        }
    }

    /// The index of the pair at which the peer was heard; of a new one (peer-reflexive, RFC 8445 section 7.3.1.3) if
    /// there is room for it. The `chosen` one stays whatever comes.
    ///
    /// Where both NATs map per destination, each check may show the peer at a new address, and so may
    /// each answer to it; a pair that stands out makes room for itself among them.
    pub(super) fn learn(
        &mut self,
        now: Instant,
        pair: Pair,
        own_kind: PathKind,
        evidence: Evidence,
        chosen: Option<usize>,
    ) -> Option<usize> {
        if let Some(known) = self.find(pair) {
            return Some(known);
        }
        let new = CandidatePair {
            learned: true,
            ..CandidatePair::new(pair, own_kind, now)
        };
        if self.learned < MAX_PEER_REFLEXIVE {
            self.learned += 1;
            self.all.push(new);
            return Some(self.all.len() - 1);
        }
        let (kind, worst) = self.worst_unproved(chosen)?;
        let better = match evidence {
            Evidence::Check(theirs) => PathKind::of_pair(own_kind, theirs) < kind,
            Evidence::Answer => true,
        };
        better.then(|| {
            self.all[worst] = new;
            worst
        })
    }

    /// The pair that would make the worst path, of those that were learned and are not proved.
    fn worst_unproved(&self, but: Option<usize>) -> Option<(PathKind, usize)> {
        let all = self.all.iter().enumerate();
        all.filter(|(_, remote)| remote.learned && remote.rtt.is_none())
            .filter(|(index, _)| Some(*index) != but)
            .map(|(index, remote)| (remote.kind(), index))
            .max_by_key(|(kind, index)| (*kind, Reverse(*index)))
    }

    pub(super) fn find(&self, pair: Pair) -> Option<usize> {
        self.all.iter().position(|remote| remote.pair == pair)
    }

    pub(super) fn at(&self, index: usize) -> &CandidatePair {
        &self.all[index]
    }

    /// The peer checked this pair, taking it for a path of `kind`. Ours goes out at once (RFC 8445,
    /// section 7.3.1.4, the triggered check): its own came through, so ours may as well.
    pub(super) fn on_check(&mut self, now: Instant, index: usize, kind: PathKind) {
        let remote = &mut self.all[index];
        remote.peers_kind.get_or_insert(kind);
        if remote.rtt.is_none() {
            remote.next_at = now;
        }
    }

    /// A check of this pair was answered; whether that is news.
    pub(super) fn on_answer(&mut self, index: usize, rtt: Duration) -> bool {
        let remote = &mut self.all[index];
        let news = remote.rtt.is_none();
        remote.rtt.get_or_insert(rtt);
        remote.refused = false;
        news
    }

    /// The pair was chosen and does not hold. It is checked anew, like one that nobody has tried: where
    /// nothing else works, chance may have been against it.
    pub(super) fn refuse(&mut self, now: Instant, index: usize) {
        let remote = &mut self.all[index];
        remote.refused = true;
        remote.rtt = None;
        remote.sent = 0;
        remote.next_at = now;
    }

    pub(super) fn on_check_sent(&mut self, now: Instant, index: usize) {
        self.all[index].on_check_sent(now);
    }

    /// The best that may be chosen: by kind, then those that are proved both ways, then by round-trip
    /// time.
    pub(super) fn best(&self) -> Option<usize> {
        let eligible = self.all.iter().enumerate();
        eligible
            .filter(|(_, remote)| remote.eligible())
            .min_by_key(|(index, remote)| {
                let rtt = remote.rtt.unwrap_or(Duration::MAX);
                (remote.kind(), rtt, *index)
            })
            .map(|(index, _)| index)
    }

    /// The best of those that are proved both ways.
    pub(super) fn best_proved(&self) -> Option<usize> {
        let proved = self.all.iter().enumerate();
        proved
            .filter(|(_, remote)| !remote.refused)
            .filter_map(|(index, remote)| Some((remote.kind(), remote.rtt?, index)))
            .min()
            .map(|(_, _, index)| index)
    }

    /// Whether a path of a better kind than `kind` may still show up.
    pub(super) fn may_improve_on(&self, kind: PathKind) -> bool {
        self.all
            .iter()
            .any(|remote| remote.own_kind < kind && !remote.heard() && remote.wants_check())
    }

    /// When a check is due next, if any is left to send.
    pub(super) fn next_check_at(&self) -> Option<Instant> {
        let waiting = self.all.iter().filter(|remote| remote.wants_check());
        waiting.map(|remote| remote.next_at).min()
    }

    /// The index of the pair to check now. Those tried least come first, so that a long list cannot starve its tail.
    pub(super) fn due(&self, now: Instant, order: Order) -> Option<usize> {
        let due = self.all.iter().enumerate();
        due.filter(|(_, remote)| remote.wants_check() && remote.next_at <= now)
            .min_by_key(|(_, remote)| {
                let rank = remote.own_kind as isize;
                let rank = match order {
                    Order::BestFirst => rank,
                    Order::FarthestFirst => -rank,
                };
                (!remote.heard(), remote.sent, rank)
            })
            .map(|(index, _)| index)
    }

    /// Whether a pair of this kind was checked.
    pub(super) fn tried(&self, kind: PathKind) -> bool {
        self.all
            .iter()
            .any(|remote| remote.own_kind == kind && remote.sent > 0)
    }
}
