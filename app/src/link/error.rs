//! Why a link ends: the errors of every transport, and the codes that peers close links with.

use thiserror::Error;

/// Why a link ended or could not be made.
#[derive(Debug, Clone, Error)]
pub enum LinkError {
    /// The peer closed it with a code of the transfer's (see [`CloseCode`]).
    #[error("the peer closed the link: {0:?}")]
    Closed(CloseCode),
    /// Nothing was heard from the peer for the idle time-out.
    #[error("nothing was heard from the peer for too long")]
    TimedOut,
    /// The peer is not the one that knows the code.
    #[error("the peer could not prove that it knows the code")]
    Unauthenticated,
    /// The peer broke the protocol.
    #[error("the peer broke the protocol: {0}")]
    Protocol(&'static str),
    /// QUIC alone is allowed, and does not come through.
    #[error("QUIC does not come through")]
    QuicBlocked,
    /// The transport failed otherwise.
    #[error("the transport failed: {0}")]
    Transport(String),
}

/// What a peer says when it closes a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCode {
    /// Everything was said.
    Done,
    /// The person stopped it.
    Cancelled,
    /// The receiver does not want the offer.
    Declined,
    /// The other side broke the protocol.
    ProtocolViolation,
    /// The path was lost, and not found again in time.
    Abandoned,
    /// It gave way to another, since nothing came of it.
    Crowded,
    /// Nothing has come of it for too long.
    Stalled,
    /// Anything else, a code of a later version among them.
    Other(u32),
}

impl CloseCode {
    /// The code on the wire.
    #[must_use]
    pub const fn to_wire(self) -> u32 {
        match self {
            Self::Done => 0,
            Self::Cancelled => 1,
            Self::Declined => 2,
            Self::ProtocolViolation => 3,
            Self::Abandoned => 4,
            Self::Crowded => 5,
            Self::Stalled => 6,
            Self::Other(code) => code,
        }
    }

    /// The meaning of a code from the wire.
    #[must_use]
    pub const fn from_wire(code: u32) -> Self {
        match code {
            0 => Self::Done,
            1 => Self::Cancelled,
            2 => Self::Declined,
            3 => Self::ProtocolViolation,
            4 => Self::Abandoned,
            5 => Self::Crowded,
            6 => Self::Stalled,
            other => Self::Other(other),
        }
    }
}

impl From<quinn::ConnectionError> for LinkError {
    fn from(error: quinn::ConnectionError) -> Self {
        use quinn::ConnectionError;
        match error {
            ConnectionError::ApplicationClosed(close) => Self::Closed(CloseCode::from_wire(
                u32::try_from(close.error_code.into_inner()).unwrap_or(u32::MAX),
            )),
            ConnectionError::TimedOut => Self::TimedOut,
            ConnectionError::LocallyClosed => Self::Closed(CloseCode::Cancelled),
            other @ (ConnectionError::VersionMismatch
            | ConnectionError::TransportError(_)
            | ConnectionError::ConnectionClosed(_)
            | ConnectionError::Reset
            | ConnectionError::CidsExhausted) => Self::Transport(other.to_string()),
        }
    }
}
