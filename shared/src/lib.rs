//! The Fardrop protocol, pure: no sockets, no files, no clock, no global randomness.
//!
//! Every machine here has one shape: `handle_*` takes something in, `poll_*` gives something out,
//! and time and randomness are arguments. After any input, drain the transmits and the events, then
//! read the timeout.

mod backoff;
pub mod choice;
pub mod code;
pub mod congestion;
pub mod dht;
pub mod diagnosis;
pub mod gbn;
pub mod guests;
pub mod limits;
pub mod mux;
pub mod name;
pub mod offer;
pub mod pairing;
mod pairing_id;
pub mod path;
pub mod rendezvous;
mod role;
pub mod transfer;
mod transport;
pub mod wire;
pub mod wordlist;

pub use pairing_id::PairingId;
pub use role::Role;
pub use transport::{Transport, Transports};
