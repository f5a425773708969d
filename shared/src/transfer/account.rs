//! What a sender knows of its own transfer, and what the receiver's figures may therefore be.

use super::Violation;
use crate::offer::Totals;
use crate::wire::peer::Acknowledged;

/// A sender's own count of what it offered and sent: no figure of the receiver's is believed beyond it.
#[derive(Debug)]
pub(super) struct Account {
    offered: Totals,
    /// Files that were begun: those that are wanted, in the end.
    begun: Totals,
    /// Files that were sent to their end.
    ended: u32,
    sent: u64,
    holes: u64,
    resumed: u64,
}

impl Account {
    /// The account of an offer of these totals, of which nothing is sent yet.
    pub(super) fn new(offered: Totals) -> Self {
        Self {
            offered,
            begun: Totals::default(),
            ended: 0,
            sent: 0,
            holes: 0,
            resumed: 0,
        }
    }

    /// A file of `size` bytes begins.
    pub(super) fn begin(&mut self, size: u64) {
        self.begun.files += 1;
        self.begun.bytes = self.begun.bytes.saturating_add(size);
        self.begun.empty += u32::from(size == 0);
    }

    /// The receiver says that so many bytes of a file that was begun are there already, and right.
    pub(super) const fn prove(&mut self, bytes: u64) {
        self.resumed += bytes;
    }

    /// Counts bytes of a file that go out.
    pub(super) const fn send(&mut self, bytes: u64) {
        self.sent += bytes;
    }

    /// Counts bytes of a file in a hole, which do not go out.
    pub(super) const fn pass_over(&mut self, bytes: u64) {
        self.holes = self.holes.saturating_add(bytes);
    }

    /// A file that was begun is sent to its end, or was there.
    pub(super) const fn end(&mut self) {
        self.ended += 1;
    }

    /// Bytes of files that went out.
    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    /// Bytes in holes, which did not go out.
    pub(super) const fn holes(&self) -> u64 {
        self.holes
    }

    /// Bytes that the receiver proved to have.
    pub(super) const fn resumed(&self) -> u64 {
        self.resumed
    }

    /// Whether so much can be accepted.
    pub(super) fn check_accepted(&self, files: u32, bytes: u64) -> Result<(), Violation> {
        if files > self.offered.files || bytes > self.offered.bytes {
            return Err(Violation("more accepted than was offered"));
        }
        Ok(())
    }

    /// Whether a receiver can have so much by now.
    pub(super) fn check_acknowledged(&self, told: Acknowledged) -> Result<(), Violation> {
        let known = self.resumed.saturating_add(self.holes);
        if told.bytes > self.sent.saturating_add(known)
            || told.files > self.ended.saturating_add(self.empty_passed_over())
        {
            return Err(Violation("more acknowledged than was sent"));
        }
        Ok(())
    }

    /// Whether a receiver that accepted `files` and `bytes`, and said of `failed` files that they did not make
    /// it, can be done with this.
    pub(super) fn check_done(
        &self,
        (files, bytes): (u32, u64),
        failed: u32,
        told: Acknowledged,
    ) -> Result<(), Violation> {
        // Files that are empty on both sides are never wanted and count all the same.
        let passed_over = files.checked_sub(self.begun.files);
        let passed_over = passed_over.filter(|files| *files <= self.empty_passed_over());
        let (Some(passed_over), true) = (passed_over, bytes == self.begun.bytes) else {
            return Err(Violation("done with other files than were accepted"));
        };
        if told.files.checked_add(failed) != Some(files) || told.files > self.ended + passed_over {
            return Err(Violation("done with files that neither arrived nor failed"));
        }
        if failed == 0 && told.bytes != bytes {
            return Err(Violation("done with other bytes than were accepted"));
        }
        Ok(())
    }

    /// Files without a byte that were not begun: a receiver may have them without a word.
    const fn empty_passed_over(&self) -> u32 {
        self.offered.empty.saturating_sub(self.begun.empty)
    }
}
