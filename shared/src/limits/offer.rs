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
