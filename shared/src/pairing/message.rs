//! What is said in a pairing. To the rendezvous these are opaque payloads.
//!
//! ```text
//!  byte 0   body (postcard: integers are varints unless a width is given)
//!  0 P1     00, oldest version, newest, transports, ciphers, nonce (32 bytes), PAKE share (32 bytes);
//!           or 01 (the code is dead) or 02 (closed), oldest, newest
//!  1 P2     which share: the first 8 bytes of its nonce; length, opening: oldest, newest, transports, ciphers,
//!           nonce (32 bytes), PAKE share (32 bytes); tag (32 bytes), length, sealed hello (HELLO_BYTES + 16)
//!  2 P3     tag (32 bytes), length, sealed hello
//!  3 next   in place of P3: a share for this receiver alone, as P1 without its first byte
//!  4        refusal; with versions: oldest, newest
//! ```
//!
//! Bytes after the end are ignored, so that a later version may say more; those of P1 and of an opening are
//! part of the transcript all the same, so that nobody in between can add or take any.

use serde::{Deserialize, Serialize};

use crate::Transports;
use crate::limits::{HELLO_BYTES, MAX_DEVICE_BYTES, MAX_PAIRING_PAYLOAD_BYTES};
use crate::path::Whereabouts;

/// The version of the protocol between peers that this code speaks.
pub const PROTOCOL_VERSION: u16 = 2;

/// The versions that a peer speaks, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRange {
    /// The oldest.
    pub oldest: u16,
    /// The newest.
    pub newest: u16,
}

impl VersionRange {
    /// What this code speaks.
    pub const OURS: Self = Self {
        oldest: PROTOCOL_VERSION,
        newest: PROTOCOL_VERSION,
    };

    /// The newest version in both ranges.
    #[must_use]
    pub fn newest_common(self, other: Self) -> Option<u16> {
        let newest = self.newest.min(other.newest);
        (newest >= self.oldest && newest >= other.oldest).then_some(newest)
    }
}

/// A set of ciphers that a peer is quick at, for Go-Back-N. Bits without a name here mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ciphers(pub u32);

impl Ciphers {
    /// ChaCha20-Poly1305: everybody has it, whether the bit is set or not.
    pub const CHACHA20_POLY1305: Self = Self(1);
    /// AES-128-GCM: to be named only where the processor has instructions for it.
    pub const AES_128_GCM: Self = Self(2);

    /// The ciphers that the processor this runs on is quick at.
    #[must_use]
    pub fn of_this_processor() -> Self {
        if has_aes() {
            Self(Self::CHACHA20_POLY1305.0 | Self::AES_128_GCM.0)
        } else {
            Self::CHACHA20_POLY1305
        }
    }

    /// Whether all of `other` are in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn has_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes")
}

#[cfg(target_arch = "aarch64")]
fn has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
const fn has_aes() -> bool {
    false
}

/// The cipher that both have agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305,
    /// AES-128-GCM.
    Aes128Gcm,
}

/// What a peer can do. It travels in the open and is part of the transcript, so that nobody in
/// between can talk the two down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Protocol versions.
    pub versions: VersionRange,
    /// Link transports.
    pub transports: Transports,
    /// Ciphers that it is quick at.
    pub ciphers: Ciphers,
}

impl Capabilities {
    /// What this code can do with `transports`, on a machine quick at `ciphers`.
    #[must_use]
    pub const fn new(transports: Transports, ciphers: Ciphers) -> Self {
        Self {
            versions: VersionRange::OURS,
            transports,
            ciphers,
        }
    }

    /// The best that both can do; the same whichever is asked. `None` without a common version or
    /// transport.
    #[must_use]
    pub fn agree(&self, other: &Self) -> Option<Agreement> {
        let version = self.versions.newest_common(other.versions)?;
        let transports = self.transports.and(other.transports).and(Transports::ALL);
        let both_have_aes = self.ciphers.0 & other.ciphers.0 & Ciphers::AES_128_GCM.0 != 0;
        let cipher = if both_have_aes {
            Cipher::Aes128Gcm
        } else {
            Cipher::ChaCha20Poly1305
        };
        (transports.0 != 0).then_some(Agreement {
            version,
            transports,
            cipher,
        })
    }
}

/// What both peers can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    /// The protocol version to speak.
    pub version: u16,
    /// The transports to choose from, at least one.
    pub transports: Transports,
    /// The cipher for Go-Back-N.
    pub cipher: Cipher,
}

/// What a peer says of itself once both have proved that they know the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ClaimedHello")]
pub struct Hello {
    fingerprint: [u8; 32],
    whereabouts: Whereabouts,
    device: String,
}

impl Hello {
    /// A hello with the SHA-256 of the certificate, where to be reached (without the last candidates, if
    /// they do not fit) and what the device is called (cut to [`MAX_DEVICE_BYTES`]).
    #[must_use]
    pub fn new(fingerprint: [u8; 32], whereabouts: Whereabouts, mut device: String) -> Self {
        let mut end = device.len().min(MAX_DEVICE_BYTES);
        while !device.is_char_boundary(end) {
            end -= 1;
        }
        device.truncate(end);
        // Beside the fingerprint, the device name and two lengths, of which one may take two bytes.
        let room = HELLO_BYTES - fingerprint.len() - 3 - device.len();
        Self {
            fingerprint,
            whereabouts: whereabouts.fitting(room),
            device,
        }
    }

    /// SHA-256 of the certificate that this peer will show.
    #[must_use]
    pub const fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// Where it may be reached: a peer's claims, not yet checked.
    #[must_use]
    pub const fn whereabouts(&self) -> &Whereabouts {
        &self.whereabouts
    }

    /// The device name: at most [`MAX_DEVICE_BYTES`], and any characters at all, so to be escaped
    /// where it is shown.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Always [`HELLO_BYTES`] long, filled up with zeros.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = to_bytes(self);
        debug_assert!(bytes.len() <= HELLO_BYTES, "the bounds of a hello fit");
        bytes.resize(HELLO_BYTES, 0);
        bytes
    }

    /// What [`encode`](Self::encode) gave, or a peer made up.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (hello, _padding) = postcard::take_from_bytes(bytes).ok()?;
        Some(hello)
    }
}

/// A hello as it comes, before its bounds are put on it.
#[derive(Deserialize)]
struct ClaimedHello {
    fingerprint: [u8; 32],
    whereabouts: Whereabouts,
    device: String,
}

impl From<ClaimedHello> for Hello {
    fn from(claimed: ClaimedHello) -> Self {
        Self::new(claimed.fingerprint, claimed.whereabouts, claimed.device)
    }
}

/// What a share says to anybody: P1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Standing {
    /// It takes receivers: the share of the key for whoever comes first.
    Open(Opening),
    /// Never again: its code was guessed at too often.
    Dead(VersionRange),
    /// No more: the sender has stopped.
    Closed(VersionRange),
}

/// Why a sender turns a receiver away. Anybody in between can say it too: it refuses service, and
/// no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Refusal {
    /// The words are wrong.
    WrongWords,
    /// The code was guessed at too often.
    CodeDead,
    /// There is nothing that both can speak: where the versions fit, no transport.
    Version(VersionRange),
    /// The sender has stopped sharing.
    Closed,
    /// The run came to nothing: too slow, or garbled on the way.
    Failed,
}

/// One side's part of the key agreement, and what it can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Opening {
    pub(super) capabilities: Capabilities,
    pub(super) nonce: [u8; 32],
    pub(super) share: [u8; 32],
}

/// Which of a sender's shares: the beginning of its nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShareId([u8; 8]);

impl Opening {
    /// The name of this share.
    pub(super) fn id(&self) -> ShareId {
        let mut id = [0; 8];
        id.copy_from_slice(&self.nonce[..8]);
        ShareId(id)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        to_bytes(self)
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (opening, _more) = postcard::take_from_bytes(bytes).ok()?;
        Some(opening)
    }
}

/// A side's proof that it knows the words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Proof {
    pub(super) tag: [u8; 32],
    pub(super) sealed: Vec<u8>,
}

/// P2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempt {
    /// The share that it is for.
    pub(super) share: ShareId,
    /// The receiver's [`Opening`], as it was sent.
    pub(super) opening: Vec<u8>,
    pub(super) proof: Proof,
}

/// Everything that is said. The order of the variants is the wire format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Message {
    /// P1, from the sender to anybody.
    Standing(Standing),
    /// P2, from a receiver.
    Attempt(Attempt),
    /// P3, from the sender.
    SenderProof(Proof),
    /// Instead of P3, from the sender: the share that P2 was for is used, here is another.
    Next(Opening),
    /// Instead of P3, from the sender.
    Refused(Refusal),
}

impl Message {
    /// At most [`MAX_PAIRING_PAYLOAD_BYTES`].
    pub(super) fn encode(&self) -> Vec<u8> {
        to_bytes(self)
    }

    /// `None` for anything that is not a message.
    pub(super) fn decode(payload: &[u8]) -> Option<Self> {
        if payload.len() > MAX_PAIRING_PAYLOAD_BYTES {
            return None;
        }
        let (message, _more) = postcard::take_from_bytes(payload).ok()?;
        Some(message)
    }
}

fn to_bytes(value: &impl Serialize) -> Vec<u8> {
    // Postcard fails only for sequences of unknown length and for full buffers, and these types
    // hold no such sequence and a vector grows.
    postcard::to_stdvec(value).expect("plain values always encode")
}
