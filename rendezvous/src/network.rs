//! The networks that an address is in. Somebody who has one address often has its neighbours: a home an IPv6
//! /64 or /56, a site or a tunnel a /48, a provider a /32; in IPv4, a small site a /24, a provider a /16.

use std::net::IpAddr;

/// A network of either family: the first bits of an address, as many as it is wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Network {
    /// At most the first 64 bits of an IPv6 address, or an IPv4 address; those beyond the width are 0.
    bits: u64,
    width: u8,
    is_v4: bool,
}

/// How wide a network is, in bits of its prefix, in each family; `None` where there is none of this kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Width {
    pub(crate) v4: Option<u8>,
    pub(crate) v6: Option<u8>,
}

/// From a provider down to a single IPv4 address, or to the smallest IPv6 network that a home has.
pub(crate) const WIDTHS: [Width; 4] = [
    Width::new(Some(16), Some(32)),
    Width::new(Some(24), Some(48)),
    Width::new(Some(32), Some(56)),
    Width::new(None, Some(64)),
];

impl Width {
    pub(crate) const fn new(v4: Option<u8>, v6: Option<u8>) -> Self {
        Self { v4, v6 }
    }
}

impl Network {
    /// Sorts before any other.
    pub(crate) const FIRST: Self = Self {
        bits: 0,
        width: 0,
        is_v4: false,
    };
    /// Sorts after any other.
    pub(crate) const LAST: Self = Self {
        bits: u64::MAX,
        width: u8::MAX,
        is_v4: true,
    };

    /// The network of this width that `address` is in.
    pub(crate) fn of(address: IpAddr, width: Width) -> Option<Self> {
        let (bits, width, is_v4) = match address.to_canonical() {
            IpAddr::V4(v4) => (u64::from(v4.to_bits()), width.v4?, true),
            IpAddr::V6(v6) => ((v6.to_bits() >> 64) as u64, width.v6?, false),
        };
        let whole: u32 = if is_v4 { 32 } else { 64 };
        let prefix = u64::MAX
            .checked_shl(whole.saturating_sub(width.into()))
            .unwrap_or(0);
        Some(Self {
            bits: bits & prefix,
            width,
            is_v4,
        })
    }

    /// The networks that `address` is in, the widest first.
    pub(crate) fn all(address: IpAddr) -> impl Iterator<Item = Self> {
        WIDTHS
            .into_iter()
            .filter_map(move |width| Self::of(address, width))
    }

    /// Bytes that no other network has.
    pub(crate) fn to_bytes(self) -> [u8; 10] {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&self.bits.to_be_bytes());
        bytes[8] = self.width;
        bytes[9] = self.is_v4.into();
        bytes
    }
}
