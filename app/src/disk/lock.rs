//! Locks on files: by them the receivers of one machine know what another of them is writing.

use std::fs::{File, TryLockError};
use std::io;
use std::time::SystemTime;

use cap_std::fs::Dir;

use super::platform;

/// What a file looks like from outside: whoever writes to it changes that. What else is done to it, as programs do
/// that keep folders in step with other machines, does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    length: u64,
    modified: Option<SystemTime>,
}

impl Look {
    pub(super) fn at(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }
}

/// How an attempt to lock a file went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    Had,
    HeldByAnother,
    /// The file system has no locks, or none just now: it cannot be told whether another holds the file.
    Unsupported,
}

pub(super) fn lock(file: &File) -> io::Result<Lock> {
    match file.try_lock() {
        Ok(()) => Ok(Lock::Had),
        Err(TryLockError::WouldBlock) => Ok(Lock::HeldByAnother),
        Err(TryLockError::Error(error)) if platform::is_without_locks(&error) => {
            Ok(Lock::Unsupported)
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether `name` still stands for `file`: another receiver may have given it its final name before the lock was had.
pub(super) fn still_named(folder: &Dir, name: &str, file: &File) -> io::Result<bool> {
    match folder.symlink_metadata(name) {
        Ok(metadata) => platform::same_file(file, &metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether no name stands for `file` any more, as far as the system says.
pub(super) fn is_nameless(file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Ok(file.metadata()?.nlink() == 0)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        Ok(false)
    }
}
