//! The bytes that travel: one file for each pair that talks.

pub mod peer;
pub mod rendezvous;
