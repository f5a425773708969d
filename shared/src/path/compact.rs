//! Candidates in few bytes: most of a machine's addresses have a network and a port in common.
//!
//! ```text
//! each candidate = head | address | port (2, big endian), unless it is that of the one before
//! head           = kind (bits 0 and 1) | IPv6 (bit 2) | port as before (bit 3) | network (bits 4 to 6)
//! address        = 4 bytes of IPv4; or the lower 8 of IPv6, behind the upper 8 where the network is 7, a new one
//! ```
//!
//! Networks are counted as they come, the first seven of them. The list ends with the bytes; a candidate that is of no
//! kind known here is passed over, and one that is cut off ends it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::candidate::{Candidate, CandidateKind};
use crate::limits::MAX_CANDIDATES;

const IPV6: u8 = 1 << 2;
const SAME_PORT: u8 = 1 << 3;
const NETWORK_SHIFT: u8 = 4;
const NEW_NETWORK: u8 = 7;

/// Writes them behind what is there.
pub(super) fn write(candidates: &[Candidate], bytes: &mut Vec<u8>) {
    let mut networks: Vec<u64> = Vec::new();
    let mut last_port = None;
    for candidate in candidates {
        let port = candidate.address.port();
        let mut head = match candidate.kind {
            CandidateKind::Host => 0,
            CandidateKind::Mapped => 1,
            CandidateKind::Reflexive => 2,
        };
        if last_port.replace(port) == Some(port) {
            head |= SAME_PORT;
        }
        match candidate.address.ip() {
            IpAddr::V4(ip) => {
                bytes.push(head);
                bytes.extend(ip.octets());
            }
            IpAddr::V6(ip) => {
                let (network, interface) = halves(ip);
                let known = networks.iter().position(|known| *known == network);
                let index = known.and_then(|index| u8::try_from(index).ok());
                bytes.push(head | IPV6 | index.unwrap_or(NEW_NETWORK) << NETWORK_SHIFT);
                if index.is_none() {
                    bytes.extend(network.to_be_bytes());
                    note(&mut networks, network);
                }
                bytes.extend(interface.to_be_bytes());
            }
        }
        if head & SAME_PORT == 0 {
            bytes.extend(port.to_be_bytes());
        }
    }
}

/// Reads what [`write`] wrote, or a peer made up: at most [`MAX_CANDIDATES`].
pub(super) fn read(bytes: &[u8]) -> Vec<Candidate> {
    let mut reader = Reader {
        rest: bytes,
        networks: Vec::new(),
        last_port: None,
    };
    let read = std::iter::from_fn(|| reader.next());
    read.flatten().take(MAX_CANDIDATES).collect()
}

struct Reader<'a> {
    rest: &'a [u8],
    networks: Vec<u64>,
    last_port: Option<u16>,
}

impl Reader<'_> {
    /// The next candidate: `None` at the end, and inside where it is of no known kind.
    fn next(&mut self) -> Option<Option<Candidate>> {
        let [head] = self.take()?;
        let ip = if head & IPV6 == 0 {
            IpAddr::V4(Ipv4Addr::from(self.take::<4>()?))
        } else {
            let network = match head >> NETWORK_SHIFT & NEW_NETWORK {
                NEW_NETWORK => {
                    let network = u64::from_be_bytes(self.take()?);
                    note(&mut self.networks, network);
                    network
                }
                index => *self.networks.get(usize::from(index))?,
            };
            let interface = u64::from_be_bytes(self.take()?);
            IpAddr::V6(Ipv6Addr::from_bits(
                u128::from(network) << 64 | u128::from(interface),
            ))
        };
        let port = if head & SAME_PORT == 0 {
            u16::from_be_bytes(self.take()?)
        } else {
            self.last_port?
        };
        self.last_port = Some(port);
        let kind = match head & 3 {
            0 => Some(CandidateKind::Host),
            1 => Some(CandidateKind::Mapped),
            2 => Some(CandidateKind::Reflexive),
            _ => None,
        };
        Some(kind.map(|kind| Candidate::new(kind, SocketAddr::new(ip, port))))
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }
}

fn note(networks: &mut Vec<u64>, network: u64) {
    if networks.len() < usize::from(NEW_NETWORK) {
        networks.push(network);
    }
}

fn halves(ip: Ipv6Addr) -> (u64, u64) {
    let bits = ip.to_bits();
    ((bits >> 64) as u64, bits as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate() -> impl Strategy<Value = Candidate> {
        let kind = prop_oneof![
            Just(CandidateKind::Host),
            Just(CandidateKind::Mapped),
            Just(CandidateKind::Reflexive)
        ];
        let ip = prop_oneof![
            any::<u32>().prop_map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits))),
            // Of some ten networks, so that more come than are counted.
            (0..10_u128, any::<u64>()).prop_map(|(network, interface)| {
                IpAddr::from(Ipv6Addr::from_bits(network << 64 | u128::from(interface)))
            }),
        ];
        let port = prop_oneof![Just(4840_u16), any::<u16>()];
        (kind, ip, port)
            .prop_map(|(kind, ip, port)| Candidate::new(kind, SocketAddr::new(ip, port)))
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(all in proptest::collection::vec(candidate(), 0..MAX_CANDIDATES + 1)) {
            let mut bytes = Vec::new();
            write(&all, &mut bytes);
            prop_assert_eq!(read(&bytes), all);
        }

        #[test]
        fn any_bytes_are_read_within_the_bound(bytes: Vec<u8>) {
            prop_assert!(read(&bytes).len() <= MAX_CANDIDATES);
        }
    }

    #[test]
    fn addresses_of_one_network_take_nine_bytes_each() {
        let address = |last: u16| format!("[2001:db8:1:2::{last:x}]:40000").parse().unwrap();
        let all: Vec<Candidate> = (0..20)
            .map(|last| Candidate::new(CandidateKind::Host, address(last)))
            .collect();
        let mut bytes = Vec::new();
        write(&all, &mut bytes);
        assert_eq!(bytes.len(), 19 + 19 * 9);
    }
}
