//! Peers and servers that do not keep to the protocol, for every tier that meets one.

pub mod crowd;
pub mod rendezvous;
