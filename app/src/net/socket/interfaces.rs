//! The interfaces of this machine, and the candidates that their addresses make.

use std::fmt;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use fardrop_shared::diagnosis::{InterfaceKind, InterfaceReport};
use fardrop_shared::path::{Candidate, CandidateKind};
use netdev::Interface;
use netdev::interface::types::InterfaceType;

/// Host candidates of ordinary interfaces that are offered at most, and as many of others: the peer uses
/// 20 candidates of all kinds.
const HOST_CANDIDATES: usize = 10;

/// IPv4 and UDP headers; IPv6's are 20 bytes longer.
const HEADERS_V4: u32 = 28;
const HEADERS_V6: u32 = 48;

/// The machine's interfaces at one moment.
#[derive(Debug)]
pub struct Interfaces {
    all: Vec<Interface>,
}

impl Interfaces {
    /// Asks the system for the interfaces. Takes about a millisecond; no packet is sent.
    #[must_use]
    pub fn read() -> Self {
        Self {
            all: netdev::get_interfaces(),
        }
    }

    /// Host candidates with `port`: those of ordinary interfaces, and those of bridges, tunnels and
    /// container networks. Loopback only when `same_machine`: a peer elsewhere has its own.
    #[must_use]
    pub fn host_candidates(
        &self,
        port: u16,
        ipv6: bool,
        same_machine: bool,
    ) -> (Vec<Candidate>, Vec<Candidate>) {
        let (virtual_ones, ordinary): (Vec<&Interface>, Vec<&Interface>) =
            self.up().partition(|each| is_virtual(each));
        let candidates = |of: Vec<&Interface>| {
            of.into_iter()
                .flat_map(addresses)
                .filter(|ip| ipv6 || ip.is_ipv4())
                .map(|ip| Candidate::new(CandidateKind::Host, SocketAddr::new(ip, port)))
                .filter(|candidate| candidate.advertisable(same_machine))
                .take(HOST_CANDIDATES)
                .collect()
        };
        (candidates(ordinary), candidates(virtual_ones))
    }

    /// The scopes (RFC 4007) of the links on which there are others: ordinary interfaces that have a
    /// link-local address.
    pub(in crate::net) fn link_scopes(&self) -> Vec<u32> {
        let links = self
            .up()
            .filter(|each| !is_virtual(each) && !each.is_loopback());
        links
            .filter(|each| {
                each.ipv6
                    .iter()
                    .any(|net| net.addr().is_unicast_link_local())
            })
            .map(|each| each.index)
            .collect()
    }

    /// The interfaces that are up, in the system's order.
    fn up(&self) -> impl Iterator<Item = &Interface> {
        let mut up: Vec<&Interface> = self.all.iter().filter(|each| each.is_up()).collect();
        up.sort_by_key(|each| each.index);
        up.into_iter()
    }

    /// Default gateways of the interfaces that are up, and the interface that each is behind.
    pub(in crate::net) fn gateways(&self) -> impl Iterator<Item = (&Interface, IpAddr)> {
        let up = self.all.iter().filter(|each| each.is_up());
        up.filter_map(|each| Some((each, each.gateway.as_ref()?)))
            .flat_map(|(on, gateway)| {
                let v4 = gateway.ipv4.iter().copied().map(IpAddr::V4);
                let v6 = gateway.ipv6.iter().copied().map(IpAddr::V6);
                v4.chain(v6).map(move |ip| (on, ip))
            })
    }

    /// The longest UDP payload that the interface towards `remote` takes, in bytes: an upper bound
    /// for path MTU discovery, which without it would spend seconds on sizes that cannot be.
    #[must_use]
    pub fn payload_limit(&self, remote: SocketAddr) -> u16 {
        let interface = if self.is_own(remote) {
            // Packets to one's own address never leave the machine.
            self.all.iter().find(|each| each.is_loopback())
        } else {
            self.towards(remote)
        };
        let mtu = interface.and_then(|each| each.mtu).unwrap_or(1500);
        let headers = if remote.is_ipv4() {
            HEADERS_V4
        } else {
            HEADERS_V6
        };
        let payload = mtu.saturating_sub(headers).min(65_507 - 20);
        u16::try_from(payload).unwrap_or(u16::MAX)
    }

    /// The network through which `remote` is reached; `None` on the machine itself.
    pub(in crate::net) fn network_towards(&self, remote: SocketAddr) -> Option<NetworkName> {
        if self.is_own(remote) {
            return None;
        }
        let interface = self.towards(remote)?;
        let mut name = Vec::new();
        if let Some(gateway) = &interface.gateway {
            // Many homes have the same addresses, but not the same router.
            name.extend_from_slice(&gateway.mac_addr.octets());
            name.extend(gateway.ipv4.iter().flat_map(|ip| ip.octets()));
        }
        for net in &interface.ipv4 {
            name.extend_from_slice(&net.network().octets());
            name.push(net.prefix_len());
        }
        for net in &interface.ipv6 {
            // Those that privacy extensions change belong to the same prefix.
            if !net.addr().is_unicast_link_local() {
                name.extend_from_slice(&net.network().octets());
            }
        }
        Some(NetworkName::new(name))
    }

    fn is_own(&self, remote: SocketAddr) -> bool {
        let ip = remote.ip();
        self.all
            .iter()
            .any(|each| addresses(each).any(|own| own == ip))
    }

    /// The interface through which packets to `remote` leave.
    fn towards(&self, remote: SocketAddr) -> Option<&Interface> {
        let local = local_address_towards(remote)?;
        self.all
            .iter()
            .find(|each| addresses(each).any(|ip| ip == local))
    }
}

/// What tells one network from another: its router and its prefixes. Not to be shown or kept as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct NetworkName(Vec<u8>);

impl NetworkName {
    pub(crate) const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// To be hashed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NetworkName(..)")
    }
}

impl Interfaces {
    /// Reports of the interfaces that are up, ordinary ones first, without loopback.
    pub(in crate::net) fn reports(&self) -> Vec<InterfaceReport> {
        let mut up: Vec<&Interface> = self
            .all
            .iter()
            .filter(|each| each.is_up() && !each.is_loopback())
            .collect();
        up.sort_by_key(|each| (is_virtual(each), each.index));
        up.into_iter()
            .map(|each| InterfaceReport {
                name: each.name.clone(),
                kind: kind(each),
                addresses: addresses(each).collect(),
            })
            .collect()
    }
}

fn kind(interface: &Interface) -> InterfaceKind {
    use InterfaceType::{
        Bridge, PeerToPeerWireless, Ppp, ProprietaryVirtual, Tunnel, Wireless80211, Wman, Wwan,
        Wwanpp, Wwanpp2,
    };
    let kind = interface.if_type;
    if is_virtual(interface) || matches!(kind, Bridge | Ppp | ProprietaryVirtual | Tunnel) {
        InterfaceKind::Virtual
    } else if matches!(kind, Wireless80211 | PeerToPeerWireless) {
        InterfaceKind::Wireless
    } else if matches!(kind, Wman | Wwan | Wwanpp | Wwanpp2) {
        InterfaceKind::Mobile
    } else {
        InterfaceKind::Wired
    }
}

fn addresses(interface: &Interface) -> impl Iterator<Item = IpAddr> + '_ {
    let v4 = interface.ipv4.iter().map(|net| IpAddr::V4(net.addr()));
    v4.chain(interface.ipv6.iter().map(|net| IpAddr::V6(net.addr())))
}

/// Whether packets there mostly stay on this machine or go through somebody else's network.
fn is_virtual(interface: &Interface) -> bool {
    const PREFIXES: [&str; 13] = [
        "docker",
        "br-",
        "virbr",
        "veth",
        "vmnet",
        "vboxnet",
        "tun",
        "tap",
        "wg",
        "utun",
        "zt",
        "tailscale",
        "ppp",
    ];
    PREFIXES
        .iter()
        .any(|prefix| interface.name.starts_with(prefix))
}

/// Which of our addresses the system would send from. Connecting a UDP socket sends nothing.
pub(in crate::net) fn local_address_towards(remote: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if remote.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0u16; 8], 0).into()
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(remote).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
