//! The two roles in a share.

use serde::{Deserialize, Serialize};

/// Which of the two people's apps this is. Not client and server: those are the rendezvous's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Offers the files and shows the code.
    Sender,
    /// Types the code and takes the files.
    Receiver,
}

impl Role {
    /// The other side's role.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Sender => Self::Receiver,
            Self::Receiver => Self::Sender,
        }
    }
}
