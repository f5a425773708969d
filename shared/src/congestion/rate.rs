//! Rates, and the filters that keep the best of what was seen.

use std::time::Duration;

/// A rate in bytes per second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Rate(f64);

impl Rate {
    /// `bytes` in `time`; nothing in no time is no rate.
    #[must_use]
    pub fn new(bytes: u64, time: Duration) -> Self {
        if time.is_zero() {
            return Self::default();
        }
        Self(bytes as f64 / time.as_secs_f64())
    }

    /// The figure.
    #[must_use]
    pub const fn bytes_per_second(self) -> f64 {
        self.0
    }

    /// What passes in `time`, in bytes.
    #[must_use]
    pub fn over(self, time: Duration) -> u64 {
        (self.0 * time.as_secs_f64()) as u64
    }

    pub(super) fn times(self, gain: f64) -> Self {
        Self(self.0 * gain)
    }

    pub(super) fn least(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    pub(super) fn most(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }
}

/// The largest delivery rate of this probing cycle and of the one before.
#[derive(Debug, Clone, Default)]
pub(super) struct BandwidthFilter {
    before: Rate,
    now: Rate,
}

impl BandwidthFilter {
    pub(super) fn insert(&mut self, rate: Rate) {
        self.now = self.now.most(rate);
    }

    pub(super) fn best(&self) -> Rate {
        self.now.most(self.before)
    }

    /// Begins a cycle. One in which nothing was measured does not count.
    pub(super) fn advance(&mut self) {
        // Otherwise a cycle in which nothing was sent would forget the path.
        if self.now > Rate::default() {
            self.before = std::mem::take(&mut self.now);
        }
    }
}

/// The largest value of the last few rounds.
#[derive(Debug, Clone)]
pub(super) struct RoundMax<const ROUNDS: usize> {
    values: [u64; ROUNDS],
    at: usize,
}

impl<const ROUNDS: usize> Default for RoundMax<ROUNDS> {
    fn default() -> Self {
        Self {
            values: [0; ROUNDS],
            at: 0,
        }
    }
}

impl<const ROUNDS: usize> RoundMax<ROUNDS> {
    pub(super) fn insert(&mut self, value: u64) {
        if let Some(slot) = self.values.get_mut(self.at) {
            *slot = value.max(*slot);
        }
    }

    pub(super) fn begin_round(&mut self) {
        self.at = (self.at + 1) % ROUNDS;
        if let Some(slot) = self.values.get_mut(self.at) {
            *slot = 0;
        }
    }

    pub(super) fn best(&self) -> u64 {
        self.values.iter().copied().max().unwrap_or(0)
    }
}
