//! The UDP socket of a session, this machine's interfaces, and where servers see a socket (its reflexive
//! address).
//!
//! The numbers in here are local: what this machine's system and network take.

mod interfaces;
mod peer_socket;
mod reflexive;
mod sleep;

pub(in crate::net) use interfaces::local_address_towards;
pub use interfaces::{Interfaces, NetworkName};
pub use peer_socket::PeerSocket;
pub(in crate::net) use peer_socket::{Fragments, UDP_PAYLOAD_LIMIT, canonical};
pub(in crate::net) use reflexive::{Reflexive, ask_reflexive};
pub(in crate::net) use sleep::sleep_until;
