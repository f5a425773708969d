//! The names of one offer: whether any two are the same.

use rand_core::{CryptoRng, RngCore};

use super::NameError;
use super::check::check_new;
use super::prefixes::{HashesSet, Prefixes, short};
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
    seen: HashesSet,
    /// Whether the name before was that of a file.
    after_file: bool,
}

impl NameSet {
    /// An empty one, under a fresh key.
    pub fn new(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        Self {
            prefixes: Prefixes::new(key),
            seen: HashesSet::default(),
            after_file: false,
        }
    }

    /// Takes the next name of the offer, with the folders that it lies in. A folder may be named again.
    ///
    /// After an error the name is not taken; folders on its way may be.
    ///
    /// # Errors
    ///
    /// What [`check`](super::check()) says of it, [`NameError::Collision`] with a name that was taken before, and
    /// [`NameError::TooMany`] beyond [`MAX_OFFER_NAMES`].
    pub fn insert(&mut self, name: &[u8], kind: EntryKind) -> Result<(), NameError> {
        let inserted = self.insert_next(name, kind);
        if inserted.is_err() {
            self.prefixes.clear();
        }
        inserted
    }

    fn insert_next(&mut self, name: &[u8], kind: EntryKind) -> Result<(), NameError> {
        let before = self.prefixes.len();
        let kept = self.prefixes.go_to(name);
        let all = self.prefixes.len();
        let new = (kept..all).map(|level| self.prefixes.component(level));
        check_new(name, kept, new)?;
        // What the name before had as well is in, as a folder but for its own last component.
        if kept == before && before > 0 && self.after_file {
            return Err(NameError::Collision);
        }
        self.after_file = kind == EntryKind::File;
        let last = all - 1;
        for level in kept..last {
            self.insert_hash(short(&self.prefixes.hash(level)), EntryKind::Folder)?;
        }
        self.insert_hash(short(&self.prefixes.hash(last)), kind)
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
        let (this, other) = match kind {
            EntryKind::File => (file, folder),
            EntryKind::Folder => (folder, file),
        };
        if self.seen.contains(&other) {
            return Err(NameError::Collision);
        }
        let new = self.seen.insert(this);
        match kind {
            EntryKind::File if !new => Err(NameError::Collision),
            _ if new && self.seen.len() > MAX_OFFER_NAMES => Err(NameError::TooMany),
            EntryKind::File | EntryKind::Folder => Ok(()),
        }
    }
}
