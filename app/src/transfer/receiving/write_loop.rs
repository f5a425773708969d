//! The receiver's write loop, on a thread of its own: buffers in, part files written and hashed, whole files committed.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::{io, thread};

use fardrop_shared::name::SafeName;
use fardrop_shared::offer::{EntryKind, ModifiedTime, OthersAccess, PlacedCursor};
use fardrop_shared::transfer::Violation;
use fardrop_shared::transfer::frame::{Frame, FrameDecoder};
use fardrop_shared::wire::peer::{FileReason, ReceiverMessage};
use tokio::sync::mpsc;

use super::folders::{finish_folders, make_narrow_folders};
use super::job::Job;
use super::open_files::OpenLimits;
use super::selection::ConflictPolicy;
use super::state::{Kept, ReceiveState};
use crate::disk::{
    Content, ExistingFile, Finished, Folder, Folders, Origin, PartFile, commit, file_handles,
    hash_zeros, write_reason,
};

/// Local: batches of files that wait for the committing thread.
const BATCHES_WAITING: usize = 1;

/// A buffer, and how much of it is filled.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) buffer: Vec<u8>,
    pub(super) filled: usize,
}

/// Writes what arrives until the stream ends; everything is verified on disk, or failed, when this
/// returns. `back` gets the buffers again. A channel that closes before an empty piece came is a
/// transfer cut off: what is here is kept, and nobody asks for the outcome.
pub(super) fn write_loop(
    job: &Arc<Job>,
    folders: Folders,
    mut pieces: mpsc::Receiver<Piece>,
    back: &mpsc::Sender<Vec<u8>>,
) -> io::Result<Result<(), Violation>> {
    let limits = OpenLimits::within(file_handles());
    let (batches, waiting) = sync_channel(BATCHES_WAITING);
    let committer = thread::Builder::new()
        .name("fardrop-commit".into())
        .spawn({
            let job = Arc::clone(job);
            move || commit_batches(&job, &waiting, limits)
        })?;
    let mut writing = WriteLoop {
        job,
        folders,
        cursor: job.manifest.cursor(),
        current: None,
        batch: Vec::new(),
        batches,
        limits,
    };
    make_narrow_folders(job, &mut writing.folders);
    let outcome = writing.run(&mut pieces, back);
    writing.put_down();
    let WriteLoop {
        mut folders,
        batches,
        ..
    } = writing;
    drop(batches);
    committer
        .join()
        .map_err(|_| io::Error::other("the committing thread panicked"))?;
    if matches!(outcome, Ok(Ended::Whole)) {
        finish_folders(job, &mut folders);
    }
    Ok(outcome.map(|_| ()))
}

/// How a stream ended.
enum Ended {
    /// Everything that was wanted came, or was given up.
    Whole,
    /// In the middle.
    Cut,
}

/// The file that the stream is in.
struct Current {
    file: u32,
    /// Its path, as the sender has it.
    path: Vec<u8>,
    place: SafeName<'static>,
    size: u64,
    modified: ModifiedTime,
    executable: bool,
    others: OthersAccess,
    sink: Sink,
}

/// Where its bytes go.
enum Sink {
    Part {
        part: PartFile,
        hasher: Box<blake3::Hasher>,
    },
    /// It is here already if the sender's digest is this one.
    Whole([u8; 32]),
    /// It has failed.
    Nowhere,
}

struct WriteLoop<'a> {
    job: &'a Job,
    folders: Folders,
    cursor: PlacedCursor,
    current: Option<Current>,
    batch: Vec<Finished>,
    batches: SyncSender<(Vec<Finished>, Vec<Folder>)>,
    limits: OpenLimits,
}

impl WriteLoop<'_> {
    fn run(
        &mut self,
        pieces: &mut mpsc::Receiver<Piece>,
        back: &mpsc::Sender<Vec<u8>>,
    ) -> Result<Ended, Violation> {
        let mut decoder = FrameDecoder::new();
        while let Some(piece) = pieces.blocking_recv() {
            if piece.filled == 0 {
                if !decoder.between_frames() {
                    return Err(Violation("the stream ended inside a frame"));
                }
                self.job.state.requests().receiving.handle_stream_end()?;
                return Ok(Ended::Whole);
            }
            let mut input = &piece.buffer[..piece.filled];
            while let Some(frame) = decoder.next(&mut input)? {
                self.handle(frame)?;
            }
            self.hand_over();
            // The pump ends before this thread only when the transfer does.
            let _ = back.try_send(piece.buffer);
        }
        Ok(Ended::Cut)
    }

    fn handle(&mut self, frame: Frame<'_>) -> Result<(), Violation> {
        match frame {
            Frame::Begin { file, start } => self.begin(file, start),
            Frame::Data(data) => self.data(data),
            Frame::Hole { length } => self.hole(length),
            Frame::End { digest } => self.end(&digest),
            Frame::Abort { reason } => self.abort(reason),
        }
    }

    fn begin(&mut self, file: u32, start: u64) -> Result<(), Violation> {
        let entry = self.cursor.entry(&self.job.manifest, file);
        let size = entry.as_ref().and_then(|entry| match entry.kind {
            EntryKind::File { size, .. } => Some(size),
            EntryKind::Folder | EntryKind::Link { .. } | EntryKind::SameFile { .. } => None,
        });
        let kept = {
            let mut requests = self.job.state.requests();
            requests.receiving.handle_begin(file, start, size)?;
            requests.take_kept(file)
        };
        if kept.is_some() {
            self.job.state.note_begun();
        }
        // Both are there, or the requests would have refused.
        let (Some(entry), Some(size)) = (entry, size) else {
            return Err(Violation("data for something that is no file"));
        };
        let Some(place) = entry.place else {
            return Err(Violation("data for something that is left out"));
        };
        let executable = matches!(
            entry.kind,
            EntryKind::File {
                executable: true,
                ..
            }
        );
        let mut current = Current {
            file,
            path: entry.path.to_owned(),
            place: place.into_owned(),
            size,
            modified: entry.modified,
            executable,
            others: entry.others,
            sink: Sink::Nowhere,
        };
        let mut sink = self.sink(&current, start, kept);
        if matches!(&sink, Err(error) if write_reason(error) == FileReason::TooManyOpen) {
            // What was kept is open already: it is a new part, or a folder, that could not be opened.
            self.make_room();
            sink = self.sink(&current, start, None);
        }
        match sink {
            Ok(sink) => {
                if !matches!(sink, Sink::Whole(_)) {
                    self.job.state.note_resumed(start);
                }
                current.sink = sink;
            }
            Err(error) => give_up(&self.job.state, &current, &error, size > start),
        }
        self.current = Some(current);
        Ok(())
    }

    fn sink(&mut self, current: &Current, start: u64, kept: Option<Kept>) -> io::Result<Sink> {
        let (place, size) = (&current.place, current.size);
        match kept {
            Some(Kept::Whole(claim)) if start == size => return Ok(Sink::Whole(claim.hash)),
            Some(Kept::Part {
                mut part,
                mut hasher,
            }) => {
                if start == 0 {
                    *hasher = blake3::Hasher::new();
                } else if hasher.count() != start {
                    *hasher = part.hash_prefix(start, &|| !self.job.state.over())?;
                }
                part.resume_at(start)?;
                return Ok(Sink::Part { part, hasher });
            }
            // Nothing of an empty file was to be claimed; it may be here all the same.
            None if size == 0 && self.job.may_be_here(current.file) => {
                return Ok(Sink::Whole(blake3::hash(&[]).into()));
            }
            Some(Kept::Whole(_)) | None => {}
        }
        let folder = self.folders.open_or_make(place.parent().as_ref())?;
        Ok(Sink::Part {
            part: PartFile::create(&folder, place)?,
            hasher: Box::default(),
        })
    }

    fn data(&mut self, data: &[u8]) -> Result<(), Violation> {
        let state = &self.job.state;
        state.requests().receiving.handle_data(data.len())?;
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let Sink::Part { part, hasher } = &mut current.sink else {
            return Ok(());
        };
        let Err(error) = part.write(data) else {
            hasher.update(data);
            state.note_sent(data.len());
            return Ok(());
        };
        self.lose(&error);
        Ok(())
    }

    fn hole(&mut self, length: u64) -> Result<(), Violation> {
        let state = &self.job.state;
        state.requests().receiving.handle_hole(length)?;
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let Sink::Part { part, hasher } = &mut current.sink else {
            return Ok(());
        };
        match part.write_hole(length) {
            Err(error) => self.lose(&error),
            Ok(()) if hash_zeros(hasher, length, &|| !state.over()) => state.note_hole(length),
            // The transfer is over.
            Ok(()) => self.put_down(),
        }
        Ok(())
    }

    /// The present file cannot be written: what is here of it may be of use another time.
    fn lose(&mut self, error: &io::Error) {
        let Some(current) = &mut self.current else {
            return;
        };
        let sink = std::mem::replace(&mut current.sink, Sink::Nowhere);
        give_up(&self.job.state, current, error, true);
        if let Sink::Part { part, .. } = sink {
            keep_or_discard(part, write_reason(error));
        }
    }

    fn end(&mut self, digest: &[u8; 32]) -> Result<(), Violation> {
        let state = &self.job.state;
        state.requests().receiving.handle_end()?;
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        match current.sink {
            Sink::Nowhere => {}
            Sink::Whole(hash) if hash == *digest => self.finish_existing(current),
            Sink::Whole(_) => {
                state.fail(current.file, &current.path, FileReason::HashMismatch);
            }
            Sink::Part { part, hasher } => {
                if *hasher.finalize().as_bytes() != *digest {
                    discard(part);
                    state.fail(current.file, &current.path, FileReason::HashMismatch);
                    return Ok(());
                }
                let content = Content::Part {
                    part,
                    replace: self.job.acceptance.on_conflict == ConflictPolicy::Replace,
                    modified: current.modified,
                    executable: current.executable,
                    others: current.others,
                };
                self.finish(current.file, content, &current.place);
            }
        }
        Ok(())
    }

    /// A file that was here before is what is offered. Who wrote it may not have waited for the disk.
    fn finish_existing(&mut self, current: Current) {
        let place = &current.place;
        let there = self
            .folders
            .open(place.parent().as_ref())
            .and_then(|folder| ExistingFile::open(&folder, &place.file_name(), current.size));
        match there {
            Ok(Some(there)) => {
                self.finish(current.file, Content::There(there), &current.place);
            }
            // It has changed since it was hashed.
            Ok(None) => {
                let reason = FileReason::HashMismatch;
                self.job.state.fail(current.file, &current.path, reason);
            }
            Err(error) => give_up(&self.job.state, &current, &error, false),
        }
    }

    fn finish(&mut self, file: u32, content: Content, place: &SafeName<'_>) {
        self.batch.push(Finished {
            file,
            content,
            name: place.file_name().into_owned(),
        });
        if self.batch.len() >= self.limits.batch {
            self.hand_over();
        }
    }

    fn abort(&mut self, reason: FileReason) -> Result<(), Violation> {
        self.job.state.requests().receiving.handle_abort()?;
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        match current.sink {
            // Said when it failed.
            Sink::Nowhere => return Ok(()),
            Sink::Part { part, .. } => keep_or_discard(part, reason),
            Sink::Whole(_) => {}
        }
        self.job.state.fail(current.file, &current.path, reason);
        Ok(())
    }

    /// Closes what is whole, by waiting until it is on disk.
    fn make_room(&mut self) {
        self.hand_over();
        self.job.committing.wait();
    }

    /// Gives what is whole to the committing thread, which takes all that waits as one batch.
    fn hand_over(&mut self) {
        if !self.batch.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            self.job.committing.add(batch.len());
            // It ends before this one only by a panic, which joining it brings to light.
            let files = batch.len();
            if self
                .batches
                .send((batch, self.folders.take_touched()))
                .is_err()
            {
                drop(self.job.committing.closing(files));
            }
        }
    }

    /// The stream is over: of a file in the middle, what is here is kept for another time.
    fn put_down(&mut self) {
        if let Some(Current {
            sink: Sink::Part { part, .. },
            ..
        }) = self.current.take()
        {
            keep_or_discard(part, FileReason::Skipped);
        }
        self.hand_over();
    }
}

/// The committing thread: takes what waits, puts it on disk, says what became of it.
fn commit_batches(job: &Job, waiting: &Receiver<(Vec<Finished>, Vec<Folder>)>, limits: OpenLimits) {
    let mut cursor = job.manifest.cursor();
    while let Ok((mut batch, mut touched)) = waiting.recv() {
        while batch.len() < limits.commit
            && let Ok((more, folders)) = waiting.try_recv()
        {
            batch.extend(more);
            touched.extend(folders);
        }
        let closing = job.committing.closing(batch.len());
        let committed = commit(batch, touched);
        drop(closing);
        for committed in committed {
            // It was begun, so it is there.
            let Some(entry) = cursor.entry(&job.manifest, committed.file) else {
                continue;
            };
            match committed.outcome {
                Ok((name, origin)) => {
                    tracing::trace!(%name, "verified and on disk");
                    let place = entry.place.as_ref().unwrap_or(&name);
                    job.state.note_place(place, &name);
                    job.landed.note(committed.file, place, &name);
                    match origin {
                        Origin::Received => job.state.note_verified(),
                        Origin::There { bytes } => job.state.note_skipped(bytes),
                    }
                }
                Err(error) => {
                    job.state
                        .fail(committed.file, entry.path, write_reason(&error));
                }
            }
        }
    }
}

/// Files whose part might be gone on with keep it. A full disk is not left full.
fn keep_or_discard(part: PartFile, why: FileReason) {
    let resumable = match why {
        FileReason::FileUnreadable
        | FileReason::ReadForbidden
        | FileReason::SenderTooManyOpen
        | FileReason::Skipped
        | FileReason::WriteFailed
        | FileReason::ReadOnly
        | FileReason::WriteForbidden
        | FileReason::NotAFolder
        | FileReason::FolderInTheWay
        | FileReason::NameTooLong
        | FileReason::NameForbidden
        | FileReason::TooManyOpen
        | FileReason::LinkInTheWay
        | FileReason::TargetMissing
        | FileReason::NoLinks => true,
        FileReason::FileChanged
        | FileReason::WrongSize
        | FileReason::HashMismatch
        | FileReason::NoSpace
        | FileReason::Quota
        | FileReason::FileTooLarge => false,
    };
    let empty = part.length().is_ok_and(|length| length == 0);
    if !resumable || empty || !part.is_findable() {
        discard(part);
    }
}

fn discard(part: PartFile) {
    if let Err(error) = part.discard() {
        tracing::debug!(%error, "a part file could not be removed");
    }
}

/// A file cannot be written: said once, and the sender is asked to stop sending it.
fn give_up(state: &ReceiveState, current: &Current, error: &io::Error, more_follows: bool) {
    tracing::debug!(%error, name = %current.place, "a file cannot be written");
    state.fail(current.file, &current.path, write_reason(error));
    if more_follows {
        state.say(ReceiverMessage::Skip { file: current.file });
    }
}
