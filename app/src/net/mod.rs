//! Sockets, the rendezvous, and the way to a [`Path`]: the one thing that leaves this module.

mod announcer;
mod demux;
mod discovery;
mod doctor;
mod find_path;
mod greetings;
mod interfaces;
mod keeper;
mod lobby;
mod look;
mod mapping;
mod meeting;
mod pathway;
mod place;
mod servers;
mod socket;
#[cfg(test)]
mod tests;
mod time_server;
mod visit;

use std::io;
use std::time::Instant;

use fardrop_shared::pairing::{Capabilities, Ciphers, Transports};
use thiserror::Error;

pub use demux::Demux;
pub use discovery::Advertisement;
pub use doctor::{Examination, diagnose};
pub use find_path::{Acquainted, Path, PathError, PathFollower, PathNews, PathReport, Search};
pub use interfaces::Interfaces;
pub use lobby::{Lobby, LobbyEvent};
pub use mapping::{
    Attempt, AttemptState, MappingError, MappingPermit, MappingProtocol, PortMapper, PortMappers,
};
pub use place::{Place, PlaceOptions};
pub use servers::{DEFAULT_PORT, EMBEDDED_PORTS};
pub use socket::PeerSocket;
pub use time_server::time_server;
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

/// Sleeps until then; for ever without a time.
async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
