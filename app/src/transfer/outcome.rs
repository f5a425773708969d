//! What a finished transfer came to.

use std::path::PathBuf;
use std::time::Duration;

use fardrop_shared::offer::LeftOutCount;
use fardrop_shared::wire::peer::FileReason;

/// A transfer that came to its end, perhaps without some of its files.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Files verified on the receiver's disk.
    pub files: u32,
    /// Bytes at the receiver, those that were there before among them.
    pub bytes: u64,
    /// Bytes of files that crossed the link.
    pub sent: u64,
    /// Bytes that were kept from an earlier transfer and proved, not sent.
    pub resumed: u64,
    /// Files that were there already, proved identical (known to the receiver only).
    pub skipped: u32,
    /// Files that did not make it, the first thousand of them.
    pub failures: Vec<FileFailure>,
    /// How many did not make it.
    pub failure_count: u32,
    /// What is saved under another name than it is offered under.
    pub renamed: Listed<Renaming>,
    /// Times and modes that are not what they should be (known to the receiver only).
    pub refusals: Refusals,
    /// What was not offered of what the sender named.
    pub left_out: LeftOutCount,
    /// From the receiver's yes to the last verification.
    pub elapsed: Duration,
    /// Where what was taken is now: files and folders at the top, under their final names, the first ten
    /// (known to the receiver only).
    pub places: Vec<PathBuf>,
}

/// A file that did not make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFailure {
    /// Its relative path, as the sender named it: to be escaped before it is shown.
    pub name: String,
    /// Why.
    pub reason: FileReason,
}

/// What the receiving file system refused to set of files, folders and links that are there all the same: their
/// relative paths where they are, to be escaped before they are shown. The first of each is here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusals {
    /// Modification times.
    pub times: Listed<String>,
    /// Modes.
    pub modes: Listed<String>,
}

/// A list of which the beginning is here, and how long it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// Its first items.
    pub first: Vec<T>,
    /// How many it has in all.
    pub count: u64,
}

impl<T> Listed<T> {
    /// How many are not here.
    #[must_use]
    pub const fn more(&self) -> u64 {
        self.count.saturating_sub(self.first.len() as u64)
    }
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        let first = Vec::new();
        Self { first, count: 0 }
    }
}

/// Something that is saved under another name than it is offered under, since the receiving folder cannot hold
/// that one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renaming {
    /// Its relative path, as the sender named it: to be escaped before it is shown.
    pub name: String,
    /// Its relative path where it is received: to be escaped as well.
    pub place: String,
}
