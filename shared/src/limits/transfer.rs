//! Bounds of a transfer.

/// Most claims that a receiver makes about one file: prefixes of what it has that end at each quarter, and
/// at four places near the end, where a power failure may have taken the last bytes.
pub const CLAIMS_LIMIT: usize = 8;
