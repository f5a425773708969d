//! When a client asks a server again.

use std::time::{Duration, Instant};

use rand_core::RngCore;

use crate::backoff::doubled;
use crate::limits::{ANNOUNCE_INTERVAL, ANSWER_WAIT_FIRST, JITTER_PERCENT};

/// The randomness in a client's timing, drawn from a generator seeded once: nothing secret hangs on it.
#[derive(Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(rng: &mut impl RngCore) -> Self {
        Self(rng.next_u64())
    }

    /// `duration`, longer or shorter by at most [`JITTER_PERCENT`].
    pub(super) fn spread(&mut self, duration: Duration) -> Duration {
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let more =
            u32::try_from(mixed % u64::from(2 * JITTER_PERCENT + 1)).unwrap_or(JITTER_PERCENT);
        let percent = 100 - JITTER_PERCENT + more;
        duration * percent / 100
    }
}

/// One question, asked until it is answered, and possibly again later.
#[derive(Debug)]
pub(super) struct Retry {
    /// When it is to be asked next; never, if none.
    due: Option<Instant>,
    /// When it was first asked since the last answer.
    asked_at: Option<Instant>,
    /// How often it was asked since the last answer.
    tries: u32,
}

impl Retry {
    /// To be asked at once.
    pub(super) const fn now(now: Instant) -> Self {
        Self {
            due: Some(now),
            asked_at: None,
            tries: 0,
        }
    }

    /// Starts over, as a new question.
    pub(super) const fn restart(&mut self, now: Instant) {
        *self = Self::now(now);
    }

    /// Not to be asked before then.
    pub(super) fn postpone(&mut self, until: Instant) {
        self.due = self.due.map(|due| due.max(until));
    }

    /// Notes that it was asked, and waits for the answer: `round_trip` twice, doubled each time, within
    /// [`ANSWER_WAIT_FIRST`] and [`ANNOUNCE_INTERVAL`].
    pub(super) fn on_asked(&mut self, now: Instant, round_trip: Duration, jitter: &mut Jitter) {
        let first = (round_trip * 2).max(ANSWER_WAIT_FIRST);
        let wait = doubled(first, self.tries, ANNOUNCE_INTERVAL);
        self.due = Some(now + jitter.spread(wait));
        self.asked_at.get_or_insert(now);
        self.tries = self.tries.saturating_add(1);
    }

    /// Notes an answer, to be asked for again after `pause` or never.
    ///
    /// Returns the round trip where it is certain: an answer to the only try.
    pub(super) fn on_answered(
        &mut self,
        now: Instant,
        pause: Option<Duration>,
    ) -> Option<Duration> {
        let sample = match (self.tries, self.asked_at) {
            (1, Some(asked_at)) => Some(now.saturating_duration_since(asked_at)),
            _ => None,
        };
        *self = Self {
            due: pause.map(|pause| now + pause),
            asked_at: None,
            tries: 0,
        };
        sample
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// How often it was asked without an answer.
    pub(super) const fn tries(&self) -> u32 {
        self.tries
    }
}
