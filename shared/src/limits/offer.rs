//! Bounds of names and offers.

/// Longest component of a name, in bytes: the 255 UTF-16 units of NTFS come to three bytes each at most. What
/// the receiver's file system holds of them is its own question.
pub const MAX_COMPONENT_BYTES: usize = 765;

/// Names tried for one that cannot be: each is taken only if somebody offers it as well, on purpose.
pub const MAX_RENAME_ATTEMPTS: usize = 32;

/// Longest name, in bytes: PATH_MAX on Linux.
pub const MAX_NAME_BYTES: usize = 4096;

/// Deepest name, in components: far deeper than people go, and it bounds the work for each name.
pub const MAX_NAME_DEPTH: usize = 128;

/// Most files and folders of an offer, those on the way to a file included: their hashes, at some 16 bytes
/// each, stay within half of the 64 MiB that a transfer may use.
pub const MAX_OFFER_NAMES: usize = 1_000_000;

/// Most entries of an offer: [`MAX_OFFER_NAMES`] as their number crosses.
pub const MAX_OFFER_ENTRIES: u32 = MAX_OFFER_NAMES as u32;

/// Most bytes in all the pages of a manifest: half of the memory promised for a process.
pub const MAX_MANIFEST_BYTES: usize = 32 * 1024 * 1024;

/// Most bytes in one page of a manifest: small against a control message, and the cost of a seek (some 20 µs).
pub const MAX_PAGE_BYTES: usize = 16 * 1024;

/// Most bytes of the names of what is not offered, as a sender tells them: some ten thousand of them. They are
/// counted all the same.
pub const LEFT_OUT_BYTES_LIMIT: usize = 1024 * 1024;

/// Largest file, in bytes: the largest offset that file systems can express.
pub const MAX_FILE_BYTES: u64 = i64::MAX as u64;
