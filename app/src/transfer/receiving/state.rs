//! The state of a receiver that its threads share: what was asked for, what is here, what is to be said.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fardrop_shared::limits::{CLAIMED_LIMIT, FAILURES_LIMIT};
use fardrop_shared::name::{SafeName, lossy};
use fardrop_shared::transfer::{Receiving, Violation};
use fardrop_shared::wire::peer::{Acknowledged, FileReason, ReceiverMessage};
use tokio::sync::mpsc;

use super::open_files::OpenLimits;
use crate::disk::{PartFile, Refused, file_handles};
use crate::transfer::bounds::PLACES_KEPT;
use crate::transfer::controls::Tally;
use crate::transfer::outcome::{FileFailure, Refusals, Summary};
use crate::transfer::proving::ProofCount;

/// Local: how often a thread that waits looks whether there still is a sender, and whether what it waits for is there.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// What is here of a file that the sender was told about.
#[derive(Debug)]
pub(super) struct Kept {
    /// The longest length that was named.
    pub(super) start: u64,
    pub(super) size: u64,
    /// A part file, held open and locked; without one, files with final names may be what is offered.
    pub(super) part: Option<PartFile>,
}

/// What was asked for, and what is here of it.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) receiving: Receiving,
    /// What no frame has touched yet.
    kept: HashMap<u32, Kept>,
    /// Files with parts that are held open.
    parts: HashSet<u32>,
    /// How many of these may be.
    parts_limit: usize,
    /// Hashes that the sender has said and nobody has looked at.
    prefixes: HashMap<u32, Vec<[u8; 32]>>,
}

impl Requests {
    /// Claims `lengths` of `file`, of which this is here.
    pub(super) fn keep(&mut self, file: u32, lengths: Vec<u64>, kept: Kept) {
        if kept.part.is_some() {
            self.parts.insert(file);
        }
        self.receiving.want_from(file, lengths, kept.size);
        self.kept.insert(file, kept);
    }

    /// What is here of `file`, now that the sender begins it, or it is known what is right of it.
    pub(super) fn take_kept(&mut self, file: u32) -> Option<Kept> {
        self.kept.remove(&file)
    }

    /// Has `take` see each part that no frame has touched yet.
    pub(super) fn for_each_part(&mut self, mut take: impl FnMut(u32, &mut PartFile)) {
        let parts = self.kept.iter_mut();
        let parts = parts.filter_map(|(file, kept)| Some((*file, kept.part.as_mut()?)));
        parts.for_each(|(file, part)| take(file, part));
    }

    /// Closes what no frame has touched yet.
    pub(super) fn drop_kept(&mut self) {
        self.kept.clear();
    }

    /// Takes in the hashes that the sender says.
    pub(super) fn take_prefix(
        &mut self,
        file: u32,
        hashes: Vec<[u8; 32]>,
    ) -> Result<(), Violation> {
        if self.receiving.handle_prefix(file, hashes.len())? {
            self.prefixes.insert(file, hashes);
        }
        Ok(())
    }

    fn full(&self) -> bool {
        self.parts.len() >= self.parts_limit || self.receiving.unproved() >= CLAIMED_LIMIT
    }
}

#[derive(Debug)]
pub(super) struct ReceiveState {
    requests: Mutex<Requests>,
    changed: Condvar,
    messages: mpsc::Sender<ReceiverMessage>,
    /// With the index of the entry, and how many there are.
    failures: Mutex<(Vec<(u32, FileFailure)>, u32)>,
    refusals: Mutex<Refusals>,
    proving: ProofCount,
    /// Names at the top of what is here, under which it is here.
    places: Mutex<Vec<SafeName<'static>>>,
    /// Bytes that are here, those of earlier transfers among them.
    bytes: AtomicU64,
    /// Bytes of files that crossed the link.
    sent: AtomicU64,
    resumed: AtomicU64,
    /// Bytes in holes of files.
    holes: AtomicU64,
    files: AtomicU32,
    skipped: AtomicU32,
}

impl ReceiveState {
    pub(super) fn new(entries: u32, messages: mpsc::Sender<ReceiverMessage>) -> Self {
        Self {
            requests: Mutex::new(Requests {
                receiving: Receiving::new(entries),
                kept: HashMap::new(),
                parts: HashSet::new(),
                parts_limit: OpenLimits::within(file_handles()).parts,
                prefixes: HashMap::new(),
            }),
            changed: Condvar::new(),
            messages,
            failures: Mutex::default(),
            refusals: Mutex::default(),
            proving: ProofCount::default(),
            places: Mutex::default(),
            bytes: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            holes: AtomicU64::new(0),
            files: AtomicU32::new(0),
            skipped: AtomicU32::new(0),
        }
    }

    pub(super) fn requests(&self) -> MutexGuard<'_, Requests> {
        // A panic elsewhere leaves nothing half-written in there.
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the sender says a file begins with, for the thread that proves.
    pub(super) fn take_prefix(&self, file: u32, hashes: Vec<[u8; 32]>) -> Result<(), Violation> {
        self.requests().take_prefix(file, hashes)?;
        self.changed.notify_all();
        Ok(())
    }

    /// Waits for what the sender says a file begins with; `None` when it will not, or the transfer is over.
    pub(super) fn wait_for_prefix(&self, file: u32) -> Option<Vec<[u8; 32]>> {
        let mut requests = self.requests();
        loop {
            let hashes = requests.prefixes.remove(&file);
            if hashes.is_some() || !requests.receiving.awaits_prefix(file) || self.over() {
                return hashes;
            }
            requests = self.wait(requests);
        }
    }

    /// Says how much of what is here of a file is right.
    pub(super) fn prove(&self, file: u32, length: u64) {
        self.say(ReceiverMessage::Proved { file, length });
        self.requests().receiving.prove(file, length);
        self.changed.notify_all();
    }

    /// The part of a file is not held open any more: there is room for another.
    pub(super) fn put_down(&self, file: u32) {
        // Nobody waits for what was not held open, and to tell them costs as much as to write a small file.
        if self.requests().parts.remove(&file) {
            self.changed.notify_all();
        }
    }

    fn wait<'a>(&self, requests: MutexGuard<'a, Requests>) -> MutexGuard<'a, Requests> {
        let waited = self.changed.wait_timeout(requests, LOOK_INTERVAL);
        waited.map_or_else(|poisoned| poisoned.into_inner().0, |(requests, _)| requests)
    }

    /// Waits for a moment, for something that nobody here will tell; `false` when the transfer is over.
    pub(super) fn wait_a_moment(&self) -> bool {
        std::thread::sleep(LOOK_INTERVAL);
        !self.over()
    }

    /// Whether nobody hears any more what is said: the transfer is over.
    pub(super) fn over(&self) -> bool {
        self.messages.is_closed()
    }

    /// Waits until another file may be claimed; `false` when the transfer is over.
    pub(super) fn wait_for_room(&self) -> bool {
        let mut requests = self.requests();
        while requests.full() && !self.over() {
            requests = self.wait(requests);
        }
        !self.over()
    }

    /// Says `message`; waits for room. `false` when the transfer is over.
    pub(super) fn say(&self, message: ReceiverMessage) -> bool {
        self.messages.blocking_send(message).is_ok()
    }

    /// Counts what is read to prove what is here.
    pub(super) const fn proving(&self) -> &ProofCount {
        &self.proving
    }

    pub(super) fn note_sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        self.note_here(bytes as u64);
    }

    pub(super) fn note_here(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn note_hole(&self, bytes: u64) {
        self.holes.fetch_add(bytes, Ordering::Relaxed);
        self.note_here(bytes);
    }

    pub(super) fn note_resumed(&self, bytes: u64) {
        self.resumed.fetch_add(bytes, Ordering::Relaxed);
        self.note_here(bytes);
    }

    /// What was to go to `place` is here, `name` being its final name.
    pub(super) fn note_place(&self, place: &SafeName<'_>, name: &SafeName<'_>) {
        let mut components = place.components();
        let top = match (components.next(), components.next()) {
            (Some(top), Some(_)) => top,
            _ => name.by_ref(),
        };
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() < PLACES_KEPT && !places.contains(&top) {
            places.push(top.into_owned());
        }
    }

    /// Takes note of what the file system did not let the entry have that is at `place`.
    pub(super) fn note_refused(&self, place: &SafeName<'_>, refused: Refused) {
        if refused == Refused::default() {
            return;
        }
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let Refusals { times, modes } = &mut *refusals;
        for (list, refused) in [(times, refused.time), (modes, refused.mode)] {
            if refused {
                list.count += 1;
            }
            if refused && list.first.is_empty() {
                list.first.push(lossy(place.as_bytes()).into_owned());
            }
        }
    }

    /// Counts another file that is verified and on disk.
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
    pub(super) fn fail(&self, file: u32, path: &[u8], reason: FileReason) {
        {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.1 += 1;
            if failures.0.len() < FAILURES_LIMIT {
                let name = lossy(path).into_owned();
                failures.0.push((file, FileFailure { name, reason }));
            }
        }
        self.say(ReceiverMessage::Failed { file, reason });
        {
            let mut requests = self.requests();
            requests.receiving.fail(file);
            requests.kept.remove(&file);
            requests.prefixes.remove(&file);
            requests.parts.remove(&file);
        }
        self.changed.notify_all();
    }

    pub(super) fn acknowledged(&self) -> Acknowledged {
        Acknowledged {
            bytes: self.bytes.load(Ordering::Relaxed),
            files: self.files.load(Ordering::Relaxed),
        }
    }

    pub(super) fn progress(&self, total: Tally) -> Tally {
        let Acknowledged { bytes, files } = self.acknowledged();
        Tally {
            bytes,
            kept: self
                .resumed
                .load(Ordering::Relaxed)
                .saturating_add(self.holes.load(Ordering::Relaxed)),
            files,
            proving: self.proving.newest(),
            ..total
        }
    }

    /// What came of it all, in the folder `destination`.
    pub(super) fn summary(&self, destination: &Path) -> Summary {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
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
            refusals: refusals.clone(),
            places: places.iter().map(|name| destination.join(name)).collect(),
            ..Summary::default()
        }
    }
}
