//! What a peer says of where it is: its candidates, and what its NAT does with its packets.

use std::net::{IpAddr, SocketAddr};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::candidate::Candidate;
use super::compact;
use crate::limits::{MAX_CANDIDATES, PORT_SAMPLES_NEEDED, PORT_STEP_LIMIT, PORTS_SKIPPED_LIMIT};

/// How a NAT maps (RFC 4787, section 4.1), as the peer behind it has found out from the rendezvous's two
/// ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub enum Nat {
    /// Not found out: only one address to ask, or no answer.
    #[default]
    Unknown,
    /// One mapping for all destinations, or no NAT at all: the reflexive candidate is good for anybody.
    EndpointIndependent,
    /// A mapping for each destination, their ports in sequence.
    Sequential {
        /// The newest mapping that was seen.
        last: SocketAddr,
        /// From one mapping's port to the next one's.
        step: i16,
    },
    /// A mapping for each destination, its port anybody's guess.
    PerDestination,
}

impl Nat {
    /// What mappings of one NAT say of it. `first` are those of one socket towards two destinations;
    /// `later` those of another socket, in the order in which they were made, after the first.
    ///
    /// A sequence is believed as [`port_step`] has it.
    #[must_use]
    pub fn classify(first: [SocketAddr; 2], later: &[SocketAddr]) -> Self {
        if first[0] == first[1] {
            return Self::EndpointIndependent;
        }
        let all: Vec<SocketAddr> = first.iter().chain(later).copied().collect();
        let same_address = all.iter().all(|address| address.ip() == first[0].ip());
        let ports: Vec<u16> = all.iter().map(SocketAddr::port).collect();
        match (port_step(&ports), all.last()) {
            (Some(step), Some(last)) if same_address => Self::Sequential { last: *last, step },
            (Some(_) | None, _) => Self::PerDestination,
        }
    }

    /// Whether there is a mapping for each destination, so that the reflexive candidate is of no use to
    /// the peer.
    #[must_use]
    pub const fn maps_per_destination(self) -> bool {
        match self {
            Self::Unknown | Self::EndpointIndependent => false,
            Self::Sequential { .. } | Self::PerDestination => true,
        }
    }

    /// Where the next mappings will be, the nearest first; none unless they are in sequence.
    pub(super) fn predicted(self, count: u16) -> impl Iterator<Item = SocketAddr> {
        let (last, step) = match self {
            Self::Sequential { last, step } => (Some(last), i32::from(step)),
            Self::Unknown | Self::EndpointIndependent | Self::PerDestination => (None, 0),
        };
        let ports = last.into_iter().flat_map(move |last| {
            (1..=i32::from(count)).map(move |nth| (last.ip(), i32::from(last.port()) + nth * step))
        });
        ports.filter_map(|(ip, port)| {
            let port = u16::try_from(port).ok().filter(|port| *port != 0)?;
            Some(SocketAddr::new(ip, port))
        })
    }
}

/// From one port to the next of those that a NAT gave out one after the other, or `None` where no order
/// is seen.
///
/// A sequence is believed from four ports on that go one way in equal steps, but for a few that others
/// may have taken in between; a step is at most [`PORT_STEP_LIMIT`] ports.
#[must_use]
pub fn port_step(ports: &[u16]) -> Option<i16> {
    let steps: Vec<i32> = ports
        .windows(2)
        .map(|pair| i32::from(pair[1]) - i32::from(pair[0]))
        .collect();
    let step = steps.iter().copied().min_by_key(|step| step.abs())?;
    let in_sequence = ports.len() >= PORT_SAMPLES_NEEDED
        && step != 0
        && step.abs() <= PORT_STEP_LIMIT
        && steps.iter().all(|other| {
            other % step == 0 && (1..=i32::from(PORTS_SKIPPED_LIMIT)).contains(&(other / step))
        });
    i16::try_from(step).ok().filter(|_| in_sequence)
}

/// What a peer says of where it is.
///
/// On the wire it is a byte string: the NAT as postcard has it, then the candidates in a short form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Whereabouts {
    candidates: Vec<Candidate>,
    nat: Nat,
}

impl Whereabouts {
    /// With these addresses to be reached at; those after the first [`MAX_CANDIDATES`] are left out.
    #[must_use]
    pub fn new(mut candidates: Vec<Candidate>, nat: Nat) -> Self {
        candidates.truncate(MAX_CANDIDATES);
        Self { candidates, nat }
    }

    /// Without the last candidates, as far as it would be longer than `bytes`: those that matter most come first.
    #[must_use]
    pub fn fitting(mut self, bytes: usize) -> Self {
        while self.encode().len() > bytes && self.candidates.pop().is_some() {}
        self
    }

    fn encode(&self) -> Vec<u8> {
        // A NAT is integers and an address, nothing that postcard cannot write.
        let mut bytes = postcard::to_stdvec(&self.nat).unwrap_or_default();
        compact::write(&self.candidates, &mut bytes);
        bytes
    }

    /// Where it may be reached: at most [`MAX_CANDIDATES`]. A peer's claims, not yet checked for
    /// [`Candidate::usable`].
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// What its NAT does.
    #[must_use]
    pub const fn nat(&self) -> Nat {
        self.nat
    }

    /// Whether the side has a global IPv6 address.
    pub(super) fn has_global_ipv6(&self) -> bool {
        self.candidates
            .iter()
            .any(|candidate| match candidate.address.ip() {
                IpAddr::V6(ip) => {
                    !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local())
                }
                IpAddr::V4(_) => false,
            })
    }
}

impl Serialize for Whereabouts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.encode())
    }
}

impl<'de> Deserialize<'de> for Whereabouts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&'de [u8]>::deserialize(deserializer)?;
        let (nat, rest) = postcard::take_from_bytes(bytes).map_err(D::Error::custom)?;
        Ok(Self::new(compact::read(rest), nat))
    }
}
