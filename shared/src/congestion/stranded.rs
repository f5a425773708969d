//! What was in flight on a path that is no more.

use std::time::Instant;

/// Rounds on a new path after which what was in flight on the old one takes room again: by then the
/// transport has found it to be lost.
const ROUNDS: u32 = 2;

/// Bytes on an old path, if there are any, for which the window has room on top of what it gives.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stranded(Option<Left>);

#[derive(Debug, Clone, Copy)]
struct Left {
    /// Bytes that nobody will acknowledge.
    bytes: u64,
    since: Instant,
    rounds: u32,
}

impl Stranded {
    /// The account of `bytes` that were in flight on the old path when it changed, which is `now`.
    pub(super) const fn new(now: Instant, bytes: u64) -> Self {
        Self(Some(Left {
            bytes,
            since: now,
            rounds: ROUNDS,
        }))
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.map_or(0, |left| left.bytes)
    }

    /// Counts a round on the new path.
    pub(super) fn end_round(&mut self) {
        if let Some(left) = &mut self.0 {
            left.rounds = left.rounds.saturating_sub(1);
            if left.rounds == 0 {
                self.0 = None;
            }
        }
    }

    /// Takes off what was heard of packets sent at `sent`, if they were of the old path; whether they were.
    pub(super) fn release(&mut self, sent: Instant, bytes: u64) -> bool {
        match &mut self.0 {
            Some(left) if sent < left.since => {
                left.bytes = left.bytes.saturating_sub(bytes);
                true
            }
            Some(_) | None => false,
        }
    }
}
