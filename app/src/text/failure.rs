//! What a failure is called, and what to do about it.

use fardrop_shared::Role;

use super::shown;
use crate::failure::{Failure, FailureKind, Stage};

/// Longest detail that is shown, in characters.
const DETAIL_LIMIT: usize = 300;

/// One paragraph for a person: what happened, and what to do. Ends with a period.
///
/// `role` is that of the person who reads it.
#[must_use]
pub fn failure(failure: &Failure, role: Role) -> String {
    let by_role = || match role {
        Role::Sender => sender_words(failure.kind),
        Role::Receiver => receiver_words(failure.kind),
    };
    let (happened, advice) = early_words(failure.stage, failure.kind).unwrap_or_else(by_role);
    match failure.detail.as_deref().map(str::trim) {
        None | Some("") => format!("{happened}. {advice}."),
        Some(detail) => {
            let detail = shown(detail, DETAIL_LIMIT);
            format!("{happened} ({}). {advice}.", detail.trim_end_matches('.'))
        }
    }
}

/// Why one file did not cross, as the end of `NAME: …`.
#[must_use]
pub fn file_failed(name: &str, reason: FailureKind) -> String {
    let why = match reason {
        FailureKind::FileChanged => "it changed or was removed after it was offered",
        FailureKind::FileUnreadable => "it could not be read",
        FailureKind::HashMismatch => "what arrived is not what was sent",
        FailureKind::WriteFailed => "it could not be written",
        FailureKind::NoSpace => "there is not enough room for it",
        FailureKind::UnsafeName => "its name could do harm on the receiving machine",
        FailureKind::PeerGone => "the connection was lost",
        FailureKind::Cancelled | FailureKind::CancelledByPeer => "the transfer was stopped",
        FailureKind::RendezvousUnreachable
        | FailureKind::RendezvousBusy
        | FailureKind::NoSuchCode
        | FailureKind::NobodyNearby
        | FailureKind::WrongCode
        | FailureKind::CodeDead
        | FailureKind::CodeTaken
        | FailureKind::Version
        | FailureKind::LinkMismatch
        | FailureKind::LinkBlocked
        | FailureKind::UdpBlocked
        | FailureKind::BothNatsSymmetric
        | FailureKind::Firewalled
        | FailureKind::PeerMisbehaved
        | FailureKind::Declined
        | FailureKind::NothingToSend
        | FailureKind::OfferTooLarge
        | FailureKind::Local => "it could not be transferred",
    };
    format!("Not transferred: {}: {why}.", super::name(name))
}

/// What happened and what to do, where a kind means something else in an early stage.
const fn early_words(stage: Stage, kind: FailureKind) -> Option<(&'static str, &'static str)> {
    match (stage, kind) {
        (Stage::Rendezvous, FailureKind::Version) => Some((
            "This app and the rendezvous server have versions that do not understand each other",
            "Install the newest Fardrop here, or ask whoever runs the server to update it",
        )),
        (Stage::Rendezvous | Stage::Pairing | Stage::Path | Stage::Link, FailureKind::PeerGone) => {
            Some((
                "The other person's app stopped answering before anything was sent",
                "Ask them whether it is still running, then try again",
            ))
        }
        _ => None,
    }
}

/// What happened and what to do, for the one who sends.
const fn sender_words(kind: FailureKind) -> (&'static str, &'static str) {
    match kind {
        FailureKind::CodeDead => (
            "Somebody typed wrong words three times, so this code is dead",
            "Send again to get a new code, and read it out over a line you trust",
        ),
        FailureKind::WrongCode => (
            "Somebody typed the right number with the wrong words",
            "Read the code out again, slowly",
        ),
        FailureKind::NoSuchCode => (
            "The rendezvous server no longer knows this code",
            "Send again to get a new one",
        ),
        FailureKind::Declined => (
            "The other person declined the files",
            "Nothing was saved there; ask them, and send again",
        ),
        FailureKind::NoSpace => (
            "The other machine does not have enough room",
            "Nothing more is sent; send fewer files, or ask them to make room",
        ),
        FailureKind::UnsafeName => (
            "A name in what you send could do harm on the other machine, so nothing was saved there",
            "Rename it and send again",
        ),
        FailureKind::FileUnreadable => (
            "Something you send cannot be read",
            "Check that it is there and that you may read it, then send again",
        ),
        FailureKind::FileChanged => (
            "A file changed while it was being sent",
            "Wait until nothing writes to it any more, then send again",
        ),
        FailureKind::WriteFailed => (
            "The other machine could not save a file",
            "Ask them to check the folder they chose, then send again",
        ),
        FailureKind::RendezvousUnreachable
        | FailureKind::RendezvousBusy
        | FailureKind::NobodyNearby
        | FailureKind::CodeTaken
        | FailureKind::Version
        | FailureKind::LinkMismatch
        | FailureKind::LinkBlocked
        | FailureKind::UdpBlocked
        | FailureKind::BothNatsSymmetric
        | FailureKind::Firewalled
        | FailureKind::PeerGone
        | FailureKind::PeerMisbehaved
        | FailureKind::HashMismatch
        | FailureKind::NothingToSend
        | FailureKind::OfferTooLarge
        | FailureKind::Cancelled
        | FailureKind::CancelledByPeer
        | FailureKind::Local => words_for_both(kind),
    }
}

/// What happened and what to do, for the one who receives.
const fn receiver_words(kind: FailureKind) -> (&'static str, &'static str) {
    match kind {
        FailureKind::CodeDead => (
            "This code is dead, because wrong words were typed too often",
            "Ask for a new code",
        ),
        FailureKind::WrongCode => (
            "The words do not match the sender's",
            "Check the code with the sender and type it again",
        ),
        FailureKind::NoSuchCode => (
            "Nobody is sending under this code",
            "Check the number at its start, and that the sender's app is still open; if the code \
             has an @ part, type that too",
        ),
        FailureKind::Declined => (
            "You declined the files",
            "Nothing was saved; while the sender waits, the same code works again",
        ),
        FailureKind::NoSpace => (
            "There is not enough room in the folder you chose",
            "Make room, or choose another folder with -o",
        ),
        FailureKind::UnsafeName => (
            "A name in the offer could do harm on this machine, so nothing was saved",
            "Ask the sender to rename it",
        ),
        FailureKind::FileUnreadable => (
            "The sender's machine could not read a file",
            "Ask the sender to check it and to send it again",
        ),
        FailureKind::FileChanged => (
            "A file changed on the sender's machine while it was being sent",
            "Ask the sender to send it again once nothing writes to it any more",
        ),
        FailureKind::WriteFailed => (
            "A file could not be saved",
            "Check that the folder is there and that you may write to it, then receive again",
        ),
        FailureKind::RendezvousUnreachable
        | FailureKind::RendezvousBusy
        | FailureKind::NobodyNearby
        | FailureKind::CodeTaken
        | FailureKind::Version
        | FailureKind::LinkMismatch
        | FailureKind::LinkBlocked
        | FailureKind::UdpBlocked
        | FailureKind::BothNatsSymmetric
        | FailureKind::Firewalled
        | FailureKind::PeerGone
        | FailureKind::PeerMisbehaved
        | FailureKind::HashMismatch
        | FailureKind::NothingToSend
        | FailureKind::OfferTooLarge
        | FailureKind::Cancelled
        | FailureKind::CancelledByPeer
        | FailureKind::Local => words_for_both(kind),
    }
}

/// What happened and what to do, where `--link` leaves nothing over.
const LINK_MISMATCH: (&str, &str) = (
    "The two sides were told to use different kinds of connection",
    "Leave --link out on both machines, or give both the same",
);

/// The same where it leaves only what does not get through.
const LINK_BLOCKED: (&str, &str) = (
    "The only kind of connection that --link allows does not get through between the two machines",
    "Leave --link out on both machines: Fardrop then finds another way by itself",
);

/// What happened and what to do, where both are told the same.
const fn words_for_both(kind: FailureKind) -> (&'static str, &'static str) {
    match kind {
        FailureKind::RendezvousUnreachable => (
            "The rendezvous server does not answer",
            "Check this machine's network and the server's address, then try again",
        ),
        FailureKind::RendezvousBusy => (
            "The rendezvous server has too much to do",
            "Wait a minute and try again",
        ),
        FailureKind::NobodyNearby => (
            "Nobody on this machine or network is sending under this code",
            "Check the number at its start, and that the sender's app is still open; over a \
             distance, both need the same --rendezvous, or a code with an @ part",
        ),
        FailureKind::CodeTaken => (
            "The rendezvous server gave this code's number to somebody else",
            "Start again with a new code",
        ),
        FailureKind::Version => (
            "The two sides have versions that do not understand each other",
            "Install the newest Fardrop on both machines",
        ),
        FailureKind::LinkMismatch => LINK_MISMATCH,
        FailureKind::LinkBlocked => LINK_BLOCKED,
        FailureKind::UdpBlocked | FailureKind::BothNatsSymmetric | FailureKind::Firewalled => {
            words_without_path(kind)
        }
        FailureKind::PeerGone => (
            "The other person's app is gone",
            "Ask them to start it again; what has arrived is kept",
        ),
        FailureKind::PeerMisbehaved => (
            "The other side is not the app it should be, so the connection was closed",
            "Do not use this code again; start over with a new one",
        ),
        FailureKind::HashMismatch => (
            "What arrived is not what was sent, so it was thrown away",
            "Try again; if it comes back, one of the two machines damages data",
        ),
        FailureKind::NothingToSend => (
            "There is nothing to send in what you named",
            "Name at least one file or folder that can be read",
        ),
        FailureKind::OfferTooLarge => (
            "There are too many files for one share",
            "Pack them into an archive, or send them in several shares",
        ),
        FailureKind::Cancelled => (
            "You stopped the transfer",
            "What has arrived is kept; the same files can be sent again",
        ),
        FailureKind::CancelledByPeer => (
            "The other person stopped the transfer",
            "What has arrived is kept; the same files can be sent again",
        ),
        FailureKind::Local => (
            "This machine refused something that Fardrop needs",
            "Close what may be in the way, or choose another port with --port, and try again",
        ),
        FailureKind::NoSuchCode
        | FailureKind::WrongCode
        | FailureKind::CodeDead
        | FailureKind::Declined
        | FailureKind::NoSpace
        | FailureKind::UnsafeName
        | FailureKind::FileChanged
        | FailureKind::FileUnreadable
        | FailureKind::WriteFailed => ("Something went wrong", "Try again"),
    }
}

/// What happened and what to do, where there is no path between the two.
const fn words_without_path(kind: FailureKind) -> (&'static str, &'static str) {
    if matches!(kind, FailureKind::UdpBlocked) {
        (
            "The rendezvous server is there, but UDP does not get out of this network, and a direct \
             transfer needs it",
            "Allow Fardrop in this machine's firewall, ask whoever runs the network to let UDP out, or \
             use another network, such as a phone's hotspot",
        )
    } else if matches!(kind, FailureKind::BothNatsSymmetric) {
        (
            "Neither of the two routers lets a direct connection in",
            "Try with one of the two machines on another network, such as a phone's hotspot",
        )
    } else {
        (
            "The two machines met, but no direct connection between them works",
            "Allow Fardrop in the firewall of both machines, or try on the same network",
        )
    }
}
