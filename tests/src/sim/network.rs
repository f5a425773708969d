//! Datagrams that are lost, doubled, delayed and overtaken, as a seed decides.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How badly a network behaves. Datagrams overtake one another as far as their delays differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditions {
    /// The part of the datagrams that is lost, 0 to 1.
    pub loss: f64,
    /// The part that arrives twice, 0 to 1.
    pub duplication: f64,
    /// How long each is under way.
    pub delay: Range<Duration>,
}

impl Conditions {
    /// All arrive, in order, after the same time.
    #[must_use]
    pub const fn calm(delay: Duration) -> Self {
        Self {
            loss: 0.0,
            duplication: 0.0,
            delay: delay..delay,
        }
    }
}

/// A datagram under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Where it came from, as the receiver sees it.
    pub from: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// All datagrams under way, with whatever is to be known of each.
#[derive(Debug)]
pub struct Network<P = Packet> {
    /// May be changed at any time; what is under way stays so.
    pub conditions: Conditions,
    rng: ChaCha8Rng,
    /// By arrival, then in the order of sending.
    under_way: BTreeMap<(Instant, u64), P>,
    sent: u64,
}

impl<P: Clone> Network<P> {
    /// An empty one.
    #[must_use]
    pub fn new(seed: u64, conditions: Conditions) -> Self {
        Self {
            conditions,
            rng: ChaCha8Rng::seed_from_u64(seed),
            under_way: BTreeMap::new(),
            sent: 0,
        }
    }

    /// Sends one.
    pub fn send(&mut self, now: Instant, packet: P) {
        if self.rng.gen_bool(self.conditions.duplication) {
            self.carry(now, packet.clone());
        }
        self.carry(now, packet);
    }

    /// When the next one arrives.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        self.under_way.keys().next().map(|&(at, _)| at)
    }

    /// The next one that has arrived by now.
    pub fn receive(&mut self, now: Instant) -> Option<P> {
        let entry = self.under_way.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    fn carry(&mut self, now: Instant, packet: P) {
        if self.rng.gen_bool(self.conditions.loss) {
            return;
        }
        let Range { start, end } = self.conditions.delay;
        let delay = if start < end {
            self.rng.gen_range(start..end)
        } else {
            start
        };
        self.sent += 1;
        self.under_way.insert((now + delay, self.sent), packet);
    }
}
