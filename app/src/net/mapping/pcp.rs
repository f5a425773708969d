//! The Port Control Protocol (RFC 6887): mappings on IPv4 routers, pinholes in IPv6 firewalls.
//!
//! Written here rather than taken from a library because a pinhole for a global address is asked for at
//! a link-local one, from the former to the latter, and because stray datagrams must not end the wait.
//!
//! The request `MAP`, and its answer (sections 7 and 11.1), are 60 bytes each:
//!
//! ```text
//!   0    1      2        3        4          8
//!   +----+------+--------+--------+----------+--------------------------------------
//!   | 02 | 01   | reserved 2      | lifetime | client's address 16
//!   | 02 | 81   | 0      | result | lifetime | epoch 4 | reserved 12
//!   +----+------+--------+--------+----------+--------------------------------------
//!   24         36         37           40              42              44
//!   +----------+----------+------------+---------------+---------------+------------
//!   | nonce 12 | protocol | reserved 3 | internal port | external port | external address 16
//!   +----------+----------+------------+---------------+---------------+------------
//! ```
//!
//! IPv4 addresses are written as IPv4-mapped IPv6 ones.
//!
//! An answer tells a server's epoch, by which a restart shows (section 8.5). It is not looked at: the
//! only mapping that could have been lost is the one that the very answer confirms.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rand::Rng;

use super::exchange::{self, Standing};
use super::gateway::Gateway;
use super::stop::Stop;
use super::{LEASE, Mapping, MappingError, usable};

const VERSION: u8 = 2;
const OPCODE_MAP: u8 = 1;
/// Set in an answer's opcode.
const ANSWER: u8 = 0x80;
/// UDP's number (IANA's protocol numbers).
const PROTOCOL_UDP: u8 = 17;
/// Result codes (section 7.4).
const SUCCESS: u8 = 0;
const UNSUPPORTED_VERSION: u8 = 1;
/// Length of a `MAP` without options, both ways, in bytes.
const MAP_BYTES: usize = 60;
/// Length of an answer's header, in bytes.
const HEADER_BYTES: usize = 24;

/// Ties answers to requests, and a mapping to who asked for it (section 11.2).
type Nonce = [u8; 12];

/// One mapping at one gateway, or the wish for it.
#[derive(Debug)]
pub(super) struct PcpClient {
    gateway: Gateway,
    port: u16,
    nonce: Nonce,
    /// What the last answer gave; asked for again when renewing.
    external: Option<SocketAddr>,
    standing: Standing,
    stop: Stop,
}

impl PcpClient {
    pub(super) fn new(gateway: Gateway, port: u16, stop: Stop) -> Self {
        Self {
            gateway,
            port,
            nonce: rand::thread_rng().r#gen(),
            external: None,
            standing: Standing::Closed,
            stop,
        }
    }

    /// Asks for the mapping, or renews it.
    pub(super) async fn map(&mut self) -> Result<Mapping, MappingError> {
        let nowhere = match self.gateway.local {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let suggested = self
            .external
            .unwrap_or_else(|| SocketAddr::new(nowhere, self.port));
        let request = self.request(LEASE, suggested);
        self.standing.on_asked();
        let decode = |bytes: &[u8]| decode_map(bytes, &self.nonce, self.port);
        let answer = self
            .stop
            .or(exchange::ask(&self.gateway, &request, decode))
            .await;
        self.standing.on_outcome(&answer);
        let mapping = usable(answer?)?;
        self.external = Some(mapping.external);
        Ok(mapping)
    }

    /// Gives the mapping back.
    pub(super) async fn release(&mut self) {
        // Both suggestions are zero in a request to delete (section 15.1).
        let nothing = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0);
        let request = self.request(Duration::ZERO, nothing);
        let decode = |bytes: &[u8]| decode_map(bytes, &self.nonce, self.port);
        exchange::take_back(&self.gateway, self.standing, &request, decode).await;
        self.standing = Standing::Closed;
    }

    fn request(&self, lease: Duration, suggested: SocketAddr) -> [u8; MAP_BYTES] {
        encode_map(lease, self.gateway.local, &self.nonce, self.port, suggested)
    }
}

fn encode_map(
    lease: Duration,
    client: IpAddr,
    nonce: &Nonce,
    port: u16,
    suggested: SocketAddr,
) -> [u8; MAP_BYTES] {
    let lifetime = u32::try_from(lease.as_secs()).unwrap_or(u32::MAX);
    let mut bytes = [0; MAP_BYTES];
    bytes[0] = VERSION;
    bytes[1] = OPCODE_MAP;
    bytes[4..8].copy_from_slice(&lifetime.to_be_bytes());
    bytes[8..24].copy_from_slice(&sixteen(client));
    bytes[24..36].copy_from_slice(nonce);
    bytes[36] = PROTOCOL_UDP;
    bytes[40..42].copy_from_slice(&port.to_be_bytes());
    bytes[42..44].copy_from_slice(&suggested.port().to_be_bytes());
    bytes[44..60].copy_from_slice(&sixteen(suggested.ip()));
    bytes
}

/// What a datagram says to the request with this nonce and port; `None` if it does not answer that
/// (section 8.3 and 11.4: such are dropped).
fn decode_map(bytes: &[u8], nonce: &Nonce, port: u16) -> Option<Result<Mapping, MappingError>> {
    if is_nat_pmp_refusal(bytes) {
        return Some(Err(MappingError::Code(UNSUPPORTED_VERSION.into())));
    }
    let (header, map) = bytes.split_at_checked(HEADER_BYTES)?;
    if header[1] != OPCODE_MAP | ANSWER {
        return None;
    }
    let result = header[3];
    if header[0] != VERSION {
        // A server of another version answers in its own, and with this result (section 9).
        return (result == UNSUPPORTED_VERSION).then_some(Err(MappingError::Code(result.into())));
    }
    let map = map.first_chunk::<{ MAP_BYTES - HEADER_BYTES }>()?;
    let same = map[..12] == *nonce && map[12] == PROTOCOL_UDP && map[16..18] == port.to_be_bytes();
    if !same {
        return None;
    }
    if result != SUCCESS {
        return Some(Err(MappingError::Code(result.into())));
    }
    let lease = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    let address: [u8; 16] = map[20..].try_into().ok()?;
    Some(Ok(Mapping {
        external: SocketAddr::new(
            Ipv6Addr::from(address).to_canonical(),
            u16::from_be_bytes([map[18], map[19]]),
        ),
        lease: Duration::from_secs(lease.into()),
    }))
}

/// How a server that knows NAT-PMP only answers: 8 bytes of version 0 with the result "unsupported
/// version" (RFC 6886, section 3.5).
fn is_nat_pmp_refusal(bytes: &[u8]) -> bool {
    bytes.len() >= 8
        && bytes[0] == 0
        && bytes[1] & ANSWER != 0
        && bytes[2..4] == u16::from(UNSUPPORTED_VERSION).to_be_bytes()
}

fn sixteen(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: Nonce = *b"twelve bytes";

    fn answer() -> Vec<u8> {
        let external = "11.0.1.2:40000".parse().unwrap();
        let local = Ipv4Addr::LOCALHOST.into();
        let mut bytes = encode_map(LEASE, local, &NONCE, 4000, external).to_vec();
        bytes[1] |= ANSWER;
        bytes[8..24].fill(0);
        bytes
    }

    #[test]
    fn a_request_is_laid_out_as_the_rfc_draws_it() {
        let suggested = "0.0.0.0:4000".parse().unwrap();
        let client = Ipv4Addr::new(192, 168, 1, 2).into();
        let bytes = encode_map(Duration::from_secs(600), client, &NONCE, 4000, suggested);
        let mut expected = vec![2, 1, 0, 0, 0, 0, 2, 88];
        expected.extend([0; 10]);
        expected.extend([0xff, 0xff, 192, 168, 1, 2]);
        expected.extend(NONCE);
        expected.extend([17, 0, 0, 0, 0x0f, 0xa0, 0x0f, 0xa0]);
        expected.extend([0; 10]);
        expected.extend([0xff, 0xff, 0, 0, 0, 0]);
        assert_eq!(bytes.to_vec(), expected);
    }

    #[test]
    fn an_answer_gives_address_and_lease() {
        let mapping = Mapping {
            external: "11.0.1.2:40000".parse().unwrap(),
            lease: LEASE,
        };
        assert_eq!(decode_map(&answer(), &NONCE, 4000), Some(Ok(mapping)));
    }

    #[test]
    fn answers_to_something_else_are_none() {
        assert_eq!(decode_map(&answer(), b"other number", 4000), None);
        assert_eq!(decode_map(&answer(), &NONCE, 4001), None);
        let request = &mut answer();
        request[1] = OPCODE_MAP;
        assert_eq!(decode_map(request, &NONCE, 4000), None);
    }

    #[test]
    fn an_answer_cut_anywhere_is_none() {
        for length in 0..MAP_BYTES {
            assert_eq!(decode_map(&answer()[..length], &NONCE, 4000), None);
        }
    }

    #[test]
    fn refusals_have_their_code() {
        let mut bytes = answer();
        bytes[3] = 2;
        let refused = Some(Err(MappingError::Code(2)));
        assert_eq!(decode_map(&bytes, &NONCE, 4000), refused);
        let unsupported = Some(Err(MappingError::Code(1)));
        let nat_pmp_only = [0, 0x81, 0, 1, 0, 0, 0, 9];
        assert_eq!(decode_map(&nat_pmp_only, &NONCE, 4000), unsupported);
    }
}
