//! Bounds of the diagnosis of a network.

/// Outside ports without an order that are needed before it is said that there is none: two that are near
/// each other may be so by chance.
pub const PORT_SIGHTINGS_NEEDED: usize = 3;

/// Clocks further apart than this are worth a word, in milliseconds: a person would see it on the wall.
pub const NOTICEABLE_CLOCK_SKEW_MS: u64 = 60_000;

/// Lengths of datagrams that one round of the search for the path MTU tries at once: some 25 kB, which even a
/// slow line carries within the round.
pub const MTU_SIZES_AT_ONCE: usize = 16;

/// Rounds of that search, at most: from 1500 bytes the third is down to single bytes.
pub const MTU_ROUNDS: usize = 3;
