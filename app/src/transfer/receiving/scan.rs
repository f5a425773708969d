//! What is at the destination already. Only looks; changes nothing.

use std::io;

use fardrop_shared::{
    offer::{EntryKind, Manifest},
    transfer::IndexSet,
};

use super::super::OnConflict;
use crate::disk::{Folders, has_part, split_path};

/// Which entries of an offer have something at the destination.
#[derive(Debug)]
pub(in crate::transfer) struct Survey {
    /// Files whose final name is taken.
    pub(in crate::transfer) taken: IndexSet,
    /// Of these, regular files of the offered size: they may be identical.
    pub(in crate::transfer) same_size: IndexSet,
    /// Files with a part file of an earlier transfer.
    pub(super) parts: IndexSet,
    /// Folders that are there: their times are not ours to set.
    pub(super) folders: IndexSet,
    /// Bytes in the part files, each counted up to the size offered.
    pub(super) kept_bytes: u64,
}

impl Survey {
    /// What a destination that is not there has.
    pub(super) fn nothing(entries: u32) -> Self {
        Self {
            taken: IndexSet::new(entries),
            same_size: IndexSet::new(entries),
            parts: IndexSet::new(entries),
            folders: IndexSet::new(entries),
            kept_bytes: 0,
        }
    }

    /// Looks at every entry of `manifest`.
    pub(super) fn look(manifest: &Manifest, folders: &mut Folders) -> Self {
        let mut survey = Self::nothing(manifest.totals().entries());
        // A folder that is not there: neither is anything in it, nor in those that follow in it.
        let mut absent: Option<String> = None;
        manifest.for_each(|index, entry| {
            let (parent, name) = split_path(entry.path);
            if absent
                .as_deref()
                .is_some_and(|absent| is_in(parent, absent))
            {
                return;
            }
            let folder = match folders.open(parent) {
                Ok(folder) => folder,
                Err(error) => {
                    if error.kind() == io::ErrorKind::NotFound {
                        absent = Some(parent.to_owned());
                    }
                    return;
                }
            };
            let metadata = folder.symlink_metadata(name).ok();
            match entry.kind {
                EntryKind::Folder => match metadata {
                    Some(_) => _ = survey.folders.insert(index),
                    None => absent = Some(entry.path.to_owned()),
                },
                EntryKind::File { size, .. } => {
                    if let Some(metadata) = metadata {
                        survey.taken.insert(index);
                        if metadata.is_file() && metadata.len() == size {
                            survey.same_size.insert(index);
                        }
                    }
                    if let Some(length) = has_part(&folder, entry.path) {
                        survey.parts.insert(index);
                        survey.kept_bytes += length.min(size);
                    }
                }
            }
        });
        survey
    }

    /// Bytes that `selection` will need at the destination, as far as that can be told before
    /// anything is hashed: what may be identical, or resumed, is taken to be.
    pub(super) fn needed(&self, manifest: &Manifest, selection: &Selection) -> u64 {
        let mut needed: u64 = 0;
        manifest.for_each(|index, entry| {
            let EntryKind::File { size, .. } = entry.kind else {
                return;
            };
            let identical =
                self.same_size.contains(index) && selection.on_conflict != OnConflict::Rename;
            if selection.contains(index) && !identical {
                needed = needed.saturating_add(size);
            }
        });
        needed.saturating_sub(self.kept_bytes)
    }
}

/// Whether the folder `path` is `folder` or lies in it.
fn is_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What of an offer is taken, and how.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    pub(super) on_conflict: OnConflict,
    /// Runs of entries, first and last included, in rising order; all of them without.
    runs: Option<Vec<(u32, u32)>>,
}

impl Selection {
    pub(super) fn new(on_conflict: OnConflict, mut runs: Option<Vec<(u32, u32)>>) -> Self {
        if let Some(runs) = &mut runs {
            runs.sort_unstable();
        }
        Self { on_conflict, runs }
    }

    pub(super) fn contains(&self, index: u32) -> bool {
        self.runs.as_ref().is_none_or(|runs| {
            let after = runs.partition_point(|(first, _)| *first <= index);
            runs[..after].last().is_some_and(|(_, last)| index <= *last)
        })
    }

    /// Files taken, and their bytes.
    pub(super) fn totals(&self, manifest: &Manifest) -> (u32, u64) {
        let (mut files, mut bytes) = (0, 0);
        manifest.for_each(|index, entry| {
            if let EntryKind::File { size, .. } = entry.kind
                && self.contains(index)
            {
                files += 1;
                bytes += size;
            }
        });
        (files, bytes)
    }
}
