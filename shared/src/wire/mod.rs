//! What travels, byte for byte.

pub mod peer;
