//! Bounds of this machine's part in a transfer, which are local. Those of the protocol are in `limits`.

/// Bytes in one buffer between the network and the disk: fed in smaller pieces, hashing and writing cost
/// more than sending.
pub(super) const BUFFER_LENGTH: usize = 256 * 1024;

/// Most names at the top of what was taken that are told at the end: as many as are shown.
pub(super) const PLACES_KEPT: usize = 10;
