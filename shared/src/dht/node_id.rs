//! A node's id, or the place of a target among ids: 160 bits, whose distance is their difference (XOR).

use std::fmt;
use std::net::IpAddr;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::diagnosis::Scope;

/// Bits of an address that count, for each of its bytes (BEP 42).
const MASK_V4: [u8; 4] = [0x03, 0x0f, 0x3f, 0xff];
const MASK_V6: [u8; 8] = [0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff];

/// A place in the space of ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub [u8; 20]);

impl NodeId {
    /// How many bytes it has.
    pub const LENGTH: usize = 20;

    /// The place of what is called by these bytes: their SHA-1.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        let mut id = Self([0; Self::LENGTH]);
        id.0.copy_from_slice(digest(&SHA1_FOR_LEGACY_USE_ONLY, name).as_ref());
        id
    }

    /// How far it is from there; the smaller, the nearer.
    #[must_use]
    pub fn distance(&self, other: &Self) -> [u8; 20] {
        std::array::from_fn(|index| self.0[index] ^ other.0[index])
    }

    /// Whether a node at that address may have this id (BEP 42), which keeps anybody from taking a place of their
    /// choice. Addresses that mean nothing outside one network may have any.
    #[must_use]
    pub fn suits(&self, address: IpAddr) -> bool {
        if Scope::of(address) != Scope::Global {
            return true;
        }
        let expected = prefix(address, self.0[19]);
        let bits = |id: [u8; 3]| [id[0], id[1], id[2] & 0xf8];
        bits(expected) == bits([self.0[0], self.0[1], self.0[2]])
    }

    /// This id, changed so that a node at that address may have it.
    #[must_use]
    pub fn made_to_suit(mut self, address: IpAddr) -> Self {
        let prefix = prefix(address, self.0[19]);
        self.0[0] = prefix[0];
        self.0[1] = prefix[1];
        self.0[2] = (prefix[2] & 0xf8) | (self.0[2] & 0x07);
        self
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0[..4] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("...")
    }
}

/// What an id begins with at that address, its last byte being `random`.
fn prefix(address: IpAddr, random: u8) -> [u8; 3] {
    let crc = match address.to_canonical() {
        IpAddr::V4(ip) => masked(ip.octets(), MASK_V4, random),
        IpAddr::V6(ip) => {
            let mut high = [0; 8];
            high.copy_from_slice(&ip.octets()[..8]);
            masked(high, MASK_V6, random)
        }
    };
    let [first, second, third, _] = crc.to_be_bytes();
    [first, second, third]
}

fn masked<const N: usize>(mut address: [u8; N], mask: [u8; N], random: u8) -> u32 {
    for (byte, mask) in address.iter_mut().zip(mask) {
        *byte &= mask;
    }
    address[0] |= (random & 7) << 5;
    crc32c(&address)
}

/// CRC-32C (RFC 3720, appendix B.4), bit by bit: it is for eight bytes at a time.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let polynomial = if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
            crc = (crc >> 1) ^ polynomial;
        }
    }
    !crc
}
