//! How a NAT maps, from what servers saw of one machine's sockets.

use std::net::SocketAddr;

use super::same_ip;
use crate::limits::PORT_SIGHTINGS_NEEDED;
use crate::path::port_step;

/// One socket, as one port of a server saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The socket, as this machine has it towards the server.
    pub local: SocketAddr,
    /// The server's port.
    pub server: SocketAddr,
    /// What it saw.
    pub seen: SocketAddr,
}

/// How a NAT maps (RFC 4787, section 4.1). The names are part of the `--json` contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mapping {
    /// There is no NAT: servers see the socket's own address.
    NoNat,
    /// A socket has one outside address for all destinations. With one server asked, at one IP address, an
    /// address-dependent NAT looks the same.
    EndpointIndependent,
    /// It has another for each IP address.
    AddressDependent,
    /// It has another for each IP address and port.
    AddressAndPortDependent,
    /// Too little was seen.
    #[default]
    Unknown,
}

impl Mapping {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoNat => "no-nat",
            Self::EndpointIndependent => "endpoint-independent",
            Self::AddressDependent => "address-dependent",
            Self::AddressAndPortDependent => "address-and-port-dependent",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the outside address that a server sees is of no use towards anybody else.
    #[must_use]
    pub const fn depends_on_destination(self) -> bool {
        match self {
            Self::AddressDependent | Self::AddressAndPortDependent => true,
            Self::NoNat | Self::EndpointIndependent | Self::Unknown => false,
        }
    }
}

/// Which outside ports a NAT gives out. The names are part of the `--json` contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PortSequence {
    /// The socket's own ("port preservation", RFC 4787, section 4.2.1).
    Preserved,
    /// Each a few above (or below) the one before, as [`port_step`] has it: they can be foretold.
    Sequential,
    /// No order that could be seen.
    Other,
    /// Too little was seen.
    #[default]
    Unknown,
}

impl PortSequence {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preserved => "preserved",
            Self::Sequential => "sequential",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}

/// What follows from what was seen of one socket.
#[must_use]
pub fn mapping(sightings: &[Sighting]) -> Mapping {
    let Some(first) = sightings.first() else {
        return Mapping::Unknown;
    };
    if sightings.iter().all(|each| each.seen == each.local) {
        return Mapping::NoNat;
    }
    if sightings.len() < 2 {
        return Mapping::Unknown;
    }
    if sightings.iter().all(|each| each.seen == first.seen) {
        return Mapping::EndpointIndependent;
    }
    let differs_at_one_ip = sightings.iter().any(|one| {
        sightings
            .iter()
            .any(|other| same_ip(one.server, other.server) && one.seen != other.seen)
    });
    if differs_at_one_ip {
        Mapping::AddressAndPortDependent
    } else if asked_at_two_ports(sightings) {
        Mapping::AddressDependent
    } else {
        // One port of each server: whether its other port would have seen the same is not known, and
        // makes no difference to who can be reached.
        Mapping::AddressAndPortDependent
    }
}

/// Whether some server was asked at two ports.
fn asked_at_two_ports(sightings: &[Sighting]) -> bool {
    sightings.iter().any(|one| {
        sightings
            .iter()
            .any(|other| same_ip(one.server, other.server) && one.server != other.server)
    })
}

/// What follows from what was seen, in the order in which the NAT made its mappings.
#[must_use]
pub fn port_sequence(sightings: &[Sighting]) -> PortSequence {
    if sightings.is_empty() {
        return PortSequence::Unknown;
    }
    let preserved = |each: &Sighting| each.seen.port() == each.local.port();
    if sightings.iter().all(preserved) {
        return PortSequence::Preserved;
    }
    let mut ports: Vec<u16> = sightings.iter().map(|each| each.seen.port()).collect();
    // A NAT that does not look at the destination makes one mapping for a socket, and shows it again.
    ports.dedup();
    if port_step(&ports).is_some() {
        PortSequence::Sequential
    } else if ports.len() < PORT_SIGHTINGS_NEEDED {
        // A few that are near each other may be so by chance.
        PortSequence::Unknown
    } else {
        PortSequence::Other
    }
}
