//! Whether the names of an offer are safe, all of them together.

use rand_core::{CryptoRng, RngCore};

use super::{Entry, EntryKind};
use crate::name::{self, NameError, NameSet};

/// Looks at the entries of one offer, one after the other, by the rules that hold everywhere.
#[derive(Debug)]
pub struct NameChecker {
    seen: NameSet,
}

impl NameChecker {
    /// For a new offer.
    #[must_use]
    pub fn new(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        Self {
            seen: NameSet::new(rng),
        }
    }

    /// Whether this entry may be in the offer beside those before it, on any system.
    ///
    /// A receiver refuses the whole offer on an error. A sender, whose names are its own, may leave
    /// the entry out and go on.
    ///
    /// # Errors
    ///
    /// The first [`NameError`] whose rule is broken.
    pub fn check(&mut self, entry: Entry<'_>) -> Result<(), NameError> {
        let kind = match entry.kind {
            // Nothing may lie below a link: it is no folder, whatever it leads to.
            EntryKind::File { .. } | EntryKind::Link { .. } | EntryKind::SameFile { .. } => {
                name::EntryKind::File
            }
            EntryKind::Folder => name::EntryKind::Folder,
        };
        self.seen.insert(entry.path, kind)
    }
}
