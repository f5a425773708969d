//! The keys of one connection, and the AEAD.
//!
//! ```text
//! salt        = sender's 32 random bytes, receiver's 32 random bytes
//! secret(d,0) = HKDF-Expand(HKDF-Extract(salt, root(d)), "fardrop gbn secret" cipher, 32)
//! mask(d)     = HKDF-Expand(HKDF-Extract(salt, root(d)), "fardrop gbn mask" cipher 0 / 1)
//! secret(d,g) = HKDF-Expand(secret(d,g-1), "fardrop gbn next", 32)
//! key, iv     = HKDF-Expand(secret(d,g), "fardrop gbn key" / "fardrop gbn iv")
//! g           = packet number >> 22
//! nonce       = iv xor packet number                                       RFC 8446, section 5.3
//! ```
//!
//! Both ends put in random bytes, so no key comes back as long as one of them is new. The generation
//! follows from the packet number and is never said: AES-128-GCM stays within its limits (RFC 9001,
//! appendix B.1.1: 2^28 packets of up to 2^11 bytes, 2^23 of up to 2^16) with room to spare.

use std::fmt;

use hkdf::Hkdf;
use ring::aead::quic::{self, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Role;
use crate::pairing::{Cipher, Key, PeerKey};

/// Bytes that an AEAD adds.
pub(super) const TAG_LENGTH: usize = 16;

/// Packets sealed under one key, as a power of two.
const GENERATION_SHIFT: u32 = 22;

/// Packet numbers end here, since acknowledgements name them in six bytes: 400 PB in packets of 1452.
pub(super) const MAX_PACKET_NUMBER: u64 = (1 << 48) - 1;

/// The secrets that pairing left for Go-Back-N, and who we are.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    pub(super) role: Role,
    pub(super) outgoing: Key,
    pub(super) incoming: Key,
    pub(super) cipher: Cipher,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("role", &self.role)
            .field("cipher", &self.cipher)
            .finish_non_exhaustive()
    }
}

impl Keys {
    /// What `role` needs of a pairing's outcome.
    #[must_use]
    pub fn new(peer_key: &PeerKey, role: Role) -> Self {
        Self {
            role,
            outgoing: peer_key.go_back_n(role).clone(),
            incoming: peer_key.go_back_n(role.peer()).clone(),
            cipher: peer_key.agreement().cipher,
        }
    }

    /// Keys without a pairing, for simulations: from the root key of what each of the two sends.
    #[must_use]
    pub const fn from_roots(
        sender: [u8; 32],
        receiver: [u8; 32],
        role: Role,
        cipher: Cipher,
    ) -> Self {
        let (outgoing, incoming) = match role {
            Role::Sender => (sender, receiver),
            Role::Receiver => (receiver, sender),
        };
        Self {
            role,
            outgoing: Key::from_bytes(outgoing),
            incoming: Key::from_bytes(incoming),
            cipher,
        }
    }
}

/// Seals what one end sends.
pub(super) struct Sealer {
    chain: Chain,
    generation: u64,
    key: PacketKey,
    mask: Mask,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(<secret>)")
    }
}

impl Sealer {
    pub(super) fn new(root: &Key, salt: &[u8; 64], cipher: Cipher) -> Self {
        let chain = Chain::new(root, salt, cipher);
        Self {
            key: chain.key(),
            mask: Mask::new(root, salt, cipher),
            generation: 0,
            chain,
        }
    }

    /// Seals a packet in place: its number in the first eight bytes, its body behind, and the tag
    /// that is appended. Packet numbers never come twice and never fall.
    pub(super) fn seal(&mut self, packet_number: u64, buffer: &mut Vec<u8>, start: usize) {
        while self.generation < packet_number >> GENERATION_SHIFT {
            self.chain.advance();
            self.key = self.chain.key();
            self.generation += 1;
        }
        let body = start + 8;
        let sealed = self.key.key.seal_in_place_separate_tag(
            self.key.nonce(packet_number),
            Aad::empty(),
            &mut buffer[body..],
        );
        let Ok(tag) = sealed else {
            // Only for many gigabytes at once. A tag of zeros is dropped by the peer.
            buffer.extend_from_slice(&[0; TAG_LENGTH]);
            return;
        };
        buffer.extend_from_slice(tag.as_ref());
        let masked = packet_number ^ self.mask.of(tag.as_ref());
        buffer[start..body].copy_from_slice(&masked.to_le_bytes());
    }
}

/// Opens what the other end sealed.
pub(super) struct Opener {
    /// Its key is that of the generation after the current one.
    chain: Chain,
    generation: u64,
    before: Option<PacketKey>,
    current: PacketKey,
    after: PacketKey,
    mask: Mask,
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener(<secret>)")
    }
}

impl Opener {
    pub(super) fn new(root: &Key, salt: &[u8; 64], cipher: Cipher) -> Self {
        let mut chain = Chain::new(root, salt, cipher);
        let current = chain.key();
        chain.advance();
        Self {
            generation: 0,
            before: None,
            current,
            after: chain.key(),
            chain,
            mask: Mask::new(root, salt, cipher),
        }
    }

    /// The packet number that a datagram claims.
    pub(super) fn packet_number(&self, datagram: &[u8]) -> Option<u64> {
        let body = datagram
            .len()
            .checked_sub(TAG_LENGTH)
            .filter(|&at| at >= 9)?;
        let masked = u64::from_le_bytes(datagram.get(..8)?.try_into().ok()?);
        let packet_number = masked ^ self.mask.of(datagram.get(body..)?);
        (packet_number <= MAX_PACKET_NUMBER).then_some(packet_number)
    }

    /// Opens a datagram in place; its body. The datagram is spoilt if it is not the peer's.
    pub(super) fn open<'a>(
        &mut self,
        packet_number: u64,
        datagram: &'a mut [u8],
    ) -> Option<&'a [u8]> {
        let generation = packet_number >> GENERATION_SHIFT;
        let next = generation == self.generation + 1;
        let key = if generation == self.generation {
            &self.current
        } else if next {
            &self.after
        } else if generation + 1 == self.generation {
            self.before.as_ref()?
        } else {
            return None;
        };
        let nonce = key.nonce(packet_number);
        let sealed = datagram.get_mut(8..)?;
        let body = key.key.open_in_place(nonce, Aad::empty(), sealed).ok()?;
        if next {
            self.generation += 1;
            self.chain.advance();
            let current = std::mem::replace(&mut self.after, self.chain.key());
            self.before = Some(std::mem::replace(&mut self.current, current));
        }
        Some(body)
    }
}

/// Seals one body in place and appends its tag, under a key of its own: `root` and 32 random bytes.
pub(super) fn seal_once(root: &Key, random: &[u8; 32], buffer: &mut Vec<u8>, start: usize) {
    let key = once(root, random);
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    match key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut buffer[start..]) {
        Ok(tag) => buffer.extend_from_slice(tag.as_ref()),
        // As above: never for so little.
        Err(_) => buffer.extend_from_slice(&[0; TAG_LENGTH]),
    }
}

/// Opens what [`seal_once`] sealed.
pub(super) fn open_once<'a>(
    root: &Key,
    random: &[u8; 32],
    sealed: &'a mut [u8],
) -> Option<&'a [u8]> {
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let body = once(root, random)
        .open_in_place(nonce, Aad::empty(), sealed)
        .ok()?;
    Some(body)
}

fn once(root: &Key, random: &[u8; 32]) -> LessSafeKey {
    let prk = Hkdf::<Sha256>::new(Some(random), root.as_bytes());
    let mut key = Zeroizing::new([0; 32]);
    expand(&prk, b"fardrop gbn opening", 0, &mut *key);
    unbound(&CHACHA20_POLY1305, &*key)
}

/// The secrets of one direction, one after another.
struct Chain {
    secret: Zeroizing<[u8; 32]>,
    cipher: Cipher,
}

impl Chain {
    fn new(root: &Key, salt: &[u8; 64], cipher: Cipher) -> Self {
        let prk = Hkdf::<Sha256>::new(Some(salt), root.as_bytes());
        let mut secret = Zeroizing::new([0; 32]);
        expand(&prk, b"fardrop gbn secret", number(cipher), &mut *secret);
        Self { secret, cipher }
    }

    fn advance(&mut self) {
        let prk = self.prk();
        expand(&prk, b"fardrop gbn next", 0, &mut *self.secret);
    }

    fn key(&self) -> PacketKey {
        let prk = self.prk();
        let algorithm = algorithm(self.cipher);
        let mut key = Zeroizing::new([0; 32]);
        let key = &mut key[..algorithm.key_len()];
        let mut iv = [0; 12];
        expand(&prk, b"fardrop gbn key", 0, key);
        expand(&prk, b"fardrop gbn iv", 0, &mut iv);
        PacketKey {
            key: unbound(algorithm, key),
            iv,
        }
    }

    fn prk(&self) -> Hkdf<Sha256> {
        Hkdf::<Sha256>::from_prk(&*self.secret)
            // It takes anything as long as a hash, and the secret is as long.
            .expect("the secret is as long as a hash")
    }
}

/// The key of one generation.
struct PacketKey {
    key: LessSafeKey,
    iv: [u8; 12],
}

impl PacketKey {
    fn nonce(&self, packet_number: u64) -> Nonce {
        let mut nonce = self.iv;
        for (byte, number) in nonce[4..].iter_mut().zip(packet_number.to_be_bytes()) {
            *byte ^= number;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Hides packet numbers: two masks of five bytes each from the tag (RFC 9001, section 5.4), since one
/// is too short for 64 bits.
struct Mask([HeaderProtectionKey; 2]);

impl Mask {
    fn new(root: &Key, salt: &[u8; 64], cipher: Cipher) -> Self {
        let prk = Hkdf::<Sha256>::new(Some(salt), root.as_bytes());
        let algorithm = match cipher {
            Cipher::Aes128Gcm => &quic::AES_128,
            Cipher::ChaCha20Poly1305 => &quic::CHACHA20,
        };
        Self([0, 1].map(|which| {
            let mut key = Zeroizing::new([0; 32]);
            let key = &mut key[..algorithm.key_len()];
            expand(&prk, b"fardrop gbn mask", 2 * number(cipher) + which, key);
            HeaderProtectionKey::new(algorithm, key)
                // It has the length that the algorithm asked for.
                .expect("the key is as long as it should be")
        }))
    }

    /// The mask that a tag gives.
    fn of(&self, tag: &[u8]) -> u64 {
        let [low, high] = &self.0;
        // A tag is as long as a sample; were it not, nothing would be hidden, and nothing opened.
        let low = low.new_mask(tag).unwrap_or_default();
        let high = high.new_mask(tag).unwrap_or_default();
        u64::from_le_bytes([
            low[0], low[1], low[2], low[3], high[0], high[1], high[2], high[3],
        ])
    }
}

const fn algorithm(cipher: Cipher) -> &'static Algorithm {
    match cipher {
        Cipher::Aes128Gcm => &AES_128_GCM,
        Cipher::ChaCha20Poly1305 => &CHACHA20_POLY1305,
    }
}

const fn number(cipher: Cipher) -> u8 {
    match cipher {
        Cipher::ChaCha20Poly1305 => 1,
        Cipher::Aes128Gcm => 2,
    }
}

fn unbound(algorithm: &'static Algorithm, key: &[u8]) -> LessSafeKey {
    let key = UnboundKey::new(algorithm, key)
        // It has the length that the algorithm asked for.
        .expect("the key is as long as it should be");
    LessSafeKey::new(key)
}

fn expand(prk: &Hkdf<Sha256>, label: &[u8], number: u8, into: &mut [u8]) {
    prk.expand_multi_info(&[label, &[number]], into)
        // RFC 5869 gives up to 255 blocks, and this is one.
        .expect("32 bytes are one block");
}

#[cfg(test)]
mod tests {
    use super::{Cipher, GENERATION_SHIFT, Key, Opener, Sealer, TAG_LENGTH};

    fn both(cipher: Cipher) -> (Sealer, Opener) {
        let root = Key::from_bytes([5; 32]);
        let salt = [6; 64];
        (
            Sealer::new(&root, &salt, cipher),
            Opener::new(&root, &salt, cipher),
        )
    }

    fn seal(sealer: &mut Sealer, packet_number: u64) -> Vec<u8> {
        let mut buffer = vec![0; 8];
        buffer.extend_from_slice(b"body");
        sealer.seal(packet_number, &mut buffer, 0);
        assert_eq!(buffer.len(), 8 + 4 + TAG_LENGTH);
        buffer
    }

    #[track_caller]
    fn check(opener: &mut Opener, sealed: &[u8], packet_number: u64, opens: bool) {
        let mut datagram = sealed.to_vec();
        assert_eq!(opener.packet_number(&datagram), Some(packet_number));
        let body = opener.open(packet_number, &mut datagram);
        assert_eq!(body, opens.then_some(&b"body"[..]));
    }

    #[test]
    fn keys_change_with_the_packet_number_and_packets_may_overtake_one_another() {
        for cipher in [Cipher::Aes128Gcm, Cipher::ChaCha20Poly1305] {
            let (mut sealer, mut opener) = both(cipher);
            let border = 1 << GENERATION_SHIFT;
            let numbers = [0, border - 2, border - 1, border, border + 1, 2 * border];
            let sealed = numbers.map(|number| seal(&mut sealer, number));
            for at in [0, 1, 3, 2, 4, 5] {
                check(&mut opener, &sealed[at], numbers[at], true);
            }
            // The one before the last key is gone.
            check(&mut opener, &sealed[2], numbers[2], false);
            check(&mut opener, &sealed[4], numbers[4], true);
        }
    }

    #[test]
    fn a_key_that_is_far_ahead_is_not_looked_for() {
        let (mut sealer, mut opener) = both(Cipher::Aes128Gcm);
        let far = seal(&mut sealer, 2 << GENERATION_SHIFT);
        check(&mut opener, &far, 2 << GENERATION_SHIFT, false);
    }

    #[test]
    fn the_same_body_never_looks_the_same() {
        let (mut sealer, _) = both(Cipher::Aes128Gcm);
        let one = seal(&mut sealer, 1);
        let two = seal(&mut sealer, 2);
        assert!(one.iter().zip(&two).filter(|(one, two)| one == two).count() < 6);
    }

    #[test]
    fn what_was_turned_or_cut_does_not_open() {
        let (mut sealer, mut opener) = both(Cipher::ChaCha20Poly1305);
        let sealed = seal(&mut sealer, 9);
        for bit in 0..sealed.len() * 8 {
            let mut datagram = sealed.clone();
            datagram[bit / 8] ^= 1 << (bit % 8);
            let opened = opener
                .packet_number(&datagram)
                .and_then(|number| opener.open(number, &mut datagram).map(<[u8]>::len));
            assert_eq!(opened, None, "bit {bit}");
        }
        for length in 0..sealed.len() {
            let mut datagram = sealed[..length].to_vec();
            let opened = opener
                .packet_number(&datagram)
                .and_then(|number| opener.open(number, &mut datagram).map(<[u8]>::len));
            assert_eq!(opened, None, "length {length}");
        }
    }
}
