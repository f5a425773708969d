//! Reintroduction: what two that have paired say when they look for each other at the rendezvous again, and the
//! keys that they seal it with.
//!
//! ```text
//! each key   = HKDF-Expand(the pairing's resume key, label, 32)            RFC 5869, SHA-256
//! locator    = the first 31 bits of such a key, and above them a bit that no spoken code has
//! an update  = nonce (12) | sealed (316: round, whereabouts, zeros) | tag (16)
//! ```
//!
//! Sealed with ChaCha20-Poly1305 under the sending side's key, with a random nonce. The rendezvous sees
//! that two meet, not who they are to each other; it can keep an update back, or say an older one again.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use hkdf::Hkdf;
use rand_core::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{PathKeys, Whereabouts};
use crate::Role;
use crate::limits::HELLO_BYTES;

const NONCE_BYTES: usize = 12;

/// The longest whereabouts in an update, beside the round (5) and their own length (2).
const WHEREABOUTS_BYTES: usize = HELLO_BYTES - 7;

/// The bit that tells these locators from those of spoken codes, which do not reach it: nine digits are fewer than 2^30.
const NOT_SPOKEN: u32 = 1 << 31;

/// Where a peer is, in one round of looking for a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// 0 for the search that follows the pairing; one more each time that a side has lost the path.
    pub round: u32,
    /// Where it is.
    pub whereabouts: Whereabouts,
}

/// The keys under which two that have paired are reintroduced.
pub struct ReintroductionKeys {
    resume: Zeroizing<[u8; 32]>,
}

/// The probe keys of one round.
pub(super) struct RoundKeys {
    sender: Zeroizing<[u8; 32]>,
    receiver: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for ReintroductionKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReintroductionKeys").finish_non_exhaustive()
    }
}

impl ReintroductionKeys {
    /// The keys that follow from the pairing's resume key.
    #[must_use]
    pub fn new(resume: &[u8; 32]) -> Self {
        Self {
            resume: Zeroizing::new(*resume),
        }
    }

    /// The locator under which the two look for each other at the rendezvous.
    #[must_use]
    pub fn locator(&self) -> u32 {
        let key = self.expand("fardrop meeting locator");
        let [a, b, c, d, ..] = *key;
        NOT_SPOKEN | u32::from_be_bytes([a, b, c, d]) >> 1
    }

    /// The update as `from` says it, fit for a payload of the rendezvous.
    #[must_use]
    pub fn seal(
        &self,
        from: Role,
        update: &Update,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Vec<u8> {
        let mut sealed = vec![0; NONCE_BYTES];
        rng.fill_bytes(&mut sealed);
        let update = Update {
            round: update.round,
            whereabouts: update.whereabouts.clone().fitting(WHEREABOUTS_BYTES),
        };
        // Postcard fails only for sequences of unknown length, and an update has none.
        let mut body = postcard::to_stdvec(&update).unwrap_or_default();
        debug_assert!(body.len() <= HELLO_BYTES, "the bounds of an update fit");
        body.resize(HELLO_BYTES, 0);
        let payload = Payload::from(body.as_slice());
        let nonce = Nonce::from_slice(&sealed);
        // It fails only beyond 256 GiB; an empty update is one that does not open.
        let body = self
            .cipher(from)
            .encrypt(nonce, payload)
            .unwrap_or_default();
        sealed.extend(body);
        sealed
    }

    /// The update that `from` has sealed; `None` for any other bytes.
    #[must_use]
    pub fn open(&self, from: Role, sealed: &[u8]) -> Option<Update> {
        let (nonce, body) = sealed.split_at_checked(NONCE_BYTES)?;
        let opened = self
            .cipher(from)
            .decrypt(Nonce::from_slice(nonce), Payload::from(body))
            .ok()?;
        let (update, _padding) = postcard::take_from_bytes(&opened).ok()?;
        Some(update)
    }

    pub(super) fn round(&self, number: u32) -> RoundKeys {
        RoundKeys {
            sender: self.expand(&format!("fardrop round {number} sender")),
            receiver: self.expand(&format!("fardrop round {number} receiver")),
        }
    }

    fn cipher(&self, from: Role) -> ChaCha20Poly1305 {
        let key = self.expand(match from {
            Role::Sender => "fardrop meeting sender",
            Role::Receiver => "fardrop meeting receiver",
        });
        ChaCha20Poly1305::new(key.as_ref().into())
    }

    fn expand(&self, label: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        // RFC 5869 gives up to 255 blocks, and this is one; 32 bytes are what a pseudorandom key has.
        let expanded = Hkdf::<Sha256>::from_prk(self.resume.as_ref())
            .ok()
            .and_then(|prk| prk.expand(label.as_bytes(), key.as_mut()).ok());
        debug_assert!(expanded.is_some(), "a key of 32 bytes expands to 32 bytes");
        key
    }
}

impl RoundKeys {
    pub(super) fn as_path_keys(&self) -> PathKeys<'_> {
        PathKeys {
            sender: &self.sender,
            receiver: &self.receiver,
        }
    }
}
