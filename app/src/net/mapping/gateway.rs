//! Which routers there are to ask, and how this machine reaches each of them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::net::socket::{Interfaces, local_address_towards};

/// Gateways of one IP version that are asked at most: a laptop on cable, Wi-Fi and a VPN has three.
const GATEWAYS_LIMIT: usize = 4;

/// Where NAT-PMP and PCP servers listen (RFC 6886, section 3.1; RFC 6887, section 19.1).
const PCP_PORT: u16 = 5351;

/// Where UPnP devices listen for searches (UPnP Device Architecture 1.1).
const SSDP_PORT: u16 = 1900;

/// An address to judge routes by; nothing is ever sent there. It is in 2000::/3, from which
/// global unicast addresses are given out (RFC 3587).
const SOMEWHERE_FAR: Ipv6Addr = Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 1);

/// A router, as this machine sees it.
#[derive(Debug, Clone)]
pub(super) struct Gateway {
    /// Its address on our network.
    pub(super) ip: IpAddr,
    /// The scope of a link-local IPv6 address (RFC 4007), 0 for any other.
    pub(super) scope: u32,
    /// The interface that it is behind.
    pub(super) interface: u32,
    /// Our own address: requests come from it, and mappings lead to it.
    pub(super) local: IpAddr,
    /// Where it listens.
    pub(super) ports: Ports,
}

/// Where a gateway listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    /// UDP, for NAT-PMP and PCP.
    pub(super) pcp: u16,
    /// UDP, for SSDP.
    pub(super) ssdp: u16,
}

impl Ports {
    /// What the standards say.
    const STANDARD: Self = Self {
        pcp: PCP_PORT,
        ssdp: SSDP_PORT,
    };
}

impl Gateway {
    /// `port` on this router.
    pub(super) fn at(&self, port: u16) -> SocketAddr {
        match self.ip {
            IpAddr::V4(ip) => SocketAddr::V4(SocketAddrV4::new(ip, port)),
            IpAddr::V6(ip) => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, self.scope)),
        }
    }
}

/// The default gateways of the interfaces that are up, IPv4 first; without `ipv6` those only.
///
/// An IPv6 gateway counts only where this machine has an address that a pinhole could lead to.
pub(super) fn gateways(interfaces: &Interfaces, ipv6: bool) -> Vec<Gateway> {
    let all = || interfaces.gateways();
    let v4 = all().filter(|(_, ip)| ip.is_ipv4()).filter_map(|(on, ip)| {
        Some(Gateway {
            ip,
            scope: 0,
            interface: on.index,
            local: local_address_towards(SocketAddr::new(ip, PCP_PORT))?,
            ports: Ports::STANDARD,
        })
    });
    let preferred = local_address_towards((SOMEWHERE_FAR, PCP_PORT).into());
    let v6 = all().filter_map(|(on, ip)| {
        let IpAddr::V6(gateway) = ip else {
            return None;
        };
        let mut own = on.ipv6.iter().map(|net| net.addr()).filter(is_routable);
        let first = own.clone().next()?;
        let local = own.find(|own| Some(IpAddr::V6(*own)) == preferred);
        let scope = if gateway.is_unicast_link_local() {
            on.index
        } else {
            0
        };
        Some(Gateway {
            ip,
            scope,
            interface: on.index,
            local: local.unwrap_or(first).into(),
            ports: Ports::STANDARD,
        })
    });
    v4.take(GATEWAYS_LIMIT)
        .chain(v6.take(if ipv6 { GATEWAYS_LIMIT } else { 0 }))
        .collect()
}

/// Whether an address can be reached from other networks: a unique-local one cannot.
fn is_routable(ip: &Ipv6Addr) -> bool {
    !(ip.is_unspecified()
        || ip.is_loopback()
        || ip.is_multicast()
        || ip.is_unicast_link_local()
        || ip.is_unique_local())
}
