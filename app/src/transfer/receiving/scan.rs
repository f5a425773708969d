//! The scan of a destination: what of an offer is there already. Only looks; changes nothing.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, SystemTime};

use cap_std::fs::Metadata;
use fardrop_shared::name::SafeName;
use fardrop_shared::offer::{EntryKind, ModifiedTime, PlacedManifest};
use fardrop_shared::transfer::{FileReason, IndexSet};

use super::selection::{Acceptance, ConflictPolicy};
use crate::disk::{Folder, Folders, PartNames, PartOwner, write_reason};

/// Local: numbered names of one file that are looked at. A file that was received under different policies has few.
const NUMBERS: u32 = 16;
/// Local: how many numbers in a row may be free before no more are looked at. Numbers are given from 1, but one of
/// the files may have been removed since.
const FREE_NUMBERS: u32 = 2;

/// Which entries of an offer have something at the destination.
#[derive(Debug)]
pub(super) struct DestinationScan {
    /// Files whose final name is taken.
    pub(super) taken: IndexSet,
    /// Of these, regular files of the offered size: they may be identical.
    pub(super) same_size: IndexSet,
    /// Of these, those of the offered time too: an earlier transfer has brought them, in all likelihood.
    same_time: IndexSet,
    /// Files whose final name is taken, and which of their numbered names regular files of the offered size have, as bits
    /// ([`Self::candidates`]): what an earlier transfer may have brought. They stay what they are: no policy
    /// under which they are looked at replaces a file.
    numbered: HashMap<u32, u32>,
    /// Files with a part file of an earlier transfer.
    pub(super) parts: IndexSet,
    /// How many bytes these parts have.
    part_lengths: HashMap<u32, u64>,
    /// Folders that are there: their times are not ours to set.
    pub(super) folders: IndexSet,
    /// Files that cannot be written where they would go, and why.
    pub(super) refused: Vec<(u32, FileReason)>,
    /// Files whose name a folder has, which nothing can take the place of.
    pub(super) folder_in_the_way: IndexSet,
    /// Bytes in the part files, each counted up to the size offered.
    pub(super) kept_bytes: u64,
    /// Those of them that take up room, at most.
    kept_stored: u64,
}

/// Whether anything can be put into the folder that was asked about last.
#[derive(Debug, Default)]
struct Writable(Option<(Folder, Option<FileReason>)>);

impl Writable {
    /// Why nothing can be put into `folder`, as far as the system says so beforehand.
    fn refuses(&mut self, folder: &Folder) -> Option<FileReason> {
        if let Some((known, reason)) = &self.0
            && known.is(folder)
        {
            return *reason;
        }
        let reason = folder.may_add().err().map(|error| write_reason(&error));
        self.0 = Some((folder.clone(), reason));
        reason
    }
}

impl DestinationScan {
    /// What a destination that is not there has.
    pub(super) fn nothing(entries: u32) -> Self {
        Self {
            taken: IndexSet::new(entries),
            same_size: IndexSet::new(entries),
            same_time: IndexSet::new(entries),
            numbered: HashMap::new(),
            parts: IndexSet::new(entries),
            part_lengths: HashMap::new(),
            folders: IndexSet::new(entries),
            refused: Vec::new(),
            folder_in_the_way: IndexSet::new(entries),
            kept_bytes: 0,
            kept_stored: 0,
        }
    }

    /// Which files may be the one offered: the bit of 1 for the one that has its name, that of 2^n for `name (n)`.
    pub(super) fn candidates(&self, file: u32, on_conflict: ConflictPolicy) -> u32 {
        let found = SameSize {
            named: self.same_size.contains(file),
            of_the_time: self.same_time.contains(file),
            numbered: self.numbered.get(&file).copied().unwrap_or(0),
        };
        found.candidates(on_conflict)
    }

    /// Files that cannot be written, in rising order, and why: as far as the destination shows that.
    pub(super) fn refused(&self, on_conflict: ConflictPolicy) -> Vec<(u32, FileReason)> {
        // What is identical is not written.
        let kept_out = self.refused.iter().copied();
        let kept_out = kept_out.filter(|(file, _)| self.candidates(*file, on_conflict) == 0);
        let replaced = on_conflict == ConflictPolicy::Replace;
        let in_the_way = self.folder_in_the_way.iter().filter(|_| replaced);
        let in_the_way = in_the_way.map(|file| (file, FileReason::FolderInTheWay));
        let mut refused: Vec<_> = kept_out.chain(in_the_way).collect();
        refused.sort_by_key(|(file, _)| *file);
        refused.dedup_by_key(|(file, _)| *file);
        refused
    }

    /// Looks at every entry of `manifest`.
    pub(super) fn look(manifest: &PlacedManifest, owner: PartOwner, folders: &mut Folders) -> Self {
        let mut scan = Self::nothing(manifest.totals().entries());
        // A folder that is not there, or not to be had: neither is anything in it, nor in those that follow in it.
        // And why nothing can be put there.
        let mut absent: Option<(SafeName<'static>, Option<FileReason>)> = None;
        let mut writable = Writable::default();
        let mut part_names = PartNames::default();
        manifest.for_each(|index, entry| {
            let Some(place) = entry.place else {
                return;
            };
            let parent = place.parent();
            let is_file = matches!(entry.kind, EntryKind::File { .. });
            if let (Some(parent), Some((absent, reason))) = (&parent, &absent)
                && parent.is_in(absent)
            {
                let refused = reason.filter(|_| is_file);
                scan.refused.extend(refused.map(|reason| (index, reason)));
                return;
            }
            let folder = match folders.open(parent.as_ref()) {
                Ok(folder) => folder,
                Err(error) => {
                    // It is made with what is put into it, if it is only missing.
                    let missing = error.kind() == io::ErrorKind::NotFound;
                    let reason = (!missing).then(|| write_reason(&error));
                    let refused = reason.filter(|_| is_file);
                    scan.refused.extend(refused.map(|reason| (index, reason)));
                    absent = parent.map(|parent| (parent.into_owned(), reason));
                    return;
                }
            };
            let forbidden = writable.refuses(&folder);
            let metadata = folder.look_at(&place.file_name()).ok();
            match entry.kind {
                EntryKind::Folder => match metadata {
                    Some(_) => _ = scan.folders.insert(index),
                    None => absent = Some((place.into_owned(), forbidden)),
                },
                // What has the name of a link is looked at when it is made.
                EntryKind::Link { .. } | EntryKind::SameFile { .. } => {}
                EntryKind::File { size, holes, .. } => {
                    scan.refused.extend(forbidden.map(|reason| (index, reason)));
                    if let Some(metadata) = metadata {
                        scan.taken.insert(index);
                        if metadata.is_dir() {
                            scan.folder_in_the_way.insert(index);
                        }
                        let offered = (size, entry.modified);
                        scan.note(index, SameSize::look(&folder, &place, &metadata, offered));
                    }
                    if let Some(length) = part_names.longest(&folder, owner, &place) {
                        scan.parts.insert(index);
                        scan.part_lengths.insert(index, length);
                        scan.kept_bytes += length.min(size);
                        scan.kept_stored += length.min(size - holes);
                    }
                }
            }
        });
        scan
    }

    fn note(&mut self, index: u32, found: SameSize) {
        if found.named {
            self.same_size.insert(index);
        }
        if found.of_the_time {
            self.same_time.insert(index);
        }
        if found.numbered != 0 {
            self.numbered.insert(index, found.numbered);
        }
    }

    /// Bytes that are read to prove what is here of a file, if the first that may be it is.
    pub(super) fn to_prove(&self, file: u32, size: u64, on_conflict: ConflictPolicy) -> u64 {
        let whole = self.candidates(file, on_conflict) != 0;
        let whole = if whole { size } else { 0 };
        let part = self.part_lengths.get(&file);
        whole.saturating_add(part.map_or(0, |length| size.min(*length)))
    }

    /// Bytes that are read to prove what is here of all that is taken.
    pub(super) fn to_prove_of(&self, manifest: &PlacedManifest, acceptance: &Acceptance) -> u64 {
        let mut bytes: u64 = 0;
        if self.taken.count() == 0 && self.part_lengths.is_empty() {
            return bytes;
        }
        manifest.for_each(|index, entry| {
            if let EntryKind::File { size, .. } = entry.kind
                && entry.place.is_some()
                && acceptance.contains(index)
            {
                let to_prove = self.to_prove(index, size, acceptance.on_conflict);
                bytes = bytes.saturating_add(to_prove);
            }
        });
        bytes
    }

    /// Bytes that `acceptance` will need at the destination, as far as that can be told before
    /// anything is hashed: what may be identical, or resumed, is taken to be, and so is what the sender says of holes.
    pub(super) fn needed(&self, manifest: &PlacedManifest, acceptance: &Acceptance) -> u64 {
        let mut needed: u64 = 0;
        manifest.for_each(|index, entry| {
            let EntryKind::File { size, holes, .. } = entry.kind else {
                return;
            };
            let identical = self.candidates(index, acceptance.on_conflict) != 0;
            if acceptance.contains(index) && entry.place.is_some() && !identical {
                needed = needed.saturating_add(size - holes);
            }
        });
        needed.saturating_sub(self.kept_stored)
    }
}

/// Which of the files under the names that one entry may have are regular ones of its size.
#[derive(Debug, Clone, Copy)]
pub(super) struct SameSize {
    /// The one that has its name.
    named: bool,
    /// That one, and it has the offered time, too.
    of_the_time: bool,
    /// Those under its numbered names, as bits.
    numbered: u32,
}

impl SameSize {
    /// Looks for what has the names of an entry that goes to `place` and is offered with this size and time;
    /// `taken` is what has the first of them.
    pub(super) fn look(
        folder: &Folder,
        place: &SafeName<'_>,
        taken: &Metadata,
        (size, modified): (u64, ModifiedTime),
    ) -> Self {
        let named = taken.is_file() && taken.len() == size;
        Self {
            named,
            of_the_time: named && has_time(taken, modified),
            numbered: numbered(folder, place, size),
        }
    }

    /// Which of them may be what is offered ([`DestinationScan::candidates`]).
    pub(super) fn candidates(self, on_conflict: ConflictPolicy) -> u32 {
        let named = u32::from(self.named);
        match on_conflict {
            ConflictPolicy::Skip => named | self.numbered,
            // Both are kept, but not what has come before a second time.
            ConflictPolicy::Rename => u32::from(self.of_the_time) | self.numbered,
            // A copy beside it does not take its place.
            ConflictPolicy::Replace => named,
        }
    }
}

/// Whether a file has this time, as far as file systems keep times: FAT and exFAT in steps of ten milliseconds at
/// best, and of two seconds at worst.
fn has_time(metadata: &Metadata, modified: ModifiedTime) -> bool {
    const COARSE: Duration = Duration::from_secs(2);
    const STEP_NANOS: u32 = 10_000_000;
    let (Ok(has), Some(offered)) = (metadata.modified(), modified.to_system_time()) else {
        return false;
    };
    let has = has.into_std();
    let apart = has.duration_since(offered);
    let apart = apart.unwrap_or_else(|earlier| earlier.duration());
    let nanos = has.duration_since(SystemTime::UNIX_EPOCH);
    let stepped = nanos.is_ok_and(|since| since.subsec_nanos().is_multiple_of(STEP_NANOS));
    apart.is_zero() || (stepped && apart < COARSE)
}

/// Which numbered names of `place` regular files of `size` bytes have, as bits.
fn numbered(folder: &Folder, place: &SafeName<'_>, size: u64) -> u32 {
    let (mut found, mut free) = (0, 0);
    for number in 1..=NUMBERS {
        match folder.look_at(&place.file_name().numbered(number)) {
            Ok(metadata) if metadata.is_file() && metadata.len() == size => {
                found |= 1 << number;
                free = 0;
            }
            Ok(_) => free = 0,
            Err(_) => free += 1,
        }
        if free == FREE_NUMBERS {
            break;
        }
    }
    found
}
