//! The receiver's write loop, on a thread of its own: buffers in, part files written and hashed, whole files committed.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use fardrop_shared::name::SafeName;
use fardrop_shared::offer::{EntryKind, PlacedCursor};
use fardrop_shared::transfer::frame::{Frame, FrameDecoder};
use fardrop_shared::transfer::{Run, Violation};
use fardrop_shared::wire::peer::{FileReason, ReceiverMessage};
use tokio::sync::mpsc;

use super::committing::{Batch, start_committing};
use super::folders::{finish_folders, make_narrow_folders};
use super::job::Job;
use super::open_files::OpenLimits;
use super::runs::{Current, EmptyFile, Held, Proof, Sink, keep_or_discard, take_back};
use super::selection::ConflictPolicy;
use super::silence::{Stop, is_touched, let_go, take_again};
use super::work::Work;
use crate::disk::{
    Content, ExistingFile, Finished, Folders, PartFile, file_handles, hash_zeros, write_reason,
};

/// Writes what arrives until the stream ends; everything is verified on disk, or failed, when this
/// returns. `back` gets the buffers again. A channel that closes before an empty piece came is a
/// transfer cut off: what is here is kept, and nobody asks for the outcome.
pub(super) fn write_loop(
    job: &Arc<Job>,
    folders: Folders,
    mut work: mpsc::Receiver<Work>,
    back: &mpsc::Sender<Vec<u8>>,
) -> io::Result<Result<(), Stop>> {
    let limits = OpenLimits::within(file_handles());
    let (batches, committer) = start_committing(job, limits)?;
    let mut writing = WriteLoop {
        job,
        folders,
        cursor: job.manifest.cursor(),
        current: None,
        held: HashMap::new(),
        batch: Vec::new(),
        batches,
        limits,
        silent: false,
    };
    make_narrow_folders(job, &mut writing.folders);
    let outcome = writing.run(&mut work, back);
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

struct WriteLoop<'a> {
    job: &'a Job,
    folders: Folders,
    cursor: PlacedCursor,
    current: Option<Current>,
    held: HashMap<u32, Held>,
    batch: Vec<Finished>,
    batches: SyncSender<Batch>,
    limits: OpenLimits,
    /// Whether nothing has arrived since the parts were let go.
    silent: bool,
}

impl WriteLoop<'_> {
    fn run(
        &mut self,
        work: &mut mpsc::Receiver<Work>,
        back: &mpsc::Sender<Vec<u8>>,
    ) -> Result<Ended, Stop> {
        let mut decoder = FrameDecoder::new();
        while let Some(work) = work.blocking_recv() {
            let piece = match work {
                Work::Silence => {
                    if is_touched(&mut self.current, &mut self.held, &self.job.state) {
                        self.go_on()?;
                    }
                    let_go(&mut self.current, &mut self.held, &self.job.state);
                    self.silent = true;
                    continue;
                }
                Work::Piece(piece) => piece,
                Work::Proof(proof) => {
                    self.go_on()?;
                    self.take_proof(*proof)?;
                    self.hand_over();
                    continue;
                }
            };
            self.go_on()?;
            if piece.filled == 0 {
                if !decoder.between_frames() {
                    return Err(Violation("the stream ended inside a frame").into());
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

    /// Takes the parts again that were let go. Those that are not to be had fail, but those that another receive has
    /// taken over end the transfer: it goes on there.
    fn go_on(&mut self) -> Result<(), Stop> {
        if std::mem::take(&mut self.silent) {
            let lost = take_again(&mut self.current, &mut self.held, &self.job.state)?;
            for (file, error) in lost {
                self.give_up(file, &error, true)?;
            }
        }
        Ok(())
    }

    fn handle(&mut self, frame: Frame<'_>) -> Result<(), Violation> {
        match frame {
            Frame::Begin { file, start } => self.begin(file, start),
            Frame::Data(data) => self.data(data),
            Frame::Hole { length } => self.hole(length),
            Frame::End { digest } => self.end(&digest),
            Frame::Abort { reason } => self.abort(reason),
            Frame::Refuse { file, reason } => {
                // One that failed here has been said to.
                if !self.job.state.requests().receiving.handle_refuse(file)? {
                    return Ok(());
                }
                self.take_held(file);
                self.fail(file, reason)
            }
        }
    }

    fn begin(&mut self, file: u32, start: u64) -> Result<(), Violation> {
        let entry = self.cursor.entry(&self.job.manifest, file);
        let size = entry.as_ref().and_then(|entry| match entry.kind {
            EntryKind::File { size, .. } => Some(size),
            EntryKind::Folder | EntryKind::Link { .. } | EntryKind::SameFile { .. } => None,
        });
        let place = entry.and_then(|entry| entry.place);
        let place = place.map(SafeName::into_owned);
        let run = {
            let mut requests = self.job.state.requests();
            requests.receiving.handle_begin(file, start, size)?
        };
        let place = place.ok_or(Violation("data for something that is left out"))?;
        let there = (run == Run::Whole && size == Some(0))
            .then(|| self.empty_file(file, &place))
            .flatten();
        let held = self.take_held(file);
        let mut current = Current {
            file,
            run,
            start,
            proved: held.as_ref().and_then(|held| held.proved),
            kept: held.as_ref().map_or(0, |held| held.kept),
            sink: Sink::Nowhere,
        };
        if let Some(there) = there {
            current.sink = Sink::There(there);
            self.current = Some(current);
            return Ok(());
        }
        let part = match (run, held) {
            // It has failed meanwhile.
            (Run::Rest | Run::Missing, None) => None,
            (
                _,
                Some(Held {
                    part: Some(part), ..
                }),
            ) => Some(Ok(part)),
            (Run::Whole, None) | (_, Some(Held { part: None, .. })) => {
                Some(self.create_part(&place))
            }
        };
        match part {
            Some(Ok(mut part)) => {
                part.seek(start);
                let hasher = Box::default();
                current.sink = Sink::Part { part, hasher };
            }
            Some(Err(error)) => self.give_up(file, &error, size > Some(start))?,
            None => {}
        }
        self.current = Some(current);
        Ok(())
    }

    /// What is here and may be the file with this index, which has no bytes.
    fn empty_file(&mut self, file: u32, place: &SafeName<'_>) -> Option<EmptyFile> {
        let numbers = self.job.candidates(file);
        if numbers == 0 {
            return None;
        }
        let name = place.file_name().numbered(numbers.trailing_zeros());
        let folder = self.folders.open(place.parent().as_ref()).ok()?;
        let existing = ExistingFile::open(&folder, &name, 0).ok()??;
        let mut part = None;
        if self.job.scan.parts.contains(file) {
            match PartFile::reopen(&folder, self.job.owner, place) {
                Ok(found) => part = found.part,
                Err(error) => tracing::debug!(%error, "an empty part cannot be opened"),
            }
        }
        Some(EmptyFile {
            existing,
            name,
            part,
        })
    }

    fn create_part(&mut self, place: &SafeName<'_>) -> io::Result<PartFile> {
        let create = |folders: &mut Folders| {
            let folder = folders.open_or_make(place.parent().as_ref())?;
            PartFile::create(&folder, self.job.owner, place)
        };
        match create(&mut self.folders) {
            Err(error) if write_reason(&error) == FileReason::TooManyOpen => {
                self.make_room();
                create(&mut self.folders)
            }
            created => created,
        }
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
        self.lose(&error)
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
            Err(error) => return self.lose(&error),
            Ok(()) if hash_zeros(hasher, length, &|| !state.over()) => state.note_hole(length),
            // The transfer is over.
            Ok(()) => self.put_down(),
        }
        Ok(())
    }

    /// The present file cannot be written: what is here of it may be of use another time.
    fn lose(&mut self, error: &io::Error) -> Result<(), Violation> {
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let (file, run) = (current.file, current.run);
        if let Sink::Part { part, .. } = std::mem::replace(&mut current.sink, Sink::Nowhere) {
            keep_or_discard(part, run, write_reason(error));
        }
        self.give_up(file, error, true)
    }

    fn end(&mut self, digest: &[u8; 32]) -> Result<(), Violation> {
        self.job.state.requests().receiving.handle_end()?;
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        let (part, hasher) = match current.sink {
            Sink::Part { part, hasher } => (part, hasher),
            Sink::There(there) if *digest == *blake3::hash(&[]).as_bytes() => {
                self.finish_there(current.file, there.existing, there.name, there.part);
                return Ok(());
            }
            Sink::There(_) => return self.fail(current.file, FileReason::HashMismatch),
            Sink::Nowhere => return Ok(()),
        };
        if *hasher.finalize().as_bytes() != *digest {
            take_back(part, current.run, current.start);
            return self.fail(current.file, FileReason::HashMismatch);
        }
        if current.run != Run::Rest {
            return self.finish(current.file, part);
        }
        let held = Held {
            part: Some(part),
            kept: current.kept,
            rest_here: true,
            proved: current.proved,
        };
        self.finish_if_whole(current.file, held)
    }

    fn abort(&mut self, reason: FileReason) -> Result<(), Violation> {
        self.job.state.requests().receiving.handle_abort()?;
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        match current.sink {
            Sink::Part { part, .. } => keep_or_discard(part, current.run, reason),
            Sink::There(_) => {}
            // Said when it failed.
            Sink::Nowhere => return Ok(()),
        }
        self.fail(current.file, reason)
    }

    /// Takes in how much is right of what was here.
    fn take_proof(&mut self, proof: Proof) -> Result<(), Violation> {
        let Proof {
            file,
            length,
            there,
        } = proof;
        let state = &self.job.state;
        if let Some(current) = self.current.as_mut().filter(|current| current.file == file) {
            if matches!(current.sink, Sink::Part { .. }) {
                current.proved = Some(length);
                state.prove(file, length);
                state.note_resumed(length);
            }
            return Ok(());
        }
        let Some(mut held) = self.take_held(file) else {
            return Ok(());
        };
        state.prove(file, length);
        if let Some((there, name)) = there {
            self.finish_there(file, there, name, held.part);
            return Ok(());
        }
        state.note_resumed(length);
        held.proved = Some(length);
        self.finish_if_whole(file, held)
    }

    /// All of a file is in one that was here before, which has this name; a part of it is of no use any more.
    fn finish_there(
        &mut self,
        file: u32,
        there: ExistingFile,
        name: SafeName<'static>,
        part: Option<PartFile>,
    ) {
        self.batch.push(Finished {
            file,
            content: Content::There { file: there, part },
            name,
        });
        self.job.state.put_down(file);
    }

    /// What was here of a file, if it has not failed.
    fn take_held(&mut self, file: u32) -> Option<Held> {
        let held = self.held.remove(&file);
        held.or_else(|| Some(self.job.state.requests().take_kept(file)?.into()))
    }

    /// A file of which something was here is finished once all of it is proved, and waits for that until then.
    fn finish_if_whole(&mut self, file: u32, held: Held) -> Result<(), Violation> {
        let proved = held.proved == Some(held.kept);
        match held.part {
            Some(part) if held.rest_here && proved => self.finish(file, part),
            part => {
                self.held.insert(file, Held { part, ..held });
                Ok(())
            }
        }
    }

    /// All of a file is in its part.
    fn finish(&mut self, file: u32, part: PartFile) -> Result<(), Violation> {
        let entry = self.cursor.entry(&self.job.manifest, file);
        let Some((entry, size, executable)) = entry.and_then(|entry| match entry.kind {
            EntryKind::File {
                size, executable, ..
            } => Some((entry, size, executable)),
            EntryKind::Folder | EntryKind::Link { .. } | EntryKind::SameFile { .. } => None,
        }) else {
            return Err(Violation("data for something that is no file"));
        };
        let place = entry.place.as_ref();
        let place = place.ok_or(Violation("data for something that is left out"))?;
        if let Err(error) = part.cut(size) {
            return self.give_up(file, &error, false);
        }
        self.batch.push(Finished {
            file,
            content: Content::Part {
                part,
                replace: self.job.acceptance.on_conflict == ConflictPolicy::Replace,
                modified: entry.modified,
                executable: executable && self.job.acceptance.programs,
                others: entry.others,
            },
            name: place.file_name().into_owned(),
        });
        self.job.state.put_down(file);
        if self.batch.len() >= self.limits.batch {
            self.hand_over();
        }
        Ok(())
    }

    /// A file cannot be written: said once, and the sender is asked to stop sending it.
    fn give_up(
        &mut self,
        file: u32,
        error: &io::Error,
        more_follows: bool,
    ) -> Result<(), Violation> {
        tracing::debug!(%error, file, "a file cannot be written");
        self.fail(file, write_reason(error))?;
        if more_follows {
            self.job.state.say(ReceiverMessage::Skip { file });
        }
        Ok(())
    }

    fn fail(&mut self, file: u32, reason: FileReason) -> Result<(), Violation> {
        let entry = self.cursor.entry(&self.job.manifest, file);
        let entry = entry.ok_or(Violation("the failure of nothing that is offered"))?;
        self.job.state.fail(file, entry.path, reason);
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
            run,
            ..
        }) = self.current.take()
        {
            keep_or_discard(part, run, FileReason::Skipped);
        }
        self.hand_over();
    }
}
