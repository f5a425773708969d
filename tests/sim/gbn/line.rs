//! One direction of a line: rate, queue, delay, and everything that goes wrong on it.

use std::ops::Range;
use std::time::{Duration, Instant};

use fardrop_shared::gbn::Codepoint;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// What becomes of the ECN field on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// It stays.
    Kept,
    /// It is cleared.
    Bleached,
    /// ECT becomes CE, whatever the queue.
    Marked,
    /// What is ECT is lost.
    Dropped,
}

/// How a line is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Conditions {
    /// Bytes a second, those of IP and UDP included.
    pub(crate) rate: f64,
    /// What the queue holds, in bytes.
    pub(crate) queue: f64,
    /// How long each datagram is under way. They overtake one another as far as their delays differ.
    pub(crate) delay: Range<Duration>,
    /// The part that is lost, 0 to 1.
    pub(crate) loss: f64,
    /// How many are lost in a row, on average.
    pub(crate) burst: f64,
    /// The part that arrives twice.
    pub(crate) duplication: f64,
    /// The part of which a bit is turned.
    pub(crate) corruption: f64,
    /// The part that is cut short.
    pub(crate) truncation: f64,
    /// The longest datagram that passes, in bytes of payload.
    pub(crate) mtu: usize,
    pub(crate) ecn: Treatment,
    /// What the queue holds, in bytes, when it begins to mark what is ECT.
    pub(crate) marks_above: f64,
}

impl Conditions {
    /// A line on which nothing goes wrong, with a queue of one bandwidth-delay product.
    pub(crate) fn calm(rate: f64, one_way: Duration) -> Self {
        Self {
            rate,
            queue: (rate * 2.0 * one_way.as_secs_f64()).max(30_000.0),
            delay: one_way..one_way,
            loss: 0.0,
            burst: 1.0,
            duplication: 0.0,
            corruption: 0.0,
            truncation: 0.0,
            mtu: 9000,
            ecn: Treatment::Kept,
            marks_above: f64::INFINITY,
        }
    }
}

/// Bytes that IPv4 and UDP add.
const HEADERS: usize = 28;

/// The line itself: says when a datagram arrives, if it does.
#[derive(Debug)]
pub(crate) struct Line {
    /// May be changed at any time.
    pub(crate) conditions: Conditions,
    free_at: Instant,
    in_bad_state: bool,
    /// Bytes of payload that came out at the other end unharmed.
    pub(crate) carried: u64,
}

impl Line {
    pub(crate) fn new(now: Instant, conditions: Conditions) -> Self {
        Self {
            conditions,
            free_at: now,
            in_bad_state: false,
            carried: 0,
        }
    }

    /// The arrivals of a datagram that is sent now.
    pub(crate) fn carry(
        &mut self,
        now: Instant,
        rng: &mut ChaCha8Rng,
        datagram: &[u8],
        codepoint: Codepoint,
    ) -> Vec<(Instant, Codepoint, Vec<u8>)> {
        if datagram.len() > self.conditions.mtu {
            return Vec::new();
        }
        let backlog =
            self.free_at.saturating_duration_since(now).as_secs_f64() * self.conditions.rate;
        let size = (datagram.len() + HEADERS) as f64;
        if backlog + size > self.conditions.queue.max(size) {
            return Vec::new();
        }
        self.free_at = self.free_at.max(now) + Duration::from_secs_f64(size / self.conditions.rate);
        let codepoint = self.treat(codepoint, backlog);
        if self.is_lost(rng) || codepoint.is_none() {
            return Vec::new();
        }
        let mut arrivals = Vec::new();
        let copies = 1 + u32::from(rng.gen_bool(self.conditions.duplication));
        for _ in 0..copies {
            let Range { start, end } = self.conditions.delay;
            let delay = if start < end {
                rng.gen_range(start..end)
            } else {
                start
            };
            let mut bytes = datagram.to_vec();
            if rng.gen_bool(self.conditions.corruption) {
                let at = rng.gen_range(0..bytes.len());
                bytes[at] ^= 1 << rng.gen_range(0..8);
            }
            if rng.gen_bool(self.conditions.truncation) {
                bytes.truncate(rng.gen_range(0..bytes.len()));
            }
            if bytes == datagram {
                self.carried += bytes.len() as u64;
            }
            let codepoint = codepoint.unwrap_or_default();
            arrivals.push((self.free_at + delay, codepoint, bytes));
        }
        arrivals
    }

    /// The ECN field at the other end; `None` if what carries it is lost.
    fn treat(&self, codepoint: Codepoint, backlog: f64) -> Option<Codepoint> {
        let full = backlog > self.conditions.marks_above;
        match (self.conditions.ecn, codepoint) {
            (Treatment::Bleached, _) | (_, Codepoint::NotEct) => Some(Codepoint::NotEct),
            (Treatment::Dropped, _) => None,
            (Treatment::Marked, _) => Some(Codepoint::Ce),
            (Treatment::Kept, Codepoint::Ect0 | Codepoint::Ect1) if full => Some(Codepoint::Ce),
            (Treatment::Kept, Codepoint::Ect0 | Codepoint::Ect1 | Codepoint::Ce) => Some(codepoint),
        }
    }

    /// Independent losses, or the two states of Gilbert and Elliott for longer rows.
    fn is_lost(&mut self, rng: &mut ChaCha8Rng) -> bool {
        let Conditions { loss, burst, .. } = self.conditions;
        if burst <= 1.0 || loss >= 1.0 {
            return rng.gen_bool(loss);
        }
        let leave = 1.0 / burst;
        self.in_bad_state = if self.in_bad_state {
            !rng.gen_bool(leave)
        } else {
            rng.gen_bool((leave * loss / (1.0 - loss)).min(1.0))
        };
        self.in_bad_state
    }
}
