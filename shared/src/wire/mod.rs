//! The bytes that travel: one file for each pair that talks.

pub mod greeting;
pub mod peer;
pub mod quic_probe;
pub mod rendezvous;
