//! What a diagnosis means for transfers: the ladder as this end sees it, and a verdict.

use std::net::IpAddr;

use super::{
    Diagnosis, Hairpin, Ipv6, Mapping, PortSequence, Quic, RouterProtocol, RouterState, Scope, Udp,
};
use crate::limits::NOTICEABLE_CLOCK_SKEW_MS;

/// The ladder that a transfer climbs, as far as one end can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ladder {
    /// Within this network.
    pub local: Prospect,
    /// IPv6 from end to end.
    pub ipv6: Prospect,
    /// To a port that the router opened, or to an address without a NAT.
    pub mapped: Prospect,
    /// Hole punching over IPv4.
    pub punched: Prospect,
}

/// What can be expected of one rung. The names are part of the `--json` contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prospect {
    /// It works from this end.
    Open,
    /// It works with some peers: what their router does decides.
    Depends,
    /// It cannot work.
    Closed,
    /// It was not, or could not be, tested.
    Untested,
}

impl Prospect {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Depends => "depends",
            Self::Closed => "closed",
            Self::Untested => "untested",
        }
    }
}

/// To whom this machine can send, and from whom it can receive. The names are part of the `--json`
/// contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Almost everyone whose own network lets UDP out.
    AlmostEveryone,
    /// Those whose router opens ports or maps all destinations alike; see also [`Hint::Ipv6Helps`].
    SomeRouters,
    /// Those who have IPv6 too, and this network.
    Ipv6Only,
    /// This network, certainly; beyond it was not tested.
    ThisNetworkAtLeast,
    /// This network alone.
    ThisNetworkOnly,
    /// Nobody.
    Nobody,
}

impl Verdict {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AlmostEveryone => "almost-everyone",
            Self::SomeRouters => "some-routers",
            Self::Ipv6Only => "ipv6-only",
            Self::ThisNetworkAtLeast => "this-network-at-least",
            Self::ThisNetworkOnly => "this-network-only",
            Self::Nobody => "nobody",
        }
    }
}

/// Something that a person should know or could do. The names are part of the `--json` contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hint {
    /// No interface is up with an address.
    NoNetwork,
    /// No server is named, so that most could not be tested.
    NameServer,
    /// No server answers in any way.
    ServerSilent,
    /// A server's name did not resolve.
    NameUnresolved,
    /// The only server that answers is on this network, so that what lies beyond could not be tested.
    ServerNearby,
    /// UDP is blocked.
    UdpBlocked,
    /// Another router stands behind the one that opens ports.
    SecondNat,
    /// The router opens no ports and its mapping depends on the destination: opening them would help.
    OpenPorts,
    /// IPv6 works, and IPv4 reaches only some: those who have IPv6 too are reached in any case.
    Ipv6Helps,
    /// The router's ports can be foretold, which helps punching.
    PortsForetold,
    /// First packets of QUIC are dropped.
    QuicDropped,
    /// The path takes no packets of QUIC's length.
    PathTooNarrow,
    /// Two machines of this network do not meet at their outside address.
    NoHairpin,
    /// This machine's clock is wrong, or the server's.
    Clock,
}

impl Hint {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoNetwork => "no-network",
            Self::NameServer => "name-server",
            Self::ServerSilent => "server-silent",
            Self::NameUnresolved => "name-unresolved",
            Self::ServerNearby => "server-nearby",
            Self::UdpBlocked => "udp-blocked",
            Self::SecondNat => "second-nat",
            Self::OpenPorts => "open-ports",
            Self::Ipv6Helps => "ipv6-helps",
            Self::PortsForetold => "ports-foretold",
            Self::QuicDropped => "quic-dropped",
            Self::PathTooNarrow => "path-too-narrow",
            Self::NoHairpin => "no-hairpin",
            Self::Clock => "clock",
        }
    }
}

impl Diagnosis {
    /// What can be expected of each rung.
    #[must_use]
    pub fn ladder(&self) -> Ladder {
        let addressed = self
            .interfaces
            .iter()
            .any(|each| !each.addresses.is_empty());
        Ladder {
            local: if addressed {
                Prospect::Open
            } else {
                Prospect::Closed
            },
            ipv6: match self.ipv6 {
                Ipv6::Works => Prospect::Open,
                Ipv6::NoAddress | Ipv6::NoWayOut | Ipv6::Off => Prospect::Closed,
                Ipv6::Untested => Prospect::Untested,
            },
            mapped: self.mapped(),
            punched: self.punched(),
        }
    }

    /// To whom this machine can send.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let Ladder {
            local,
            ipv6,
            mapped,
            punched,
        } = self.ladder();
        if mapped == Prospect::Open || punched == Prospect::Open {
            return Verdict::AlmostEveryone;
        }
        if punched == Prospect::Depends {
            return Verdict::SomeRouters;
        }
        if ipv6 == Prospect::Open {
            return Verdict::Ipv6Only;
        }
        match (local, self.udp()) {
            (Prospect::Closed, _) => Verdict::Nobody,
            (Prospect::Open | Prospect::Depends | Prospect::Untested, Udp::Blocked) => {
                Verdict::ThisNetworkOnly
            }
            (
                Prospect::Open | Prospect::Depends | Prospect::Untested,
                Udp::Works | Udp::Silent | Udp::Untested,
            ) => Verdict::ThisNetworkAtLeast,
        }
    }

    /// Whether the diagnosis says something: a datagram got out to a server, or there was no server to ask.
    #[must_use]
    pub fn is_conclusive(&self) -> bool {
        let reached = match self.udp() {
            Udp::Works | Udp::Untested => true,
            Udp::Blocked | Udp::Silent => false,
        };
        reached && self.verdict() != Verdict::Nobody
    }

    /// What a person should know or could do, each at most once.
    #[must_use]
    pub fn hints(&self) -> Vec<Hint> {
        let ladder = self.ladder();
        let clock_off = self.clock.is_some_and(|clock| {
            clock.ahead_ms.unsigned_abs()
                > clock
                    .give_or_take_ms
                    .saturating_add(NOTICEABLE_CLOCK_SKEW_MS)
        });
        let network = ladder.local == Prospect::Open;
        let udp = self.udp();
        [
            (Hint::NoNetwork, !network),
            (Hint::NameServer, network && udp == Udp::Untested),
            (Hint::NameUnresolved, network && !self.unresolved.is_empty()),
            (
                Hint::ServerSilent,
                network && udp == Udp::Silent && !self.servers.is_empty(),
            ),
            (
                Hint::ServerNearby,
                self.nat.outside.is_some() && !self.is_seen_from_the_world(),
            ),
            (Hint::UdpBlocked, udp == Udp::Blocked),
            (Hint::SecondNat, self.has_second_nat()),
            (
                Hint::OpenPorts,
                ladder.punched == Prospect::Depends && ladder.mapped != Prospect::Open,
            ),
            (
                Hint::Ipv6Helps,
                self.verdict() == Verdict::SomeRouters && ladder.ipv6 == Prospect::Open,
            ),
            (
                Hint::PortsForetold,
                ladder.punched == Prospect::Depends && self.nat.ports == PortSequence::Sequential,
            ),
            (Hint::QuicDropped, self.quic == Quic::Dropped),
            (Hint::PathTooNarrow, self.quic == Quic::TooLong),
            (Hint::NoHairpin, self.nat.hairpin == Hairpin::Fails),
            (Hint::Clock, clock_off),
        ]
        .into_iter()
        .filter_map(|(hint, holds)| holds.then_some(hint))
        .collect()
    }

    /// A port that a router says is open counts if its address is one that everybody can reach and, where
    /// servers saw us, the one that they saw: else another router stands behind it.
    fn mapped(&self) -> Prospect {
        if self.udp() == Udp::Blocked {
            return Prospect::Closed;
        }
        if self.nat.mapping == Mapping::NoNat && self.is_seen_from_the_world() {
            return Prospect::Open;
        }
        let Some(routers) = &self.routers else {
            return Prospect::Untested;
        };
        let mut opened = routers
            .iter()
            .filter(|router| router.protocol.is_for_ipv4())
            .filter_map(|router| match router.state {
                RouterState::Opened(external) => Some(external),
                RouterState::Refused(_) | RouterState::Silent => None,
            });
        if opened.any(|external| self.is_outside(external)) {
            Prospect::Open
        } else {
            Prospect::Closed
        }
    }

    fn punched(&self) -> Prospect {
        if self.udp() == Udp::Works && !self.is_seen_from_the_world() {
            return Prospect::Untested;
        }
        match (self.udp(), self.nat.mapping) {
            (Udp::Blocked, _) => Prospect::Closed,
            (Udp::Silent | Udp::Untested, _) | (Udp::Works, Mapping::Unknown) => Prospect::Untested,
            (Udp::Works, Mapping::NoNat | Mapping::EndpointIndependent) => Prospect::Open,
            (Udp::Works, Mapping::AddressDependent | Mapping::AddressAndPortDependent) => {
                Prospect::Depends
            }
        }
    }

    /// Whether an address is, as far as anybody can tell, where the world sees this network.
    fn is_outside(&self, external: IpAddr) -> bool {
        let seen = self.nat.outside.filter(|_| self.is_seen_from_the_world());
        Scope::of(external) == Scope::Global && seen.is_none_or(|seen| seen == external)
    }

    /// Whether a server saw this machine at an address of the internet: one on this network has no view of
    /// the routers in between.
    fn is_seen_from_the_world(&self) -> bool {
        self.nat
            .outside
            .is_some_and(|outside| Scope::of(outside) == Scope::Global)
    }

    fn has_second_nat(&self) -> bool {
        let second = |external| !self.is_outside(external);
        self.routers
            .iter()
            .flatten()
            .any(|router| match (router.protocol, &router.state) {
                (
                    RouterProtocol::Upnp | RouterProtocol::Pcp | RouterProtocol::NatPmp,
                    RouterState::Opened(external),
                ) => second(*external),
                (
                    RouterProtocol::Upnp
                    | RouterProtocol::Pcp
                    | RouterProtocol::NatPmp
                    | RouterProtocol::PcpPinhole
                    | RouterProtocol::UpnpPinhole,
                    RouterState::Opened(_) | RouterState::Refused(_) | RouterState::Silent,
                ) => false,
            })
    }
}
