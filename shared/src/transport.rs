//! Transports: what can carry a link, one of them and the set that is allowed.

use serde::{Deserialize, Serialize};

/// A transport that carries a link. The names that serde and [`Self::name`] give are kept in histories and
/// are part of the `--json` contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transport {
    /// QUIC (RFC 9000).
    #[serde(rename = "quic")]
    Quic,
    /// Our own Go-Back-N.
    #[serde(rename = "gbn")]
    GoBackN,
}

impl Transport {
    /// The short name, for `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quic => "quic",
            Self::GoBackN => "gbn",
        }
    }
}

/// A set of link transports. Bits without a name here are kept and mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transports(pub u32);

impl Transports {
    /// QUIC.
    pub const QUIC: Self = Self(1);
    /// Go-Back-N.
    pub const GO_BACK_N: Self = Self(2);
    /// Every transport that this code has.
    pub const ALL: Self = Self(3);

    /// The transports that are in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of `other` are in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
