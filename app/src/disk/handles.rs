//! How many files this process may have open at once.

/// Handles that are left to all but the files of a transfer: sockets, timers, the folders that are being looked
/// at. A receiver was seen to have 21, a sender 28.
const OTHERS: u64 = 36;
/// What is counted on where the limit leaves less: then some of the files fail, and are told.
const FEWEST: usize = 8;

/// How many files, and folders that they are in, a transfer may hold open.
#[must_use]
pub fn file_handles() -> usize {
    #[cfg(unix)]
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    // Windows bounds handles by its memory alone.
    #[cfg(not(unix))]
    let limit: Option<u64> = None;
    limit
        .map_or(usize::MAX, |limit| {
            usize::try_from(limit.saturating_sub(OTHERS)).unwrap_or(usize::MAX)
        })
        .max(FEWEST)
}
