//! What a failure is called, and what to do about it. A kind has its words in one constant each.

mod files;

use fardrop_shared::Role;

use self::files::{
    FILE_TOO_LARGE, FOLDER_IN_THE_WAY, LINK_IN_THE_WAY, NAME_FORBIDDEN, NAME_TOO_LONG, NO_LINKS,
    NOT_A_FOLDER, NOT_ALLOWED, QUOTA, READ_FORBIDDEN, READ_ONLY, SENDER_TOO_MANY_OPEN, TAKEN_OVER,
    TARGET_MISSING, TOO_MANY_OPEN, WRITE_FORBIDDEN, WRONG_SIZE,
};
use super::shown;
use crate::failure::{Failure, FailureKind, Stage};

/// Longest detail that is shown, in characters: a few lines. Local: only sentences on a screen are cut so.
const DETAIL_LIMIT: usize = 300;

/// What happened, and what to do about it.
type Sentences = (&'static str, &'static str);

/// All that is said about one kind of failure.
struct Words {
    /// To the one who sends.
    sender: Sentences,
    /// To the one who receives.
    receiver: Sentences,
    /// To both where it fails early, if that is something else.
    early: Option<Early>,
    /// Why one file did not cross, after its name.
    file: &'static str,
}

/// What is said where a kind means something else in an early stage.
struct Early {
    /// The stages.
    stages: &'static [Stage],
    /// What happened there, and what to do about it.
    sentences: Sentences,
}

impl Words {
    /// Where both are told the same.
    const fn both(happened: &'static str, advice: &'static str) -> Self {
        Self::by_role((happened, advice), (happened, advice))
    }

    /// Where the one who sends is told something else than the one who receives.
    const fn by_role(sender: Sentences, receiver: Sentences) -> Self {
        Self {
            sender,
            receiver,
            early: None,
            file: "it could not be transferred",
        }
    }

    /// The words of a kind that a single file can fail with.
    const fn of_file(self, file: &'static str) -> Self {
        Self { file, ..self }
    }

    /// The words of a kind that means something else in these stages.
    const fn at(
        self,
        stages: &'static [Stage],
        happened: &'static str,
        advice: &'static str,
    ) -> Self {
        let sentences = (happened, advice);
        Self {
            early: Some(Early { stages, sentences }),
            ..self
        }
    }
}

/// One paragraph for a person: what happened, and what to do. Ends with a period.
///
/// `role` is that of the person who reads it.
#[must_use]
pub fn failure(failure: &Failure, role: Role) -> String {
    let words = words(failure.kind);
    let by_role = match role {
        Role::Sender => words.sender,
        Role::Receiver => words.receiver,
    };
    let early = words
        .early
        .filter(|early| early.stages.contains(&failure.stage));
    let (happened, advice) = early.map_or(by_role, |early| early.sentences);
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
    format!(
        "Not transferred: {}: {}.",
        super::name(name),
        words(reason).file
    )
}

/// Why one file did not cross, without its name.
#[must_use]
pub const fn file_cause(reason: FailureKind) -> &'static str {
    words(reason).file
}

/// All that is said about a kind of failure.
const fn words(kind: FailureKind) -> Words {
    match kind {
        FailureKind::RendezvousUnreachable => RENDEZVOUS_UNREACHABLE,
        FailureKind::RendezvousBusy => RENDEZVOUS_BUSY,
        FailureKind::ServerRefused => SERVER_REFUSED,
        FailureKind::NoSuchCode => NO_SUCH_CODE,
        FailureKind::NobodyNearby => NOBODY_NEARBY,
        FailureKind::WrongCode => WRONG_CODE,
        FailureKind::CodeDead => CODE_DEAD,
        FailureKind::CodeTaken => CODE_TAKEN,
        FailureKind::Version => VERSION,
        FailureKind::LinkMismatch => LINK_MISMATCH,
        FailureKind::LinkBlocked => LINK_BLOCKED,
        FailureKind::UdpBlocked => UDP_BLOCKED,
        FailureKind::BothNatsSymmetric => BOTH_NATS_SYMMETRIC,
        FailureKind::Firewalled => FIREWALLED,
        FailureKind::PeerGone => PEER_GONE,
        FailureKind::PeerMisbehaved => PEER_MISBEHAVED,
        FailureKind::Declined => DECLINED,
        FailureKind::NoSpace => NO_SPACE,
        FailureKind::UnsafeName => UNSAFE_NAME,
        FailureKind::FileChanged => FILE_CHANGED,
        FailureKind::FileUnreadable => FILE_UNREADABLE,
        FailureKind::HashMismatch => HASH_MISMATCH,
        FailureKind::WriteFailed => WRITE_FAILED,
        FailureKind::ReadForbidden => READ_FORBIDDEN,
        FailureKind::SenderTooManyOpen => SENDER_TOO_MANY_OPEN,
        FailureKind::WrongSize => WRONG_SIZE,
        FailureKind::ReadOnly => READ_ONLY,
        FailureKind::WriteForbidden => WRITE_FORBIDDEN,
        FailureKind::NotAFolder => NOT_A_FOLDER,
        FailureKind::FolderInTheWay => FOLDER_IN_THE_WAY,
        FailureKind::NameTooLong => NAME_TOO_LONG,
        FailureKind::NameForbidden => NAME_FORBIDDEN,
        FailureKind::FileTooLarge => FILE_TOO_LARGE,
        FailureKind::TooManyOpen => TOO_MANY_OPEN,
        FailureKind::LinkInTheWay => LINK_IN_THE_WAY,
        FailureKind::Quota => QUOTA,
        FailureKind::TargetMissing => TARGET_MISSING,
        FailureKind::NoLinks => NO_LINKS,
        FailureKind::TakenOver => TAKEN_OVER,
        FailureKind::Crowded => CROWDED,
        FailureKind::Stalled => STALLED,
        FailureKind::NotAllowed => NOT_ALLOWED,
        FailureKind::NothingToSend => NOTHING_TO_SEND,
        FailureKind::OfferTooLarge => OFFER_TOO_LARGE,
        FailureKind::Cancelled => CANCELLED,
        FailureKind::CancelledByPeer => CANCELLED_BY_PEER,
        FailureKind::Local => LOCAL,
    }
}

const CROWDED: Words = Words::by_role(
    (
        "A receiver of whom nothing came was let go, to make room for others",
        "It may come again with the same code",
    ),
    (
        "The sender has too many receivers, and let this one go, since it did not answer",
        "Receive again with the same code, and answer sooner",
    ),
);

const STALLED: Words = Words::by_role(
    (
        "Nothing came of this receiver for too long, and it was let go",
        "It may come again with the same code, and goes on where it was",
    ),
    (
        "Nothing came of this transfer for too long, and it was ended",
        "Receive again with the same code: what is here is not sent again",
    ),
);

const RENDEZVOUS_UNREACHABLE: Words = Words::both(
    "The rendezvous server does not answer",
    "Check this machine's network and the server's address, then try again",
);

const RENDEZVOUS_BUSY: Words = Words::both(
    "The rendezvous server has too much to do",
    "Wait a minute and try again",
);

const SERVER_REFUSED: Words = Words::both(
    "The code names a server that no code may name: this machine itself, or a link-local address",
    "Type the part before the @ alone, or set that server in the settings if it is yours",
);

const NO_SUCH_CODE: Words = Words::by_role(
    (
        "The rendezvous server no longer knows this code",
        "Send again to get a new one",
    ),
    (
        "Nobody is sending under this code",
        "Check the number at its start, and that the sender's app is still open; if the code \
         has an @ part, type that too",
    ),
);

const NOBODY_NEARBY: Words = Words::both(
    "Nobody on this machine or network is sending under this code",
    "Check the number at its start, and that the sender's app is still open; over a \
     distance, both need the same --rendezvous, or a code with an @ part",
);

const WRONG_CODE: Words = Words::by_role(
    (
        "Somebody typed the right number with the wrong words",
        "Read the code out again, slowly",
    ),
    (
        "The words do not match the sender's",
        "Check the code with the sender and type it again",
    ),
);

const CODE_DEAD: Words = Words::by_role(
    (
        "Somebody typed wrong words three times, so this code is dead",
        "Send again to get a new code, and read it out over a line you trust",
    ),
    (
        "This code is dead, because it was tried in vain too often",
        "Ask for a new code",
    ),
);

const CODE_TAKEN: Words = Words::both(
    "The rendezvous server gave this code's number to somebody else",
    "Start again with a new code",
);

const VERSION: Words = Words::both(
    "The two sides have versions that do not understand each other",
    "Install the newest Fardrop on both machines",
)
.at(
    &[Stage::Rendezvous],
    "This app and the rendezvous server have versions that do not understand each other",
    "Install the newest Fardrop here, or ask whoever runs the server to update it",
);

const LINK_MISMATCH: Words = Words::both(
    "The two sides were told to use different kinds of connection",
    "Leave --link out on both machines, or give both the same",
);

const LINK_BLOCKED: Words = Words::both(
    "The only kind of connection that --link allows does not get through between the two machines",
    "Leave --link out on both machines: Fardrop then finds another way by itself",
);

const UDP_BLOCKED: Words = Words::both(
    "The rendezvous server is there, but UDP does not get out of this network, and a direct \
     transfer needs it",
    "Allow Fardrop in this machine's firewall, ask whoever runs the network to let UDP out, or \
     use another network, such as a phone's hotspot",
);

const BOTH_NATS_SYMMETRIC: Words = Words::both(
    "Neither of the two routers lets a direct connection in",
    "Try with one of the two machines on another network, such as a phone's hotspot",
);

const FIREWALLED: Words = Words::both(
    "The two machines met, but no direct connection between them works",
    "Allow Fardrop in the firewall of both machines, or try on the same network",
);

const PEER_GONE: Words = Words::both(
    "The other person's app is gone",
    "Ask them to start it again; what has arrived is kept",
)
.of_file("the connection was lost")
.at(
    &[Stage::Rendezvous, Stage::Pairing, Stage::Path, Stage::Link],
    "The other person's app stopped answering before anything was sent",
    "Ask them whether it is still running, then try again",
);

const PEER_MISBEHAVED: Words = Words::both(
    "The other side is not the app it should be, so the connection was closed",
    "Do not use this code again; start over with a new one",
);

const DECLINED: Words = Words::by_role(
    (
        "The other person declined the files",
        "Nothing was saved there; ask them, and send again",
    ),
    (
        "You declined the files",
        "Nothing was saved; while the sender waits, the same code works again",
    ),
);

const NO_SPACE: Words = Words::by_role(
    (
        "The other machine does not have enough room",
        "Nothing more is sent; send fewer files, or ask them to make room",
    ),
    (
        "There is not enough room in the folder you chose",
        "Make room, choose another folder with -o, or try even so with --ignore-free-space",
    ),
)
.of_file("there is not enough room for it");

const UNSAFE_NAME: Words = Words::by_role(
    (
        "A name in what you send could do harm on the other machine, so nothing was saved there",
        "Rename it and send again",
    ),
    (
        "A name in the offer could do harm on this machine, so nothing was saved",
        "Ask the sender to rename it",
    ),
)
.of_file("its name could do harm on the receiving machine");

const FILE_CHANGED: Words = Words::by_role(
    (
        "A file changed while it was being sent",
        "Wait until nothing writes to it any more, then send again",
    ),
    (
        "A file changed on the sender's machine while it was being sent",
        "Ask the sender to send it again once nothing writes to it any more",
    ),
)
.of_file("it changed or was removed after it was offered");

const FILE_UNREADABLE: Words = Words::by_role(
    (
        "Something you send cannot be read",
        "Check that it is there and that you may read it, then send again",
    ),
    (
        "The sender's machine could not read a file",
        "Ask the sender to check it and to send it again",
    ),
)
.of_file("it could not be read");

const HASH_MISMATCH: Words = Words::both(
    "What arrived is not what was sent, so it was thrown away",
    "Try again; if it comes back, one of the two machines damages data",
)
.of_file("what arrived is not what was sent");

const WRITE_FAILED: Words = Words::by_role(
    (
        "The other machine could not save a file",
        "Ask them to check the folder they chose, then send again",
    ),
    (
        "A file could not be saved",
        "Check that the folder is there and that you may write to it, then receive again",
    ),
)
.of_file("it could not be written");

const NOTHING_TO_SEND: Words = Words::both(
    "There is nothing to send in what you named",
    "Name at least one file or folder that can be read",
);

const OFFER_TOO_LARGE: Words = Words::both(
    "There are too many files for one share",
    "Pack them into an archive, or send them in several shares",
);

const CANCELLED: Words = Words::both(
    "You stopped the transfer",
    "What has arrived is kept; the same files can be sent again",
)
.of_file("the transfer was stopped");

const CANCELLED_BY_PEER: Words = Words::both(
    "The other person stopped the transfer",
    "What has arrived is kept; the same files can be sent again",
)
.of_file("the transfer was stopped");

const LOCAL: Words = Words::both(
    "This machine refused something that Fardrop needs",
    "Close what may be in the way, or choose another port with --port, and try again",
);
