//! What one receiver does, as its threads share it.

use std::sync::Arc;

use fardrop_shared::offer::PlacedManifest;

use super::landed::Landed;
use super::open_files::Committing;
use super::scan::DestinationScan;
use super::selection::{Acceptance, ConflictPolicy};
use super::state::ReceiveState;

/// What one receiver writes and where.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) manifest: Arc<PlacedManifest>,
    pub(super) scan: Arc<DestinationScan>,
    pub(super) acceptance: Acceptance,
    pub(super) state: ReceiveState,
    pub(super) committing: Committing,
    /// Which files are here that links lead to.
    pub(super) landed: Landed,
}

impl Job {
    /// Whether a file of its name and size is at the destination that may be the one offered.
    pub(super) fn may_be_here(&self, file: u32) -> bool {
        self.scan.same_size.contains(file) && self.acceptance.on_conflict != ConflictPolicy::Rename
    }
}
