//! A world in virtual time, from a seed.

mod network;

pub use network::{Conditions, Network, Packet};
