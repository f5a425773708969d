//! Times that double from one try to the next.

use std::time::Duration;

/// Doublings after which a time grows no more: local, so that the factor fits its type. Every time here has
/// reached its longest by then.
const MOST_DOUBLINGS: u32 = 16;

/// The time `first`, doubled `times` over, and at most `longest`.
pub(crate) fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first
        .saturating_mul(1 << times.min(MOST_DOUBLINGS))
        .min(longest)
}
