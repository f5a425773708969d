//! The names of one offer: whether any two are the same file somewhere.

use std::collections::BTreeSet;

use caseless::Caseless;
use rand_core::{CryptoRng, RngCore};
use unicode_normalization::UnicodeNormalization;

use super::{NameError, SafeName};
use crate::limits::MAX_OFFER_NAMES;

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Folder,
}

/// The names seen so far of one offer. It refuses a name that some system takes for one seen before:
/// the same but for case or for how accents are written (canonical caseless matching, Unicode
/// section 3.13, D145), a file that is also a folder, a folder in two spellings.
///
/// It holds no names but their 64-bit hashes under a key of its own, one for a file and two for a
/// folder. Two names that are the same always have the same hash, so none is missed. Two that are not may
/// have the same by chance (for a million names, once in 30 million offers), and then the offer is
/// refused for nothing. Who sends the names does not know the key, and cannot bring that about; nor
/// the other way round, that two spellings of one folder pass for one.
#[derive(Debug)]
pub struct NameSet {
    key: [u8; 32],
    seen: BTreeSet<u64>,
    names: usize,
}

impl NameSet {
    /// An empty one, under a fresh key.
    pub fn new(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        Self {
            key,
            seen: BTreeSet::new(),
            names: 0,
        }
    }

    /// Takes the next name of the offer, with the folders that it lies in. A folder may be named
    /// again, in the same spelling.
    ///
    /// # Errors
    ///
    /// [`NameError::Collision`] with a name that was taken before, and [`NameError::TooMany`] beyond
    /// [`MAX_OFFER_NAMES`]. The offer is to be refused then; what the set holds after that means
    /// nothing.
    pub fn insert(&mut self, name: &SafeName, kind: EntryKind) -> Result<(), NameError> {
        let mut folded = self.key;
        let mut exact = self.key;
        let mut components = name.components().peekable();
        while let Some(component) = components.next() {
            folded = hash(&folded, b"folded", fold(component).as_bytes());
            exact = hash(&exact, b"exact", component.as_bytes());
            let kind = match components.peek() {
                Some(_) => EntryKind::Folder,
                None => kind,
            };
            match kind {
                EntryKind::File => self.insert_new(short(&folded))?,
                EntryKind::Folder if self.seen.contains(&short(&exact)) => {}
                EntryKind::Folder => {
                    self.insert_new(short(&folded))?;
                    self.seen.insert(short(&exact));
                }
            }
        }
        Ok(())
    }

    /// How many files and folders there are, those on the way to a file included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.names
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.names == 0
    }

    fn insert_new(&mut self, hash: u64) -> Result<(), NameError> {
        if self.names >= MAX_OFFER_NAMES {
            return Err(NameError::TooMany);
        }
        if !self.seen.insert(hash) {
            return Err(NameError::Collision);
        }
        self.names += 1;
        Ok(())
    }
}

/// The same for all spellings that some system takes for the same. Lower case on top of folding
/// makes up for letters that are newer than the folding table (Unicode 16).
pub(super) fn fold(component: &str) -> String {
    if component.is_ascii() {
        return component.to_ascii_lowercase();
    }
    let folded = component.nfd().default_case_fold();
    folded.flat_map(char::to_lowercase).nfd().collect()
}

/// The hash of a path, from that of its parent and the last component: so that a name costs as much
/// as it is long, however deep.
fn hash(parent: &[u8; 32], purpose: &[u8], component: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(parent);
    hasher.update(purpose);
    hasher.update(component);
    hasher.finalize().into()
}

fn short(hash: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
