//! The transfer: an offer crosses a link, and what was wanted of it is verified on disk.
//!
//! Both sides have the same shape. The async part only moves buffers and messages; files are read,
//! hashed, written and synced by threads of their own. Dropping a transfer ends its threads; what a
//! receiver has by then is kept for the next one.

mod receiving;
mod sending;
#[cfg(test)]
mod tests;

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use fardrop_shared::{
    name::NameError,
    offer::{Manifest, OfferError},
    transfer::{FileReason, Violation},
    wire::peer::{DeclineReason, MessageError, TRANSFER_VERSION},
};
use thiserror::Error;
use tokio::sync::watch;

use crate::link::{CloseCode, LinkError, LinkHandle};

use receiving::Survey;
pub use receiving::receive;
pub use sending::send;

/// Bytes in one buffer between the network and the disk: fed in smaller pieces, hashing and writing
/// cost more than sending.
const BUFFER_LENGTH: usize = 256 * 1024;
/// How often progress is told, at most: what a person can still see.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// How long the last words may take before the link is closed without them.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(5);
/// Most failures kept with their names; the rest are counted.
const FAILURES_KEPT: usize = 1000;
/// Most names at the top of what was taken that are told at the end: as many as are shown.
const PLACES_KEPT: usize = 10;

/// How a running transfer is watched and steered.
#[derive(Debug)]
pub struct Controls {
    /// Gets how far it is.
    pub progress: watch::Sender<Progress>,
    /// Gets whether it was accepted, and whether it stands still.
    pub standing: watch::Sender<Standing>,
    /// The wish, here, that it stands still. That of the other side comes over the link.
    pub pause: watch::Receiver<bool>,
}

/// Whether a transfer was accepted, and whether its bytes stand still. On both sides the same, but for the time
/// that a message takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Files and bytes that are taken, once the receiver has said so.
    pub accepted: Option<(u32, u64)>,
    /// This side wishes that the bytes stand still.
    pub paused_here: bool,
    /// The other side does.
    pub paused_by_peer: bool,
}

impl Standing {
    /// Whether anybody wishes that the bytes stand still.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.paused_here || self.paused_by_peer
    }
}

/// Where a transfer stands. On both sides this is what the receiver has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes at the receiver, those that were there before among them.
    pub bytes: u64,
    /// Bytes that were there before, as far as that is proved.
    pub kept: u64,
    /// Bytes of all the files that are taken.
    pub total_bytes: u64,
    /// Files verified on the receiver's disk.
    pub files: u32,
    /// Files that are taken.
    pub total_files: u32,
}

impl Progress {
    /// Bytes that have crossed the link and are at the receiver.
    #[must_use]
    pub const fn crossed(&self) -> u64 {
        // The sender may know of proved bytes a moment before the receiver counts them.
        self.bytes.saturating_sub(self.kept)
    }
}

/// A transfer that came to its end, perhaps without some of its files.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Files verified on the receiver's disk.
    pub files: u32,
    /// Bytes at the receiver, those that were there before among them.
    pub bytes: u64,
    /// Bytes of files that crossed the link.
    pub sent: u64,
    /// Bytes that were kept from an earlier transfer and proved, not sent.
    pub resumed: u64,
    /// Files that were there already, proved identical (known to the receiver only).
    pub skipped: u32,
    /// Files that did not make it, the first thousand of them.
    pub failures: Vec<FileFailure>,
    /// How many did not make it.
    pub failure_count: u32,
    /// From the receiver's yes to the last verification.
    pub elapsed: Duration,
    /// Where what was taken is now: files and folders at the top, under their final names, the first ten
    /// (known to the receiver only).
    pub places: Vec<PathBuf>,
}

/// A file that did not make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFailure {
    /// Its relative path, as the sender named it: to be escaped before it is shown.
    pub name: String,
    /// Why.
    pub reason: FileReason,
}

/// What to do about names that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// What is identical is not sent again; what differs is kept beside it as `name (1).ext`.
    #[default]
    Skip,
    /// Keep both, always.
    Rename,
    /// The new one takes the place of the old one, once it is whole.
    Replace,
}

/// How to receive.
#[derive(Debug, Clone)]
pub struct ReceiveOptions {
    /// The folder to receive into; made if it is not there.
    pub destination: PathBuf,
}

/// What a receiver is shown before it decides. Nothing was written so far.
#[derive(Debug)]
pub struct ScannedOffer {
    /// The names, all of them safe as paths, none of them escaped for display.
    pub manifest: Arc<Manifest>,
    /// The folder that it would go to.
    pub destination: PathBuf,
    /// Why the folder that was decided for cannot be used, if so: then this is about the one before.
    pub refused: Option<io::Error>,
    /// Bytes free at the destination; `None` if that cannot be told.
    pub free_space: Option<u64>,
    /// Files whose name is taken.
    pub conflicts: u32,
    /// Bytes that earlier transfers kept, to be proved.
    pub kept_bytes: u64,
    survey: Arc<Survey>,
}

impl ScannedOffer {
    /// What has which name already.
    #[must_use]
    pub fn conflicts(&self) -> ConflictMap {
        ConflictMap(Arc::clone(&self.survey))
    }
}

/// What at the destination has the name of an offered file.
#[derive(Debug, Clone)]
pub struct ConflictMap(Arc<Survey>);

/// Something that has the name of an offered file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// A file of the same size, perhaps the same one.
    SameSize,
    /// Something else.
    Differs,
}

impl ConflictMap {
    /// What has the name of the entry with this index, if it is a file and anything does.
    #[must_use]
    pub fn conflict(&self, index: u32) -> Option<Conflict> {
        if self.0.same_size.contains(index) {
            Some(Conflict::SameSize)
        } else if self.0.taken.contains(index) {
            Some(Conflict::Differs)
        } else {
            None
        }
    }
}

/// What the person decided.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Take it.
    Accept {
        /// What to do about names that are taken.
        on_conflict: OnConflict,
        /// Runs of entries to take, first and last included; all of them without a selection.
        selection: Option<Vec<(u32, u32)>>,
    },
    /// Look at another folder first, and ask again.
    Elsewhere(PathBuf),
    /// Do not.
    Decline,
}

/// Who decides about an offer.
pub trait Decide {
    /// What is decided about `offer`.
    fn decide(&mut self, offer: ScannedOffer) -> impl Future<Output = Decision> + Send;
}

impl<F, Answer> Decide for F
where
    F: FnMut(ScannedOffer) -> Answer + Send,
    Answer: Future<Output = Decision> + Send,
{
    fn decide(&mut self, offer: ScannedOffer) -> impl Future<Output = Decision> + Send {
        self(offer)
    }
}

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
    #[error("the destination cannot be used: {0}")]
    Destination(io::Error),
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

impl TransferError {
    /// What the other side is told when the link is closed because of this.
    const fn close_code(&self) -> CloseCode {
        match self {
            Self::Cancelled | Self::CancelledByPeer | Self::PeerGone(_) | Self::Local(_) => {
                CloseCode::Cancelled
            }
            Self::Declined(_)
            | Self::NoSpace { .. }
            | Self::UnsafeName { .. }
            | Self::Destination(_) => CloseCode::Declined,
            Self::Version { .. } | Self::Protocol(_) => CloseCode::ProtocolViolation,
        }
    }
}

/// The reason the link gives for its end, where a stream only said that it ended.
async fn with_reason(error: TransferError, handle: &LinkHandle) -> TransferError {
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
            OfferError::Malformed => "a malformed offer",
        })
    }
}
