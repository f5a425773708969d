//! Tier 1: pure, in virtual time, from seeds.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it should be"
)]

mod dht;
mod gbn;
mod nat;
mod pairing;
mod path;
mod rendezvous;
