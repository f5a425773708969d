//! A world in virtual time, from a seed.

pub mod nat;
mod network;
pub mod world;

pub use network::{Conditions, Network, Packet};
