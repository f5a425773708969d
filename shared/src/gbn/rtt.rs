//! Round-trip times (RFC 9002, section 5).

use std::time::Duration;

/// What is assumed before there is a sample (RFC 9002, section 6.2.2).
const ASSUMED_RTT: Duration = Duration::from_millis(333);

/// Timers are no finer than this (RFC 9002, section 6.1.2).
const GRANULARITY: Duration = Duration::from_millis(1);

/// Estimates of one path.
#[derive(Debug, Clone, Default)]
pub(super) struct Rtt {
    known: bool,
    smoothed: Duration,
    variation: Duration,
    least: Duration,
}

impl Rtt {
    /// Takes in a sample, of which the peer spent `delay` itself.
    pub(super) fn handle_sample(&mut self, sample: Duration, delay: Duration) {
        if !self.known {
            self.smoothed = sample;
            self.variation = sample / 2;
            self.least = sample;
        } else {
            self.least = self.least.min(sample);
            let adjusted = if sample >= self.least + delay {
                sample - delay
            } else {
                sample
            };
            self.variation = (self.variation * 3 + self.smoothed.abs_diff(adjusted)) / 4;
            self.smoothed = (self.smoothed * 7 + adjusted) / 8;
        }
        self.known = true;
    }

    pub(super) const fn is_known(&self) -> bool {
        self.known
    }

    pub(super) fn smoothed(&self) -> Duration {
        if self.known {
            self.smoothed
        } else {
            ASSUMED_RTT
        }
    }

    pub(super) fn least(&self) -> Duration {
        if self.known { self.least } else { ASSUMED_RTT }
    }

    /// How long an acknowledgement may take, the peer's own delay aside (RFC 9002, section 6.2.1).
    pub(super) fn probe_timeout(&self) -> Duration {
        if self.known {
            self.smoothed + (self.variation * 4).max(GRANULARITY)
        } else {
            ASSUMED_RTT * 2
        }
    }
}
