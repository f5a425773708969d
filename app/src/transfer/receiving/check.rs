//! The receiver's checking thread: hashes what is here already, and asks for the rest.

use std::io;

use fardrop_shared::name::SafeName;
use fardrop_shared::offer::{EntryKind, PlacedManifest};
use fardrop_shared::transfer::{Ranges, RenamedPages};
use fardrop_shared::wire::peer::{Claim, FileReason, ReceiverMessage};

use super::scan::DestinationScan;
use super::selection::{Acceptance, ConflictPolicy};
use super::state::{Kept, ReceiveState};
use crate::disk::{ExistingFile, Folders, PartFile};

/// The transfer is over: nobody hears what is asked for.
struct Over;

/// Asks for everything in `acceptance`: first for what nothing is here of, so that the sender has
/// work while the rest is hashed.
pub(super) fn check(
    manifest: &PlacedManifest,
    scan: &DestinationScan,
    acceptance: &Acceptance,
    folders: Folders,
    state: &ReceiveState,
) {
    let check = Check {
        manifest,
        scan,
        acceptance,
        state,
    };
    // Over means that the task that would hear has already ended with a reason.
    let _: Result<(), Over> = check.run(folders);
}

struct Check<'a> {
    manifest: &'a PlacedManifest,
    scan: &'a DestinationScan,
    acceptance: &'a Acceptance,
    state: &'a ReceiveState,
}

impl Check<'_> {
    fn run(&self, mut folders: Folders) -> Result<(), Over> {
        self.tell_renamed()?;
        self.tell_left_out();
        self.ask_for_fresh()?;
        let mut cursor = self.manifest.cursor();
        while let Some((index, entry)) = cursor.next(self.manifest) {
            let (EntryKind::File { size, .. }, Some(place)) = (entry.kind, entry.place) else {
                continue;
            };
            if !self.acceptance.contains(index) || self.is_fresh(index, size) {
                continue;
            }
            if !self.state.wait_for_room() {
                return Err(Over);
            }
            // What cannot be looked at is asked for whole.
            let found = self.find(&mut folders, index, &place, size);
            match found.unwrap_or_default() {
                Here::Nothing => {
                    self.state.requests().receiving.want(index);
                    self.say(ReceiverMessage::Want {
                        first: index,
                        last: index,
                    })?;
                }
                Here::Kept(claims, kept) => {
                    let lengths = claims.iter().map(|claim| claim.length).collect();
                    self.state.requests().keep(index, lengths, kept);
                    self.say(ReceiverMessage::WantFrom {
                        file: index,
                        claims,
                    })?;
                }
            }
        }
        self.say(ReceiverMessage::WantEnd)
    }

    /// Says what gets another name here than it has in the offer, before anything crosses.
    fn tell_renamed(&self) -> Result<(), Over> {
        let mut pages = RenamedPages::default();
        let mut cursor = self.manifest.cursor();
        for index in self.manifest.renamed() {
            if !self.acceptance.contains(index) {
                continue;
            }
            let entry = cursor.entry(self.manifest, index);
            if let Some(place) = entry.and_then(|entry| entry.place)
                && let Some(page) = pages.push(index, place.as_bytes())
            {
                self.say(page)?;
            }
        }
        pages.finish().map_or(Ok(()), |page| self.say(page))
    }

    /// Says what cannot be here, before anything crosses: every file, and every folder with nothing in it.
    fn tell_left_out(&self) {
        let mut cursor = self.manifest.cursor();
        let mut folder: Option<(u32, Vec<u8>)> = None;
        for index in self.manifest.left_out() {
            let Some(entry) = cursor.entry(self.manifest, index) else {
                continue;
            };
            if !self.acceptance.contains(index) {
                continue;
            }
            if let Some((index, path)) = folder.take()
                && !(entry.path.starts_with(&path) && entry.path.get(path.len()) == Some(&b'/'))
            {
                self.state.fail(index, &path, FileReason::NameForbidden);
            }
            if entry.kind == EntryKind::Folder {
                folder = Some((index, entry.path.to_owned()));
            } else {
                self.state
                    .fail(index, entry.path, FileReason::NameForbidden);
            }
        }
        if let Some((index, path)) = folder {
            self.state.fail(index, &path, FileReason::NameForbidden);
        }
    }

    fn ask_for_fresh(&self) -> Result<(), Over> {
        let mut ranges = Ranges::default();
        let mut cursor = self.manifest.cursor();
        while let Some((index, entry)) = cursor.next(self.manifest) {
            let taken = entry.place.is_some() && self.acceptance.contains(index);
            let size = match entry.kind {
                EntryKind::File { size, .. } => size,
                EntryKind::Folder | EntryKind::Link { .. } | EntryKind::SameFile { .. } => 0,
            };
            if !taken || !self.is_fresh(index, size) {
                continue;
            }
            // Folders and links join the runs of files around them.
            if matches!(entry.kind, EntryKind::File { .. }) {
                self.state.requests().receiving.want(index);
            }
            if let Some((first, last)) = ranges.push(index) {
                self.say(ReceiverMessage::Want { first, last })?;
            }
        }
        match ranges.finish() {
            Some((first, last)) => self.say(ReceiverMessage::Want { first, last }),
            None => Ok(()),
        }
    }

    /// Whether nothing is here that could save sending this entry. What has no bytes is asked for like that as
    /// well: whether it has none is found by reading it.
    fn is_fresh(&self, index: u32, size: u64) -> bool {
        if size == 0 {
            return true;
        }
        let identical = self.scan.same_size.contains(index)
            && self.acceptance.on_conflict != ConflictPolicy::Rename;
        !identical && !self.scan.parts.contains(index)
    }

    fn find(
        &self,
        folders: &mut Folders,
        index: u32,
        place: &SafeName<'_>,
        size: u64,
    ) -> io::Result<Here> {
        let folder = folders.open(place.parent().as_ref())?;
        let go_on = || !self.state.over();
        if self.scan.parts.contains(index)
            && let Some(mut part) = PartFile::reopen(&folder, place)?
        {
            let (claims, hasher) = part.claims(size, &go_on)?;
            if !claims.is_empty() {
                let hasher = Box::new(hasher);
                return Ok(Here::Kept(claims, Kept::Part { part, hasher }));
            }
        }
        if self.scan.same_size.contains(index)
            && self.acceptance.on_conflict != ConflictPolicy::Rename
            && let Some(mut there) = ExistingFile::open(&folder, &place.file_name(), size)?
        {
            let claim = there.claim(&go_on)?;
            return Ok(Here::Kept(vec![claim], Kept::Whole(claim)));
        }
        Ok(Here::Nothing)
    }

    fn say(&self, message: ReceiverMessage) -> Result<(), Over> {
        if self.state.say(message) {
            Ok(())
        } else {
            Err(Over)
        }
    }
}

/// What is here of one file.
#[derive(Default)]
enum Here {
    #[default]
    Nothing,
    /// Something to be proved.
    Kept(Vec<Claim>, Kept),
}
