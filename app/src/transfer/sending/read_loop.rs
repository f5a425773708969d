//! The sender's read loop, on a thread of its own: wanted files in, full buffers of frames out.

use std::sync::Arc;

use bytes::Bytes;
use fardrop_shared::transfer::Wanted;
use fardrop_shared::transfer::frame::{self, DATA_HEADER_LENGTH};
use fardrop_shared::wire::peer::FileReason;
use tokio::sync::mpsc;

use super::pool::Pool;
use super::sources::{Found, Sources};
use super::state::SendState;
use crate::disk::{Run, hash_zeros};
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

/// Reads what is wanted into buffers until nothing is wanted any more or nobody takes them.
pub(super) fn read_loop(offer: &OfferSource, state: &Arc<SendState>, out: mpsc::Sender<Bytes>) {
    let pool = Pool::new();
    let mut reading = ReadLoop {
        sources: Sources::new(offer),
        state,
        out,
        buffer: pool.take(),
        filled: 0,
        pool,
    };
    // Over means that the other end of the channel has already said why.
    let _: Result<(), Over> = reading.run();
}

struct ReadLoop<'a> {
    sources: Sources<'a>,
    state: &'a SendState,
    out: mpsc::Sender<Bytes>,
    pool: Pool,
    buffer: Vec<u8>,
    filled: usize,
}

impl ReadLoop<'_> {
    fn run(&mut self) -> Result<(), Over> {
        while !self.state.stopped() {
            self.state.rest();
            let wanted = self.state.sending().poll_wanted();
            match wanted {
                Wanted::Entry { index, start } => self.entry(index, start, None)?,
                Wanted::Missing { index, start, end } => self.entry(index, start, Some(end))?,
                Wanted::Refusal { index, reason } => {
                    if let Some(file) = self.sources.find(index) {
                        self.refuse(&file, reason)?;
                    }
                }
                Wanted::Wait => {
                    self.flush()?;
                    self.state.wait();
                }
                Wanted::End => return self.flush(),
            }
        }
        Ok(())
    }

    /// One entry from `start` on, up to `end` or its own: nothing for a folder, begin to end or abort for a file, or a
    /// refusal.
    fn entry(&mut self, index: u32, start: u64, end: Option<u64>) -> Result<(), Over> {
        let Some(file) = self.sources.find(index) else {
            return Ok(());
        };
        let mut begun = false;
        match self.file(&file, start, end.unwrap_or(file.size), &mut begun) {
            Ok(()) => Ok(()),
            Err(Stop::Over) => Err(Over),
            Err(Stop::File(reason)) if begun => {
                self.state.sending().handle_given_up(index, file.size);
                self.put(&frame::abort(reason))
            }
            Err(Stop::File(reason)) => self.refuse(&file, reason),
        }
    }

    fn refuse(&mut self, file: &Found, reason: FileReason) -> Result<(), Over> {
        self.state.sending().handle_given_up(file.index, file.size);
        self.put(&frame::refuse(file.index, reason))
    }

    fn file(&mut self, file: &Found, start: u64, end: u64, begun: &mut bool) -> Result<(), Stop> {
        let mut reader = self.sources.open(file)?;
        let mut hasher = blake3::Hasher::new();
        reader.seek(start)?;
        self.state.sending().handle_begun(file.index, file.size);
        self.put(&frame::begin(file.index, start))?;
        *begun = true;
        let mut position = start;
        while position < end {
            self.state.rest();
            if self.state.stopped() {
                return Err(Stop::Over);
            }
            let left = match reader.next_run()? {
                Run::Data(length) => length.min(end - position),
                Run::Hole(length) => {
                    let length = length.min(end - position);
                    self.hole(file, length, &mut hasher)?;
                    reader.skip_hole(length)?;
                    position += length;
                    continue;
                }
            };
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            let room = BUFFER_LENGTH.saturating_sub(self.filled + DATA_HEADER_LENGTH);
            if room < left.min(LEAST_READ) {
                self.flush()?;
                if self.state.sending().skipped(file.index) {
                    return Err(Stop::File(FileReason::Skipped));
                }
                continue;
            }
            let length = room.min(left);
            let header_end = self.filled + DATA_HEADER_LENGTH;
            let data = &mut self.buffer[header_end..header_end + length];
            reader.read(data)?;
            hasher.update(data);
            position += length as u64;
            // At most the length of a buffer.
            let header = frame::data_header(length as u32);
            self.buffer[self.filled..header_end].copy_from_slice(&header);
            self.filled = header_end + length;
            self.state.sending().handle_read(length as u64);
        }
        let digest = hasher.finalize();
        reader.check_read(start, digest, &|| !self.state.stopped())?;
        self.state.sending().handle_ended(file.index);
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
