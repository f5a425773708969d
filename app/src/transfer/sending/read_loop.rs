//! The sender's read loop, on a thread of its own: wanted files in, full buffers of frames out.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use fardrop_shared::offer::{Cursor, EntryKind, ModifiedTime};
use fardrop_shared::transfer::Wanted;
use fardrop_shared::transfer::frame::{self, DATA_HEADER_LENGTH};
use fardrop_shared::wire::peer::{Claim, FileReason};
use tokio::sync::mpsc;

use super::pool::Pool;
use super::state::SendState;
use crate::disk::{Run, Source, SourceReader, hash_zeros};
use crate::files::OfferSource;
use crate::transfer::bounds::BUFFER_LENGTH;

/// Local: room that is worth a read of its own; with less, the buffer is sent as it is.
const LEAST_READ: usize = 4096;

/// Local: a hole from which on the receiver is told of it before it is hashed here, so that both do that at once.
const LONG_HOLE: u64 = 1 << 20;

/// The receiving end of the buffers is gone: the transfer is over.
struct Over;

/// Why a file stops in the middle.
enum Stop {
    File(FileReason),
    Over,
}

impl From<FileReason> for Stop {
    fn from(reason: FileReason) -> Self {
        Self::File(reason)
    }
}

impl From<Over> for Stop {
    fn from(_: Over) -> Self {
        Self::Over
    }
}

/// A file of the offer.
struct Found {
    index: u32,
    size: u64,
    modified: ModifiedTime,
    /// Whether it is known where on this disk it is.
    located: bool,
}

/// Reads what is wanted into buffers until nothing is wanted any more or nobody takes them.
pub(super) fn read_loop(offer: &OfferSource, state: &Arc<SendState>, out: mpsc::Sender<Bytes>) {
    let pool = Pool::new();
    let mut reading = ReadLoop {
        offer,
        state,
        out,
        buffer: pool.take(),
        filled: 0,
        pool,
        cursor: offer.manifest().cursor(),
        path: PathBuf::new(),
    };
    // Over means that the other end of the channel has already said why.
    let _: Result<(), Over> = reading.run();
}

struct ReadLoop<'a> {
    offer: &'a OfferSource,
    state: &'a SendState,
    out: mpsc::Sender<Bytes>,
    pool: Pool,
    buffer: Vec<u8>,
    filled: usize,
    cursor: Cursor,
    path: PathBuf,
}

impl ReadLoop<'_> {
    fn run(&mut self) -> Result<(), Over> {
        while !self.state.stopped() {
            self.state.rest();
            let wanted = self.state.sending().poll_wanted();
            match wanted {
                Wanted::Entry { index, claims } => self.entry(index, &claims)?,
                Wanted::Wait => {
                    self.flush()?;
                    self.state.wait();
                }
                Wanted::End => return self.flush(),
            }
        }
        Ok(())
    }

    /// One entry: nothing for a folder, begin to end or abort for a file.
    fn entry(&mut self, index: u32, claims: &[Claim]) -> Result<(), Over> {
        let Some(file) = self.find(index) else {
            return Ok(());
        };
        let mut begun = false;
        match self.file(&file, claims, &mut begun) {
            Ok(()) => Ok(()),
            Err(Stop::Over) => Err(Over),
            Err(Stop::File(reason)) => {
                if !begun {
                    self.begin(&file, 0)?;
                }
                self.put(&frame::abort(reason))
            }
        }
    }

    fn begin(&mut self, file: &Found, start: u64) -> Result<(), Over> {
        let Found { index, size, .. } = *file;
        self.state.sending().handle_begun(index, size, start);
        self.put(&frame::begin(index, start))
    }

    fn file(&mut self, file: &Found, claims: &[Claim], begun: &mut bool) -> Result<(), Stop> {
        let mut reader = self.open(file)?;
        let mut hasher = blake3::Hasher::new();
        let start = self.start(&mut reader, &mut hasher, claims, file.size)?;
        self.begin(file, start)?;
        *begun = true;
        while reader.left() > 0 {
            self.state.rest();
            if self.state.stopped() {
                return Err(Stop::Over);
            }
            let left = match reader.next_run()? {
                Run::Data(length) => usize::try_from(length).unwrap_or(usize::MAX),
                Run::Hole(length) => {
                    self.hole(file, length, &mut hasher)?;
                    reader.skip_hole(length)?;
                    continue;
                }
            };
            let room = BUFFER_LENGTH.saturating_sub(self.filled + DATA_HEADER_LENGTH);
            if room < left.min(LEAST_READ) {
                self.flush()?;
                if self.state.sending().skipped(file.index) {
                    return Err(Stop::File(FileReason::Skipped));
                }
                continue;
            }
            let length = room.min(left);
            let start = self.filled + DATA_HEADER_LENGTH;
            let data = &mut self.buffer[start..start + length];
            reader.read(data)?;
            hasher.update(data);
            // At most the length of a buffer.
            let header = frame::data_header(length as u32);
            self.buffer[self.filled..start].copy_from_slice(&header);
            self.filled = start + length;
            self.state.sending().handle_read(length as u64);
        }
        let digest = hasher.finalize();
        reader.check_whole(digest, &|| !self.state.stopped())?;
        self.state.sending().handle_ended();
        Ok(self.put(&frame::end(digest.as_bytes()))?)
    }

    /// Tells of a hole, and takes its zeros into the hash.
    fn hole(&mut self, file: &Found, length: u64, hasher: &mut blake3::Hasher) -> Result<(), Stop> {
        self.state.sending().handle_hole(length);
        self.put(&frame::hole(length))?;
        if length >= LONG_HOLE {
            self.flush()?;
        }
        let skipped = || self.state.sending().skipped(file.index);
        if hash_zeros(hasher, length, &|| !self.state.stopped() && !skipped()) {
            Ok(())
        } else if skipped() {
            Err(Stop::File(FileReason::Skipped))
        } else {
            Err(Stop::Over)
        }
    }

    /// What entry `index` says, and leaves its place in `path`; `None` if it is a folder.
    fn find(&mut self, index: u32) -> Option<Found> {
        let entry = self.cursor.entry(self.offer.manifest(), index)?;
        let EntryKind::File { size, .. } = entry.kind else {
            return None;
        };
        let located = self.offer.locate(index, entry.path, &mut self.path);
        Some(Found {
            index,
            size,
            modified: entry.modified,
            located: located.is_some(),
        })
    }

    /// Opens the file that was found last.
    fn open(&self, file: &Found) -> Result<SourceReader, FileReason> {
        if !file.located {
            return Err(FileReason::FileUnreadable);
        }
        let source = Source {
            path: &self.path,
            size: file.size,
            modified: file.modified,
        };
        SourceReader::open(&source, |path| self.offer.contains(path))
    }

    /// The longest claim that holds, or 0. Leaves `reader` there, and `hasher` with all before it.
    fn start(
        &self,
        reader: &mut SourceReader,
        hasher: &mut blake3::Hasher,
        claims: &[Claim],
        size: u64,
    ) -> Result<u64, Stop> {
        let mut held = None;
        if claims.is_empty() {
            return Ok(0);
        }
        let mut piece = vec![0; BUFFER_LENGTH];
        // Shortest first, so that the file is read once. A claim that fails fails all longer ones.
        for claim in claims.iter().rev().filter(|claim| claim.length <= size) {
            while hasher.count() < claim.length {
                if self.state.stopped() {
                    return Err(Stop::Over);
                }
                let left = claim.length - hasher.count();
                let part = &mut piece[..left.min(BUFFER_LENGTH as u64) as usize];
                reader.read(part)?;
                hasher.update(part);
            }
            if *hasher.finalize().as_bytes() != claim.hash {
                break;
            }
            held = Some((claim.length, hasher.clone()));
        }
        let (start, state) = held.unwrap_or_default();
        *hasher = state;
        reader.seek(start)?;
        Ok(start)
    }

    fn put(&mut self, frame: &[u8]) -> Result<(), Over> {
        if self.filled + frame.len() > BUFFER_LENGTH {
            self.flush()?;
        }
        self.buffer[self.filled..self.filled + frame.len()].copy_from_slice(frame);
        self.filled += frame.len();
        Ok(())
    }

    /// Sends what is in the buffer; waits while the transport has no room.
    fn flush(&mut self) -> Result<(), Over> {
        if self.filled == 0 {
            return Ok(());
        }
        let full = self.pool.hand_over(&mut self.buffer, self.filled);
        self.filled = 0;
        self.out.blocking_send(full).map_err(|_| Over)
    }
}
