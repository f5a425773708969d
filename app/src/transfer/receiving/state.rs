//! What the threads of a receiver share: the books, the counts, and what is to be said.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use fardrop_shared::{
    transfer::{CLAIMED_LIMIT, Claim, FileReason, Receiving},
    wire::peer::{Acknowledged, ReceiverMessage},
};
use tokio::sync::mpsc;

use super::super::{FAILURES_KEPT, FileFailure, PLACES_KEPT, Progress, Summary};
use crate::disk::PartFile;

/// Part files held open while the sender has not said where it begins: few against the 256 that a
/// process may have open on some systems.
const PARTS_HELD: usize = 32;
/// How often a thread that waits for the sender looks whether there still is one.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// What is here of a file that the sender was told about.
#[derive(Debug)]
pub(super) enum Kept {
    /// A part file, held open and locked since it was hashed.
    Part {
        part: PartFile,
        /// The hash of the longest claim, to be gone on with.
        hasher: Box<blake3::Hasher>,
    },
    /// A file with its final name, of exactly this content.
    Whole(Claim),
}

/// The receiver's books, and what they are about.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) receiving: Receiving,
    pub(super) kept: HashMap<u32, Kept>,
    /// How many of `kept` are part files.
    parts: usize,
}

impl Books {
    /// Claims `lengths` of `file`, of which this is here.
    pub(super) fn keep(&mut self, file: u32, lengths: Vec<u64>, kept: Kept) {
        self.parts += usize::from(matches!(kept, Kept::Part { .. }));
        self.receiving.want_from(file, lengths);
        self.kept.insert(file, kept);
    }

    /// What is here of `file`, now that the sender begins it.
    pub(super) fn take_kept(&mut self, file: u32) -> Option<Kept> {
        let kept = self.kept.remove(&file);
        self.parts -= usize::from(matches!(kept, Some(Kept::Part { .. })));
        kept
    }

    fn full(&self) -> bool {
        self.parts >= PARTS_HELD || self.receiving.claimed() >= CLAIMED_LIMIT
    }
}

#[derive(Debug)]
pub(super) struct Ledger {
    books: Mutex<Books>,
    begun: Condvar,
    messages: mpsc::Sender<ReceiverMessage>,
    /// With the index of the entry, and how many there are.
    failures: Mutex<(Vec<(u32, FileFailure)>, u32)>,
    /// Names at the top of what is here, under which it is here.
    places: Mutex<Vec<String>>,
    /// Bytes that are here, those of earlier transfers among them.
    bytes: AtomicU64,
    /// Bytes of files that crossed the link.
    sent: AtomicU64,
    resumed: AtomicU64,
    files: AtomicU32,
    skipped: AtomicU32,
}

impl Ledger {
    pub(super) fn new(entries: u32, messages: mpsc::Sender<ReceiverMessage>) -> Self {
        Self {
            books: Mutex::new(Books {
                receiving: Receiving::new(entries),
                kept: HashMap::new(),
                parts: 0,
            }),
            begun: Condvar::new(),
            messages,
            failures: Mutex::default(),
            places: Mutex::default(),
            bytes: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            files: AtomicU32::new(0),
            skipped: AtomicU32::new(0),
        }
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        // A panic elsewhere leaves nothing half-written in there.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file that was claimed began: there is room for another claim.
    pub(super) fn note_begun(&self) {
        self.begun.notify_all();
    }

    /// Whether nobody hears any more what is said: the transfer is over.
    pub(super) fn over(&self) -> bool {
        self.messages.is_closed()
    }

    /// Waits until another file may be claimed; `false` when the transfer is over.
    pub(super) fn wait_for_room(&self) -> bool {
        let mut books = self.books();
        while books.full() && !self.over() {
            books = self
                .begun
                .wait_timeout(books, LOOK_INTERVAL)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(books, _)| books);
        }
        !self.over()
    }

    /// Says `message`; waits for room. `false` when the transfer is over.
    pub(super) fn say(&self, message: ReceiverMessage) -> bool {
        self.messages.blocking_send(message).is_ok()
    }

    pub(super) fn note_sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        self.note_here(bytes as u64);
    }

    pub(super) fn note_here(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn note_resumed(&self, bytes: u64) {
        self.resumed.fetch_add(bytes, Ordering::Relaxed);
        self.note_here(bytes);
    }

    /// What was offered as `path` is here, `name` being its final name.
    pub(super) fn note_place(&self, path: &str, name: &str) {
        let top = path.split_once('/').map_or(name, |(top, _)| top);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() < PLACES_KEPT && !places.iter().any(|place| place == top) {
            places.push(top.to_owned());
        }
    }

    /// Another file is verified and on disk.
    pub(super) fn note_verified(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    /// A file was there before, proved identical.
    pub(super) fn note_skipped(&self, bytes: u64) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
        self.note_resumed(bytes);
        self.note_verified();
    }

    /// A file did not make it; the sender is told.
    pub(super) fn fail(&self, file: u32, name: &str, reason: FileReason) {
        {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.1 += 1;
            if failures.0.len() < FAILURES_KEPT {
                let name = name.to_owned();
                failures.0.push((file, FileFailure { name, reason }));
            }
        }
        self.say(ReceiverMessage::Failed { file, reason });
    }

    pub(super) fn acknowledged(&self) -> Acknowledged {
        Acknowledged {
            bytes: self.bytes.load(Ordering::Relaxed),
            files: self.files.load(Ordering::Relaxed),
        }
    }

    pub(super) fn progress(&self, total: Progress) -> Progress {
        let Acknowledged { bytes, files } = self.acknowledged();
        Progress {
            bytes,
            kept: self.resumed.load(Ordering::Relaxed),
            files,
            ..total
        }
    }

    /// What came of it all, in the folder `destination`.
    pub(super) fn summary(&self, destination: &Path) -> Summary {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let failure_count = failures.1;
        let mut failures = failures.0.clone();
        failures.sort_by_key(|(file, _)| *file);
        let Acknowledged { bytes, files } = self.acknowledged();
        Summary {
            files,
            bytes,
            sent: self.sent.load(Ordering::Relaxed),
            resumed: self.resumed.load(Ordering::Relaxed),
            skipped: self.skipped.load(Ordering::Relaxed),
            failures: failures.into_iter().map(|(_, failure)| failure).collect(),
            failure_count,
            places: places.iter().map(|name| destination.join(name)).collect(),
            ..Summary::default()
        }
    }
}
