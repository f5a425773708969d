//! Sockets, the rendezvous, and the way to a [`Path`]: the one thing that leaves this module.

mod announcer;
mod demux;
mod discovery;
mod doctor;
mod find_path;
mod greetings;
mod interfaces;
mod lobby;
mod mapping;
mod prepare;
mod servers;
mod socket;
#[cfg(test)]
mod tests;
mod visit;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fardrop_shared::pairing::{Capabilities, Ciphers, Transports};
use fardrop_shared::path::PathKind;
use thiserror::Error;

pub use demux::Demux;
pub use discovery::Advertisement;
pub use doctor::{Examination, diagnose};
pub use find_path::{PathError, PathNews, find_path};
pub use interfaces::Interfaces;
pub use lobby::{Lobby, LobbyEvent};
pub use mapping::{Attempt, AttemptState, MappingError, MappingProtocol, PortMapper};
use prepare::own_candidates;
pub use prepare::{Prepared, prepare};
pub use servers::{DEFAULT_PORT, EMBEDDED_PORTS};
pub use socket::PeerSocket;
pub use visit::{Met, Visitor};

/// What this build can do towards a peer: QUIC.
fn capabilities() -> Capabilities {
    Capabilities::new(Transports::QUIC, Ciphers::CHACHA20_POLY1305)
}

/// Why two peers did not meet at a rendezvous.
#[derive(Debug, Error)]
pub enum MeetError {
    /// No server answers.
    #[error("no rendezvous answers")]
    Unreachable,
    /// No server answers by UDP, and one does by TCP.
    #[error("UDP does not leave this network")]
    UdpBlocked,
    /// The servers that answer are full.
    #[error("the rendezvous is busy")]
    Busy,
    /// Somebody else has the locator.
    #[error("the locator is taken")]
    Taken,
    /// The servers that answer do not know this locator, or the share has ended.
    #[error("nobody offers anything under this code")]
    NoSuchCode,
    /// No rendezvous is configured, and nobody on this machine or network has the locator.
    #[error("nobody nearby offers anything under this code")]
    NobodyNearby,
    /// The words differ from the sender's.
    #[error("the words do not match")]
    WrongCode,
    /// Too many have tried wrong words.
    #[error("the code is dead")]
    CodeDead,
    /// No common version with the peer or the server.
    #[error("no common version")]
    Version,
    /// The sender was there and says nothing more.
    #[error("the sender does not answer")]
    SenderSilent,
    /// This machine refuses a socket.
    #[error("the socket failed: {0}")]
    Socket(io::Error),
}

/// One working pair of addresses, with the socket that found it.
#[derive(Debug)]
pub struct Path {
    /// The peer's address.
    pub remote: SocketAddr,
    /// How it was found.
    pub kind: PathKind,
    /// Round-trip time, as the probes saw it.
    pub rtt: Duration,
    /// Longest UDP payload worth trying, in bytes: what the interface takes.
    pub payload_limit: u16,
    demux: Arc<Demux>,
    keeper: tokio::task::JoinHandle<()>,
}

impl Path {
    /// The socket, for a transport to run over.
    #[must_use]
    pub fn socket(&self) -> Arc<Demux> {
        self.demux.clone()
    }

    /// The peer's address as the socket's family writes it.
    #[must_use]
    pub fn native_remote(&self) -> SocketAddr {
        self.demux.to_native(self.remote).unwrap_or(self.remote)
    }

    /// The transport heard the peer: both sides use this path.
    pub fn confirm(&self) {
        self.demux.confirm();
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}
