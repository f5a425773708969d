//! The transfer: an offer crosses a link, and what was wanted of it is verified on disk.
//!
//! Both sides have the same shape. The async part only moves buffers and messages; files are read,
//! hashed, written and synced by threads of their own. Dropping a transfer ends its threads; what a
//! receiver has by then is kept for the next one.
//!
//! What both sides hold to is in `shared::limits`. The numbers in here are local: what this machine keeps in memory
//! and open between the link and the disk.

mod bounds;
mod controls;
mod error;
mod hear;
mod outcome;
mod proving;
mod receiving;
mod sending;
#[cfg(test)]
mod tests;

pub use fardrop_shared::transfer::Standing;

pub use controls::{Controls, Tally};
pub use error::{DestinationError, StopReason, TransferError};
pub use outcome::{FileFailure, Listed, Refusals, Renaming, Summary};
pub use proving::Proving;
pub(crate) use receiving::folders_of;
pub use receiving::{
    Answer, Conflict, ConflictMap, ConflictPolicy, Consent, Decide, Decision, OnLeftOut,
    ReceiveOptions, Room, ScannedOffer, Selection, receive,
};
pub use sending::send;
