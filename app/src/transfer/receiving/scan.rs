//! The scan of a destination: what of an offer is there already. Only looks; changes nothing.

use std::io;

use fardrop_shared::name::SafeName;
use fardrop_shared::offer::{EntryKind, PlacedManifest};
use fardrop_shared::transfer::IndexSet;

use super::selection::{Acceptance, ConflictPolicy};
use crate::disk::{Folders, PartOwner, has_part};

/// Which entries of an offer have something at the destination.
#[derive(Debug)]
pub(super) struct DestinationScan {
    /// Files whose final name is taken.
    pub(super) taken: IndexSet,
    /// Of these, regular files of the offered size: they may be identical.
    pub(super) same_size: IndexSet,
    /// Files with a part file of an earlier transfer.
    pub(super) parts: IndexSet,
    /// Folders that are there: their times are not ours to set.
    pub(super) folders: IndexSet,
    /// Bytes in the part files, each counted up to the size offered.
    pub(super) kept_bytes: u64,
    /// Those of them that take up room, at most.
    kept_stored: u64,
}

impl DestinationScan {
    /// What a destination that is not there has.
    pub(super) fn nothing(entries: u32) -> Self {
        Self {
            taken: IndexSet::new(entries),
            same_size: IndexSet::new(entries),
            parts: IndexSet::new(entries),
            folders: IndexSet::new(entries),
            kept_bytes: 0,
            kept_stored: 0,
        }
    }

    /// Looks at every entry of `manifest`.
    pub(super) fn look(manifest: &PlacedManifest, owner: PartOwner, folders: &mut Folders) -> Self {
        let mut scan = Self::nothing(manifest.totals().entries());
        // A folder that is not there: neither is anything in it, nor in those that follow in it.
        let mut absent: Option<SafeName<'static>> = None;
        manifest.for_each(|index, entry| {
            let Some(place) = entry.place else {
                return;
            };
            let parent = place.parent();
            if let (Some(parent), Some(absent)) = (&parent, &absent)
                && parent.is_in(absent)
            {
                return;
            }
            let folder = match folders.open(parent.as_ref()) {
                Ok(folder) => folder,
                Err(error) => {
                    if error.kind() == io::ErrorKind::NotFound {
                        absent = parent.map(SafeName::into_owned);
                    }
                    return;
                }
            };
            let metadata = folder.look_at(&place.file_name()).ok();
            match entry.kind {
                EntryKind::Folder => match metadata {
                    Some(_) => _ = scan.folders.insert(index),
                    None => absent = Some(place.into_owned()),
                },
                // What has the name of a link is looked at when it is made.
                EntryKind::Link { .. } | EntryKind::SameFile { .. } => {}
                EntryKind::File { size, holes, .. } => {
                    if let Some(metadata) = metadata {
                        scan.taken.insert(index);
                        if metadata.is_file() && metadata.len() == size {
                            scan.same_size.insert(index);
                        }
                    }
                    if let Some(length) = has_part(&folder, owner, &place) {
                        scan.parts.insert(index);
                        scan.kept_bytes += length.min(size);
                        scan.kept_stored += length.min(size - holes);
                    }
                }
            }
        });
        scan
    }

    /// Bytes that `acceptance` will need at the destination, as far as that can be told before
    /// anything is hashed: what may be identical, or resumed, is taken to be, and so is what the sender says of holes.
    pub(super) fn needed(&self, manifest: &PlacedManifest, acceptance: &Acceptance) -> u64 {
        let mut needed: u64 = 0;
        manifest.for_each(|index, entry| {
            let EntryKind::File { size, holes, .. } = entry.kind else {
                return;
            };
            let identical =
                self.same_size.contains(index) && acceptance.on_conflict != ConflictPolicy::Rename;
            if acceptance.contains(index) && entry.place.is_some() && !identical {
                needed = needed.saturating_add(size - holes);
            }
        });
        needed.saturating_sub(self.kept_stored)
    }
}
