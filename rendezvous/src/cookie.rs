//! Proof of an address, without a memory of it.
//!
//! ```text
//!   cookie = first 16 bytes of HMAC-SHA-256(key of the slot, address 16 | port 2)
//! ```
//!
//! The key is random and replaced with every slot of time, so a cookie says which slot it is from by
//! being good under that slot's key. The current key and the one before are accepted.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use fardrop_shared::limits::COOKIE_SLOT;
use fardrop_shared::wire::rendezvous::Cookie;
use hmac::{Hmac, Mac};
use rand::{CryptoRng, RngCore};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Makes cookies and checks them.
pub(crate) struct CookieJar {
    current: Zeroizing<[u8; 32]>,
    previous: Zeroizing<[u8; 32]>,
    slot_began: Instant,
}

impl CookieJar {
    pub(crate) fn new(now: Instant, rng: &mut (impl RngCore + CryptoRng)) -> Self {
        Self {
            current: random_key(rng),
            previous: random_key(rng),
            slot_began: now,
        }
    }

    /// Replaces the keys that are due; to be called before each use.
    pub(crate) fn rotate(&mut self, now: Instant, rng: &mut (impl RngCore + CryptoRng)) {
        let age = now.saturating_duration_since(self.slot_began);
        if age < COOKIE_SLOT {
            return;
        }
        let next = random_key(rng);
        self.previous = std::mem::replace(&mut self.current, next);
        if age >= 2 * COOKIE_SLOT {
            self.previous = random_key(rng);
        }
        self.slot_began = now;
    }

    pub(crate) fn make(&self, address: SocketAddr) -> Cookie {
        mac(&self.current, address)
    }

    /// Whether `cookie` was made for `address` in this slot of time or the one before. In constant time.
    pub(crate) fn accepts(&self, cookie: Cookie, address: SocketAddr) -> bool {
        let current = mac(&self.current, address).0.ct_eq(&cookie.0);
        let previous = mac(&self.previous, address).0.ct_eq(&cookie.0);
        (current | previous).into()
    }
}

impl std::fmt::Debug for CookieJar {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CookieJar").finish_non_exhaustive()
    }
}

fn random_key(rng: &mut (impl RngCore + CryptoRng)) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    rng.fill_bytes(key.as_mut());
    key
}

fn mac(key: &[u8; 32], address: SocketAddr) -> Cookie {
    // HMAC takes a key of any length (RFC 2104, section 2).
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key");
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    mac.update(&ip.octets());
    mac.update(&address.port().to_be_bytes());
    let mut cookie = [0; 16];
    cookie.copy_from_slice(&mac.finalize().into_bytes()[..16]);
    Cookie(cookie)
}
