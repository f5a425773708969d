//! File names from a stranger: from a peer's bytes to a name on this disk.
//!
//! Two questions are asked of a name, one after the other.
//!
//! * Is it *dangerous anywhere*? `..`, an absolute path, a name of our own files, one name for two things:
//!   [`check`] and [`NameSet`] say so, and the whole offer is refused.
//! * Is it *possible here*? What the receiver's system and the file system of its destination can hold are
//!   [`NameRules`]. A plan keeps every name that they allow, and finds another one near to it, or
//!   none, for every name that they do not.
//!
//! What comes out is a [`SafeName`]. Only a [`PlacedManifest`](crate::offer::PlacedManifest) makes one, of names
//! that were checked, and the disk takes no other.

mod check;
mod display;
mod error;
mod escape;
mod fold;
mod plan;
mod prefixes;
mod rules;
mod safe;
mod set;
#[cfg(test)]
mod tests;

pub use check::{check, is_part_name};
pub use display::{display_safe, lossy};
pub use error::NameError;
pub use fold::fold;
pub use plan::BadNames;
pub(crate) use plan::NamePlan;
pub use rules::{NameLength, NameRules, Platform};
pub use safe::{SafeName, numbered};
pub use set::{EntryKind, NameSet};

/// What the names of our own files beside a destination begin with.
pub const PART_PREFIX: &str = ".fardrop-";
