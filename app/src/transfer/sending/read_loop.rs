//! The sender's reading thread: wanted files in, full buffers of frames out.

use std::{
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use fardrop_shared::{
    offer::{Cursor, EntryKind},
    transfer::{
        Claim, FileReason, Sending, Wanted,
        frame::{self, DATA_HEADER_LENGTH},
    },
};
use tokio::sync::mpsc;

use super::super::BUFFER_LENGTH;
use super::pool::Pool;
use crate::{
    disk::{Source, SourceReader},
    files::OfferSource,
};

/// Room that is worth a read of its own; with less, the buffer is sent as it is.
const LEAST_READ: usize = 4096;

/// The sender's books, between the task that hears the receiver and the thread that reads.
#[derive(Debug)]
pub(super) struct Desk {
    sending: Mutex<Sending>,
    changed: Condvar,
    stopped: AtomicBool,
    paused: AtomicBool,
    /// Bytes of files put into buffers.
    pub(super) sent: AtomicU64,
    /// Bytes that the receiver proved to have of files that it has in part.
    pub(super) resumed: AtomicU64,
}

impl Desk {
    pub(super) fn new(entries: u32) -> Self {
        Self {
            sending: Mutex::new(Sending::new(entries)),
            changed: Condvar::new(),
            stopped: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
        }
    }

    /// The books; the reading thread is woken when they are put down with [`Desk::wake`].
    pub(super) fn sending(&self) -> MutexGuard<'_, Sending> {
        // A panic elsewhere leaves nothing half-written in there.
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    /// Makes the reading thread end.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        // The lock is held once so that the thread is either waiting, or yet to look.
        drop(self.sending());
        self.wake();
    }

    /// Makes the reading thread rest, or go on.
    pub(super) fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
        // As above.
        drop(self.sending());
        self.wake();
    }

    /// Waits while the transfer stands still.
    fn rest(&self) {
        if !self.paused.load(Ordering::Relaxed) {
            return;
        }
        let mut sending = self.sending();
        while !self.stopped() && self.paused.load(Ordering::Relaxed) {
            sending = self
                .changed
                .wait(sending)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn wait(&self) {
        let mut sending = self.sending();
        while !self.stopped() && sending.waiting() {
            sending = self
                .changed
                .wait(sending)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

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
pub(super) fn feed(offer: &OfferSource, desk: &Arc<Desk>, out: mpsc::Sender<Bytes>) {
    let pool = Pool::new();
    let mut feed = Feed {
        offer,
        desk,
        out,
        buffer: pool.take(),
        filled: 0,
        pool,
        cursor: offer.manifest().cursor(),
        path: PathBuf::new(),
    };
    // Over means that the other end of the channel has already said why.
    let _: Result<(), Over> = feed.run();
}

struct Feed<'a> {
    offer: &'a OfferSource,
    desk: &'a Desk,
    out: mpsc::Sender<Bytes>,
    pool: Pool,
    buffer: Vec<u8>,
    filled: usize,
    cursor: Cursor,
    path: PathBuf,
}

impl Feed<'_> {
    fn run(&mut self) -> Result<(), Over> {
        while !self.desk.stopped() {
            self.desk.rest();
            let wanted = self.desk.sending().poll_wanted();
            match wanted {
                Wanted::Entry { index, claims } => self.entry(index, &claims)?,
                Wanted::Wait => {
                    self.flush()?;
                    self.desk.wait();
                }
                Wanted::End => return self.flush(),
            }
        }
        Ok(())
    }

    /// One entry: nothing for a folder, begin to end or abort for a file.
    fn entry(&mut self, index: u32, claims: &[Claim]) -> Result<(), Over> {
        let mut begun = false;
        match self.file(index, claims, &mut begun) {
            Ok(()) => Ok(()),
            Err(Stop::Over) => Err(Over),
            Err(Stop::File(reason)) => {
                if !begun {
                    self.put(&frame::begin(index, 0))?;
                }
                self.put(&frame::abort(reason))
            }
        }
    }

    fn file(&mut self, index: u32, claims: &[Claim], begun: &mut bool) -> Result<(), Stop> {
        let Some((size, mut reader)) = self.open(index)? else {
            return Ok(());
        };
        let mut hasher = blake3::Hasher::new();
        let start = self.start(&mut reader, &mut hasher, claims, size)?;
        self.desk.resumed.fetch_add(start, Ordering::Relaxed);
        self.put(&frame::begin(index, start))?;
        *begun = true;
        while reader.left() > 0 {
            self.desk.rest();
            if self.desk.stopped() {
                return Err(Stop::Over);
            }
            let room = BUFFER_LENGTH.saturating_sub(self.filled + DATA_HEADER_LENGTH);
            let left = usize::try_from(reader.left()).unwrap_or(usize::MAX);
            if room < left.min(LEAST_READ) {
                self.flush()?;
                if self.desk.sending().skipped(index) {
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
            self.desk.sent.fetch_add(length as u64, Ordering::Relaxed);
        }
        reader.check()?;
        Ok(self.put(&frame::end(hasher.finalize().as_bytes()))?)
    }

    /// Opens entry `index`; `None` if it is a folder.
    fn open(&mut self, index: u32) -> Result<Option<(u64, SourceReader)>, FileReason> {
        let entry = self.cursor.entry(self.offer.manifest(), index);
        let Some(entry) = entry else {
            return Ok(None);
        };
        let EntryKind::File { size, .. } = entry.kind else {
            return Ok(None);
        };
        self.offer
            .locate(index, entry.path, &mut self.path)
            .ok_or(FileReason::FileUnreadable)?;
        let source = Source {
            path: &self.path,
            size,
            modified: entry.modified,
        };
        Ok(Some((
            size,
            SourceReader::open(&source, |path| self.offer.contains(path))?,
        )))
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
                if self.desk.stopped() {
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
