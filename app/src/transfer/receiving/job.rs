//! What one receiver does, as its threads share it.

use std::sync::Arc;

use fardrop_shared::offer::PlacedManifest;

use super::landed::Landed;
use super::open_files::Committing;
use super::scan::DestinationScan;
use super::selection::Acceptance;
use super::state::ReceiveState;
use crate::disk::PartOwner;

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
}

impl Job {
    /// Which files here may be the entry with this index ([`DestinationScan::candidates`]).
    pub(super) fn candidates(&self, index: u32) -> u32 {
        self.scan.candidates(index, self.acceptance.on_conflict)
    }
}
