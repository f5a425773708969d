//! The client's side of the rendezvous: learning one's own address, and swapping messages with the
//! other side.
//!
//! The server keeps nothing that a client does not say again within the second, so a [`Client`] repeats
//! its whole current state for as long as it lives, and that is all the recovery there is: from loss,
//! from a server that was restarted, from a NAT that moved the client to another address.

mod announcement;
mod client;
mod named;
mod order;
mod query;
mod retry;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use crate::PairingId;
use crate::wire::rendezvous::{Payload, VersionRange};

pub use announcement::{Announcement, Config, TooManyAnnouncements};
pub use client::Client;
pub use named::{is_configured, may_be_named};
pub use order::order;
pub use query::AddressQuery;

/// A datagram to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// What.
    pub bytes: Vec<u8>,
}

/// Whether two addresses are one endpoint: a socket that serves both families shows an IPv4 address in
/// its IPv6 form (RFC 4291, section 2.5.5.2).
fn same_endpoint(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port() && one.ip().to_canonical() == other.ip().to_canonical()
}

/// What a [`Client`] has learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Where the server sees this socket; said first, and again when it changes.
    Reflexive {
        /// The socket's address from there.
        address: SocketAddr,
        /// The server's port that answers an [`AddressQuery`] and nothing else, if it has one.
        second_port: Option<u16>,
    },
    /// The sender's announcement is in place: the locator is its own. Said again after anything else
    /// was said about it.
    Held,
    /// Nobody holds the locator that the receiver asks for, for now: no such code, once this has stood
    /// for some seconds. In passing it is also said after the server was restarted.
    NobodyThere,
    /// What the sender says to anybody, in answer to [`Client::ask`]; again when it changes.
    Open {
        /// What it says.
        payload: Payload,
    },
    /// The other side says something new.
    Peer {
        /// Who it is.
        pairing: PairingId,
        /// What it says.
        payload: Payload,
    },
    /// The locator belongs to somebody else. A sender takes another, with a new client. This may come even
    /// after [`Event::Held`], where somebody was quicker after the server was restarted.
    Taken,
    /// The server has as many as it can serve; the client goes on asking.
    Busy,
    /// To a sender: receivers that wish to speak to it find no place at the server, since others have taken all.
    Crowded,
    /// The server does not speak this version; the client goes on asking, slowly.
    Version(VersionRange),
    /// The server has not answered for a while.
    Silent,
    /// The server answers again after [`Event::Silent`].
    Answering,
}
