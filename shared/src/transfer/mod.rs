//! The transfer without I/O: what is said on a data stream, and what each side remembers of the other.
//!
//! `frame` changes when the bytes of a data stream change, `sending` and `receiving` when the rules
//! of who may want and send what change, `account` when what a receiver may say of its figures does, `standing`
//! when the rule of pausing changes.

mod account;
mod claims;
pub mod frame;
mod receiving;
mod renamed;
mod sending;
mod set;
mod standing;
#[cfg(test)]
mod tests;

use thiserror::Error;

pub use crate::wire::peer::FileReason;
pub use receiving::{Receiving, Run};
pub use renamed::{HeardNames, RenamedPages};
pub use sending::{Sending, Unproved, Wanted};
pub use set::{IndexSet, Ranges};
pub use standing::{Standing, Wish};

/// The peer did what the protocol does not allow; nothing it says counts any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Violation(pub &'static str);
