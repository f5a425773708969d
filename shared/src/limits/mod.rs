//! Every bound of the protocol, with its unit and its reason.
//!
//! A bound is of the protocol if the other side relies on it or is held to it, in bytes, in number or in time.
//! What a format or a standard fixes (lengths of headers, nonces and tags, numbers of versions and kinds) is no
//! bound, and stands with the format. Any other bound is local: it stands where it is used, and there, or in the
//! documentation of the module, it is said to be local.

mod code;
mod dht;
mod diagnosis;
mod gbn;
mod link;
mod mux;
mod offer;
mod pairing;
mod path;
mod rendezvous;
mod transfer;

pub use code::*;
pub use dht::*;
pub use diagnosis::*;
pub use gbn::*;
pub use link::*;
pub use mux::*;
pub use offer::*;
pub use pairing::*;
pub use path::*;
pub use rendezvous::*;
pub use transfer::*;
