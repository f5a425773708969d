//! Datagrams that pass for the first packet of a QUIC connection, and the answer to one.
//!
//! A client sends what looks like a QUIC version 1 Initial packet (RFC 9000, sections 17.2 and 17.2.2),
//! filled with random bytes where a real one has its header and payload encrypted. The rendezvous answers it with
//! a Version Negotiation packet (RFC 9000, section 17.2.1): the answer that QUIC itself gives to a
//! version which it does not speak, and this server speaks none.
//!
//! ```text
//!   Initial, 1200 bytes or more
//!   +------+---------+----+---------------+----+-----------+---+----------+----------
//!   | c3   | version | 08 | destination 8 | 08 | source 8  | 0 | length 2 | random ...
//!   +------+---------+----+---------------+----+-----------+---+----------+----------
//!
//!   Version Negotiation, 27 bytes here and 51 at most
//!   +------+---------+----+---------------+----+---------------+----------+
//!   | c0   | 0       | 08 | its source 8  | 08 | its dest. 8   | 0a0a0a0a |
//!   +------+---------+----+---------------+----+---------------+----------+
//! ```
//!
//! The one version offered is of those that nobody will ever speak (RFC 9000, section 15), so that a
//! real client gives up at once. The connection IDs come back exchanged, which ties an answer to its
//! question.

use rand_core::{CryptoRng, RngCore};

/// The shortest datagram that may begin a connection, in bytes (RFC 9000, section 14.1).
pub const MIN_INITIAL_BYTES: usize = 1200;

/// The longest connection ID of version 1, in bytes (RFC 9000, section 17.2).
const MAX_ID_BYTES: usize = 20;

/// Long header, fixed bit (RFC 9000, section 17.2).
const LONG_HEADER: u8 = 0xc0;

/// Reserved to exercise version negotiation.
const NO_VERSION: [u8; 4] = [0x0a; 4];

const VERSION_1: [u8; 4] = [0, 0, 0, 1];

/// The longest payload that the two bytes of the length can say (RFC 9000, section 16).
const MAX_LENGTH: usize = 0x3fff;

/// Ends before the random bytes: first byte, version, two connection IDs with their lengths, the empty
/// token's length, the payload's length.
const INITIAL_HEADER_BYTES: usize = 1 + 4 + 9 + 9 + 1 + 2;

/// A question that looks like QUIC, and what tells its answer from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuicProbe {
    destination: [u8; 8],
    source: [u8; 8],
}

impl QuicProbe {
    /// One that nobody can guess.
    #[must_use]
    pub fn random(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut probe = Self {
            destination: [0; 8],
            source: [0; 8],
        };
        rng.fill_bytes(&mut probe.destination);
        rng.fill_bytes(&mut probe.source);
        probe
    }

    /// The datagram, of `length` bytes: at least [`MIN_INITIAL_BYTES`], at most what the header can say
    /// (16 kB).
    #[must_use]
    pub fn encode(&self, length: usize, rng: &mut impl RngCore) -> Vec<u8> {
        let length = length.clamp(MIN_INITIAL_BYTES, INITIAL_HEADER_BYTES + MAX_LENGTH);
        let mut bytes = Vec::with_capacity(length);
        // A packet number of four bytes, as if it were encrypted.
        bytes.push(LONG_HEADER | 0x03);
        bytes.extend(VERSION_1);
        for id in [&self.destination, &self.source] {
            bytes.push(8);
            bytes.extend(id);
        }
        bytes.push(0);
        let rest = u16::try_from(length - INITIAL_HEADER_BYTES).unwrap_or(u16::MAX);
        // The top two bits say that the integer has two bytes.
        bytes.extend((rest | 0x4000).to_be_bytes());
        let header = bytes.len();
        bytes.resize(length, 0);
        rng.fill_bytes(&mut bytes[header..]);
        bytes
    }

    /// Whether a datagram is the answer to this one.
    #[must_use]
    pub fn is_answered_by(&self, bytes: &[u8]) -> bool {
        let Some(header) = LongHeader::read(bytes) else {
            return false;
        };
        let versions = header.rest;
        header.version == [0; 4]
            && header.destination == self.source
            && header.source == self.destination
            && !versions.is_empty()
            && versions.len().is_multiple_of(4)
    }
}

/// The Version Negotiation packet that answers `bytes`, if it is a datagram that may begin a QUIC
/// connection: always much shorter than it, and itself answered by nobody.
#[must_use]
pub fn version_negotiation(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() < MIN_INITIAL_BYTES {
        return None;
    }
    let header = LongHeader::read(bytes)?;
    // The type in the two bits below is each version's own; in version 1 an Initial has zeros.
    let initial = header.version != VERSION_1 || bytes[0] & 0x30 == 0;
    if header.version == [0; 4] || !initial {
        return None;
    }
    let mut answer = vec![LONG_HEADER];
    answer.extend([0; 4]);
    for id in [header.source, header.destination] {
        answer.push(u8::try_from(id.len()).ok()?);
        answer.extend(id);
    }
    answer.extend(NO_VERSION);
    Some(answer)
}

/// What all versions have in common (RFC 8999, section 5.1).
struct LongHeader<'a> {
    version: [u8; 4],
    destination: &'a [u8],
    source: &'a [u8],
    /// What follows.
    rest: &'a [u8],
}

impl<'a> LongHeader<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&[first, v0, v1, v2, v3], rest) = bytes.split_first_chunk::<5>()?;
        if first & LONG_HEADER != LONG_HEADER {
            return None;
        }
        let (destination, rest) = connection_id(rest)?;
        let (source, rest) = connection_id(rest)?;
        Some(Self {
            version: [v0, v1, v2, v3],
            destination,
            source,
            rest,
        })
    }
}

fn connection_id(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    let length = usize::from(length);
    (length <= MAX_ID_BYTES)
        .then(|| rest.split_at_checked(length))
        .flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn probe(length: usize) -> (QuicProbe, Vec<u8>) {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let probe = QuicProbe::random(&mut rng);
        let bytes = probe.encode(length, &mut rng);
        (probe, bytes)
    }

    #[test]
    fn a_probe_has_the_length_asked_for_and_says_so() {
        for length in [1200, 1201, 1472, 8972] {
            let (_, bytes) = probe(length);
            assert_eq!(bytes.len(), length);
            let said = u16::from_be_bytes([bytes[24], bytes[25]]) & 0x3fff;
            assert_eq!(usize::from(said), length - 26);
        }
        assert_eq!(probe(0).1.len(), MIN_INITIAL_BYTES);
        assert_eq!(probe(usize::MAX).1.len(), 26 + 0x3fff);
    }

    #[test]
    fn a_probe_is_answered_and_knows_its_answer() {
        let (probe, bytes) = probe(1200);
        let answer = version_negotiation(&bytes).expect("it is answered");
        assert_eq!(answer.len(), 27);
        assert!(probe.is_answered_by(&answer));
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        assert!(!QuicProbe::random(&mut rng).is_answered_by(&answer));
        for length in 0..answer.len() {
            assert!(!probe.is_answered_by(&answer[..length]), "{length}");
        }
    }

    #[test]
    fn an_answer_is_answered_by_nobody() {
        let (_, bytes) = probe(1200);
        let mut answer = version_negotiation(&bytes).expect("it is answered");
        answer.resize(1200, 0);
        assert_eq!(version_negotiation(&answer), None);
    }

    #[test]
    fn what_begins_no_connection_is_not_answered() {
        let (_, initial) = probe(1200);
        assert_eq!(version_negotiation(&initial[..1199]), None);
        let with = |index: usize, byte: u8| {
            let mut bytes = initial.clone();
            bytes[index] = byte;
            version_negotiation(&bytes)
        };
        assert_eq!(with(0, 0x43), None, "a short header");
        assert_eq!(with(0, 0x83), None, "no fixed bit");
        assert_eq!(with(0, 0xe3), None, "a Handshake packet");
        assert_eq!(with(5, 21), None, "an ID of more than 20 bytes");
        assert!(with(1, 0x6b).is_some(), "any other version");
    }

    proptest! {
        #[test]
        fn an_answer_is_never_longer_than_51_bytes(
            mut bytes in prop::collection::vec(any::<u8>(), 0..1600),
            shaped: bool,
        ) {
            if shaped && !bytes.is_empty() {
                bytes[0] |= LONG_HEADER;
            }
            if let Some(answer) = version_negotiation(&bytes) {
                prop_assert!(answer.len() <= 51 && bytes.len() >= MIN_INITIAL_BYTES);
            }
        }
    }
}
