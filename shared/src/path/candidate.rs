//! Candidates: the addresses at which a peer may be reached (RFC 8445, section 2.1).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// How a candidate was learned (RFC 8445, section 5.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CandidateKind {
    /// An address of one of the peer's own interfaces.
    Host,
    /// A port that the peer's router opened for it (UPnP IGD, PCP, NAT-PMP).
    Mapped,
    /// What the rendezvous saw the peer's packets come from.
    Reflexive,
}

/// An address at which a peer may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Candidate {
    /// How it was learned.
    pub kind: CandidateKind,
    /// Where probes go.
    pub address: SocketAddr,
}

impl Candidate {
    /// A candidate as its owner advertises it.
    #[must_use]
    pub const fn new(kind: CandidateKind, address: SocketAddr) -> Self {
        Self { kind, address }
    }

    /// Whether the owner should name it: what is [`usable`](Self::usable), and link-local addresses, whose
    /// scope the peer adds.
    #[must_use]
    pub fn advertisable(&self, same_machine: bool) -> bool {
        match self.address.ip() {
            IpAddr::V6(ip) if ip.is_unicast_link_local() => self.address.port() != 0,
            IpAddr::V4(_) | IpAddr::V6(_) => self.usable(same_machine),
        }
    }

    /// Whether a packet may be sent there at all: never to port 0, nor to a multicast, broadcast or
    /// unspecified address; to loopback only when `same_machine`.
    #[must_use]
    pub fn usable(&self, same_machine: bool) -> bool {
        if self.address.port() == 0 {
            return false;
        }
        match self.address.ip().to_canonical() {
            IpAddr::V4(ip) => {
                !(ip.is_unspecified()
                    || ip.is_broadcast()
                    || ip.is_multicast()
                    || ip.octets()[0] == 0)
                    && (same_machine || !ip.is_loopback())
            }
            IpAddr::V6(ip) => {
                !(ip.is_unspecified() || ip.is_multicast() || is_unscoped_link_local(ip))
                    && (same_machine || !ip.is_loopback())
            }
        }
    }
}

/// How a path was found, which is also the step of the ladder on which it was; its order is the order of
/// preference. The names are part of the `--json` contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathKind {
    /// Within one network or one machine.
    Local,
    /// IPv6 from end to end.
    Ipv6,
    /// To a port that a router opened, or to a public address of the peer's own.
    Mapped,
    /// Through a NAT's mapping that our own packets opened.
    Punched,
    /// Through a NAT that maps per destination, by trying many of its ports.
    ManyPort,
}

impl PathKind {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Ipv6 => "ipv6",
            Self::Mapped => "mapped",
            Self::Punched => "punched",
            Self::ManyPort => "many-port",
        }
    }

    /// The kind of a path to `address`, which the peer advertised as `kind` (`None`: its packets came
    /// from there unannounced).
    #[must_use]
    pub fn of(address: SocketAddr, kind: Option<CandidateKind>) -> Self {
        let ip = address.ip().to_canonical();
        let inside = match ip {
            IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
            IpAddr::V6(ip) => {
                ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
            }
        };
        match (ip, kind) {
            // A carrier's NAT may give a router such an address: mapped or reflexive, it is still not
            // that of a machine on this network.
            (IpAddr::V4(_), Some(CandidateKind::Mapped)) => Self::Mapped,
            (IpAddr::V4(_), Some(CandidateKind::Reflexive)) => Self::Punched,
            _ if inside => Self::Local,
            (IpAddr::V6(_), _) => Self::Ipv6,
            (IpAddr::V4(_), Some(CandidateKind::Host)) => Self::Mapped,
            (IpAddr::V4(_), None) => Self::Punched,
        }
    }

    /// The kind of a pair of addresses, of which each side has seen one: a path to a port that a router
    /// opened looks punched from behind that router.
    #[must_use]
    pub fn of_pair(ours: Self, theirs: Self) -> Self {
        match (ours, theirs) {
            (Self::Punched, Self::ManyPort) | (Self::ManyPort, Self::Punched) => Self::ManyPort,
            _ => ours.min(theirs),
        }
    }

    /// The byte that stands for this kind in a probe.
    pub(super) const fn to_wire(self) -> u8 {
        match self {
            Self::Local => 1,
            Self::Ipv6 => 2,
            Self::Mapped => 3,
            Self::Punched => 4,
            Self::ManyPort => 5,
        }
    }

    /// The kind that stands in a probe; `None` for one of a later version.
    pub(super) const fn from_wire(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Local),
            2 => Some(Self::Ipv6),
            3 => Some(Self::Mapped),
            4 => Some(Self::Punched),
            5 => Some(Self::ManyPort),
            _ => None,
        }
    }
}

/// Link-local addresses mean nothing without the scope of the machine that uses them, which does
/// not travel.
const fn is_unscoped_link_local(ip: Ipv6Addr) -> bool {
    ip.segments()[0] & 0xffc0 == 0xfe80
}
