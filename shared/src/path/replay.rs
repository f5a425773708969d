//! A sliding window over sequence numbers that have been seen (RFC 4303, section 3.4.3).

/// How far behind the newest number one may be and still be new.
const WINDOW: u64 = 128;

/// Says of each sequence number whether it is new.
#[derive(Debug, Default)]
pub(super) struct ReplayWindow {
    /// One past the highest number seen.
    next: u64,
    /// Bit `i` stands for `next - 1 - i`.
    seen: u128,
}

impl ReplayWindow {
    /// Whether `sequence` was not seen before; remembers it. Numbers that have left the window count
    /// as seen.
    pub(super) fn admit(&mut self, sequence: u64) -> bool {
        if sequence == u64::MAX {
            return false;
        }
        if sequence >= self.next {
            let shift = sequence - self.next + 1;
            self.seen = if shift >= WINDOW {
                0
            } else {
                self.seen << shift
            };
            self.seen |= 1;
            self.next = sequence + 1;
            return true;
        }
        let age = self.next - 1 - sequence;
        if age >= WINDOW || self.seen & (1 << age) != 0 {
            return false;
        }
        self.seen |= 1 << age;
        true
    }
}
