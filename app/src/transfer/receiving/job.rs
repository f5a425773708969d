//! What one receiver does, as its threads share it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use fardrop_shared::offer::PlacedManifest;
use fardrop_shared::transfer::FileReason;

use super::landed::Landed;
use super::open_files::Committing;
use super::scan::DestinationScan;
use super::selection::Acceptance;
use super::state::ReceiveState;
use crate::disk::{PartOwner, write_reason};

/// Local: moments that threads wait in all for others to close files, a tenth of a second each.
const WAITS: u32 = 200;

/// What one receiver writes and where.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) manifest: Arc<PlacedManifest>,
    pub(super) scan: Arc<DestinationScan>,
    pub(super) acceptance: Acceptance,
    pub(super) state: ReceiveState,
    pub(super) committing: Committing,
    /// Whose the parts are.
    pub(super) owner: PartOwner,
    /// Which files are here that links lead to.
    pub(super) landed: Landed,
    /// How many moments were waited for others to close files.
    pub(super) waits: AtomicU32,
}

impl Job {
    /// Which files here may be the entry with this index ([`DestinationScan::candidates`]).
    pub(super) fn candidates(&self, index: u32) -> u32 {
        self.scan.candidates(index, self.acceptance.on_conflict)
    }

    /// Opens something that is here. Where too many files are open it is tried again: those that are whole are closed
    /// once they are on disk, and what could not be opened would be taken for not there.
    pub(super) fn with_room<T>(&self, mut open: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        loop {
            match open() {
                Err(error) if write_reason(&error) == FileReason::TooManyOpen => {
                    self.committing.wait();
                    let waited = self.waits.fetch_add(1, Ordering::Relaxed);
                    if waited >= WAITS || !self.state.wait_a_moment() {
                        return Err(error);
                    }
                }
                outcome => return outcome,
            }
        }
    }

    /// How much is read to prove what is here of the entry with this index ([`DestinationScan::to_prove`]).
    pub(super) fn to_prove(&self, index: u32, size: u64) -> u64 {
        let on_conflict = self.acceptance.on_conflict;
        self.scan.to_prove(index, size, on_conflict)
    }
}
