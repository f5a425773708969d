//! The files that a receiver holds open: as many as this process may.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Most of each, wherever a process may have 1,024 files open.
const MOST: OpenLimits = OpenLimits {
    batch: 32,
    commit: 96,
    parts: 32,
};

/// How many files may be open for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenLimits {
    /// Files that are whole and go to the committing thread together.
    pub(super) batch: usize,
    /// Files that are put on disk at once.
    pub(super) commit: usize,
    /// Parts that are held while the sender has not said where it begins.
    pub(super) parts: usize,
}

impl OpenLimits {
    /// What fits into so many handles. A file takes two, its own and that of its folder.
    pub(super) fn within(handles: usize) -> Self {
        // One batch is being filled, one waits, one is handed over, and a commit may have one more than it looks
        // for. The rest is for parts, and for folders that got new ones.
        let batch = (handles / 24).clamp(1, MOST.batch);
        Self {
            batch,
            commit: (batch * 6).min(MOST.commit),
            parts: (handles / 8).clamp(1, MOST.parts),
        }
    }
}

/// How many files are with the committing thread, which closes them.
#[derive(Debug, Default)]
pub(super) struct Committing {
    files: Mutex<usize>,
    fewer: Condvar,
}

impl Committing {
    /// Takes note that so many go there.
    pub(super) fn add(&self, files: usize) {
        *self.files() += files;
    }

    /// So many are being closed; they are when this is dropped.
    pub(super) const fn closing(&self, files: usize) -> Closing<'_> {
        Closing {
            committing: self,
            files,
        }
    }

    /// Waits until none is left there.
    pub(super) fn wait(&self) {
        let mut files = self.files();
        while *files > 0 {
            files = self
                .fewer
                .wait(files)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn files(&self) -> MutexGuard<'_, usize> {
        // A count is never half-written.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Files that are being closed, even by a panic.
pub(super) struct Closing<'a> {
    committing: &'a Committing,
    files: usize,
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        *self.committing.files() -= self.files;
        self.committing.fewer.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_open_fits_into_what_may_be() {
        for handles in [8, 28, 64, 220, 988, 1_000_000] {
            let limits = OpenLimits::within(handles);
            let files = 3 * limits.batch + limits.commit + limits.parts;
            assert!(files * 2 <= handles.max(20), "{handles}: {limits:?}");
            assert!(limits.batch >= 1 && limits.parts >= 1);
        }
        assert_eq!(OpenLimits::within(988), MOST);
    }
}
