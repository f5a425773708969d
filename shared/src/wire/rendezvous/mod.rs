//! The datagrams between a client and the rendezvous.
//!
//! Every datagram, both ways, is at most [`MAX_RENDEZVOUS_DATAGRAM_BYTES`] bytes long and begins alike:
//!
//! ```text
//!   0               4         5      6                              14
//!   +---------------+---------+------+------------------------------+------------
//!   | 1f 46 44 52   | version | kind | tag: chosen by the client    | body ...
//!   +---------------+---------+------+------------------------------+------------
//! ```
//!
//! The first byte has the top two bits clear, as no QUIC packet has (RFC 9000, section 17), so that
//! one socket can serve both. The tag is random, and a reply bears the tag of the request: who does not
//! see a client's datagrams cannot make up an answer to it. A kind with the top bit set goes to the
//! client; a server never answers such a one, so two servers cannot be made to answer each other.
//!
//! Bodies are postcard: integers as little-endian base 128, an enum or an option as one byte and
//! then its content, byte strings behind their length.
//!
//! ```text
//!   01 Hello     zeros, to 64 bytes in all or more: no reply to it is longer
//!   02 Announce  cookie 16 | locator int | side 1 | pairing id 16 | owner 16
//!                | to: 00, or 01 and pairing id 16 | last 1 | revision int | payload: length int, bytes
//!   03 Ask       cookie: 00, or 01 and 16 | locator int | zeros, to 224 bytes in all or more
//!   81 Cookie    cookie 16 | address: 00 ipv4 4 or 01 ipv6 16, port int | second port int
//!   82 Waiting   answers int
//!   83 Peer      answers: 00, or 01 and int | pairing id 16 | directed 1 | revision int
//!                | payload: length int, bytes
//!   84 Taken     answers int
//!   85 Busy      answers int
//!   86 Open      as Cookie | said: 00, or 01 and length int, bytes | zeros, to 224 bytes in all
//!   87 Crowded   nothing
//!   ff Version   oldest 1 | newest 1
//! ```
//!
//! `Version` has this form in every version there will ever be, whatever its version byte says, and a
//! request of any version is at least as long as it.

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;

use rand_core::{CryptoRng, RngCore};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;

use crate::limits::{
    MAX_OPEN_PAYLOAD_BYTES, MAX_RENDEZVOUS_DATAGRAM_BYTES, MAX_RENDEZVOUS_PAYLOAD_BYTES,
    QUESTION_BYTES, RENDEZVOUS_HELLO_BYTES,
};
use crate::{PairingId, Role};

/// The version that this build speaks.
pub const VERSION: u8 = 2;

const MAGIC: [u8; 4] = [0x1f, b'F', b'D', b'R'];
const HEADER_BYTES: usize = 14;
const VERSION_BYTES: usize = HEADER_BYTES + 2;

/// Whether a datagram is meant to be one of these: for the owner of a socket with several protocols.
#[must_use]
pub fn is_rendezvous(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Why bytes are not a datagram of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not this protocol at all: too short or too long, or another magic.
    #[error("not a rendezvous datagram")]
    Foreign,
    /// A version that this build does not speak.
    #[error("rendezvous protocol version {version} is not known here")]
    Version {
        /// What an answer has to bear.
        tag: Tag,
        /// The other's version.
        version: u8,
    },
    /// This version, but a kind that does not exist or goes the other way, or a body out of form.
    #[error("malformed rendezvous datagram")]
    Malformed,
}

/// A payload over [`MAX_RENDEZVOUS_PAYLOAD_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rendezvous payload of {bytes} bytes is over {MAX_RENDEZVOUS_PAYLOAD_BYTES}")]
pub struct PayloadTooLong {
    /// How long it is, in bytes.
    pub bytes: usize,
}

/// Ties replies to the client that asked: random, the same for all that one client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag(pub [u8; 8]);

impl Tag {
    /// A fresh one.
    #[must_use]
    pub fn random(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut bytes = [0; 8];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

/// Proof that its bearer receives at the address it writes from; only the server can read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cookie(pub [u8; 16]);

/// What makes a pairing id its announcer's own: said to the server, never to the other side.
///
/// The other side is told the pairing id, so that alone must not be enough to speak for it.
#[derive(Clone, Copy, Eq, Serialize, Deserialize)]
pub struct OwnerToken([u8; 16]);

impl OwnerToken {
    /// A fresh one.
    #[must_use]
    pub fn random(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

/// In constant time.
impl PartialEq for OwnerToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for OwnerToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OwnerToken(..)")
    }
}

/// What one side says to the other by way of the server, which cannot read it: at most
/// [`MAX_RENDEZVOUS_PAYLOAD_BYTES`] bytes.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Payload(Vec<u8>);

impl Payload {
    /// Checks the length.
    ///
    /// # Errors
    /// [`PayloadTooLong`] over [`MAX_RENDEZVOUS_PAYLOAD_BYTES`] bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, PayloadTooLong> {
        if bytes.len() > MAX_RENDEZVOUS_PAYLOAD_BYTES {
            return Err(PayloadTooLong { bytes: bytes.len() });
        }
        Ok(Self(bytes))
    }

    /// Whether it is short enough to be told to whoever asks.
    #[must_use]
    pub fn fits_an_answer(&self) -> bool {
        self.0.len() <= MAX_OPEN_PAYLOAD_BYTES
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Payload({} bytes)", self.0.len())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&'de [u8]>::deserialize(deserializer)?;
        Self::new(bytes.to_vec()).map_err(serde::de::Error::custom)
    }
}

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Who am I, seen from there? Answered with a [`Reply::Cookie`].
    Hello,
    /// Here I am, and this is what I say. Answered with any other reply, or with silence where the
    /// cookie is not good.
    Announce(Announce),
    /// What does the sender say that has this locator? Answered with a [`Reply::Open`]; the server keeps
    /// nothing of it.
    Ask(Ask),
}

/// A receiver's question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// That the address is the client's own, if it has one already. Questions without are answered as well, as
    /// long as not too many come from that network: the answer is no longer than the question.
    pub cookie: Option<Cookie>,
    /// The public part of the pairing code.
    pub locator: u32,
}

/// One side's whole current state: to repeat it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announce {
    /// That the address is the client's own.
    pub cookie: Cookie,
    /// The public part of the pairing code.
    pub locator: u32,
    /// Which side speaks.
    pub side: Role,
    /// Whose announcement it is.
    pub pairing: PairingId,
    /// That the pairing id is its own.
    pub owner: OwnerToken,
    /// Towards one receiver, from a sender; nobody in particular where there is none. A receiver
    /// speaks to whoever holds the locator, whatever stands here.
    pub to: Option<PairingId>,
    /// Nothing is to follow: a sender's answer is handed on and the receiver's place given up; a receiver leaves.
    pub last: bool,
    /// Counts the changes that this party has made to what it says, so that one overtaken on its way is
    /// not taken for news.
    pub revision: u32,
    /// What is said.
    pub payload: Payload,
}

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To a [`Request::Hello`].
    Cookie(Welcome),
    /// The announcement is held, and there is nothing to hear. To what a sender says to any receiver it
    /// is the only answer: what receivers say is pushed.
    Waiting {
        /// The revision of the announcement that it answers.
        answers: u32,
    },
    /// What the other side says.
    Peer(Peer),
    /// The locator or the pairing id belongs to somebody else.
    Taken {
        /// The revision of the announcement that it answers.
        answers: u32,
    },
    /// Not held: the server, or this locator, has as many as it can serve.
    Busy {
        /// The revision of the announcement that it answers.
        answers: u32,
    },
    /// To a [`Request::Ask`], and just as long whatever it says.
    Open(Open),
    /// To a sender: a receiver that wished to speak to it found no place.
    Crowded,
    /// The request's version is not spoken here.
    Version(VersionRange),
}

/// What a question is answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Who the client is.
    pub welcome: Welcome,
    /// What the sender says to anybody; none where nobody has the locator, or says more than
    /// [`MAX_OPEN_PAYLOAD_BYTES`].
    pub said: Option<Payload>,
}

/// Who the client is, seen from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// To be shown in announcements from the same address.
    pub cookie: Cookie,
    /// Where the client's datagram came from.
    pub address: SocketAddr,
    /// The server's other port, which answers nothing but Hello; 0 where there is none.
    pub second_port: u16,
}

/// What the other side says. Not where it is: an address goes only to who has proved to know the
/// code, and that cannot be seen from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// The revision of the announcement that it answers; none where it was not asked for.
    pub answers: Option<u32>,
    /// Who speaks.
    pub pairing: PairingId,
    /// Whether it is for this client alone.
    pub directed: bool,
    /// Of the speaker's announcement.
    pub revision: u32,
    /// What is said.
    pub payload: Payload,
}

/// The versions that a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRange {
    /// The lowest.
    pub oldest: u8,
    /// The highest.
    pub newest: u8,
}

impl VersionRange {
    /// What this build speaks.
    pub const OURS: Self = Self {
        oldest: VERSION,
        newest: VERSION,
    };
}

const HELLO: u8 = 0x01;
const ANNOUNCE: u8 = 0x02;
const ASK: u8 = 0x03;
const TO_CLIENT: u8 = 0x80;
const COOKIE: u8 = 0x81;
const WAITING: u8 = 0x82;
const PEER: u8 = 0x83;
const TAKEN: u8 = 0x84;
const BUSY: u8 = 0x85;
const OPEN: u8 = 0x86;
const CROWDED: u8 = 0x87;
const VERSIONS: u8 = 0xff;

impl Request {
    /// The datagram, at most [`MAX_RENDEZVOUS_DATAGRAM_BYTES`] bytes.
    #[must_use]
    pub fn encode(&self, tag: Tag) -> Vec<u8> {
        match self {
            Self::Hello => {
                let mut bytes = header(HELLO, tag);
                bytes.resize(RENDEZVOUS_HELLO_BYTES, 0);
                bytes
            }
            Self::Announce(announce) => with_body(ANNOUNCE, tag, announce),
            Self::Ask(ask) => {
                let mut bytes = with_body(ASK, tag, ask);
                bytes.resize(QUESTION_BYTES, 0);
                bytes
            }
        }
    }

    /// A [`Self::Hello`] of `length` bytes, within [`RENDEZVOUS_HELLO_BYTES`] and [`MAX_RENDEZVOUS_DATAGRAM_BYTES`]: to see whether
    /// such long datagrams get through.
    #[must_use]
    pub fn long_hello(tag: Tag, length: usize) -> Vec<u8> {
        let mut bytes = Self::Hello.encode(tag);
        bytes.resize(
            length.clamp(RENDEZVOUS_HELLO_BYTES, MAX_RENDEZVOUS_DATAGRAM_BYTES),
            0,
        );
        bytes
    }

    /// Reads a datagram that came to a server.
    ///
    /// # Errors
    /// [`DecodeError::Version`] only where an answer is due, that is for a request that is at least as
    /// long as the answer. What an unproved client has sent is otherwise best left unanswered.
    pub fn decode(bytes: &[u8]) -> Result<(Tag, Self), DecodeError> {
        let (version, kind, tag, body) = split(bytes)?;
        if kind & TO_CLIENT != 0 {
            return Err(DecodeError::Malformed);
        }
        if version != VERSION {
            if bytes.len() < VERSION_BYTES {
                return Err(DecodeError::Foreign);
            }
            return Err(DecodeError::Version { tag, version });
        }
        let request = match kind {
            HELLO if bytes.len() >= RENDEZVOUS_HELLO_BYTES => Self::Hello,
            ANNOUNCE => Self::Announce(whole(body)?),
            ASK if bytes.len() >= QUESTION_BYTES => Self::Ask(padded(body)?),
            _ => return Err(DecodeError::Malformed),
        };
        Ok((tag, request))
    }
}

impl Reply {
    /// The datagram, at most [`MAX_RENDEZVOUS_DATAGRAM_BYTES`] bytes.
    #[must_use]
    pub fn encode(&self, tag: Tag) -> Vec<u8> {
        match self {
            Self::Cookie(welcome) => with_body(COOKIE, tag, welcome),
            Self::Waiting { answers } => with_body(WAITING, tag, answers),
            Self::Peer(peer) => with_body(PEER, tag, peer),
            Self::Taken { answers } => with_body(TAKEN, tag, answers),
            Self::Busy { answers } => with_body(BUSY, tag, answers),
            Self::Open(open) => {
                let mut bytes = with_body(OPEN, tag, open);
                debug_assert!(bytes.len() <= QUESTION_BYTES, "what is longer is not said");
                bytes.resize(QUESTION_BYTES, 0);
                bytes
            }
            Self::Crowded => header(CROWDED, tag),
            Self::Version(range) => {
                let mut bytes = header(VERSIONS, tag);
                bytes.extend([range.oldest, range.newest]);
                bytes
            }
        }
    }

    /// Reads a datagram that came to a client.
    ///
    /// # Errors
    /// Anything that is not a reply of this version, or a `Version` of any.
    pub fn decode(bytes: &[u8]) -> Result<(Tag, Self), DecodeError> {
        let (version, kind, tag, body) = split(bytes)?;
        if kind & TO_CLIENT == 0 {
            return Err(DecodeError::Malformed);
        }
        if let (VERSIONS, &[oldest, newest]) = (kind, body) {
            return Ok((tag, Self::Version(VersionRange { oldest, newest })));
        }
        if version != VERSION {
            return Err(DecodeError::Version { tag, version });
        }
        let reply = match kind {
            COOKIE => Self::Cookie(whole(body)?),
            WAITING => Self::Waiting {
                answers: whole(body)?,
            },
            PEER => Self::Peer(whole(body)?),
            TAKEN => Self::Taken {
                answers: whole(body)?,
            },
            BUSY => Self::Busy {
                answers: whole(body)?,
            },
            OPEN if bytes.len() == QUESTION_BYTES => Self::Open(padded(body)?),
            CROWDED if body.is_empty() => Self::Crowded,
            _ => return Err(DecodeError::Malformed),
        };
        Ok((tag, reply))
    }
}

fn header(kind: u8, tag: Tag) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(RENDEZVOUS_HELLO_BYTES);
    bytes.extend(MAGIC);
    bytes.extend([VERSION, kind]);
    bytes.extend(tag.0);
    bytes
}

fn with_body(kind: u8, tag: Tag, body: &impl Serialize) -> Vec<u8> {
    // A vector takes any length, and the types of this file are integers, arrays, options and
    // payloads: nothing that postcard cannot write.
    postcard::to_extend(body, header(kind, tag)).expect("every body can be written")
}

fn split(bytes: &[u8]) -> Result<(u8, u8, Tag, &[u8]), DecodeError> {
    let (header, body) = bytes
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or(DecodeError::Foreign)?;
    let [m0, m1, m2, m3, version, kind, tag @ ..] = *header;
    if [m0, m1, m2, m3] != MAGIC || bytes.len() > MAX_RENDEZVOUS_DATAGRAM_BYTES {
        return Err(DecodeError::Foreign);
    }
    Ok((version, kind, Tag(tag), body))
}

/// Reads a body that has zeros behind it.
fn padded<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    match postcard::take_from_bytes(body) {
        Ok((value, zeros)) if zeros.iter().all(|byte| *byte == 0) => Ok(value),
        Ok(_) | Err(_) => Err(DecodeError::Malformed),
    }
}

/// Reads a body that has nothing behind it.
fn whole<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok(_) | Err(_) => Err(DecodeError::Malformed),
    }
}
