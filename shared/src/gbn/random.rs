//! Unpredictable bytes from one seed: BLAKE3 in its extended output (section 2.6 of its paper).

use std::fmt;

use crate::pairing::Key;

/// What one look at the output gives, in bytes: a block of BLAKE3.
const BLOCK: usize = 64;

/// The bytes that nobody without the seed can foresee, the peer included.
pub(super) struct Random {
    output: blake3::OutputReader,
    block: [u8; BLOCK],
    used: usize,
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random(<secret>)")
    }
}

impl Random {
    /// The bytes of this seed. The key is mixed in, so that a poor seed is at least no public one.
    pub(super) fn new(key: &Key, seed: &[u8; 32]) -> Self {
        let output = blake3::Hasher::new_keyed(key.as_bytes())
            .update(b"fardrop go-back-n random")
            .update(seed)
            .finalize_xof();
        Self {
            output,
            block: [0; BLOCK],
            used: BLOCK,
        }
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            if self.used == BLOCK {
                self.output.fill(&mut self.block);
                self.used = 0;
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
        bytes
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes())
    }

    pub(super) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    /// A number below `bound`, which must be small and not zero; as good as even.
    pub(super) fn below(&mut self, bound: u16) -> u16 {
        // The remainder is smaller than the bound.
        (self.u32() % u32::from(bound)) as u16
    }
}
