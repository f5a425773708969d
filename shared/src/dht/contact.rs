//! A node as others name it: its id and where it is, 26 bytes over IPv4, 38 over IPv6.
//!
//! ```text
//! id 20 | address 4 or 16 | port 2, the highest byte first
//! ```

use std::net::{IpAddr, SocketAddr};

use super::node_id::NodeId;
use crate::diagnosis::Scope;

/// The DHT of one kind of address: there are two, which share nothing (BEP 32).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The family of an address.
    #[must_use]
    pub const fn of(address: &SocketAddr) -> Self {
        match address {
            SocketAddr::V4(_) => Self::V4,
            SocketAddr::V6(_) => Self::V6,
        }
    }

    pub(super) const fn index(self) -> usize {
        match self {
            Self::V4 => 0,
            Self::V6 => 1,
        }
    }
}

/// A node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contact {
    /// Its id, as whoever named it says.
    pub id: NodeId,
    /// Where it is.
    pub address: SocketAddr,
}

impl Contact {
    /// The nodes of a compact list; what is left over at its end is none.
    pub fn decode_all(family: Family, bytes: &[u8]) -> impl Iterator<Item = Self> {
        let length = match family {
            Family::V4 => NodeId::LENGTH + 6,
            Family::V6 => NodeId::LENGTH + 18,
        };
        bytes.chunks_exact(length).filter_map(|each| {
            let (id, address) = each.split_first_chunk()?;
            Some(Self {
                id: NodeId(*id),
                address: decode_address(address)?,
            })
        })
    }

    /// Adds it to a compact list of its family.
    pub fn encode(&self, list: &mut Vec<u8>) {
        list.extend_from_slice(&self.id.0);
        list.extend_from_slice(&encode_address(self.address));
    }

    /// Whether its id is one that its address may have.
    pub(super) fn is_sound(&self) -> bool {
        self.id.suits(self.address.ip())
    }
}

/// The address that 6 or 18 bytes say.
pub(super) fn decode_address(bytes: &[u8]) -> Option<SocketAddr> {
    let (ip, port) = bytes.split_last_chunk()?;
    let ip = if let Ok(ip) = <[u8; 4]>::try_from(ip) {
        IpAddr::from(ip)
    } else {
        IpAddr::from(<[u8; 16]>::try_from(ip).ok()?)
    };
    Some(SocketAddr::new(ip, u16::from_be_bytes(*port)))
}

/// An address in 6 or 18 bytes.
pub(super) fn encode_address(address: SocketAddr) -> Vec<u8> {
    let mut bytes = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    bytes.extend_from_slice(&address.port().to_be_bytes());
    bytes
}

/// The address in the one form in which it is compared: an IPv4 one as such, without what only IPv6 has.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Whether datagrams may be sent to an address that a node at `by` has named. Nobody far away may have this
/// machine send to what is on its own network.
pub(super) fn may_be_named(address: SocketAddr, by: IpAddr) -> bool {
    let ip = address.ip();
    let nowhere = match ip {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast() || ip.octets()[0] == 0,
        // An IPv4 address in the form of the other family is none of this DHT.
        IpAddr::V6(v6) => v6.is_multicast() || v6.is_unspecified() || ip.to_canonical() != ip,
    };
    let far = Scope::of(ip) == Scope::Global || Scope::of(by) != Scope::Global;
    address.port() != 0 && !nowhere && far
}
