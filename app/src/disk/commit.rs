//! Giving files their final names, many at once, so that 10,000 small files do not wait for the
//! disk 10,000 times.
//!
//! The order is what a power cut at any moment asks for: bytes on disk, then the name, then the
//! name on disk; only then is a file said to be verified.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use cap_std::fs::Dir;
use fardrop_shared::offer::ModifiedTime;

use super::{part::PartFile, platform};

/// Threads that sync files of one batch: a journaling file system joins what waits at the same time
/// into one commit, and 16 got within a few percent of 32.
const SYNC_THREADS: usize = 16;
/// A sync faster than this reached no disk, and waking threads for the others would cost more.
const FAST_SYNC: Duration = Duration::from_micros(200);

/// A file whose bytes are all written and match the sender's hash.
#[derive(Debug)]
pub struct Finished {
    /// Index of its entry.
    pub file: u32,
    /// Where its bytes are.
    pub part: PartFile,
    /// The final name it should have.
    pub name: String,
    /// Whether it takes the place of a file of that name.
    pub replace: bool,
    /// The modification time it gets.
    pub modified: ModifiedTime,
}

/// What became of one file of a batch.
#[derive(Debug)]
pub struct Committed {
    /// Index of its entry.
    pub file: u32,
    /// The name it got, or why it has none.
    pub outcome: io::Result<String>,
}

/// Puts a batch on disk and gives its files their names; waits for the disk.
///
/// `touched` are folders that got new folders; their names become durable with the batch.
pub fn commit(batch: Vec<Finished>, touched: Vec<Arc<Dir>>) -> Vec<Committed> {
    let sealed = seal(&batch);
    let mut folders = touched;
    let mut committed = Vec::with_capacity(batch.len());
    // Which of `folders` each file's name is in.
    let mut places = Vec::with_capacity(batch.len());
    for (finished, sealed) in batch.into_iter().zip(sealed) {
        let file = finished.file;
        let renamed = sealed.and_then(|()| finished.part.rename(&finished.name, finished.replace));
        let outcome = renamed.map(|(name, folder)| {
            places.push((committed.len(), index_of(&mut folders, folder)));
            name
        });
        committed.push(Committed { file, outcome });
    }
    let synced: Vec<_> = folders
        .iter()
        .map(|folder| platform::sync_folder(folder))
        .collect();
    for (file, folder) in places {
        if let Err(error) = &synced[folder] {
            committed[file].outcome = Err(io::Error::from(error.kind()));
        }
    }
    committed
}

/// The place of `folder` among `folders`, put there if it is new. Files of a folder come in a row,
/// so it is nearly always the last.
fn index_of(folders: &mut Vec<Arc<Dir>>, folder: Arc<Dir>) -> usize {
    let known = folders
        .iter()
        .rposition(|known| Arc::ptr_eq(known, &folder));
    known.unwrap_or_else(|| {
        folders.push(folder);
        folders.len() - 1
    })
}

fn seal(batch: &[Finished]) -> Vec<io::Result<()>> {
    let started = Instant::now();
    let mut outcomes = Vec::with_capacity(batch.len());
    for finished in batch {
        outcomes.push(finished.part.seal(finished.modified));
        if started.elapsed() > FAST_SYNC * outcomes.len() as u32 {
            break;
        }
    }
    outcomes.extend(seal_together(&batch[outcomes.len()..]));
    outcomes
}

fn seal_together(batch: &[Finished]) -> Vec<io::Result<()>> {
    let next = AtomicUsize::new(0);
    let outcomes: Mutex<Vec<Option<io::Result<()>>>> =
        Mutex::new(batch.iter().map(|_| None).collect());
    let work = || {
        while let Some((index, finished)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            batch.get(index).map(|finished| (index, finished))
        } {
            let outcome = finished.part.seal(finished.modified);
            let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            outcomes[index] = Some(outcome);
        }
    };
    thread::scope(|scope| {
        for _ in 1..SYNC_THREADS.min(batch.len()) {
            // Fewer threads than wished for are slower, no more: this one does the rest.
            let spawned = thread::Builder::new()
                .name("fardrop-sync".into())
                .spawn_scoped(scope, work);
            if spawned.is_err() {
                break;
            }
        }
        work();
    });
    let outcomes = outcomes
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap_or_else(|| Err(io::ErrorKind::Other.into())))
        .collect()
}
