//! How much of what a person named is not in their offer.

use serde::{Deserialize, Serialize};

/// How many things a sender leaves out of its offer, as far as they can be counted. It is told to the receiver,
/// who would otherwise take the offer for all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LeftOutCount {
    /// Files, folders and whatever else has a name, each by itself.
    pub things: u64,
    /// Folders that could not be looked into: what is in them is not counted.
    pub closed_folders: u64,
}

impl LeftOutCount {
    /// Whether nothing is left out.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.things == 0 && self.closed_folders == 0
    }
}
