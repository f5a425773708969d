//! Probes: the small datagrams that try an address.
//!
//! ```text
//!  0            12                     45           61
//!  +------------+----------------------+------------+
//!  | nonce      | sealed body          | tag        |
//!  +------------+----------------------+------------+
//!
//!  body  0      1            9         25     27     28     33
//!        +------+------------+---------+------+------+------+
//!        | kind | sequence   | address | port | path | zero |
//!        +------+------------+---------+------+------+------+
//! ```
//!
//! Sealed with ChaCha20-Poly1305 (RFC 8439) under the sending side's probe key; the nonce is random
//! (a few thousand probes are sealed under one key while a path is looked for, one every few seconds
//! while it is used). Integers are little-endian, an IPv4 address stands as the IPv6 address that maps
//! it; address and port are those of answers, the kind of path that of checks and nominations. To
//! anybody without the keys a probe is 61 random bytes. An answer is as long as what it answers.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, Tag};
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::candidate::PathKind;

/// Length of every probe, in bytes.
pub const PROBE_LENGTH: usize = NONCE_LENGTH + BODY_LENGTH + TAG_LENGTH;

const NONCE_LENGTH: usize = 12;
const BODY_LENGTH: usize = 33;
const TAG_LENGTH: usize = 16;

/// What a probe says, and what it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProbeKind {
    /// "Does this reach you, at what I take for a path of this kind?" (a connectivity check, RFC 8445
    /// section 2.2)
    Check(PathKind),
    /// "It does, and I saw it come from this address."
    Answer {
        /// Where the check came from, as its receiver saw it.
        seen: SocketAddr,
    },
    /// A check that also says: this is the path to use, and this is its kind (RFC 8445 section 8.1.1).
    /// Only the sender of the files says so.
    Nomination(PathKind),
    /// A check on the path in use.
    KeepAlive,
    /// A check on the path in use from a side that does not hear the other any more, and goes to the
    /// rendezvous to be reintroduced.
    Distress,
}

/// A probe as it was before it was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Probe {
    /// What it says.
    pub(super) kind: ProbeKind,
    /// Counts up from 0 with everything sent but answers, which have that of what they answer.
    pub(super) sequence: u64,
}

/// Seals what one side sends and opens what it receives.
pub(super) struct ProbeCipher {
    outgoing: ChaCha20Poly1305,
    incoming: ChaCha20Poly1305,
}

impl std::fmt::Debug for ProbeCipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProbeCipher").finish_non_exhaustive()
    }
}

impl ProbeCipher {
    pub(super) fn new(outgoing: &[u8; 32], incoming: &[u8; 32]) -> Self {
        Self {
            outgoing: ChaCha20Poly1305::new(outgoing.into()),
            incoming: ChaCha20Poly1305::new(incoming.into()),
        }
    }

    /// The datagram that says `probe`.
    pub(super) fn seal(&self, probe: Probe, rng: &mut (impl RngCore + CryptoRng)) -> Vec<u8> {
        let mut datagram = vec![0; PROBE_LENGTH];
        let (nonce, rest) = datagram.split_at_mut(NONCE_LENGTH);
        let (body, tag) = rest.split_at_mut(BODY_LENGTH);
        rng.fill_bytes(nonce);
        body.copy_from_slice(&encode(probe));
        // Encryption fails only for bodies of many gigabytes; were it to fail, the tag would stay
        // zero and the peer would drop the probe.
        if let Ok(sealed) =
            self.outgoing
                .encrypt_in_place_detached(Nonce::from_slice(nonce), &[], body)
        {
            tag.copy_from_slice(&sealed);
        }
        datagram
    }

    /// What a datagram says; `None` unless it is a probe that the peer sealed.
    pub(super) fn open(&self, datagram: &[u8]) -> Option<Probe> {
        if datagram.len() != PROBE_LENGTH {
            return None;
        }
        let (nonce, rest) = datagram.split_at(NONCE_LENGTH);
        let (sealed, tag) = rest.split_at(BODY_LENGTH);
        let mut body = Zeroizing::new([0; BODY_LENGTH]);
        body.copy_from_slice(sealed);
        self.incoming
            .decrypt_in_place_detached(
                Nonce::from_slice(nonce),
                &[],
                body.as_mut_slice(),
                Tag::from_slice(tag),
            )
            .ok()?;
        decode(&body)
    }
}

fn encode(probe: Probe) -> [u8; BODY_LENGTH] {
    let mut body = [0; BODY_LENGTH];
    body[1..9].copy_from_slice(&probe.sequence.to_le_bytes());
    body[0] = match probe.kind {
        ProbeKind::Check(path) => {
            body[27] = path.to_wire();
            1
        }
        ProbeKind::Answer { seen } => {
            let address = match seen.ip() {
                IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                IpAddr::V6(ip) => ip,
            };
            body[9..25].copy_from_slice(&address.octets());
            body[25..27].copy_from_slice(&seen.port().to_le_bytes());
            2
        }
        ProbeKind::Nomination(path) => {
            body[27] = path.to_wire();
            3
        }
        ProbeKind::KeepAlive => 4,
        ProbeKind::Distress => 5,
    };
    body
}

fn decode(body: &[u8; BODY_LENGTH]) -> Option<Probe> {
    let sequence = u64::from_le_bytes(body[1..9].try_into().ok()?);
    let kind = match body[0] {
        1 => ProbeKind::Check(PathKind::from_wire(body[27])?),
        2 => {
            let address: [u8; 16] = body[9..25].try_into().ok()?;
            let port = u16::from_le_bytes(body[25..27].try_into().ok()?);
            ProbeKind::Answer {
                seen: SocketAddr::new(Ipv6Addr::from(address).to_canonical(), port),
            }
        }
        3 => ProbeKind::Nomination(PathKind::from_wire(body[27])?),
        4 => ProbeKind::KeepAlive,
        5 => ProbeKind::Distress,
        _ => return None,
    };
    Some(Probe { kind, sequence })
}
