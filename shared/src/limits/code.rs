//! Bounds of codes.

/// Fewest secret words of a code: two are 20.7 bits, and three tries each way leave a guesser fewer
/// than 4 chances in a million.
pub const MIN_WORDS: usize = 2;

/// Most secret words of a code: 82.7 bits, more than anybody can use against three tries.
pub const MAX_WORDS: usize = 8;

/// Longest code that is looked at, in bytes as typed: 8 words of 10 letters, a locator and the
/// longest host name come to under 400.
pub const MAX_CODE_BYTES: usize = 512;

/// Longest host name, in bytes (RFC 1035, section 2.3.4).
pub const MAX_HOST_BYTES: usize = 253;

/// Digits of a locator to begin with, easy to say; more are used when these are taken.
pub const MIN_LOCATOR_DIGITS: u32 = 3;

/// Most digits of a locator: the most whose every value fits 32 bits.
pub const MAX_LOCATOR_DIGITS: u32 = 9;

/// Most completions of a half-typed word that are given at once: what fits under a text field.
pub const MAX_COMPLETIONS: usize = 8;
