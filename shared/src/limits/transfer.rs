//! Bounds of a transfer.

use std::time::Duration;

/// Most lengths that a receiver names of one file: prefixes of what it has that end at each quarter, and at four
/// places near the end, where a power failure may have taken the last bytes.
pub const CLAIMS_LIMIT: usize = 8;

/// Most files of which a receiver has said that it has something, and not yet how much of that was proved. A
/// receiver waits before it says so of more; a sender that is told of more closes.
pub const CLAIMED_LIMIT: usize = 1024;

/// Most failed files that a side remembers by name and reason; the rest are counted.
pub const FAILURES_LIMIT: usize = 1000;

/// Most bytes of paths that a receiver tells because they are others than in the offer, in all pages together:
/// some fifty thousand of them. The rest are counted.
pub const RENAMED_BYTES_LIMIT: usize = 4 * 1024 * 1024;

/// How often a receiver says how far it is, at most: what a person can still see.
pub const ACKNOWLEDGE_INTERVAL: Duration = Duration::from_millis(100);

/// How long the last words of a transfer may take before the link is closed without them.
pub const FAREWELL_PATIENCE: Duration = Duration::from_secs(5);
