//! Every protocol constant and bound, with its unit and its reason.

use std::time::Duration;

// ---- Path: probing ----

/// Candidates of a peer that are probed; more are ignored. A home machine has fewer than ten.
pub const CANDIDATES_LIMIT: usize = 20;

/// Addresses learned from a peer's own probes (peer-reflexive) that are probed as well.
pub const PEER_REFLEXIVE_LIMIT: usize = 10;

/// Least time between two checks, whatever their targets (RFC 8445, section 14.2, its lower bound).
pub const CHECK_PACE: Duration = Duration::from_millis(5);

/// Time to the second check of one address; it doubles from there.
pub const CHECK_INTERVAL_FIRST: Duration = Duration::from_millis(50);

/// Longest time between two checks of one address.
pub const CHECK_INTERVAL_LAST: Duration = Duration::from_millis(500);

/// Checks to one address. With the intervals above this fills [`PATH_DEADLINE`].
pub const CHECKS_PER_ADDRESS_LIMIT: usize = 24;

/// Checks in all, to whatever addresses: what a hostile peer can make us send.
pub const CHECKS_LIMIT: usize = 400;

/// How long the sender waits for a better kind of path once one works.
pub const NOMINATION_GRACE: Duration = Duration::from_millis(100);

/// How often a nomination is repeated before the link is left to find out.
pub const NOMINATIONS_LIMIT: usize = 12;

/// How long a path is looked for.
pub const PATH_DEADLINE: Duration = Duration::from_secs(10);
