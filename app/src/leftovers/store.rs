//! The record on disk: in the folder for what is remembered, for this person's eyes only, written by any number
//! of processes at once.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::record::{Decoded, RECORD_LIMIT, Record, Unfinished};
use crate::disk::is_without_locks;
use crate::disk::leftovers::UNTOUCHED_FOR;

/// The record.
const FILE: &str = "unfinished-receives";

/// Held while the record is read and written, so that no receive of another process is lost.
const LOCK: &str = "unfinished-receives.lock";

/// Where a record goes that is damaged.
const DAMAGED: &str = "unfinished-receives.damaged";

/// What the names of marks begin with: a file for each receive that runs, locked by its process.
const MARK: &str = "receiving-";

/// What a change of the record is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// It outlives the machine's power.
    Heavy,
    /// It may be lost with the power, and the disk is left to what it is doing.
    Light,
}

/// Where the record is kept; without a folder nothing is.
#[derive(Debug, Clone)]
pub(super) struct Store {
    folder: Option<PathBuf>,
}

impl Store {
    pub(super) const fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// The receives that are recorded, the one begun last at the end. Where nothing can be read, there are none.
    pub(super) fn read(&self) -> Vec<Unfinished> {
        let Some(folder) = &self.folder else {
            return Vec::new();
        };
        let decoded = match load(folder) {
            Ok(None) => return Vec::new(),
            Ok(Some(decoded)) => decoded,
            Err(error) => {
                tracing::warn!(%error, "what is left of earlier receives is looked for without the record");
                return Vec::new();
            }
        };
        if !decoded.whole
            && let Err(error) = self.change(Weight::Light, |_| ())
        {
            tracing::debug!(%error, "a damaged record stays where it is");
        }
        decoded.record.receives().to_vec()
    }

    /// Changes the record, while no other process does. `None` where nothing is kept.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn change<T>(
        &self,
        weight: Weight,
        change: impl FnOnce(&mut Record) -> T,
    ) -> io::Result<Option<T>> {
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        fs::create_dir_all(folder)?;
        let mut options = private();
        let lock = options.create(true).truncate(false);
        let lock = lock.open(folder.join(LOCK))?;
        match lock.lock() {
            // Two apps at once may then lose one another's receives, no more.
            Err(error) if is_without_locks(&error) => {}
            locked => locked?,
        }
        let decoded = load(folder)?;
        if decoded.as_ref().is_some_and(|decoded| !decoded.whole) {
            tracing::warn!("the record of unfinished receives is damaged, and begun anew");
            fs::rename(folder.join(FILE), folder.join(DAMAGED))?;
        }
        let before = decoded.map(|decoded| (decoded.whole, decoded.record));
        let mut record = before
            .as_ref()
            .map(|(_, record)| record.clone())
            .unwrap_or_default();
        let changed = change(&mut record);
        if before.is_none_or(|(whole, before)| !whole || before != record) {
            save(folder, &record, weight)?;
        }
        Ok(Some(changed))
    }

    /// Takes receives out of the record.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn forget(&self, ids: &[u64]) -> io::Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.change(Weight::Light, |record| {
            ids.iter().for_each(|id| record.end(*id))
        })
        .map(drop)
    }

    /// Marks a receive as running that is about to be recorded, for as long as what this gives is held; `None`
    /// where that cannot be. Marks of others that are neither running nor recorded are taken away.
    pub(super) fn run(&self, id: u64, record: &Record) -> Option<Running> {
        let folder = self.folder.as_ref()?;
        let known: Vec<_> = record
            .receives()
            .iter()
            .map(|old| running(folder, old.id))
            .collect();
        for entry in fs::read_dir(folder).ok()?.filter_map(Result::ok) {
            let path = entry.path();
            let is_mark = entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with(MARK));
            if is_mark && !known.contains(&path) {
                is_held(&path);
            }
        }
        let path = running(folder, id);
        let mut options = private();
        let file = options.create(true).truncate(false).open(&path).ok()?;
        file.try_lock().ok()?;
        Some(Running { path, _file: file })
    }

    /// Whether a receive is running now, in whatever process.
    pub(super) fn is_running(&self, receive: &Unfinished) -> bool {
        let Some(folder) = &self.folder else {
            return false;
        };
        // Where nothing tells: a receive that runs is written down again and again.
        is_held(&running(folder, receive.id))
            .unwrap_or_else(|| seconds_now().saturating_sub(receive.when) < UNTOUCHED_FOR.as_secs())
    }
}

/// The mark of a receive that is running. The system takes it back from a process that is killed.
#[derive(Debug)]
pub(super) struct Running {
    path: PathBuf,
    _file: File,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "the mark of a receive that is over stays");
        }
    }
}

/// The present time, in seconds since 1970.
pub(super) fn seconds_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since: Duration| since.as_secs())
}

/// Whether a process holds this mark; `None` where there are no locks to tell by. One that was left by a process
/// that is gone is removed.
fn is_held(mark: &Path) -> Option<bool> {
    let Ok(file) = File::open(mark) else {
        return Some(false);
    };
    match file.try_lock() {
        Ok(()) => {
            if let Err(error) = fs::remove_file(mark) {
                tracing::debug!(%error, "the mark of a receive that was killed stays");
            }
            Some(false)
        }
        Err(TryLockError::WouldBlock) => Some(true),
        Err(TryLockError::Error(_)) => None,
    }
}

fn running(folder: &Path, id: u64) -> PathBuf {
    folder.join(format!("{MARK}{id:016x}"))
}

/// The record as it is; `None` if there is none.
fn load(folder: &Path) -> io::Result<Option<Decoded>> {
    let file = match File::open(folder.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut text = Vec::new();
    // One more than there can be: a file that is too long is not whole.
    file.take(RECORD_LIMIT as u64 + 1).read_to_end(&mut text)?;
    Ok(Some(Record::decode(&text)))
}

/// Writes the record, whole or not at all.
fn save(folder: &Path, record: &Record, weight: Weight) -> io::Result<()> {
    let fresh = folder.join(format!("{FILE}.new"));
    // What a killed process left; creating below insists on a file of our own.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = private().create_new(true).open(&fresh)?;
    file.write_all(record.encode().as_bytes())?;
    if weight == Weight::Heavy {
        file.sync_all()?;
    }
    fs::rename(fresh, folder.join(FILE))
}

/// A file for this person's eyes only, if it is made.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
