//! Writes the history on a thread of its own, so that nobody who draws waits for a disk.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Entry, EntryNumber, History, HistoryError};

/// Changes that may wait for the disk. A person cannot outrun this.
const CHANGES_WAITING: usize = 64;

/// Keeps the history; dropping it waits until everything is written.
#[derive(Debug)]
pub struct HistoryWriter {
    changes: Option<SyncSender<Change>>,
    shown: Arc<Mutex<Shown>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What can be seen of the history at any time.
#[derive(Debug, Default, Clone)]
struct Shown {
    entries: Arc<Vec<(EntryNumber, Entry)>>,
    problem: Option<String>,
}

#[derive(Debug)]
enum Change {
    Add(Box<Entry>),
    Remove(EntryNumber),
    Clear,
}

impl HistoryWriter {
    /// Reads the history in `file`, and keeps it there; `wake` is called after the reading and after each
    /// change.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(file: PathBuf, wake: Arc<dyn Fn() + Send + Sync>) -> io::Result<Self> {
        let (changes, changed) = sync_channel(CHANGES_WAITING);
        let shown = Arc::new(Mutex::new(Shown::default()));
        let board = Arc::clone(&shown);
        let thread = std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || keep(&file, &changed, &board, &*wake))?;
        Ok(Self {
            changes: Some(changes),
            shown,
            thread: Some(thread),
        })
    }

    /// The entries as they stand, oldest first.
    #[must_use]
    pub fn entries(&self) -> Arc<Vec<(EntryNumber, Entry)>> {
        Arc::clone(&self.look().entries)
    }

    /// Why the last reading or change did not reach the disk, if it did not: a file and the system's own
    /// error, not escaped.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.look().problem
    }

    /// Adds an entry. `false` if the disk is so far behind that it is lost.
    pub fn add(&self, entry: Entry) -> bool {
        self.change(Change::Add(Box::new(entry)))
    }

    /// Takes an entry out. `false` if the disk is so far behind that it stays.
    pub fn remove(&self, number: EntryNumber) -> bool {
        self.change(Change::Remove(number))
    }

    /// Takes all entries out. `false` if the disk is so far behind that they stay.
    pub fn clear(&self) -> bool {
        self.change(Change::Clear)
    }

    fn change(&self, change: Change) -> bool {
        let changes = self.changes.as_ref();
        changes.is_some_and(|changes| changes.try_send(change).is_ok())
    }

    fn look(&self) -> Shown {
        let shown = self.shown.lock();
        shown.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for HistoryWriter {
    fn drop(&mut self) {
        self.changes = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

fn keep(file: &std::path::Path, changes: &Receiver<Change>, board: &Mutex<Shown>, wake: &dyn Fn()) {
    let show = |history: Option<&History>, outcome: Result<(), HistoryError>| {
        let problem = outcome.err().map(|error| error.to_string());
        if let Some(problem) = &problem {
            tracing::debug!(problem, "the history is not on the disk");
        }
        let entries = history.map_or_else(Vec::new, |history| history.entries().to_vec());
        *board.lock().unwrap_or_else(PoisonError::into_inner) = Shown {
            entries: Arc::new(entries),
            problem,
        };
        wake();
    };
    let mut history = match History::open(file) {
        Ok(history) => history,
        // What cannot be read must not be written over.
        Err(error) => return show(None, Err(error)),
    };
    show(Some(&history), Ok(()));
    while let Ok(change) = changes.recv() {
        let outcome = match change {
            Change::Add(entry) => history.add(*entry).map(|_| ()),
            Change::Remove(number) => history.remove(number),
            Change::Clear => history.clear(),
        };
        show(Some(&history), outcome);
    }
}
