//! The transfer, pure: what is said on a data stream, and the books of both sides.
//!
//! `frame` changes when the bytes of a data stream change, `sending` and `receiving` when the rules
//! of who may want and send what change.

pub mod frame;
mod receiving;
mod sending;
mod set;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use receiving::{CLAIMED_LIMIT, Receiving};
pub use sending::{Sending, Wanted};
pub use set::{IndexSet, Ranges};

/// "The first `length` bytes of what I have hash to this."
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Bytes of the prefix, more than 0.
    pub length: u64,
    /// Its BLAKE3.
    pub hash: [u8; 32],
}

/// Why one file did not make it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FileReason {
    /// It is no longer as it was offered.
    FileChanged,
    /// The sender could not read it.
    FileUnreadable,
    /// What arrived is not what was sent.
    HashMismatch,
    /// The receiver could not write it.
    WriteFailed,
    /// The receiver's disk is full.
    NoSpace,
    /// The receiver asked for the rest not to be sent.
    Skipped,
}

impl FileReason {
    /// Every reason, in the order of their wire form.
    const ALL: [Self; 6] = [
        Self::FileChanged,
        Self::FileUnreadable,
        Self::HashMismatch,
        Self::WriteFailed,
        Self::NoSpace,
        Self::Skipped,
    ];

    /// The byte in an abort frame.
    #[must_use]
    pub const fn to_wire(self) -> u8 {
        self as u8
    }

    /// The reason an abort frame gives; `None` for one of a later version.
    #[must_use]
    pub fn from_wire(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

/// The peer did what the protocol does not allow; nothing it says counts any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Violation(pub &'static str);
