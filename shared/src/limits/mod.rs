//! Every bound of the protocol, with its unit and its reason.

mod code;
mod link;
mod offer;
mod pairing;
mod path;
mod rendezvous;

pub use code::*;
pub use link::*;
pub use offer::*;
pub use pairing::*;
pub use path::*;
pub use rendezvous::*;
