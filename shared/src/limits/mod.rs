//! Every bound of the protocol, with its unit and its reason.
//!
//! A bound is of the protocol if the other side could notice it, in bytes, in number or in time. What a format
//! or a standard fixes (lengths of headers, nonces and tags, numbers of versions and kinds) is no bound, and
//! stands with the format. A bound that only the file around it can notice stands there, and says that it is
//! local.

mod code;
mod diagnosis;
mod link;
mod offer;
mod pairing;
mod path;
mod rendezvous;
mod transfer;

pub use code::*;
pub use diagnosis::*;
pub use link::*;
pub use offer::*;
pub use pairing::*;
pub use path::*;
pub use rendezvous::*;
pub use transfer::*;
