//! What of an offer is taken.

use std::collections::{BTreeSet, HashSet};

use fardrop_shared::offer::{Classifier, EntryKind, Manifest, PlacedManifest};
use fardrop_shared::transfer::{FileReason, Ranges};
use serde::{Deserialize, Serialize};

/// What to do where a file of the same name is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConflictPolicy {
    /// Leave identical files alone; keep both where the content differs.
    Skip,
    /// Keep both, always: `name (1).ext`.
    Rename,
    /// Replace the old file once the new one is verified.
    Replace,
}

/// What of an offer the person takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of it.
    All,
    /// All but the entries with these indices. With a folder goes everything in it.
    Except(BTreeSet<u32>),
}

/// What the person said yes to of what needs a yes of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Consent {
    /// To what is hidden at the top of the offer, and to what would start by itself; without, it is not taken.
    pub hidden: bool,
    /// To programs; without, what the sender's machine may execute is taken and may not be executed.
    pub programs: bool,
}

impl Consent {
    /// To nothing.
    pub const NONE: Self = Self {
        hidden: false,
        programs: false,
    };

    /// To everything.
    pub const ALL: Self = Self {
        hidden: true,
        programs: true,
    };

    /// The entries of `manifest` that are not taken, in rising order.
    pub(super) fn refused(
        self,
        manifest: &Manifest,
        classifier: &Classifier,
    ) -> Vec<(u32, FileReason)> {
        let mut refused = Vec::new();
        if !self.hidden {
            manifest.for_each(|index, entry| {
                if classifier.concerns(entry.path, entry.kind).needs_yes() {
                    refused.push((index, FileReason::NotAllowed));
                }
            });
        }
        refused
    }
}

/// What was taken of an offer, entry by entry, and the policy for names that are taken.
#[derive(Debug, Clone)]
pub(super) struct Acceptance {
    pub(super) on_conflict: ConflictPolicy,
    /// Whether programs may be executed here.
    pub(super) programs: bool,
    /// Runs of entries, first and last included, in rising order; all of them without.
    runs: Option<Vec<(u32, u32)>>,
    /// Entries that would be taken and cannot be written, or may not be here, in rising order, and why.
    refused: Vec<(u32, FileReason)>,
}

impl Acceptance {
    /// Takes `selection` of `manifest`. Looks at every entry, unless all are taken.
    pub(super) fn new(
        manifest: &Manifest,
        on_conflict: ConflictPolicy,
        selection: &Selection,
        consent: Consent,
    ) -> Self {
        Self {
            on_conflict,
            programs: consent.programs,
            runs: runs(manifest, selection),
            refused: Vec::new(),
        }
    }

    /// Without those of these entries that would be taken: they cannot be written, or may not be here, and why. In
    /// rising order.
    pub(super) fn without(mut self, mut refused: Vec<(u32, FileReason)>) -> Self {
        refused.retain(|(file, _)| self.contains(*file));
        self.refused = refused;
        self
    }

    /// Entries that would be taken and cannot be written, or may not be here, in rising order, and why.
    pub(super) fn refused(&self) -> &[(u32, FileReason)] {
        &self.refused
    }

    pub(super) fn contains(&self, index: u32) -> bool {
        let refused = &self.refused;
        if refused
            .binary_search_by_key(&index, |(file, _)| *file)
            .is_ok()
        {
            return false;
        }
        self.runs.as_ref().is_none_or(|runs| {
            let after = runs.partition_point(|(first, _)| *first <= index);
            runs[..after].last().is_some_and(|(_, last)| index <= *last)
        })
    }

    /// Files taken that can be here, and their bytes.
    pub(super) fn totals(&self, manifest: &PlacedManifest) -> (u32, u64) {
        let (mut files, mut bytes) = (0, 0);
        manifest.for_each(|index, entry| {
            if let EntryKind::File { size, .. } = entry.kind
                && entry.place.is_some()
                && self.contains(index)
            {
                files += 1;
                bytes += size;
            }
        });
        (files, bytes)
    }
}

/// The entries that `selection` takes, as runs; `None` for all of them.
fn runs(manifest: &Manifest, selection: &Selection) -> Option<Vec<(u32, u32)>> {
    let except = match selection {
        Selection::All => return None,
        Selection::Except(except) => except,
    };
    let folders = folders_among(manifest, except);
    let mut runs = Vec::new();
    let mut open = Ranges::default();
    manifest.for_each(|index, entry| {
        let left_out = except.contains(&index)
            || (!folders.is_empty()
                && folders_of(entry.path).any(|folder| folders.contains(folder)));
        if !left_out {
            runs.extend(open.push(index));
        }
    });
    runs.extend(open.finish());
    Some(runs)
}

fn folders_among(manifest: &Manifest, indices: &BTreeSet<u32>) -> HashSet<Vec<u8>> {
    let mut cursor = manifest.cursor();
    let entries = indices.iter().filter_map(|index| {
        let entry = cursor.entry(manifest, *index)?;
        (entry.kind == EntryKind::Folder).then(|| entry.path.to_owned())
    });
    entries.collect()
}

/// The folders that a path lies in, the innermost first.
pub(crate) fn folders_of(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    fn folder_of(path: &[u8]) -> Option<&[u8]> {
        let separator = path.iter().rposition(|byte| *byte == b'/')?;
        Some(&path[..separator])
    }
    std::iter::successors(folder_of(path), |folder| folder_of(folder))
}

#[cfg(test)]
mod tests {
    use fardrop_shared::offer::{Entry, ManifestBuilder, ModifiedTime, OthersAccess};

    use super::*;

    #[test]
    fn with_a_folder_goes_everything_in_it() {
        let file = EntryKind::File {
            size: 4,
            holes: 0,
            executable: false,
        };
        let mut builder = ManifestBuilder::new();
        for (path, kind) in [
            ("tree", EntryKind::Folder),
            ("tree/a", file),
            ("tree/b", EntryKind::Folder),
            ("tree/b/c", file),
            ("tree/b/d", EntryKind::Folder),
            ("tree/b/d/e", file),
            ("tree/bb", file),
        ] {
            let modified = ModifiedTime::default();
            builder
                .push(Entry {
                    path: path.as_bytes(),
                    kind,
                    modified,
                    others: OthersAccess::ALL,
                })
                .expect("it fits");
        }
        let manifest = builder.finish().expect("it is whole");
        let except = |indices: &[u32]| {
            let selection = Selection::Except(indices.iter().copied().collect());
            runs(&manifest, &selection).expect("not all of it")
        };
        assert_eq!(runs(&manifest, &Selection::All), None);
        assert_eq!(except(&[]), [(0, 6)]);
        assert_eq!(except(&[2]), [(0, 1), (6, 6)]);
        assert_eq!(except(&[1, 4]), [(0, 0), (2, 3), (6, 6)]);
        assert_eq!(except(&[0]), []);
        assert_eq!(except(&[99]), [(0, 6)]);
    }
}
