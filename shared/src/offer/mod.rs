//! The offer's manifest: names, sizes and times of what is proposed, compact and in pages.
//!
//! What a link leads to, and what has a second name, crosses once: a link and a second name are entries that
//! say the index of another, which came before them. They are never the way to anything.
//!
//! The encoded pages are the wire form and the form in memory on both sides, so that a million
//! entries cost what they cost on the wire. Entries stand in depth-first order, a folder before what
//! is in it; entry `i` of the manifest is file or folder `i` of the whole protocol. A page can be
//! decoded on its own:
//!
//! ```text
//! page   = entry*                           at most MAX_PAGE_BYTES bytes
//! entry  = flags      u8                    bits 0-1 what it is: 0 file, 1 folder, 2 program, 3 another; bits 2-7
//!                                          of the first three: what
//!                                          others (2-4) and the group (5-7) may not do: execute, write, read; of
//!                                          another: 0 link, 1 the same file
//!          shared     varint                bytes of the path taken from the entry before in this page
//!          length     varint, bytes         the rest of the path, '/' between components
//!          size       varint                files only: twice the size, at most 2^63 - 1, and 1 more with holes
//!          holes      varint                files with holes only: how many bytes of it are in them
//!          index      varint                of another: the entry that it leads to, or is a name of
//!          seconds    zigzag varint         modification time since 1970
//!          nanos      varint                below 1,000,000,000
//! varint = 7 bits a byte, least significant first, bit 7 set on all but the last
//! ```
//!
//! Paths are bytes, and a [`Manifest`] checks nothing of them but their length. What comes from a peer is read by
//! an [`OfferReader`], which refuses a dangerous name, and the [`CheckedManifest`] that it makes gives every
//! entry its place at a destination as a [`SafeName`](crate::name::SafeName).

mod access;
mod checked;
mod concern;
mod kinds;
mod left_out;
mod names;
mod page;
#[cfg(test)]
mod tests;
mod time;

use thiserror::Error;

pub use access::OthersAccess;
pub use checked::{
    CheckedManifest, OfferReader, PageError, PlacedCursor, PlacedEntry, PlacedManifest,
};
pub use concern::{Classifier, Concern, Concerns, Hidden, Survey};
use kinds::Kinds;
pub use left_out::{LeftOutCount, LeftOutName, LeftOutNames, LeftOutReason};
pub use names::NameChecker;
use page::Decoder;
pub use time::ModifiedTime;

use crate::limits::{
    MAX_FILE_BYTES, MAX_MANIFEST_BYTES, MAX_NAME_BYTES, MAX_OFFER_ENTRIES, MAX_PAGE_BYTES,
};

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File {
        /// Its length in bytes, at most [`MAX_FILE_BYTES`].
        size: u64,
        /// How many of them are in holes, as far as its sender knows: zeros that need no room on a disk. A hint, at
        /// most `size`.
        holes: u64,
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A folder.
    Folder,
    /// A symbolic link to another file or folder of the offer.
    Link {
        /// Index of the entry that it leads to: one before it, no link and no second name.
        target: u32,
    },
    /// Another name of a file of the offer: a hard link.
    SameFile {
        /// Index of the entry of that file: one before it.
        first: u32,
    },
}

impl EntryKind {
    /// Whether it is a file that its owner may execute.
    #[must_use]
    pub const fn is_executable(self) -> bool {
        matches!(
            self,
            Self::File {
                executable: true,
                ..
            }
        )
    }
}

/// One file, folder or link of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Relative path, components separated by `/`; 1 to [`MAX_NAME_BYTES`] bytes.
    pub path: &'a [u8],
    /// What it is.
    pub kind: EntryKind,
    /// When it was last modified.
    pub modified: ModifiedTime,
    /// What others than its owner may do with it.
    pub others: OthersAccess,
}

/// Counts over a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Regular files.
    pub files: u32,
    /// Folders.
    pub folders: u32,
    /// Links, and second names of files.
    pub links: u32,
    /// Bytes in all the files together.
    pub bytes: u64,
    /// How many of them are in holes.
    pub holes: u64,
    /// Those of the files that have no bytes.
    pub empty: u32,
}

impl Totals {
    /// Files, folders and links together.
    #[must_use]
    pub const fn entries(&self) -> u32 {
        self.files + self.folders + self.links
    }
}

/// Why an offer cannot be made, or why one from a peer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OfferError {
    /// More than [`MAX_OFFER_ENTRIES`] entries.
    #[error("more than {MAX_OFFER_ENTRIES} files, folders and links")]
    TooManyEntries,
    /// The pages together pass [`MAX_MANIFEST_BYTES`].
    #[error("the list of names is longer than {MAX_MANIFEST_BYTES} bytes")]
    ManifestTooLong,
    /// A path is empty or longer than [`MAX_NAME_BYTES`].
    #[error("a path is empty or longer than {MAX_NAME_BYTES} bytes")]
    PathLength,
    /// One file, or all of them together, pass [`MAX_FILE_BYTES`].
    #[error("the sizes add up to more than {MAX_FILE_BYTES} bytes")]
    TooManyBytes,
    /// A link, or a second name, is of no entry that it can be of.
    #[error("a link leads to nothing that it may lead to")]
    LinkTarget,
    /// A page from a peer does not follow the format.
    #[error("a page of the offer is malformed")]
    Malformed,
}

/// Collects entries, or pages from a peer, into a [`Manifest`].
#[derive(Debug, Default)]
pub struct ManifestBuilder {
    pages: Vec<Page>,
    totals: Totals,
    kinds: Kinds,
    /// Bytes in `pages`.
    page_bytes: usize,
    /// The page being written, and the path of its last entry.
    open: Vec<u8>,
    open_first: u32,
    last_path: Vec<u8>,
}

impl ManifestBuilder {
    /// An empty manifest.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one entry after the others. On an error the manifest is as it was.
    ///
    /// # Errors
    ///
    /// An [`OfferError`] for each bound that it would pass.
    pub fn push(&mut self, entry: Entry<'_>) -> Result<(), OfferError> {
        if entry.path.is_empty() || entry.path.len() > MAX_NAME_BYTES {
            return Err(OfferError::PathLength);
        }
        self.kinds.check(entry.kind)?;
        let totals = count(self.totals, entry.kind)?;
        let before = self.open.len();
        page::encode(&mut self.open, &self.last_path, entry);
        if self.open.len() > MAX_PAGE_BYTES {
            self.open.truncate(before);
            self.close_page()?;
            page::encode(&mut self.open, b"", entry);
        }
        self.last_path.clear();
        self.last_path.extend(entry.path);
        self.totals = totals;
        self.kinds.push(entry.kind);
        Ok(())
    }

    /// Adds a page from a peer after the others, having shown each entry to `check`.
    ///
    /// # Errors
    ///
    /// On any byte that does not follow the format, on a bound passed, and what `check` says; the manifest is
    /// of no use after that.
    pub fn push_page<E: From<OfferError>>(
        &mut self,
        bytes: &[u8],
        mut check: impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if bytes.is_empty() || bytes.len() > MAX_PAGE_BYTES {
            return Err(OfferError::Malformed.into());
        }
        let first = self.totals.entries();
        let mut decoder = Decoder::new();
        while decoder.position() < bytes.len() {
            let entry = decoder.next(bytes)?;
            self.kinds.check(entry.kind)?;
            self.totals = count(self.totals, entry.kind)?;
            self.kinds.push(entry.kind);
            check(entry)?;
        }
        self.add_page(first, bytes.into()).map_err(E::from)
    }

    /// Ends the manifest.
    ///
    /// # Errors
    ///
    /// [`OfferError::ManifestTooLong`].
    pub fn finish(mut self) -> Result<Manifest, OfferError> {
        self.close_page()?;
        Ok(Manifest {
            pages: self.pages.into_boxed_slice(),
            totals: self.totals,
        })
    }

    /// Calls `visit` with the index and the entry of all that was added so far.
    pub fn for_each(&self, mut visit: impl FnMut(u32, Entry<'_>)) {
        let closed = self.pages.iter().map(|page| (page.first, &*page.bytes));
        for (mut index, bytes) in closed.chain([(self.open_first, self.open.as_slice())]) {
            let mut decoder = Decoder::new();
            while decoder.position() < bytes.len()
                && let Ok(entry) = decoder.next(bytes)
            {
                visit(index, entry);
                index += 1;
            }
        }
    }

    /// What was added so far.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    fn close_page(&mut self) -> Result<(), OfferError> {
        if !self.open.is_empty() {
            let bytes = self.open.as_slice().into();
            self.add_page(self.open_first, bytes)?;
            self.open.clear();
        }
        self.open_first = self.totals.entries();
        Ok(())
    }

    fn add_page(&mut self, first: u32, bytes: Box<[u8]>) -> Result<(), OfferError> {
        self.page_bytes += bytes.len();
        if self.page_bytes > MAX_MANIFEST_BYTES {
            return Err(OfferError::ManifestTooLong);
        }
        self.pages.push(Page { first, bytes });
        Ok(())
    }
}

fn count(mut totals: Totals, kind: EntryKind) -> Result<Totals, OfferError> {
    if totals.entries() >= MAX_OFFER_ENTRIES {
        return Err(OfferError::TooManyEntries);
    }
    match kind {
        EntryKind::File { size, holes, .. } => {
            totals.files += 1;
            totals.holes = totals.holes.saturating_add(holes);
            totals.empty += u32::from(size == 0);
            totals.bytes = totals
                .bytes
                .checked_add(size)
                .filter(|bytes| *bytes <= MAX_FILE_BYTES)
                .ok_or(OfferError::TooManyBytes)?;
        }
        EntryKind::Folder => totals.folders += 1,
        EntryKind::Link { .. } | EntryKind::SameFile { .. } => totals.links += 1,
    }
    Ok(totals)
}

#[derive(Debug)]
struct Page {
    /// Index of its first entry.
    first: u32,
    bytes: Box<[u8]>,
}

/// The names, sizes and times of an offer. Every page in it has been decoded once.
#[derive(Debug)]
pub struct Manifest {
    pages: Box<[Page]>,
    totals: Totals,
}

impl Manifest {
    /// Counts over all of it.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// The pages as they travel.
    pub fn pages(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.pages.iter().map(|page| &*page.bytes)
    }

    /// A place in the manifest, before its first entry.
    #[must_use]
    pub const fn cursor(&self) -> Cursor {
        Cursor {
            page: 0,
            next: 0,
            decoder: Decoder::new(),
            last: None,
        }
    }

    /// Calls `visit` with the index and the entry, from the first to the last.
    pub fn for_each(&self, mut visit: impl FnMut(u32, Entry<'_>)) {
        let mut cursor = self.cursor();
        while let Some((index, entry)) = cursor.next(self) {
            visit(index, entry);
        }
    }
}

/// A place in a [`Manifest`], which it does not borrow. Going on to the next entry costs some 30 ns, staying at the
/// last one nothing; going elsewhere costs the decoding of up to a page.
#[derive(Debug)]
pub struct Cursor {
    page: usize,
    /// Index of the entry that `next` gives.
    next: u32,
    decoder: Decoder,
    /// The entry that was given last, but for its path.
    last: Option<(EntryKind, ModifiedTime, OthersAccess)>,
}

impl Cursor {
    /// The next entry and its index; `None` past the last.
    pub fn next<'a>(&'a mut self, manifest: &Manifest) -> Option<(u32, Entry<'a>)> {
        let mut page = manifest.pages.get(self.page)?;
        if self.decoder.position() >= page.bytes.len() {
            self.page += 1;
            page = manifest.pages.get(self.page)?;
            self.decoder.restart();
        }
        let index = self.next;
        self.next += 1;
        // A page got into the manifest by being encoded or decoded whole, so this gives an entry.
        let entry = self.decoder.next(&page.bytes).ok()?;
        self.last = Some((entry.kind, entry.modified, entry.others));
        Some((index, entry))
    }

    /// The entry with this index; `None` past the last. It and the next one after it are then cheap.
    pub fn entry<'a>(&'a mut self, manifest: &Manifest, index: u32) -> Option<Entry<'a>> {
        if index >= manifest.totals.entries() {
            return None;
        }
        if index.checked_add(1) == Some(self.next)
            && let Some((kind, modified, others)) = self.last
        {
            return Some(Entry {
                path: self.decoder.path(),
                kind,
                modified,
                others,
            });
        }
        let page = manifest.pages.partition_point(|page| page.first <= index) - 1;
        if page != self.page || index < self.next {
            self.page = page;
            self.next = manifest.pages[page].first;
            self.decoder.restart();
        }
        while self.next < index {
            self.next(manifest)?;
        }
        self.next(manifest).map(|(_, entry)| entry)
    }
}
