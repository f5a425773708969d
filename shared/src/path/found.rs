//! The values that the path machines hand out and take in: a path, its traffic, events, failures.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::SocketId;
use super::candidate::PathKind;
use super::prober::Pair;
use crate::limits::ASSUMED_ROUND_TRIP;

/// A pair of addresses that both sides have agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundPath {
    /// Our socket.
    pub socket: SocketId,
    /// The peer's address.
    pub remote: SocketAddr,
    /// How it was found.
    pub kind: PathKind,
    /// Round-trip time of the first answered check, if one of ours was answered.
    pub rtt: Option<Duration>,
}

impl FoundPath {
    /// Round-trip time as a check saw it, or what is assumed where none of ours was answered.
    #[must_use]
    pub fn round_trip(&self) -> Duration {
        self.rtt.unwrap_or(ASSUMED_ROUND_TRIP)
    }

    pub(super) const fn pair(&self) -> Pair {
        Pair::new(self.socket, self.remote)
    }
}

/// When the link last heard and said something on the path in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// A datagram came from the peer's address.
    pub heard: Option<Instant>,
    /// One was sent there.
    pub sent: Option<Instant>,
}

/// Why a search found no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathFailure {
    /// Both NATs map per destination, and nothing else stands open.
    BothNatsSymmetric,
    /// Everything was tried and nothing came through.
    Firewalled,
}

/// What a [`PathFinder`](super::PathFinder) says to whoever drives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathEvent {
    /// The first check went to an address of this kind.
    Trying(PathKind),
    /// A check of this kind was answered.
    Works(PathKind, Duration),
    /// So many more sockets are of use: open them, tell
    /// [`handle_sockets`](super::PathFinder::handle_sockets), and close those that the path does not use.
    SocketsNeeded(u16),
    /// The path to use. It may come again: where one that was chosen does not hold, another is.
    Found(FoundPath),
    /// No path was found in time. Comes once.
    Failed(PathFailure),
}

/// Something about a session's path that is worth telling a person, from the first check to the last loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathNews {
    /// The first check went to an address of this kind.
    Trying(PathKind),
    /// A check of this kind was answered, after so long.
    Works(PathKind, Duration),
    /// From now on this is the path.
    Found(FoundPath),
    /// The path does not carry any more; another one is looked for.
    Lost,
}

/// What a [`PathAgent`](super::PathAgent) says to whoever drives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentEvent {
    /// To be passed on.
    News(PathNews),
    /// So many more sockets are of use, see [`PathEvent::SocketsNeeded`].
    SocketsNeeded(u16),
    /// The two are to be reintroduced at the rendezvous, under
    /// [`PathAgent::locator`](super::PathAgent::locator): announce what
    /// [`PathAgent::poll_update`](super::PathAgent::poll_update) gives, and hand in what the peer announces,
    /// until there is a path.
    ReintroductionNeeded,
    /// There is no path, and none is looked for any more. The last event.
    Failed(AgentFailure),
}

/// Why a [`PathAgent`](super::PathAgent) has given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentFailure {
    /// The first search came to nothing.
    NotFound(PathFailure),
    /// The peer is neither at the other end of a path nor at the rendezvous.
    PeerGone,
}
