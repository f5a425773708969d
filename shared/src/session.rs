//! Which run of a pairing a message belongs to.

use rand_core::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};

/// Names one side of one run towards the rendezvous and the other side: random, public, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId(pub [u8; 16]);

impl SessionId {
    /// A fresh one.
    #[must_use]
    pub fn random(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}
