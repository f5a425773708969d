//! The rates of the last minute, for the graph.

use std::collections::VecDeque;
use std::time::Duration;

/// Time between two points of the graph: the rate is a mean over three seconds, so more would show
/// nothing more.
const STEP: Duration = Duration::from_millis(500);

/// Points that are kept: a minute of them.
pub(crate) const RATES_KEPT: usize = 120;

/// The rates of the last minute, in bytes per second.
#[derive(Debug, Default)]
pub(crate) struct RateHistory {
    rates: VecDeque<f32>,
    last: Option<Duration>,
}

impl RateHistory {
    /// Notes a rate, unless one was noted just now.
    pub(crate) fn note(&mut self, now: Duration, rate: f64) {
        if self.last.is_some_and(|last| now < last + STEP) {
            return;
        }
        self.last = Some(now);
        if self.rates.len() == RATES_KEPT {
            self.rates.pop_front();
        }
        let rate = rate as f32;
        self.rates
            .push_back(if rate.is_finite() { rate.max(0.0) } else { 0.0 });
    }

    /// The rates, oldest first.
    pub(crate) fn rates(&self) -> Vec<f32> {
        self.rates.iter().copied().collect()
    }
}
