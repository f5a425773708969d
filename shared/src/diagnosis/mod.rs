//! What one machine's network allows, without a peer: what was seen, and what follows from it.
//!
//! Whoever has sockets fills in a [`Diagnosis`]; [`Diagnosis::ladder`] and [`Diagnosis::verdict`] say what
//! it means for transfers. NAT behaviour is named as in RFC 4787 and seen by the methods of RFC 5780, as
//! far as they go without a server at two IP addresses.

mod ladder;
mod nat;
mod path_mtu;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub use ladder::{Hint, Ladder, Prospect, Verdict};
pub use nat::{Mapping, PortSequence, Sighting, mapping, port_sequence};
pub use path_mtu::PathMtuSearch;

/// Everything that was found out. It names this person's network: what is shown to others says of an
/// address only its [`Scope`], and of a server or an interface nothing that identifies it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Diagnosis {
    /// Interfaces that are up, without loopback.
    pub interfaces: Vec<InterfaceReport>,
    /// Gateways that the system knows.
    pub gateways: Vec<IpAddr>,
    /// The servers that were asked, one entry for each address; empty where none is named.
    pub servers: Vec<ServerReport>,
    /// Names of servers that did not resolve.
    pub unresolved: Vec<String>,
    /// What routers said when asked for a port; `None` where they were not asked.
    pub routers: Option<Vec<RouterAnswer>>,
    /// The NAT for IPv4.
    pub nat: NatReport,
    /// IPv6.
    pub ipv6: Ipv6,
    /// First packets of QUIC.
    pub quic: Quic,
    /// The largest packet that got to a server and was answered, in bytes with the IP header: a lower bound
    /// of the path MTU, and the path MTU itself where nothing was lost.
    pub path_mtu: Option<u16>,
    /// How far this machine's clock is ahead of a server's.
    pub clock: Option<ClockSkew>,
}

/// Where an address is of use. The names are part of the `--json` contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// This machine.
    Loopback,
    /// One link (RFC 3927, RFC 4291).
    LinkLocal,
    /// A private network (RFC 1918, RFC 4193).
    Private,
    /// Between a carrier and its customers (RFC 6598).
    Carrier,
    /// Everywhere.
    Global,
}

impl Scope {
    /// The scope of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(ip) if ip.is_loopback() => Self::Loopback,
            IpAddr::V4(ip) if ip.is_link_local() => Self::LinkLocal,
            IpAddr::V4(ip) if ip.is_private() => Self::Private,
            IpAddr::V4(ip) if ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64 => Self::Carrier,
            IpAddr::V6(ip) if ip.is_loopback() => Self::Loopback,
            IpAddr::V6(ip) if ip.is_unicast_link_local() => Self::LinkLocal,
            IpAddr::V6(ip) if ip.is_unique_local() => Self::Private,
            IpAddr::V4(_) | IpAddr::V6(_) => Self::Global,
        }
    }

    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Private => "private",
            Self::Carrier => "carrier",
            Self::Global => "global",
        }
    }
}

/// One of this machine's interfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceReport {
    /// Its name as the system has it, which may hold a hardware address.
    pub name: String,
    /// What it is.
    pub kind: InterfaceKind,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// What an interface is. The names are part of the `--json` contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterfaceKind {
    /// Cable, or what looks like it.
    Wired,
    /// Wi-Fi.
    Wireless,
    /// A modem.
    Mobile,
    /// A VPN, a tunnel, a bridge, containers.
    Virtual,
}

impl InterfaceKind {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wired => "wired",
            Self::Wireless => "wireless",
            Self::Mobile => "mobile",
            Self::Virtual => "virtual",
        }
    }
}

/// One address of a rendezvous.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerReport {
    /// As it is configured.
    pub name: String,
    /// Where it is.
    pub address: IpAddr,
    /// Whether a datagram came back.
    pub udp: bool,
    /// Whether it said its line by TCP.
    pub tcp: bool,
    /// Round trip by UDP.
    pub round_trip: Option<Duration>,
}

/// What one router said in one protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterAnswer {
    /// The protocol.
    pub protocol: RouterProtocol,
    /// Which router.
    pub gateway: IpAddr,
    /// What it said.
    pub state: RouterState,
}

/// A way to ask a router for a port. The names are part of the `--json` contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouterProtocol {
    /// UPnP Internet Gateway Device.
    Upnp,
    /// Port Control Protocol (RFC 6887).
    Pcp,
    /// NAT Port Mapping Protocol (RFC 6886).
    NatPmp,
    /// A pinhole in an IPv6 firewall, by PCP.
    PcpPinhole,
    /// A pinhole in an IPv6 firewall, by UPnP.
    UpnpPinhole,
}

impl RouterProtocol {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upnp => "upnp",
            Self::Pcp => "pcp",
            Self::NatPmp => "nat-pmp",
            Self::PcpPinhole => "pcp-pinhole",
            Self::UpnpPinhole => "upnp-pinhole",
        }
    }

    /// Whether the protocol opens a port of an IPv4 NAT.
    #[must_use]
    pub const fn is_for_ipv4(self) -> bool {
        match self {
            Self::Upnp | Self::Pcp | Self::NatPmp => true,
            Self::PcpPinhole | Self::UpnpPinhole => false,
        }
    }
}

/// How a router stands to being asked for a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouterState {
    /// It says that it has opened one, there.
    Opened(IpAddr),
    /// It answers, and has not opened one; in a few words, why.
    Refused(String),
    /// It does not answer.
    Silent,
}

/// The NAT between this machine and the servers, for IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NatReport {
    /// How it maps.
    pub mapping: Mapping,
    /// Which ports it gives out.
    pub ports: PortSequence,
    /// Whether this machine reaches itself at its outside address (RFC 4787, section 6).
    pub hairpin: Hairpin,
    /// Where servers see this machine.
    pub outside: Option<IpAddr>,
}

/// Whether two machines behind one NAT reach one another by its outside address. The names are part of
/// the `--json` contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hairpin {
    /// They do.
    Works,
    /// They do not.
    Fails,
    /// There is no NAT, or nothing is known of it.
    #[default]
    Untested,
}

impl Hairpin {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Fails => "fails",
            Self::Untested => "untested",
        }
    }
}

/// IPv6. The names are part of the `--json` contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ipv6 {
    /// A server answered over it.
    Works,
    /// There is no address that is of use beyond this network.
    NoAddress,
    /// There is an address and no route, or servers that could be asked over it did not answer.
    NoWayOut,
    /// There is an address and a route, and no server to ask.
    #[default]
    Untested,
    /// The person does not want it.
    Off,
}

impl Ipv6 {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::NoAddress => "no-address",
            Self::NoWayOut => "no-way-out",
            Self::Untested => "untested",
            Self::Off => "off",
        }
    }
}

/// Whether first packets of QUIC get to a server and are answered. The names are part of the `--json`
/// contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quic {
    /// They do.
    Works,
    /// They do not, and another datagram of the same length does.
    Dropped,
    /// No datagram of their length (1200 bytes, RFC 9000, section 14.1) gets through.
    TooLong,
    /// There was no server to ask.
    #[default]
    Untested,
}

impl Quic {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Dropped => "dropped",
            Self::TooLong => "too-long",
            Self::Untested => "untested",
        }
    }
}

/// Whether datagrams get out and answers come back. The names are part of the `--json` contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Udp {
    /// A server answered.
    Works,
    /// A server is there, by TCP, and none answered.
    Blocked,
    /// No server answered in any way.
    Silent,
    /// There was no server to ask.
    Untested,
}

impl Udp {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Blocked => "blocked",
            Self::Silent => "silent",
            Self::Untested => "untested",
        }
    }
}

/// How far one clock is from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSkew {
    /// This machine's minus the server's, in milliseconds.
    pub ahead_ms: i64,
    /// How far that may be off either way, in milliseconds: what the line was on its way.
    pub give_or_take_ms: u64,
}

impl ClockSkew {
    /// From what the server's clock said, what this machine's said when that arrived (both in milliseconds
    /// since 1970), and how long it took from the wish to hear it: somewhere in between it was said.
    #[must_use]
    pub fn new(server_ms: u64, here_ms: u64, took: Duration) -> Self {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX / 2);
        let half = took_ms.div_ceil(2);
        let when_said = i128::from(here_ms) - i128::from(half);
        let ahead = when_said - i128::from(server_ms);
        Self {
            ahead_ms: i64::try_from(ahead).unwrap_or(if ahead < 0 { i64::MIN } else { i64::MAX }),
            give_or_take_ms: half,
        }
    }
}

impl Diagnosis {
    /// Whether datagrams get out.
    #[must_use]
    pub fn udp(&self) -> Udp {
        if self.servers.iter().any(|server| server.udp) {
            Udp::Works
        } else if self.servers.iter().any(|server| server.tcp) {
            Udp::Blocked
        } else if self.servers.is_empty() && self.unresolved.is_empty() {
            Udp::Untested
        } else {
            Udp::Silent
        }
    }
}

/// Whether two addresses are at one IP address, in whatever form they are written.
fn same_ip(one: SocketAddr, other: SocketAddr) -> bool {
    one.ip().to_canonical() == other.ip().to_canonical()
}
