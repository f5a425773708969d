//! Sockets, the rendezvous, and the way to a [`Path`]: the one thing that leaves this module.

mod demux;
mod find_path;
mod interfaces;
mod socket;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fardrop_shared::path::PathKind;

pub use demux::Demux;
pub use find_path::{PathError, PathNews, find_path};
pub use interfaces::Interfaces;
pub use socket::PeerSocket;

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
