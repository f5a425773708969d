//! A sliding window over sequence numbers that have been seen (RFC 4303, section 3.4.3).

use crate::limits::PROBE_REPLAY_WINDOW;

/// Words of 64 bits that the window has.
const WORDS: usize = (PROBE_REPLAY_WINDOW / 64) as usize;

/// Says of each sequence number whether it is new.
#[derive(Debug)]
pub(super) struct ReplayWindow {
    /// One past the highest number seen.
    next: u64,
    /// A ring: the bit of number `n` is bit `n % 64` of word `n / 64 % WORDS`.
    seen: [u64; WORDS],
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self {
            next: 0,
            seen: [0; WORDS],
        }
    }
}

impl ReplayWindow {
    /// Whether `sequence` was not seen before; remembers it. Numbers that have left the window count
    /// as seen.
    pub(super) fn admit(&mut self, sequence: u64) -> bool {
        if sequence == u64::MAX {
            return false;
        }
        if sequence >= self.next {
            self.advance(sequence + 1);
        } else if self.next - sequence > PROBE_REPLAY_WINDOW {
            return false;
        }
        let (word, bit) = Self::place(sequence);
        let new = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        new
    }

    /// Moves the window so that it ends before `next`.
    fn advance(&mut self, next: u64) {
        if next - self.next >= PROBE_REPLAY_WINDOW {
            self.seen = [0; WORDS];
        } else {
            for sequence in self.next..next {
                let (word, bit) = Self::place(sequence);
                self.seen[word] &= !bit;
            }
        }
        self.next = next;
    }

    const fn place(sequence: u64) -> (usize, u64) {
        let word = (sequence / 64) as usize % WORDS;
        (word, 1 << (sequence % 64))
    }
}
