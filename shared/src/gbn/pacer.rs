//! Spreads packets over time: a bucket that fills at the controller's rate (RFC 9002, section 7.7).

use std::time::{Duration, Instant};

use crate::congestion::Rate;

/// What may leave at once, in time at the rate: timers are no finer than a millisecond, and a batch
/// costs hardly more than a packet.
const BURST: Duration = Duration::from_millis(2);

/// What may leave at once at the slowest rate, in packets (RFC 9002, section 7.7).
const BURST_PACKETS: u64 = 10;

/// Most time that counts at once, so that no product overflows: far more than [`BURST`].
const MOST_PASSED: Duration = Duration::from_secs(1);

/// The least that is worth waking up for, in time at the rate.
const QUANTUM: Duration = Duration::from_millis(1);

/// The bucket.
#[derive(Debug, Clone)]
pub(super) struct Pacer {
    /// In bytes; what was sent beyond it is a debt.
    tokens: i64,
    filled_at: Instant,
}

impl Pacer {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            tokens: i64::MAX,
            filled_at: now,
        }
    }

    /// What may be sent now, in bytes; or when to ask again.
    pub(super) fn poll(&mut self, now: Instant, rate: Rate, packet: u64) -> Result<u64, Instant> {
        let burst = rate.over(BURST).max(BURST_PACKETS * packet) as i64;
        let passed = now.saturating_duration_since(self.filled_at);
        let gained = rate.over(passed.min(MOST_PASSED));
        // What passed is only spent once it makes a byte.
        if gained > 0 || self.tokens > burst {
            self.tokens = self.tokens.saturating_add(gained as i64).min(burst);
            self.filled_at = now;
        }
        if self.tokens >= packet as i64 {
            return Ok(self.tokens as u64);
        }
        let wanted = rate.over(QUANTUM).max(packet) as i64 - self.tokens;
        let wait = wanted as f64 / rate.bytes_per_second().max(1.0);
        // A rate of nearly nothing must not overflow the clock.
        Err(now + Duration::from_secs_f64(wait.clamp(1e-6, 10.0)))
    }

    pub(super) const fn handle_sent(&mut self, bytes: u64) {
        self.tokens = self.tokens.saturating_sub(bytes as i64);
    }
}
