//! Why a transfer ended before its end, and what the other side is told then.

use std::io;
use std::path::PathBuf;

use fardrop_shared::name::NameError;
use fardrop_shared::offer::OfferError;
use fardrop_shared::transfer::Violation;
use fardrop_shared::wire::peer::{DeclineReason, FileReason, MessageError, TRANSFER_VERSION};
use thiserror::Error;

use crate::disk::write_reason;
use crate::link::{CloseCode, LinkError, LinkHandle};

/// Why a transfer ended before its end.
#[derive(Debug, Error)]
pub enum TransferError {
    /// The person on this side stopped it.
    #[error("stopped")]
    Cancelled,
    /// The person on the other side stopped it.
    #[error("stopped by the other side")]
    CancelledByPeer,
    /// The receiver does not take it.
    #[error("declined: {0:?}")]
    Declined(DeclineReason),
    /// It does not fit.
    #[error("{needed} bytes do not fit into {free} free ones")]
    NoSpace {
        /// Bytes that would be written.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A name in the offer must not become a path. To be escaped before it is shown.
    #[error("the offer has a name that is not safe: {reason}")]
    UnsafeName {
        /// The name.
        name: String,
        /// Why not.
        reason: NameError,
    },
    /// The destination cannot be used.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// Another receive into the same folder has taken over what this one had, while it heard nothing of its sender.
    #[error("another receive has taken it over")]
    TakenOver,
    /// It had to give way to another receiver, since nothing came of it.
    #[error("it gave way to another receiver")]
    Crowded,
    /// Nothing has come of it for too long.
    #[error("nothing has come of it for too long")]
    Stalled,
    /// The two sides have no version in common.
    #[error("the other side speaks version {theirs} of the transfer, not {TRANSFER_VERSION}")]
    Version {
        /// What the other side said.
        theirs: u16,
    },
    /// The link ended.
    #[error("the other side is gone: {0}")]
    PeerGone(LinkError),
    /// The other side broke the protocol.
    #[error("the other side broke the protocol: {0}")]
    Protocol(&'static str),
    /// This machine could not do its part (no threads, for one).
    #[error("this machine could not go on: {0}")]
    Local(io::Error),
}

/// Why whoever started a transfer ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The person stops it.
    Cancelled,
    /// It gives way to another.
    Crowded,
    /// Nothing has come of it for too long.
    Stalled,
}

impl From<StopReason> for TransferError {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::Cancelled => Self::Cancelled,
            StopReason::Crowded => Self::Crowded,
            StopReason::Stalled => Self::Stalled,
        }
    }
}

/// Why a folder cannot be received into.
#[derive(Debug, Error)]
#[error("{}: {error}", .path.display())]
pub struct DestinationError {
    /// The folder.
    pub path: PathBuf,
    /// What the system says.
    pub error: io::Error,
}

impl DestinationError {
    /// What the other side is told.
    #[must_use]
    pub fn reason(&self) -> FileReason {
        write_reason(&self.error)
    }
}

impl TransferError {
    /// What the other side is told when the link is closed because of this.
    pub(super) const fn close_code(&self) -> CloseCode {
        match self {
            Self::Cancelled
            | Self::CancelledByPeer
            | Self::TakenOver
            | Self::PeerGone(_)
            | Self::Local(_) => CloseCode::Cancelled,
            Self::Declined(_)
            | Self::NoSpace { .. }
            | Self::UnsafeName { .. }
            | Self::Destination(_) => CloseCode::Declined,
            Self::Crowded => CloseCode::Crowded,
            Self::Stalled => CloseCode::Stalled,
            Self::Version { .. } | Self::Protocol(_) => CloseCode::ProtocolViolation,
        }
    }
}

/// The reason the link gives for its end, where a stream only said that it ended.
pub(super) async fn with_reason(error: TransferError, handle: &LinkHandle) -> TransferError {
    if !matches!(error, TransferError::PeerGone(_)) {
        return error;
    }
    tokio::select! {
        biased;
        reason = handle.closed() => reason.into(),
        () = std::future::ready(()) => error,
    }
}

impl From<LinkError> for TransferError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Closed(CloseCode::Cancelled) => Self::CancelledByPeer,
            LinkError::Closed(CloseCode::Declined) => Self::Declined(DeclineReason::Person),
            LinkError::Closed(CloseCode::ProtocolViolation) => {
                Self::Protocol("the other side says that this one broke it")
            }
            LinkError::Closed(CloseCode::Crowded) => Self::Crowded,
            LinkError::Closed(CloseCode::Stalled) => Self::Stalled,
            LinkError::Protocol(what) => Self::Protocol(what),
            other @ (LinkError::Closed(
                CloseCode::Done | CloseCode::Abandoned | CloseCode::Other(_),
            )
            | LinkError::TimedOut
            | LinkError::Unauthenticated
            | LinkError::QuicBlocked
            | LinkError::Transport(_)) => Self::PeerGone(other),
        }
    }
}

impl From<Violation> for TransferError {
    fn from(violation: Violation) -> Self {
        Self::Protocol(violation.0)
    }
}

impl From<MessageError> for TransferError {
    fn from(_: MessageError) -> Self {
        Self::Protocol("not a message of this version")
    }
}

impl From<OfferError> for TransferError {
    fn from(error: OfferError) -> Self {
        Self::Protocol(match error {
            OfferError::TooManyEntries => "an offer of too many files",
            OfferError::ManifestTooLong => "an offer of too many names",
            OfferError::PathLength => "an offer with a path too long",
            OfferError::TooManyBytes => "an offer of too many bytes",
            OfferError::LinkTarget => "an offer with a link that leads where it may not",
            OfferError::Malformed => "a malformed offer",
        })
    }
}
