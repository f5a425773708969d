//! The names of one offer: whether any two are the same.

use std::collections::BTreeSet;

use rand_core::{CryptoRng, RngCore};

use super::NameError;
use super::prefixes::{Prefixes, short};
use crate::limits::MAX_OFFER_NAMES;

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Folder,
}

/// The names seen so far of one offer. It refuses one that was seen before, and a file that is also a folder.
///
/// It holds no names but their 64-bit hashes under a key of its own. Two names that are the same always have
/// the same hash, so none is missed. Two that are not may have the same by chance (for a million names, once
/// in 18 million offers), and then the offer is refused for nothing. Who sends the names does not know the
/// key, and cannot bring that about.
#[derive(Debug)]
pub struct NameSet {
    prefixes: Prefixes,
    /// Hashes, of which the lowest bit says whether it is a folder.
    seen: BTreeSet<u64>,
}

impl NameSet {
    /// An empty one, under a fresh key.
    pub fn new(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        Self {
            prefixes: Prefixes::new(key),
            seen: BTreeSet::new(),
        }
    }

    /// Takes the next name of the offer, with the folders that it lies in. A folder may be named again.
    ///
    /// # Errors
    ///
    /// [`NameError::Collision`] with a name that was taken before, and [`NameError::TooMany`] beyond
    /// [`MAX_OFFER_NAMES`]. The offer is to be refused then; what the set holds after that means
    /// nothing.
    pub fn insert(&mut self, name: &[u8], kind: EntryKind) -> Result<(), NameError> {
        let kept = self.prefixes.go_to(name);
        let last = self.prefixes.len() - 1;
        // Folders on the way that the name before had as well are in; but its last component may have been
        // a file, and this one's may be.
        for level in kept.saturating_sub(1).min(last)..=last {
            let kind = if level < last {
                EntryKind::Folder
            } else {
                kind
            };
            self.insert_hash(short(&self.prefixes.hash(level)), kind)?;
        }
        Ok(())
    }

    /// How many files and folders there are, those on the way to a file included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    fn insert_hash(&mut self, hash: u64, kind: EntryKind) -> Result<(), NameError> {
        let (file, folder) = (hash & !1, hash | 1);
        if self.seen.contains(&file) {
            return Err(NameError::Collision);
        }
        let new = match kind {
            EntryKind::File if self.seen.contains(&folder) => return Err(NameError::Collision),
            EntryKind::File => file,
            EntryKind::Folder => folder,
        };
        if self.seen.insert(new) && self.seen.len() > MAX_OFFER_NAMES {
            return Err(NameError::TooMany);
        }
        Ok(())
    }
}
