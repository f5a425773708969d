//! What a person wants to send: paths on this machine, walked into an offer.

mod scan;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use fardrop_shared::offer::Manifest;

pub use scan::{ScanError, ScanWarning, Scanned, ScannedItem, scan, scan_in_background};

/// An offer and where its files are. One serves any number of receivers.
#[derive(Debug)]
pub struct OfferSource {
    manifest: Manifest,
    roots: Vec<Root>,
}

/// One of the paths that were given.
#[derive(Debug)]
struct Root {
    /// Its canonical path.
    path: PathBuf,
    /// Index of its first entry.
    first: u32,
}

impl OfferSource {
    /// The names, sizes and times.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where the entry with this index and relative path is, into `path`; `None` for no entry.
    pub fn locate(&self, index: u32, relative: &str, path: &mut PathBuf) -> Option<()> {
        let after = self.roots.partition_point(|root| root.first <= index);
        let root = self.roots.get(after.checked_sub(1)?)?;
        path.clear();
        path.push(&root.path);
        if let Some((_, below)) = relative.split_once('/') {
            path.push(below);
        }
        Some(())
    }

    /// Whether a canonical path lies inside what is offered.
    #[must_use]
    pub fn contains(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| path.starts_with(&root.path))
    }
}
