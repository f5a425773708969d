//! How much of what a receiver has already has been read to prove it, counted while that goes on.

use std::sync::atomic::{AtomicU64, Ordering};

/// How far the proof is of what was there before a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proving {
    /// Bytes that have been read.
    pub done: u64,
    /// Bytes that are to be read.
    pub total: u64,
}

/// Counts what one thread reads, one file after the other.
#[derive(Debug, Default)]
pub(super) struct ProofCount {
    total: AtomicU64,
    /// Of files that are through.
    settled: AtomicU64,
    /// Of the file that is being read.
    read: AtomicU64,
}

impl ProofCount {
    /// So many bytes more are to be read.
    pub(super) fn plan(&self, bytes: u64) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many of them are not to be read after all.
    pub(super) fn give_up(&self, bytes: u64) {
        self.total.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// So many were read.
    pub(super) fn note_read(&self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The file that was being read is through: so many bytes of it were planned.
    pub(super) fn settle(&self, planned: u64) {
        self.read.store(0, Ordering::Relaxed);
        self.settled.fetch_add(planned, Ordering::Relaxed);
    }

    /// Nothing is to be read any more of what was planned so far.
    pub(super) fn settle_all(&self) {
        self.read.store(0, Ordering::Relaxed);
        let total = self.total.load(Ordering::Relaxed);
        self.settled.store(total, Ordering::Relaxed);
    }

    /// How far it is; `None` once all of it is through.
    pub(super) fn newest(&self) -> Option<Proving> {
        let total = self.total.load(Ordering::Relaxed);
        let settled = self.settled.load(Ordering::Relaxed);
        let read = self.read.load(Ordering::Relaxed);
        (settled < total).then(|| Proving {
            done: settled.saturating_add(read).min(total),
            total,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_proved_is_counted_until_it_is() {
        let count = ProofCount::default();
        let newest = || count.newest().map(|now| (now.done, now.total));
        assert_eq!(newest(), None);
        count.plan(100);
        count.give_up(20);
        assert_eq!(newest(), Some((0, 80)));
        count.note_read(10);
        assert_eq!(newest(), Some((10, 80)));
        // More is read than was planned where what looked the same was not.
        count.note_read(100);
        assert_eq!(newest(), Some((80, 80)));
        count.settle(30);
        assert_eq!(newest(), Some((30, 80)));
        count.settle(50);
        assert_eq!(newest(), None);
        count.plan(5);
        assert_eq!(newest(), Some((80, 85)));
        count.settle_all();
        assert_eq!(newest(), None);
    }
}
