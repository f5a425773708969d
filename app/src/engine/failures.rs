//! What the errors of the stages mean to a person: every [`Failure`] that comes from one is made here.

use fardrop_shared::transfer::FileReason;
use fardrop_shared::wire::peer::DeclineReason;

use crate::failure::{Failure, FailureKind, Stage};
use crate::files::ScanError;
use crate::link::{CloseCode, LinkError};
use crate::net::{IntroductionError, PathError};
use crate::transfer::TransferError;

/// What a link's end means to a person.
pub(super) fn link_failure(stage: Stage, error: &LinkError) -> Failure {
    let kind = match error {
        LinkError::Closed(CloseCode::Declined) => FailureKind::Declined,
        LinkError::Closed(CloseCode::Cancelled) => FailureKind::CancelledByPeer,
        LinkError::Closed(CloseCode::Crowded) => FailureKind::Crowded,
        LinkError::Closed(CloseCode::Stalled) => FailureKind::Stalled,
        LinkError::Closed(CloseCode::Done | CloseCode::Abandoned | CloseCode::Other(_))
        | LinkError::TimedOut
        | LinkError::Transport(_) => FailureKind::PeerGone,
        LinkError::QuicBlocked => FailureKind::LinkBlocked,
        LinkError::Closed(CloseCode::ProtocolViolation)
        | LinkError::Unauthenticated
        | LinkError::Protocol(_) => FailureKind::PeerMisbehaved,
    };
    let failure = Failure::new(stage, kind);
    match error {
        LinkError::Protocol(what) => failure.with_detail(what),
        LinkError::Transport(what) => failure.with_detail(what),
        LinkError::Closed(_)
        | LinkError::TimedOut
        | LinkError::QuicBlocked
        | LinkError::Unauthenticated => failure,
    }
}

/// The person stopped it.
pub(super) const fn cancelled(stage: Stage) -> Failure {
    Failure::new(stage, FailureKind::Cancelled)
}

/// What a transfer's end means to a person.
pub(super) fn transfer_failure(error: &TransferError) -> Failure {
    let (stage, kind) = match error {
        TransferError::Cancelled => (Stage::Transfer, FailureKind::Cancelled),
        TransferError::CancelledByPeer => (Stage::Transfer, FailureKind::CancelledByPeer),
        TransferError::Declined(DeclineReason::TakenOver) => {
            (Stage::Transfer, FailureKind::TakenOver)
        }
        TransferError::Declined(reason) => (Stage::Offer, declined(*reason)),
        TransferError::NoSpace { .. } => (Stage::Offer, FailureKind::NoSpace),
        TransferError::UnsafeName { .. } => (Stage::Offer, FailureKind::UnsafeName),
        TransferError::Destination(error) => (Stage::Disk, file_failure(error.reason())),
        TransferError::TakenOver => (Stage::Transfer, FailureKind::TakenOver),
        TransferError::Crowded => (Stage::Transfer, FailureKind::Crowded),
        TransferError::Stalled => (Stage::Transfer, FailureKind::Stalled),
        TransferError::Version { .. } => (Stage::Transfer, FailureKind::Version),
        TransferError::PeerGone(error) => return link_failure(Stage::Transfer, error),
        TransferError::Protocol(_) => (Stage::Transfer, FailureKind::PeerMisbehaved),
        TransferError::Local(_) => (Stage::Transfer, FailureKind::Local),
    };
    let failure = Failure::new(stage, kind);
    match error {
        TransferError::NoSpace { .. }
        | TransferError::UnsafeName { .. }
        | TransferError::Destination(_)
        | TransferError::Protocol(_)
        | TransferError::Local(_) => failure.with_detail(error),
        TransferError::Cancelled
        | TransferError::CancelledByPeer
        | TransferError::Declined(_)
        | TransferError::TakenOver
        | TransferError::Crowded
        | TransferError::Stalled
        | TransferError::Version { .. }
        | TransferError::PeerGone(_) => failure,
    }
}

const fn declined(reason: DeclineReason) -> FailureKind {
    match reason {
        DeclineReason::Person => FailureKind::Declined,
        DeclineReason::NoSpace => FailureKind::NoSpace,
        DeclineReason::UnsafeName => FailureKind::UnsafeName,
        DeclineReason::Destination(why) => file_failure(why),
        DeclineReason::TakenOver => FailureKind::TakenOver,
    }
}

/// What one file's failure means to a person.
pub(super) const fn file_failure(reason: FileReason) -> FailureKind {
    match reason {
        FileReason::FileChanged => FailureKind::FileChanged,
        FileReason::FileUnreadable => FailureKind::FileUnreadable,
        FileReason::HashMismatch => FailureKind::HashMismatch,
        FileReason::WriteFailed => FailureKind::WriteFailed,
        FileReason::NoSpace => FailureKind::NoSpace,
        FileReason::Skipped => FailureKind::Cancelled,
        FileReason::ReadForbidden => FailureKind::ReadForbidden,
        FileReason::SenderTooManyOpen => FailureKind::SenderTooManyOpen,
        FileReason::WrongSize => FailureKind::WrongSize,
        FileReason::ReadOnly => FailureKind::ReadOnly,
        FileReason::WriteForbidden => FailureKind::WriteForbidden,
        FileReason::NotAFolder => FailureKind::NotAFolder,
        FileReason::FolderInTheWay => FailureKind::FolderInTheWay,
        FileReason::NameTooLong => FailureKind::NameTooLong,
        FileReason::NameForbidden => FailureKind::NameForbidden,
        FileReason::FileTooLarge => FailureKind::FileTooLarge,
        FileReason::TooManyOpen => FailureKind::TooManyOpen,
        FileReason::LinkInTheWay => FailureKind::LinkInTheWay,
        FileReason::Quota => FailureKind::Quota,
        FileReason::TargetMissing => FailureKind::TargetMissing,
        FileReason::NoLinks => FailureKind::NoLinks,
        FileReason::NotAllowed => FailureKind::NotAllowed,
    }
}

/// A transfer came to its end, and each of its `files` failed, most of them like this.
pub(super) fn nothing_arrived(kind: FailureKind, files: u32) -> Failure {
    let failure = Failure::new(Stage::Transfer, kind);
    match files {
        1 => failure.with_detail("the only file did not arrive"),
        files => failure.with_detail(format_args!("none of {files} files arrived")),
    }
}

/// What an introduction that failed means to a person.
pub(super) fn introduction_failure(error: &IntroductionError) -> Failure {
    let (stage, kind) = match error {
        IntroductionError::Unreachable => (Stage::Rendezvous, FailureKind::RendezvousUnreachable),
        IntroductionError::UdpBlocked => (Stage::Rendezvous, FailureKind::UdpBlocked),
        IntroductionError::ServerRefused => (Stage::Rendezvous, FailureKind::ServerRefused),
        IntroductionError::Busy | IntroductionError::Taken => {
            (Stage::Rendezvous, FailureKind::RendezvousBusy)
        }
        IntroductionError::NoSuchCode => (Stage::Rendezvous, FailureKind::NoSuchCode),
        IntroductionError::NobodyNearby => (Stage::Rendezvous, FailureKind::NobodyNearby),
        IntroductionError::WrongCode => (Stage::Pairing, FailureKind::WrongCode),
        IntroductionError::CodeDead => (Stage::Pairing, FailureKind::CodeDead),
        IntroductionError::Version => (Stage::Pairing, FailureKind::Version),
        IntroductionError::NoCommonTransport => (Stage::Pairing, FailureKind::LinkMismatch),
        IntroductionError::SenderSilent => (Stage::Pairing, FailureKind::PeerGone),
        IntroductionError::Socket(_) => (Stage::Rendezvous, FailureKind::Local),
    };
    let failure = Failure::new(stage, kind);
    match error {
        IntroductionError::Socket(error) => failure.with_detail(error),
        IntroductionError::Unreachable
        | IntroductionError::UdpBlocked
        | IntroductionError::ServerRefused
        | IntroductionError::Busy
        | IntroductionError::Taken
        | IntroductionError::NoSuchCode
        | IntroductionError::NobodyNearby
        | IntroductionError::WrongCode
        | IntroductionError::CodeDead
        | IntroductionError::Version
        | IntroductionError::NoCommonTransport
        | IntroductionError::SenderSilent => failure,
    }
}

/// What having no path means to a person.
pub(super) fn path_failure(error: PathError) -> Failure {
    let kind = match error {
        PathError::BothNatsSymmetric => FailureKind::BothNatsSymmetric,
        PathError::NothingAnswered => FailureKind::Firewalled,
        PathError::PeerGone => FailureKind::PeerGone,
        PathError::Socket(_) => FailureKind::Local,
    };
    let failure = Failure::new(Stage::Path, kind);
    match error {
        PathError::Socket(error) => failure.with_detail(error),
        PathError::BothNatsSymmetric | PathError::NothingAnswered | PathError::PeerGone => failure,
    }
}

/// What not being able to look at something that was named means to a person.
pub(super) fn unreadable(error: &std::io::Error) -> FailureKind {
    if error.kind() == std::io::ErrorKind::PermissionDenied {
        FailureKind::ReadForbidden
    } else {
        FailureKind::FileUnreadable
    }
}

/// What not being able to look through the files means to a person.
pub(super) fn scan_failure(error: &ScanError) -> Failure {
    let kind = match error {
        ScanError::Argument { error, .. } => unreadable(error),
        ScanError::ArgumentName(_) => FailureKind::UnsafeName,
        ScanError::TooLarge { .. } => FailureKind::OfferTooLarge,
        ScanError::Stopped => FailureKind::Cancelled,
    };
    Failure::new(Stage::Files, kind).with_detail(error)
}
