//! Many-port punching: where exactly one side's NAT maps per destination (RFC 4787, section 4.1) and
//! filters by port (section 5), many mappings there meet many guesses here.
//!
//! The *hard* side opens [`MANY_PORT_SOCKETS`] sockets and sends from each to the one address that the
//! other side has for everybody; each makes a mapping at a port that nobody can know. The *easy* side
//! probes ports of the hard side's NAT at random. With k mappings among n ports, m probes all miss with
//! probability (1 - k/n)^m: the birthday paradox.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rand_core::{CryptoRng, RngCore};

use super::candidate::{Candidate, CandidateKind};
use super::prober::Pair;
use super::{Nat, SocketId, Whereabouts};
use crate::limits::{
    MANY_PORT_BURST, MANY_PORT_DELAY, MANY_PORT_DELAY_SEQUENTIAL, MANY_PORT_PACE, MANY_PORT_PROBES,
    MANY_PORT_ROUNDS, MANY_PORT_SOCKETS,
};

/// The lowest port that a NAT gives, by the standards (RFC 4787, REQ-3, and RFC 6335 for the system ports
/// below).
const LOWEST_PORT: u16 = 1024;

/// What many-port punching would be between two peers, before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    side: Side,
    delay: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Hard(SocketAddr),
    Easy(IpAddr),
}

impl Plan {
    /// `None` unless exactly one NAT maps per destination, and the other address is known.
    pub(super) fn for_pair(here: &Whereabouts, there: &Whereabouts) -> Option<Self> {
        let hard = match (
            here.nat().maps_per_destination(),
            there.nat().maps_per_destination(),
        ) {
            (true, false) => here.nat(),
            (false, true) => there.nat(),
            (true, true) | (false, false) => return None,
        };
        let target = there
            .candidates()
            .iter()
            .find(|candidate| candidate.kind == CandidateKind::Reflexive && is_far(candidate))?;
        let side = if here.nat().maps_per_destination() {
            Side::Hard(target.address)
        } else {
            Side::Easy(target.address.ip())
        };
        let delay = match hard {
            Nat::Sequential { .. } => MANY_PORT_DELAY_SEQUENTIAL,
            Nat::Unknown | Nat::EndpointIndependent | Nat::PerDestination => MANY_PORT_DELAY,
        };
        Some(Self { side, delay })
    }

    /// How long after the search's start it begins.
    pub(super) const fn delay(&self) -> Duration {
        self.delay
    }
}

/// An IPv4 address that a packet may go to: NATs that map per destination are an affair of IPv4.
fn is_far(candidate: &Candidate) -> bool {
    candidate.address.is_ipv4() && candidate.usable(false)
}

/// Many-port punching under way, on one side of it.
#[derive(Debug)]
pub(super) enum ManyPort {
    /// Our NAT maps per destination.
    Hard {
        /// The peer's reflexive address.
        target: SocketAddr,
        /// Sockets that are there, beside the main one.
        sockets: u16,
        /// Packets sent.
        sent: usize,
        next_at: Instant,
    },
    /// The peer's does.
    Easy {
        target: IpAddr,
        tried: TriedPorts,
        sent: usize,
        next_at: Instant,
    },
}

/// Ports that were probed: a bit for each of the 65,536.
#[derive(Debug)]
pub(super) struct TriedPorts(Box<[u64; 1024]>);

impl ManyPort {
    pub(super) fn new(now: Instant, plan: Plan) -> Self {
        match plan.side {
            Side::Hard(target) => Self::Hard {
                target,
                sockets: 0,
                sent: 0,
                next_at: now,
            },
            Side::Easy(target) => Self::Easy {
                target,
                tried: TriedPorts(Box::new([0; 1024])),
                sent: 0,
                next_at: now,
            },
        }
    }

    /// Sockets to open beside the main one.
    pub(super) const fn sockets_wanted(&self) -> u16 {
        match self {
            Self::Hard { .. } => MANY_PORT_SOCKETS,
            Self::Easy { .. } => 0,
        }
    }

    /// The extra sockets are there.
    pub(super) fn handle_sockets(&mut self, count: u16) {
        match self {
            Self::Hard { sockets, .. } => *sockets = count.min(MANY_PORT_SOCKETS),
            Self::Easy { .. } => {}
        }
    }

    /// When the next packet may go; `None` when all are sent, or while there are no sockets.
    pub(super) fn next_at(&self) -> Option<Instant> {
        match self {
            Self::Hard {
                sockets,
                sent,
                next_at,
                ..
            } => (*sent < usize::from(*sockets) * MANY_PORT_ROUNDS).then_some(*next_at),
            Self::Easy { sent, next_at, .. } => (*sent < MANY_PORT_PROBES).then_some(*next_at),
        }
    }

    /// Whether a packet from there may be many-port punching's doing.
    pub(super) fn concerns(&self, pair: Pair) -> bool {
        match self {
            Self::Hard { .. } => pair.socket != SocketId::MAIN,
            Self::Easy { target, .. } => pair.remote.ip() == *target,
        }
    }

    /// The pairs to probe now.
    pub(super) fn due(&mut self, now: Instant, rng: &mut (impl RngCore + CryptoRng)) -> Vec<Pair> {
        let mut pairs = Vec::new();
        while self.next_at().is_some_and(|at| at <= now) && pairs.len() < MANY_PORT_BURST as usize {
            match self {
                Self::Hard {
                    target,
                    sockets,
                    sent,
                    next_at,
                } => {
                    // Fits: `sockets` is a u16.
                    let nth = (*sent % usize::from(*sockets)) as u16;
                    pairs.push(Pair::new(SocketId(1 + nth), *target));
                    *sent += 1;
                    *next_at = paced(*next_at, now);
                }
                Self::Easy {
                    target,
                    tried,
                    sent,
                    next_at,
                } => {
                    let remote = SocketAddr::new(*target, tried.draw(rng));
                    pairs.push(Pair::new(SocketId::MAIN, remote));
                    *sent += 1;
                    *next_at = paced(*next_at, now);
                }
            }
        }
        pairs
    }
}

impl TriedPorts {
    /// A port that was not drawn before. Most are free: at most [`MANY_PORT_PROBES`] are ever taken.
    fn draw(&mut self, rng: &mut (impl RngCore + CryptoRng)) -> u16 {
        loop {
            let port = (rng.next_u32() & 0xffff) as u16;
            let (word, bit) = (usize::from(port / 64), 1 << (port % 64));
            if port >= LOWEST_PORT && self.0[word] & bit == 0 {
                self.0[word] |= bit;
                return port;
            }
        }
    }
}

/// When the packet after the one that was due at `due` may go: what was missed is made up for only as
/// far as one burst.
fn paced(due: Instant, now: Instant) -> Instant {
    let earliest = now
        .checked_sub(MANY_PORT_PACE * MANY_PORT_BURST)
        .unwrap_or(now);
    due.max(earliest) + MANY_PORT_PACE
}
