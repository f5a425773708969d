//! A sliding window over sequence numbers that have been seen (RFC 4303, section 3.4.3).

/// How far behind the newest number one may be and still be new: more than many-port punching sends,
/// since its probes and those of the other kinds overtake one another.
const WINDOW: u64 = 64 * WORDS as u64;

const WORDS: usize = 64;

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
        } else if self.next - sequence > WINDOW {
            return false;
        }
        let (word, bit) = Self::place(sequence);
        let new = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        new
    }

    /// Moves the window so that it ends before `next`.
    fn advance(&mut self, next: u64) {
        if next - self.next >= WINDOW {
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
