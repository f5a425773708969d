//! Finding a path and keeping it: candidates, probes, nomination, keep-alive.
//!
//! The two sides learned each other's candidates from sealed hellos. Each probes the other's, paced,
//! best ones first; a probe that is answered proves that its pair of addresses works both ways. The
//! sender of the files decides which one is used and says so by a nomination (RFC 8445, section
//! 8.1.1). It may nominate what it was only heard at: the nomination is itself a check.
//!
//! A [`PathFinder`] is one such search. A [`PathAgent`] is the whole life of a path: it notices when the
//! path is lost, and then searches again with what the two tell each other at the rendezvous.

mod agent;
mod budget;
mod candidate;
mod checklist;
mod compact;
mod finder;
mod found;
mod many_port;
mod probe;
mod prober;
mod reintroduction;
mod replay;
#[cfg(test)]
mod tests;
mod upkeep;
mod whereabouts;

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

pub use agent::{AgentConfig, PathAgent};
pub use candidate::{Candidate, CandidateKind, PathKind};
pub use finder::{FinderConfig, PathFinder};
pub use found::{AgentEvent, AgentFailure, FoundPath, PathEvent, PathFailure, PathNews, Traffic};
pub use probe::PROBE_LENGTH;
pub use reintroduction::{ReintroductionKeys, Update};
pub use whereabouts::{Nat, Whereabouts, port_step};

/// The number of one of a session's sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u16);

impl SocketId {
    /// The socket that the session began with. Others are opened for many-port punching only.
    pub const MAIN: Self = Self(0);
}

/// The two keys that probes are sealed under.
#[derive(Debug)]
pub struct PathKeys<'a> {
    /// What the sender of the files seals with.
    pub sender: &'a [u8; 32],
    /// What the receiver seals with.
    pub receiver: &'a [u8; 32],
}

/// A datagram to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTransmit {
    /// From which socket.
    pub socket: SocketId,
    /// Where to.
    pub to: SocketAddr,
    /// What.
    pub bytes: Vec<u8>,
}

/// `address` in the one form that is compared: an IPv4 address never mapped into IPv6, and a scope only where
/// it means something.
fn canonical(address: SocketAddr) -> SocketAddr {
    match (address, address.ip().to_canonical()) {
        (SocketAddr::V6(address), IpAddr::V6(ip)) if ip.is_unicast_link_local() => {
            SocketAddrV6::new(ip, address.port(), 0, address.scope_id()).into()
        }
        (_, ip) => SocketAddr::new(ip, address.port()),
    }
}
