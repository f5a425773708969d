//! What the engine tells the command line and the window.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use fardrop_shared::Transport;
use fardrop_shared::dht;
use fardrop_shared::diagnosis::Diagnosis;
pub use fardrop_shared::offer::{Concern, Concerns, Hidden, LeftOutCount, LeftOutReason, Survey};
pub use fardrop_shared::path::PathKind;
use zeroize::ZeroizeOnDrop;

use crate::failure::{Failure, FailureKind};
use crate::transfer::OnLeftOut;
pub use crate::transfer::{Conflict, Listed, Proving, Renaming};

/// A share or a receive that the person started. Chosen by whoever starts it; unique in one engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskNumber(pub u64);

/// One peer within a task. Unique in one engine, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionNumber(pub u64);

/// One of the things that a person named for a share. Unique in its share, counted from 1; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemNumber(pub u64);

/// Something happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// To a task as a whole.
    Task(TaskNumber, TaskEvent),
    /// Between this machine and one peer.
    Session(SessionNumber, SessionEvent),
}

/// What happens to a task as a whole.
#[derive(Debug, Clone)]
pub enum TaskEvent {
    /// Something that only a share has.
    Share(ShareEvent),
    /// Something that was asked of the task cannot be done. It goes on as it was.
    Refused(Failure),
    /// The code names a server that is not in the settings. Nothing was sent there yet.
    NamesServer {
        /// The server, as the code names it.
        server: String,
        /// Whether somebody was met there before.
        known: bool,
    },
    /// A peer proved that it knows the code.
    Paired {
        /// The new session.
        session: SessionNumber,
        /// What the peer calls its machine; not escaped.
        device: String,
    },
    /// What this network allows. It names the person's network; see
    /// [`Diagnosis`] for what may be shown to others.
    Diagnosed(Box<Diagnosis>),
    /// Whether the DHT can be used from here.
    DiagnosedFar(Box<dht::Report>),
    /// Whether a rendezvous answers: the round-trip time to it, or what is wrong.
    RendezvousTested(Result<Duration, FailureKind>),
    /// A session (or, with `None`, the whole task) failed.
    Failed {
        /// The session. That of a receive has its number before there is a [`TaskEvent::Paired`].
        session: Option<SessionNumber>,
        /// Why.
        failure: Failure,
    },
    /// A task is over; its last event.
    Ended(Outcome),
}

/// What happens to a share.
#[derive(Debug, Clone)]
pub enum ShareEvent {
    /// A share has its code. It comes again when it has another form: without a rendezvous configured, a
    /// router opens the port by which the share can be found from elsewhere a moment later.
    Code(ShownCode),
    /// The files of a share have been looked through (not read).
    Scanned {
        /// Regular files.
        files: u64,
        /// Their sizes added up.
        bytes: u64,
        /// Links, and second names of files.
        links: u64,
        /// How much was left out; each thing came as a [`ShareEvent::LeftOut`] before, the first hundred
        /// thousand of them.
        left_out: LeftOutCount,
    },
    /// Something the person named, or something in it, is not offered.
    LeftOut {
        /// Which, as found; not escaped.
        name: String,
        /// Why.
        reason: LeftOut,
    },
    /// What a share offers, once it has been looked through: what the person named, in that order. It comes
    /// after [`ShareEvent::Scanned`], also of an edited share.
    Contents(Vec<ShareItem>),
    /// A share's code cannot be used any more, because it was guessed at too often, or its number was given
    /// away; the share waits for a fresh one.
    CodeDead(FailureKind),
    /// Somebody tried a wrong code on this share.
    WrongGuess {
        /// Guesses until the code is dead.
        attempts_left: u8,
    },
    /// Receivers of this share find no place at the rendezvous, since others have taken all; a fresh code has a number
    /// of its own.
    Crowded,
}

/// What happens between this machine and one peer.
#[derive(Debug, Clone)]
pub enum SessionEvent {
    /// A step of the ladder was tried.
    Rung {
        /// Which step.
        rung: PathKind,
        /// How it stands.
        state: RungState,
        /// What was found, in a few words.
        detail: String,
    },
    /// A direct path is in use, from now on this one.
    Path {
        /// How it was found.
        kind: PathKind,
        /// What runs over it.
        link: Transport,
        /// Round-trip time.
        rtt: Duration,
        /// The peer's address.
        peer: SocketAddr,
    },
    /// The connection was lost in mid-transfer, and another path is looked for: with
    /// [`SessionEvent::Path`] the transfer goes on, with [`TaskEvent::Failed`] it does not.
    Interrupted {
        /// Bytes that need not be sent again.
        kept: u64,
    },
    /// What is offered; again after `SessionCommand::SetDestination`. A receiver answers with
    /// `SessionCommand::Decide`.
    Offer(OfferSummary),
    /// The part of an offer that `SessionCommand::ShowOffer` asked for.
    OfferPage {
        /// What was searched for.
        search: String,
        /// How many entries match in all.
        matching: u64,
        /// Which of these the first row is, from 0.
        first: u64,
        /// The rows, in the order of the offer.
        rows: Vec<OfferRow>,
    },
    /// What cannot have its own name in the receiving folder and is saved under another: what would be, before
    /// each [`SessionEvent::Offer`] to one who receives, unless that is nothing; what is, to one who sends, once the
    /// receiver has accepted. It takes the place of what was told before.
    Renamed(Arc<Listed<Renaming>>),
    /// What is not saved, to one who receives: paths in the offer that cannot be in the receiving folder, where it was
    /// not wished that they get others; not escaped. Before each [`SessionEvent::Offer`], unless that is nothing.
    /// It takes the place of what was told before.
    Unnamed(Arc<Listed<String>>),
    /// What the sender does not offer of what it named, to one who receives: once, before the first
    /// [`SessionEvent::Offer`], unless that is nothing.
    LeftOut(Arc<Listed<PeerLeftOut>>),
    /// The offer, or a part of it, was accepted, and its bytes begin to move.
    Accepted {
        /// Files that are wanted.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// The bytes of a session stand still, for this person's sake if both wish it; told again when that
    /// changes.
    Paused(Who),
    /// Nobody wishes any more that they stand still.
    Resumed,
    /// One file of a transfer failed; the others go on.
    FileFailed {
        /// Its name in the offer; not escaped.
        name: String,
        /// Why.
        reason: FailureKind,
    },
    /// The file system lets no times or modes be set, to one who receives: before the end, once for either. What
    /// arrived is whole.
    Refused {
        /// What it refuses.
        attribute: Attribute,
        /// For how many files, folders and links.
        count: u64,
        /// The relative path of the first of them; not escaped.
        first: String,
    },
    /// Everything that was wanted is verified on the receiver's disk.
    Done {
        /// What crossed.
        receipt: Receipt,
        /// What the receiver has now: files and folders at the top of what was taken, under their final
        /// names, the first ten. Empty on the sender's side.
        places: Vec<PathBuf>,
    },
}

/// How a task ended as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything that was started was done.
    Succeeded,
    /// Something failed; events said what.
    Failed,
    /// The person stopped it.
    Interrupted,
}

/// A code to show. `Debug` does not show it, and its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct ShownCode {
    /// What is read out: `417-acid-lemon`.
    pub spoken: String,
    /// What is typed at a machine that cannot find the rendezvous by itself:
    /// `417-acid-lemon@host:port`. A rendezvous of our own may be known by an address on this network only.
    pub with_server: Option<String>,
    /// The whole as a link: `fardrop:417-acid-lemon@host:port`.
    pub uri: String,
}

impl fmt::Debug for ShownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownCode(..)")
    }
}

/// Why something the person named is not offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOut {
    /// A symbolic link that points outside what is offered.
    LinkOutside,
    /// A symbolic link that leads back to a folder it is in.
    LinkLoop,
    /// A symbolic link to something that is left out.
    LinkLeftOut,
    /// A symbolic link to nothing.
    LinkBroken,
    /// A socket, pipe or device.
    Special,
    /// A name that is not Unicode.
    NotUnicode,
    /// A name that could do harm on the receiver's machine; the reason in words.
    UnsafeName(String),
    /// It could not be looked at; the system's own error.
    Unreadable(String),
    /// A folder that could not be looked into; the system's own error.
    FolderUnreadable(String),
    /// It is in a folder that is left out; the reason for that, in words.
    InLeftOut(String),
}

/// Something that the sender does not offer of what it named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerLeftOut {
    /// Where it would be in the offer; not escaped.
    pub name: String,
    /// Why.
    pub reason: LeftOutReason,
}

/// Whose wish something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// This person's.
    Here,
    /// The other person's.
    Peer,
}

impl Who {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Peer => "peer",
        }
    }
}

/// What a file has beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// When it was changed last.
    Time,
    /// Who may do what with it.
    Mode,
}

impl Attribute {
    /// The name in `--json` of its being refused.
    #[must_use]
    pub const fn refusal(self) -> &'static str {
        match self {
            Self::Time => "times-refused",
            Self::Mode => "modes-refused",
        }
    }
}

/// Something that a person named for a share, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareItem {
    /// Its number.
    pub number: ItemNumber,
    /// What it is offered as: not escaped.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is a folder.
    pub folder: bool,
    /// Regular files in it, or 1.
    pub files: u64,
    /// Their sizes added up, in bytes.
    pub bytes: u64,
    /// How many things in it are left out.
    pub left_out: u64,
}

/// A file or folder of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferRow {
    /// Its index in the offer.
    pub index: u32,
    /// Its path in the offer, components separated by `/`; not escaped.
    pub name: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// Whether it is a link, or a second name of a file.
    pub link: bool,
    /// What a person should know of it.
    pub concerns: Concerns,
    /// 1, or regular files in the folder; none for a link.
    pub files: u64,
    /// Its size, or that of all that is in the folder, in bytes.
    pub bytes: u64,
    /// What stands in its way at the destination, on the receiver's side.
    pub conflict: Option<Conflict>,
}

/// How a step of the ladder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RungState {
    /// Being tried.
    Trying,
    /// A path was found.
    Works,
    /// Nothing came of it.
    Failed,
}

impl RungState {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trying => "trying",
            Self::Works => "works",
            Self::Failed => "failed",
        }
    }
}

/// An offer in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferSummary {
    /// Regular files.
    pub files: u64,
    /// Folders.
    pub folders: u64,
    /// Links, and second names of files.
    pub links: u64,
    /// Sizes added up, in bytes.
    pub bytes: u64,
    /// How many of them need no room on a disk, since they are in holes.
    pub holes: u64,
    /// What the sender named and does not offer.
    pub left_out: LeftOutCount,
    /// What a person should know of it before they take it; of everything at the receiver's destination.
    pub survey: Arc<Survey>,
    /// Names at the top of the offer, at most ten; not escaped. [`Survey::tops`] says how many there are.
    pub top_names: Vec<String>,
    /// Bytes that are there already from an earlier try.
    pub kept: u64,
    /// Files of the offer whose name is taken in the destination.
    pub conflicts: u64,
    /// How much of it cannot have its name in the destination and is left out.
    pub unnamed: u64,
    /// Room in the destination, in bytes; `None` on the sender's side.
    pub free: Option<u64>,
    /// Where the files would go; `None` on the sender's side.
    pub destination: Option<PathBuf>,
}

/// What crossed in a session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Receipt {
    /// Files verified on the receiver's disk, skipped ones included.
    pub files: u64,
    /// Files that failed.
    pub failed_files: u64,
    /// Of these, files whose names the receiver's folder cannot have, among the first thousand that failed.
    pub refused_names: u64,
    /// Why most of them failed.
    pub cause: Option<FailureKind>,
    /// How many names are others than in the offer, since the receiver's folder cannot have those.
    pub renamed: u64,
    /// What the sender named and did not offer.
    pub left_out: LeftOutCount,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of content that crossed the link.
    pub sent: u64,
    /// Bytes that did not have to, because they were there.
    pub resumed: u64,
    /// From the answer to the offer to the last verification.
    pub elapsed: Duration,
    /// The path's kind.
    pub kind: PathKind,
    /// What ran over it.
    pub link: Transport,
}

impl Receipt {
    /// Whether this is all that was named, or all that the person wanted to hear of.
    pub(super) const fn is_whole(&self, on_left_out: OnLeftOut) -> bool {
        on_left_out.allows(self.left_out, self.failed_files, self.refused_names)
    }
}

/// Over how much of the past a rate is the mean.
pub const RATE_SPAN: Duration = Duration::from_secs(3);

/// How far a session is. Only the newest matters.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Bytes that the receiver has acknowledged (or has), of `total`.
    pub bytes: u64,
    /// Bytes wanted.
    pub total: u64,
    /// Files verified on the receiver's disk, of `files_total`.
    pub files: u64,
    /// Files wanted.
    pub files_total: u64,
    /// Mean over the last `RATE_SPAN`, in bytes per second.
    pub rate: f64,
    /// How much of what the receiver had before this machine has read to prove it, while it does.
    pub proving: Option<Proving>,
}
