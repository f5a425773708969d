//! What others than its owner may do with something that is offered.

/// The mode bits of group and others: what a sender's system lets them do with a file or folder.
///
/// Owners do not cross, and group and others at the receiver are other people. So this only ever narrows what
/// the receiver's own umask gives: what was closed to others stays closed, and nothing is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OthersAccess(u8);

impl OthersAccess {
    /// Nothing is closed to them. That is said of everything by systems without such bits.
    pub const ALL: Self = Self(0o077);

    /// Those of a mode as Unix has it.
    #[must_use]
    pub const fn from_mode(mode: u32) -> Self {
        Self((mode & 0o077) as u8)
    }

    /// The bits as they stand in a mode: three for the group, three for others.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0 as u32
    }
}

impl Default for OthersAccess {
    fn default() -> Self {
        Self::ALL
    }
}
