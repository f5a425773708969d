//! Why there is no path to the peer.

use fardrop_shared::path::{AgentFailure, PathFailure};
use thiserror::Error;

/// Why there is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PathError {
    /// Both NATs map per destination, and no other way stands open.
    #[error("both NATs map per destination")]
    BothNatsSymmetric,
    /// Probes went out, none of the peer's addresses let them through.
    #[error("none of the peer's addresses answered")]
    NothingAnswered,
    /// The peer is neither at the other end of a path nor at the rendezvous.
    #[error("the peer is gone")]
    PeerGone,
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Socket(std::io::ErrorKind),
}

impl From<AgentFailure> for PathError {
    fn from(failure: AgentFailure) -> Self {
        match failure {
            AgentFailure::NotFound(PathFailure::BothNatsSymmetric) => Self::BothNatsSymmetric,
            AgentFailure::NotFound(PathFailure::Firewalled) => Self::NothingAnswered,
            AgentFailure::PeerGone => Self::PeerGone,
        }
    }
}
