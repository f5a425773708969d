//! The bytes that travel: one file for each pair that talks.

pub mod peer;
pub mod quic_probe;
pub mod rendezvous;
pub mod tcp_check;
