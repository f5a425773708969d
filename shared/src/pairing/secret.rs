//! Key agreement, and what is derived from it.
//!
//! SPAKE2 over Ed25519 as the `spake2` crate does it (the construction and constants of
//! python-spake2, not those of RFC 9382), kept in this module so that it can be replaced. The crate
//! does not wipe its copies of the password and of the scalar; they live until the share is used,
//! and what it is given is a hash of the words.
//!
//! ```text
//! transcript = SHA-256 over, each behind its length (4 bytes, big endian):
//!              "fardrop pairing", version, locator, "receiver", pairing id, its opening, "sender", P1
//! prk        = HKDF-Extract(salt = transcript, ikm = SPAKE2 output)        RFC 5869, SHA-256
//! each key   = HKDF-Expand(prk, label, 32)
//! ```

use std::fmt;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use hkdf::Hkdf;
use rand_core::{CryptoRng, RngCore};
use sha2::{Digest, Sha256};
use spake2::{Ed25519Group, Group, Identity, Password, Spake2};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::message::{Agreement, Hello, Proof};
use crate::code::{Locator, PairingCode};
use crate::{PairingId, Role};

const RECEIVER_IDENTITY: &[u8] = b"fardrop receiver";
const SENDER_IDENTITY: &[u8] = b"fardrop sender";

/// In front of the 32 bytes of a share, `spake2` wants to see whose it is.
const RECEIVER_SIDE: u8 = b'A';
const SENDER_SIDE: u8 = b'B';

/// A 256-bit key, wiped when dropped. Comparing two takes the same time wherever they differ.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; 32]);

impl Key {
    /// A key from elsewhere.
    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key itself.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(<secret>)")
    }
}

/// What a pairing leaves both peers with, and nobody else: a key for each purpose, new in every
/// run, and what both can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerKey {
    agreement: Agreement,
    probe: BothWays,
    quic_binding: Key,
    go_back_n: BothWays,
    resume: Key,
}

impl PeerKey {
    /// What both peers can do.
    #[must_use]
    pub const fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// Authenticates the probes that `from` sends.
    #[must_use]
    pub const fn probe(&self, from: Role) -> &Key {
        self.probe.of(from)
    }

    /// Ties the pairing to the QUIC connection, under the first control message each way.
    #[must_use]
    pub const fn quic_binding(&self) -> &Key {
        &self.quic_binding
    }

    /// The root of the keys of Go-Back-N for what `from` sends. Each epoch derives its own.
    #[must_use]
    pub const fn go_back_n(&self, from: Role) -> &Key {
        self.go_back_n.of(from)
    }

    /// Proves, on a new path, that it is the same two peers.
    #[must_use]
    pub const fn resume(&self) -> &Key {
        &self.resume
    }
}

/// A key for each direction.
#[derive(Debug, Clone, PartialEq, Eq)]
struct BothWays {
    receiver: Key,
    sender: Key,
}

impl BothWays {
    fn expand(prk: &Hkdf<Sha256>, purpose: &str) -> Self {
        Self {
            receiver: expand(prk, &format!("fardrop {purpose} receiver")),
            sender: expand(prk, &format!("fardrop {purpose} sender")),
        }
    }

    const fn of(&self, from: Role) -> &Key {
        match from {
            Role::Receiver => &self.receiver,
            Role::Sender => &self.sender,
        }
    }
}

/// One side of one key agreement, with a fresh scalar.
pub(super) struct Agreeing {
    spake: Spake2<Ed25519Group>,
    share: [u8; 32],
    peer_side: u8,
}

impl Agreeing {
    pub(super) fn start(
        role: Role,
        code: &PairingCode,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Self {
        let hashed = Zeroizing::new(<[u8; 32]>::from(
            Sha256::new()
                .chain_update(b"fardrop words\0")
                .chain_update(code.password().as_bytes())
                .finalize(),
        ));
        let password = Password::new(hashed.as_slice());
        let receiver = Identity::new(RECEIVER_IDENTITY);
        let sender = Identity::new(SENDER_IDENTITY);
        let ((spake, said), peer_side) = match role {
            Role::Receiver => (
                Spake2::start_a_with_rng(&password, &receiver, &sender, rng),
                SENDER_SIDE,
            ),
            Role::Sender => (
                Spake2::start_b_with_rng(&password, &receiver, &sender, rng),
                RECEIVER_SIDE,
            ),
        };
        let mut share = [0; 32];
        // The crate says one byte of side and the 32 bytes of a compressed point.
        share.copy_from_slice(&said[1..]);
        Self {
            spake,
            share,
            peer_side,
        }
    }

    /// What the peer has to be told, 32 bytes.
    pub(super) const fn share(&self) -> [u8; 32] {
        self.share
    }

    /// Whether a peer's share is a point of the curve, without which nothing comes of it.
    pub(super) fn is_sound(peer_share: &[u8; 32]) -> bool {
        Ed25519Group::bytes_to_element(peer_share).is_some()
    }

    /// What both know if both knew the words; `None` if the peer's share is no point of the curve.
    pub(super) fn finish(self, peer_share: &[u8; 32]) -> Option<Zeroizing<Vec<u8>>> {
        let mut said = [self.peer_side; 33];
        said[1..].copy_from_slice(peer_share);
        self.spake.finish(&said).ok().map(Zeroizing::new)
    }
}

/// What the two have said when they know the same secret, or do not.
pub(super) struct Transcript<'a> {
    pub(super) agreement: Agreement,
    pub(super) locator: Locator,
    pub(super) pairing: PairingId,
    /// The receiver's opening, as it was sent.
    pub(super) receiver_opening: &'a [u8],
    /// P1, or the message with the share that took its place, as it was sent.
    pub(super) sender_opening: &'a [u8],
}

impl Transcript<'_> {
    fn hash(&self) -> [u8; 32] {
        let parts: [&[u8]; 8] = [
            b"fardrop pairing",
            &self.agreement.version.to_be_bytes(),
            &self.locator.value().to_be_bytes(),
            b"receiver",
            &self.pairing.0,
            self.receiver_opening,
            b"sender",
            self.sender_opening,
        ];
        let mut hash = Sha256::new();
        for part in parts {
            // No part is longer than a datagram.
            hash.update((part.len() as u32).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    /// Everything that follows from the transcript and the agreed `secret`.
    pub(super) fn secrets(&self, secret: &[u8]) -> Secrets {
        let prk = Hkdf::<Sha256>::new(Some(&self.hash()), secret);
        Secrets {
            confirm: BothWays::expand(&prk, "confirm"),
            hello: BothWays::expand(&prk, "hello"),
            peer_key: PeerKey {
                agreement: self.agreement,
                probe: BothWays::expand(&prk, "probe"),
                quic_binding: expand(&prk, "fardrop quic binding"),
                go_back_n: BothWays::expand(&prk, "go-back-n"),
                resume: expand(&prk, "fardrop resume"),
            },
        }
    }
}

/// Why a proof was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProofError {
    /// Whoever sent it did not know the words, or somebody meddled with what was said.
    WrongTag,
    /// It knew the words, but its hello was garbled on the way.
    Garbled,
}

/// What follows from one run, on either side.
pub(super) struct Secrets {
    confirm: BothWays,
    hello: BothWays,
    peer_key: PeerKey,
}

impl Secrets {
    /// Proves that `from` knows the words, and says its hello. To be called once: the hello's key
    /// seals one message.
    pub(super) fn prove(&self, from: Role, hello: &Hello) -> Proof {
        let tag = self.confirm.of(from).0;
        let payload = Payload {
            msg: &hello.encode(),
            aad: &tag,
        };
        let sealed = self
            .cipher(from)
            .encrypt(&Nonce::default(), payload)
            // It fails only beyond 256 GiB, and a hello has HELLO_BYTES.
            .expect("a hello is short");
        Proof { tag, sealed }
    }

    /// Checks that `from` knows the words, and only then opens its hello.
    pub(super) fn check(&self, from: Role, proof: &Proof) -> Result<Hello, ProofError> {
        let known: bool = self.confirm.of(from).0.ct_eq(&proof.tag).into();
        if !known {
            return Err(ProofError::WrongTag);
        }
        let payload = Payload {
            msg: &proof.sealed,
            aad: &proof.tag,
        };
        let opened = self
            .cipher(from)
            .decrypt(&Nonce::default(), payload)
            .map_err(|_| ProofError::Garbled)?;
        Hello::decode(&opened).ok_or(ProofError::Garbled)
    }

    /// What is left when both have proved themselves.
    pub(super) fn into_peer_key(self) -> PeerKey {
        self.peer_key
    }

    fn cipher(&self, from: Role) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(self.hello.of(from).as_bytes().into())
    }
}

fn expand(prk: &Hkdf<Sha256>, label: &str) -> Key {
    let mut key = Key([0; 32]);
    prk.expand(label.as_bytes(), &mut key.0)
        // RFC 5869 gives up to 255 blocks, and this is one.
        .expect("32 bytes are one block");
    key
}
