//! The Fardrop rendezvous: swaps opaque messages between two peers, and tells each its own address.
//!
//! [`respond`] is the server: a function of its [`State`], the time and a datagram. Around it,
//! [`Server`] is a loop over sockets, to be run by the binary or inside another program.
//!
//! It holds no secrets of its users: what they say to one another is sealed, and one peer's address is
//! never told to the other. A party is its announcer's own by a token that only the server is told,
//! and an attacker who reads the wire between the two can disturb, which it could anyway.

mod args;
mod cookie;
mod exchange;
mod holders;
mod limit;
mod metrics;
mod network;
mod respond;
mod run;
mod serve;
mod table;
mod tcp_responder;
#[cfg(test)]
mod tests;

pub use args::{Args, TooManySeconds};
pub use limit::{Bounds, Rate};
pub use metrics::serve_metrics;
pub use respond::{Counters, Port, State, respond};
pub use run::{RunError, run};
pub use serve::{BindError, Config, Listen, Monitor, Need, Server};
pub use table::{Datagram, Route};
