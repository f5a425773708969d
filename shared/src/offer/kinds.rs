//! What the entries of a manifest are, remembered while it grows: what a link may lead to.

use super::{EntryKind, OfferError};

/// Entries to a word, at two bits each: a quarter of a megabyte for a million of them.
const TO_A_WORD: u32 = 32;

/// What the entries so far are.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    words: Vec<u64>,
    count: u32,
}

/// What an entry is, for those that lead to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    File = 1,
    Folder = 2,
    /// Something that leads elsewhere itself: nothing may lead to it, so that links make no chain and no circle.
    Link = 3,
}

impl Kinds {
    /// Whether an entry of this kind may follow those before.
    ///
    /// # Errors
    ///
    /// [`OfferError::LinkTarget`] for what leads to an entry that did not come before it, or to one that it
    /// cannot lead to.
    pub(super) fn check(&self, kind: EntryKind) -> Result<(), OfferError> {
        let fine = match kind {
            EntryKind::File { .. } | EntryKind::Folder => true,
            EntryKind::Link { target } => {
                matches!(self.get(target), Some(Kind::File | Kind::Folder))
            }
            EntryKind::SameFile { first } => self.get(first) == Some(Kind::File),
        };
        if fine {
            Ok(())
        } else {
            Err(OfferError::LinkTarget)
        }
    }

    /// Takes the next entry.
    pub(super) fn push(&mut self, kind: EntryKind) {
        let kind = match kind {
            EntryKind::File { .. } => Kind::File,
            EntryKind::Folder => Kind::Folder,
            EntryKind::Link { .. } | EntryKind::SameFile { .. } => Kind::Link,
        };
        let (word, shift) = place(self.count);
        if word == self.words.len() {
            self.words.push(0);
        }
        self.words[word] |= u64::from(kind as u8) << shift;
        self.count += 1;
    }

    fn get(&self, index: u32) -> Option<Kind> {
        let (word, shift) = place(index);
        match self.words.get(word)? >> shift & 3 {
            1 => Some(Kind::File),
            2 => Some(Kind::Folder),
            3 => Some(Kind::Link),
            _ => None,
        }
    }
}

const fn place(index: u32) -> (usize, u32) {
    ((index / TO_A_WORD) as usize, index % TO_A_WORD * 2)
}
