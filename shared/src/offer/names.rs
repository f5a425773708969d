//! Whether the names of an offer may become paths, all of them together.

use rand_core::{CryptoRng, RngCore};

use super::{Entry, EntryKind};
use crate::name::{self, NameError, NameSet, Platform, SafeName};

/// Looks at the entries of one offer, one after the other, by the rules of `name`.
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
    pub fn check(&mut self, entry: Entry<'_>) -> Result<(), NameError> {
        let name = SafeName::try_from(entry.path)?;
        let kind = match entry.kind {
            EntryKind::File { .. } => name::EntryKind::File,
            EntryKind::Folder => name::EntryKind::Folder,
        };
        self.seen.insert(&name, kind)
    }

    /// The same, where the files are to be written on this machine.
    pub fn check_here(&mut self, entry: Entry<'_>) -> Result<(), NameError> {
        SafeName::try_from(entry.path)?.check_on(Platform::HERE)?;
        self.check(entry)
    }
}
