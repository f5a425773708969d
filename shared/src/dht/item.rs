//! Mutable items (BEP 44): a value that only who has the key can put, and anybody can check.

use std::fmt;

use rand_core::{CryptoRng, RngCore};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::bencode::Writer;
use super::node_id::NodeId;
use crate::limits::{DHT_MAX_SALT_BYTES, DHT_MAX_VALUE_BYTES};

/// A value or a salt that BEP 44 has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes are more than the {limit} of an item's {what}")]
pub struct TooLong {
    /// The value, or the salt.
    pub what: &'static str,
    /// How long it is.
    pub bytes: usize,
    /// How long it may be.
    pub limit: usize,
}

/// An Ed25519 key with which items are put.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// The key of this seed (RFC 8032, section 5.1.5). Any seed has one.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Option<Self> {
        Ed25519KeyPair::from_seed_unchecked(seed).ok().map(Self)
    }

    /// A key of its own.
    #[must_use]
    pub fn random(rng: &mut (impl RngCore + CryptoRng)) -> Option<Self> {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        Self::from_seed(&seed)
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        let mut key = [0; 32];
        key.copy_from_slice(self.0.public_key().as_ref());
        key
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(<secret>)")
    }
}

/// Where an item is: the key that it is signed with, and a salt that tells items of one key apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    key: [u8; 32],
    salt: Vec<u8>,
}

impl Slot {
    /// The slot of this key and salt, which may be empty.
    ///
    /// # Errors
    /// [`TooLong`] over [`DHT_MAX_SALT_BYTES`].
    pub fn new(key: [u8; 32], salt: Vec<u8>) -> Result<Self, TooLong> {
        check("salt", &salt, DHT_MAX_SALT_BYTES)?;
        Ok(Self { key, salt })
    }

    /// The public key.
    #[must_use]
    pub const fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The salt.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// Its place among the ids of nodes.
    #[must_use]
    pub fn target(&self) -> NodeId {
        NodeId::of(&[self.key.as_slice(), &self.salt].concat())
    }
}

/// An item as a node gives it, before anybody has looked at its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UncheckedItem {
    /// The public key.
    pub key: [u8; 32],
    /// Its number.
    pub seq: i64,
    /// What it says.
    pub value: Vec<u8>,
    /// The signature over number, value and salt.
    pub signature: [u8; 64],
}

/// An item that whoever has the key has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    slot: Slot,
    seq: i64,
    value: Vec<u8>,
    signature: [u8; 64],
}

impl Item {
    /// Signs a value: the one with the highest `seq` holds, and it is never below 0.
    ///
    /// # Errors
    /// [`TooLong`] over [`DHT_MAX_VALUE_BYTES`] or [`DHT_MAX_SALT_BYTES`].
    pub fn sign(key: &SigningKey, salt: &[u8], seq: u32, value: Vec<u8>) -> Result<Self, TooLong> {
        check("value", &value, DHT_MAX_VALUE_BYTES)?;
        let slot = Slot::new(key.public(), salt.to_vec())?;
        let seq = i64::from(seq);
        let mut signature = [0; 64];
        let signed = key.0.sign(&signed_bytes(&slot, seq, &value));
        signature.copy_from_slice(signed.as_ref());
        Ok(Self {
            slot,
            seq,
            value,
            signature,
        })
    }

    /// The item, if it belongs into that slot and its signature holds.
    #[must_use]
    pub fn verify(slot: &Slot, item: UncheckedItem) -> Option<Self> {
        let fits = item.key == slot.key && item.seq >= 0 && item.value.len() <= DHT_MAX_VALUE_BYTES;
        let signed = signed_bytes(slot, item.seq, &item.value);
        let key = UnparsedPublicKey::new(&ED25519, &slot.key);
        let holds = fits && key.verify(&signed, &item.signature).is_ok();
        holds.then(|| Self {
            slot: slot.clone(),
            seq: item.seq,
            value: item.value,
            signature: item.signature,
        })
    }

    /// Where it is.
    #[must_use]
    pub const fn slot(&self) -> &Slot {
        &self.slot
    }

    /// Its number.
    #[must_use]
    pub const fn seq(&self) -> i64 {
        self.seq
    }

    /// What it says.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// The signature.
    #[must_use]
    pub const fn signature(&self) -> &[u8; 64] {
        &self.signature
    }
}

fn check(what: &'static str, bytes: &[u8], limit: usize) -> Result<(), TooLong> {
    if bytes.len() <= limit {
        return Ok(());
    }
    Err(TooLong {
        what,
        bytes: bytes.len(),
        limit,
    })
}

/// What is signed: parts of a dictionary, without its ends.
pub(super) fn signed_bytes(slot: &Slot, seq: i64, value: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    if !slot.salt.is_empty() {
        writer.bytes(b"salt").bytes(&slot.salt);
    }
    writer.bytes(b"seq").integer(seq);
    writer.bytes(b"v").bytes(value);
    writer.into_bytes()
}
