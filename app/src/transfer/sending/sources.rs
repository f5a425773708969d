//! The files of an offer, to be opened one after the other.

use std::path::PathBuf;

use fardrop_shared::offer::{Cursor, EntryKind, ModifiedTime};
use fardrop_shared::wire::peer::FileReason;

use crate::disk::{Source, SourceReader};
use crate::files::OfferSource;

/// The files of one offer, for one thread.
pub(super) struct Sources<'a> {
    offer: &'a OfferSource,
    cursor: Cursor,
    path: PathBuf,
}

/// A file of the offer.
pub(super) struct Found {
    pub(super) index: u32,
    pub(super) size: u64,
    modified: ModifiedTime,
    /// Whether it is known where on this disk it is.
    located: bool,
}

impl<'a> Sources<'a> {
    pub(super) fn new(offer: &'a OfferSource) -> Self {
        Self {
            offer,
            cursor: offer.manifest().cursor(),
            path: PathBuf::new(),
        }
    }

    /// What entry `index` says; `None` if it is no file.
    pub(super) fn find(&mut self, index: u32) -> Option<Found> {
        let entry = self.cursor.entry(self.offer.manifest(), index)?;
        let EntryKind::File { size, .. } = entry.kind else {
            return None;
        };
        let located = self.offer.locate(index, entry.path, &mut self.path);
        Some(Found {
            index,
            size,
            modified: entry.modified,
            located: located.is_some(),
        })
    }

    /// Opens the file that was found last.
    pub(super) fn open(&self, file: &Found) -> Result<SourceReader, FileReason> {
        if !file.located {
            return Err(FileReason::FileUnreadable);
        }
        let source = Source {
            path: &self.path,
            size: file.size,
            modified: file.modified,
        };
        SourceReader::open(&source, |path| self.offer.contains(path))
    }
}
