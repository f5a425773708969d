//! The receiver's checking thread: looks for what is here already, and asks for everything.

use std::cell::Cell;
use std::io;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use fardrop_shared::limits::CLAIMS_LIMIT;
use fardrop_shared::name::SafeName;
use fardrop_shared::offer::EntryKind;
use fardrop_shared::transfer::{Ranges, RenamedPages};
use fardrop_shared::wire::peer::{FileReason, ReceiverMessage};

use super::job::Job;
use super::prove::Unproved;
use super::renamed::for_each_unnamed;
use super::state::Kept;
use crate::disk::{Folder, Folders, PartFile, Reopened};

/// Local: how long parts that other receives hold are waited for, in all: twice as long as those hold what nothing
/// arrives for, and half of one that did not hear of it.
const HELD_PATIENCE: Duration = Duration::from_secs(5);

/// The transfer is over: nobody hears what is asked for.
struct Over;

/// Asks for everything that is taken: first for what nothing is here of, so that the sender has work at once. What
/// there is of the rest goes to the thread that proves.
pub(super) fn check(job: &Job, folders: Folders, unproved: SyncSender<Unproved>) {
    let check = Check {
        job,
        unproved,
        held_until: Cell::new(None),
    };
    let to_prove = job.scan.to_prove_of(&job.manifest, &job.acceptance);
    job.state.proving().plan(to_prove);
    // Over means that the task that would hear has already ended with a reason.
    let _: Result<(), Over> = check.run(folders);
}

struct Check<'a> {
    job: &'a Job,
    unproved: SyncSender<Unproved>,
    /// Until when parts that others hold are waited for, once one was met.
    held_until: Cell<Option<Instant>>,
}

impl Check<'_> {
    fn run(&self, mut folders: Folders) -> Result<(), Over> {
        self.tell_renamed()?;
        self.tell_left_out();
        self.tell_refused();
        self.ask_for_fresh()?;
        let mut cursor = self.job.manifest.cursor();
        while let Some((index, entry)) = cursor.next(&self.job.manifest) {
            let (EntryKind::File { size, .. }, Some(place)) = (entry.kind, entry.place) else {
                continue;
            };
            if !self.job.acceptance.contains(index) || self.is_fresh(index, size) {
                continue;
            }
            if !self.job.state.wait_for_room() {
                return Err(Over);
            }
            // What cannot be looked at is asked for whole.
            let found = self
                .job
                .with_room(|| self.find(&mut folders, index, &place, size));
            match found.unwrap_or_default() {
                Here::Nothing => {
                    let proving = self.job.state.proving();
                    proving.give_up(self.job.to_prove(index, size));
                    self.job.state.requests().receiving.want(index);
                    self.say(ReceiverMessage::Want {
                        first: index,
                        last: index,
                    })?;
                }
                Here::Kept { lengths, part } => {
                    let unproved = Unproved {
                        file: index,
                        place: place.into_owned(),
                        size,
                        lengths: lengths.clone(),
                        kept: part.as_ref().map_or(0, |(_, kept)| *kept),
                        part: part.as_ref().map(|(part, _)| part.kept()),
                        numbers: self.job.candidates(index),
                    };
                    let kept = Kept {
                        start: lengths.first().copied().unwrap_or(0),
                        size,
                        part: part.map(|(part, _)| part),
                    };
                    self.job.state.requests().keep(index, lengths.clone(), kept);
                    self.say(ReceiverMessage::WantFrom {
                        file: index,
                        lengths,
                    })?;
                    // It ends before this one only with the transfer.
                    let _ = self.unproved.send(unproved);
                }
            }
        }
        self.say(ReceiverMessage::WantEnd)
    }

    /// Says what gets another name here than it has in the offer, before anything crosses.
    fn tell_renamed(&self) -> Result<(), Over> {
        let mut pages = RenamedPages::default();
        let mut cursor = self.job.manifest.cursor();
        for index in self.job.manifest.renamed() {
            if !self.job.acceptance.contains(index) {
                continue;
            }
            let entry = cursor.entry(&self.job.manifest, index);
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
        let takes = |index| self.job.acceptance.contains(index);
        for_each_unnamed(&self.job.manifest, takes, |index, path| {
            self.job.state.fail(index, path, FileReason::NameForbidden);
        });
    }

    /// Says what cannot be written here, though its name is possible, before any of it crosses.
    fn tell_refused(&self) {
        let mut cursor = self.job.manifest.cursor();
        let mut folder: Option<(u32, Vec<u8>, FileReason)> = None;
        for (index, reason) in self.job.acceptance.refused() {
            let Some(entry) = cursor.entry(&self.job.manifest, *index) else {
                continue;
            };
            // A folder with something in it is not told beside that.
            if let Some((index, path, reason)) = folder.take()
                && !(entry.path.starts_with(&path) && entry.path.get(path.len()) == Some(&b'/'))
            {
                self.job.state.fail(index, &path, reason);
            }
            if entry.kind == EntryKind::Folder {
                folder = Some((*index, entry.path.to_owned(), *reason));
            } else {
                self.job.state.fail(*index, entry.path, *reason);
            }
        }
        if let Some((index, path, reason)) = folder {
            self.job.state.fail(index, &path, reason);
        }
    }

    fn ask_for_fresh(&self) -> Result<(), Over> {
        let mut ranges = Ranges::default();
        let mut cursor = self.job.manifest.cursor();
        while let Some((index, entry)) = cursor.next(&self.job.manifest) {
            let taken = entry.place.is_some() && self.job.acceptance.contains(index);
            let size = match entry.kind {
                EntryKind::File { size, .. } => size,
                EntryKind::Folder | EntryKind::Link { .. } | EntryKind::SameFile { .. } => 0,
            };
            if !taken || !self.is_fresh(index, size) {
                continue;
            }
            // Folders and links join the runs of files around them.
            if matches!(entry.kind, EntryKind::File { .. }) {
                self.job.state.requests().receiving.want(index);
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
        size == 0 || (self.job.candidates(index) == 0 && !self.job.scan.parts.contains(index))
    }

    fn find(
        &self,
        folders: &mut Folders,
        index: u32,
        place: &SafeName<'_>,
        size: u64,
    ) -> io::Result<Here> {
        let whole = self.job.candidates(index) > 0;
        let mut part = None;
        if self.job.scan.parts.contains(index) {
            let folder = folders.open(place.parent().as_ref())?;
            part = self.reopen(&folder, place)?;
        }
        let mut lengths = match &part {
            Some(part) => part.lengths(size)?,
            None => Vec::new(),
        };
        let kept = lengths.first().copied().unwrap_or(0);
        if let Some(empty) = part.take_if(|_| kept == 0 && !whole) {
            empty.discard_with_shorter()?;
        }
        // An empty part is of use only to be removed, should a whole file be here.
        let part = part.map(|part| (part, kept));
        if whole && lengths.first() != Some(&size) {
            lengths.insert(0, size);
            lengths.truncate(CLAIMS_LIMIT);
        }
        Ok(if lengths.is_empty() {
            Here::Nothing
        } else {
            Here::Kept { lengths, part }
        })
    }

    /// The longest part of earlier transfers. Where another receive holds one and nothing happens to that, it is about
    /// to let it go, unless its sender is heard again.
    fn reopen(&self, folder: &Folder, place: &SafeName<'_>) -> io::Result<Option<PartFile>> {
        let mut before = None;
        loop {
            let Reopened { part, held } = PartFile::reopen(folder, self.job.owner, place)?;
            let Some(now) = held else {
                return Ok(part);
            };
            let until = self
                .held_until
                .get()
                .unwrap_or_else(|| Instant::now() + HELD_PATIENCE);
            self.held_until.set(Some(until));
            let is_written = before.is_some_and(|before| before != now);
            if is_written || Instant::now() >= until || !self.job.state.wait_a_moment() {
                return Ok(part);
            }
            drop(part);
            before = Some(now);
        }
    }

    fn say(&self, message: ReceiverMessage) -> Result<(), Over> {
        if self.job.state.say(message) {
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
    /// Something to be proved: prefixes of these lengths.
    Kept {
        lengths: Vec<u64>,
        /// A part, and how many bytes it has.
        part: Option<(PartFile, u64)>,
    },
}
