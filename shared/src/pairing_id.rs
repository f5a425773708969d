//! What tells one party at a rendezvous from the others.

use rand_core::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};

/// The name of one side of one pairing attempt, or of all reintroductions of one pair, towards the
/// rendezvous and the other side: random, public, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PairingId(pub [u8; 16]);

impl PairingId {
    /// A fresh one.
    #[must_use]
    pub fn random(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}
