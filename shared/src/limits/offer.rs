//! Bounds of names and offers.

/// Longest component of a name, in bytes of UTF-8 (ext4, APFS), and also in UTF-16 units (NTFS).
pub const MAX_COMPONENT_BYTES: usize = 255;

/// Longest name, in bytes: PATH_MAX on Linux.
pub const MAX_NAME_BYTES: usize = 4096;

/// Deepest name, in components: far deeper than people go, and it bounds the work for each name.
pub const MAX_NAME_DEPTH: usize = 128;

/// Most files and folders of an offer, those on the way to a file included: their hashes, at some
/// 16 bytes for a file and 32 for a folder, stay within half of the 64 MiB that a transfer may use.
pub const MAX_OFFER_NAMES: usize = 1_000_000;
