//! The NAT Port Mapping Protocol (RFC 6886), PCP's predecessor.
//!
//! ```text
//!   0    1    2          4           8               10              12
//!   +----+----+
//!   | 00 | 00 |                                            address? (section 3.2)
//!   +----+----+----------+-----------+---------------+
//!   | 00 | 80 | result 2 | epoch 4   | address 4     |
//!   +----+----+----------+-----------+---------------+
//!   | 00 | 01 | reserved | internal port 2 | external port 2 | lifetime 4     map UDP (section 3.3)
//!   +----+----+----------+-----------+---------------+---------------+-----------+
//!   | 00 | 81 | result 2 | epoch 4   | internal port | external port | lifetime 4 |
//!   +----+----+----------+-----------+---------------+---------------+-----------+
//! ```
//!
//! An answer bears no nonce: who can send from the gateway's address is believed, as a gateway may lie
//! anyway. For the epoch, see [`pcp`](super::pcp).

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::exchange::{self, Standing};
use super::gateway::Gateway;
use super::stop::Stop;
use super::{LEASE, Mapping, MappingError, usable};

const VERSION: u8 = 0;
const OPCODE_ADDRESS: u8 = 0;
const OPCODE_MAP_UDP: u8 = 1;
/// Set in an answer's opcode.
const ANSWER: u8 = 0x80;
const ADDRESS_REQUEST: [u8; 2] = [VERSION, OPCODE_ADDRESS];
const MAP_REQUEST_BYTES: usize = 12;

/// One mapping at one gateway, or the wish for it.
#[derive(Debug)]
pub(super) struct NatPmpClient {
    gateway: Gateway,
    port: u16,
    /// The external port that the last answer gave; asked for again when renewing.
    external: Option<u16>,
    standing: Standing,
    stop: Stop,
}

impl NatPmpClient {
    pub(super) const fn new(gateway: Gateway, port: u16, stop: Stop) -> Self {
        Self {
            gateway,
            port,
            external: None,
            standing: Standing::Closed,
            stop,
        }
    }

    /// Asks for the mapping, or renews it.
    pub(super) async fn map(&mut self) -> Result<Mapping, MappingError> {
        let address = exchange::ask(&self.gateway, &ADDRESS_REQUEST, decode_address);
        let address = self.stop.or(address).await?;
        let request = encode_map(LEASE, self.port, self.external.unwrap_or(self.port));
        self.standing.on_asked();
        let decode = |bytes: &[u8]| decode_map(bytes, self.port);
        let answer = self
            .stop
            .or(exchange::ask(&self.gateway, &request, decode))
            .await;
        self.standing.on_outcome(&answer);
        let (external, lease) = answer?;
        let mapping = usable(Mapping {
            external: SocketAddr::new(address.into(), external),
            lease,
        })?;
        self.external = Some(external);
        Ok(mapping)
    }

    /// Gives the mapping back.
    pub(super) async fn release(&mut self) {
        let request = encode_map(Duration::ZERO, self.port, 0);
        let decode = |bytes: &[u8]| decode_map(bytes, self.port);
        exchange::take_back(&self.gateway, self.standing, &request, decode).await;
        self.standing = Standing::Closed;
    }
}

fn encode_map(lease: Duration, port: u16, external: u16) -> [u8; MAP_REQUEST_BYTES] {
    let lifetime = u32::try_from(lease.as_secs()).unwrap_or(u32::MAX);
    let mut bytes = [0; MAP_REQUEST_BYTES];
    bytes[0] = VERSION;
    bytes[1] = OPCODE_MAP_UDP;
    bytes[4..6].copy_from_slice(&port.to_be_bytes());
    bytes[6..8].copy_from_slice(&external.to_be_bytes());
    bytes[8..12].copy_from_slice(&lifetime.to_be_bytes());
    bytes
}

fn decode_address(bytes: &[u8]) -> Option<Result<Ipv4Addr, MappingError>> {
    let body = match body(bytes, OPCODE_ADDRESS)? {
        Ok(body) => body,
        Err(refused) => return Some(Err(refused)),
    };
    let octets = *body.first_chunk::<4>()?;
    Some(Ok(Ipv4Addr::from(octets)))
}

/// External port and lease.
fn decode_map(bytes: &[u8], port: u16) -> Option<Result<(u16, Duration), MappingError>> {
    let body = match body(bytes, OPCODE_MAP_UDP)? {
        Ok(body) => body,
        Err(refused) => return Some(Err(refused)),
    };
    let body = body.first_chunk::<8>()?;
    if body[..2] != port.to_be_bytes() {
        return None;
    }
    let external = u16::from_be_bytes([body[2], body[3]]);
    let lease = u32::from_be_bytes([body[4], body[5], body[6], body[7]]);
    Some(Ok((external, Duration::from_secs(lease.into()))))
}

/// What follows the epoch of an answer; `None` if the datagram is none to `opcode`.
fn body(bytes: &[u8], opcode: u8) -> Option<Result<&[u8], MappingError>> {
    let (header, body) = bytes.split_at_checked(8)?;
    if header[0] != VERSION || header[1] != opcode | ANSWER {
        return None;
    }
    let result = u16::from_be_bytes([header[2], header[3]]);
    Some(match result {
        0 => Ok(body),
        code => Err(MappingError::Code(code)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_laid_out_as_the_rfc_draws_it() {
        let bytes = encode_map(Duration::from_secs(600), 4000, 4001);
        assert_eq!(bytes, [0, 1, 0, 0, 0x0f, 0xa0, 0x0f, 0xa1, 0, 0, 2, 88]);
    }

    #[test]
    fn answers_are_read_and_cut_ones_are_none() {
        let address = [0, 0x80, 0, 0, 0, 0, 0, 9, 11, 0, 1, 2];
        let expected = Some(Ok(Ipv4Addr::new(11, 0, 1, 2)));
        assert_eq!(decode_address(&address), expected);
        let map = [
            0, 0x81, 0, 0, 0, 0, 0, 9, 0x0f, 0xa0, 0x0f, 0xa1, 0, 0, 2, 88,
        ];
        let expected = Some(Ok((4001, Duration::from_secs(600))));
        assert_eq!(decode_map(&map, 4000), expected);
        for length in 0..address.len() {
            assert_eq!(decode_address(&address[..length]), None);
        }
        for length in 0..map.len() {
            assert_eq!(decode_map(&map[..length], 4000), None);
        }
    }

    #[test]
    fn answers_to_something_else_are_none() {
        let map = [
            0, 0x81, 0, 0, 0, 0, 0, 9, 0x0f, 0xa0, 0x0f, 0xa1, 0, 0, 2, 88,
        ];
        assert_eq!(decode_map(&map, 4001), None);
        assert_eq!(decode_address(&map), None);
    }

    #[test]
    fn refusals_have_their_code() {
        let refused = [0, 0x81, 0, 2, 0, 0, 0, 9];
        assert_eq!(decode_map(&refused, 4000), Some(Err(MappingError::Code(2))));
    }
}
