//! Bringing two peers together that know the same code: the sender's and the receiver's side of the
//! rendezvous, and finding a server.
//!
//! What two of a protocol agree on is in `shared::limits`. The numbers in here are local: how long this side
//! waits and how much it asks.

mod clients;
mod dht;
mod discovery;
mod error;
mod hello;
mod join;
mod listing;
mod ping;
mod servers;
mod tcp_check;
mod tries;

use fardrop_shared::pairing::{Capabilities, Ciphers, Transports};

pub(in crate::net) use dht::{Dht, Entrances, entrances};
pub use discovery::Advertisement;
pub use error::IntroductionError;
pub use join::{Join, Joined};
pub use listing::{Listing, ListingEvent};
pub use ping::ping;
pub(in crate::net) use servers::resolve_all;
pub(in crate::net) use tcp_check::{TcpAnswer, tcp_check};
pub use tries::CodeTries;

/// What this side can do towards a peer with these transports.
fn capabilities(transports: Transports) -> Capabilities {
    Capabilities::new(transports, Ciphers::of_this_processor())
}
