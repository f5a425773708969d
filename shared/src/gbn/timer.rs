//! The timers of a connection, in one table.

use std::time::Instant;

/// What can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// The first packets are to be said again.
    Opening,
    /// A packet that others have overtaken is lost now.
    Loss,
    /// Nothing was acknowledged for too long.
    Probe,
    /// The pace allows more.
    Pacing,
    /// A larger packet may be tried.
    Mtu,
    /// Nothing was sent for long.
    KeepAlive,
    /// Nothing was heard for too long.
    Idle,
    /// The goodbye is to be said again.
    Goodbye,
    /// There will be no answer to the goodbye.
    Drained,
}

impl Timer {
    pub(super) const ALL: [Self; 9] = [
        Self::Opening,
        Self::Loss,
        Self::Probe,
        Self::Pacing,
        Self::Mtu,
        Self::KeepAlive,
        Self::Idle,
        Self::Goodbye,
        Self::Drained,
    ];
}

/// When each of them fires.
#[derive(Debug, Clone, Default)]
pub(super) struct Timers([Option<Instant>; Timer::ALL.len()]);

impl Timers {
    pub(super) const fn set(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = Some(at);
    }

    pub(super) const fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub(super) fn stop_all(&mut self) {
        self.0 = Default::default();
    }

    /// The earliest.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// Whether a timer has fired; it is stopped then.
    pub(super) fn take(&mut self, timer: Timer, now: Instant) -> bool {
        let fired = self.0[timer as usize].is_some_and(|at| at <= now);
        if fired {
            self.stop(timer);
        }
        fired
    }
}
