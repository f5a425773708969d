//! Where most of an offer is that is too large, so that a person knows where to look.

use std::path::{Path, PathBuf};

use fardrop_shared::limits::MAX_OFFER_ENTRIES;
use fardrop_shared::offer::OfferError;

use super::found::ScanError;

/// What is in a folder, below all that is in it, before it is remembered: few folders can have so much.
const WORTH_NAMING: u32 = MAX_OFFER_ENTRIES / 16;

/// Folders with much in them.
#[derive(Debug, Default)]
pub(super) struct LargeFolders(Vec<(PathBuf, u32)>);

impl LargeFolders {
    /// In `folder` there is so much, with all that is in the folders in it.
    pub(super) fn note(&mut self, folder: &Path, there: u32) {
        if there >= WORTH_NAMING {
            self.0.push((folder.to_path_buf(), there));
        }
    }

    /// A bound was passed when so much was `found`; `open` are the folders being looked through, and how much was
    /// found in each so far. Names the innermost folder that has more than half of it.
    pub(super) fn refuse<'a>(
        &'a self,
        limit: OfferError,
        found: u32,
        open: impl Iterator<Item = (&'a Path, u32)>,
    ) -> ScanError {
        let known = self.0.iter().map(|(path, there)| (path.as_path(), *there));
        let all: Vec<_> = known.chain(open).collect();
        let most = |(_, there): &&(&Path, u32)| u64::from(*there) * 2 > u64::from(found);
        let innermost = all
            .iter()
            .filter(most)
            .max_by_key(|(path, _)| path.components().count());
        let largest = || all.iter().max_by_key(|(_, there)| *there);
        let chosen = innermost.or_else(largest).copied();
        let (folder, there) = chosen.unwrap_or_else(|| (Path::new(""), found));
        ScanError::TooLarge {
            limit,
            found,
            folder: folder.to_path_buf(),
            there,
        }
    }
}
