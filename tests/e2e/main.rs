//! Tier 2: the built binaries on loopback.
