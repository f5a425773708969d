//! What a person can be told about something that went wrong.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The stage of the flow at which something failed. The names are part of the `--json` contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading what is to be sent.
    Files,
    /// Reaching the rendezvous, or meeting the peer there.
    Rendezvous,
    /// Proving that both know the code.
    Pairing,
    /// Finding a direct path.
    Path,
    /// Running the encrypted transport over it.
    Link,
    /// Agreeing on what is sent.
    Offer,
    /// Moving bytes.
    Transfer,
    /// Reading or writing files.
    Disk,
}

impl Stage {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Rendezvous => "rendezvous",
            Self::Pairing => "pairing",
            Self::Path => "path",
            Self::Link => "link",
            Self::Offer => "offer",
            Self::Transfer => "transfer",
            Self::Disk => "disk",
        }
    }
}

/// What went wrong. The names are part of the `--json` contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// None of the rendezvous servers answers.
    RendezvousUnreachable,
    /// The rendezvous is full or limits this network's rate.
    RendezvousBusy,
    /// The code names a server that a code may not name: this machine itself, or a link-local address.
    ServerRefused,
    /// Nobody offers files under this code: mistyped digits, ended, or expired.
    NoSuchCode,
    /// No rendezvous is configured, and nobody on this machine or network has the code's digits.
    NobodyNearby,
    /// The words do not match the sender's.
    WrongCode,
    /// Too many wrong guesses: the code can no longer be used.
    CodeDead,
    /// The rendezvous gave the code's digits to somebody else while it was away.
    CodeTaken,
    /// The two apps (or the app and the rendezvous) speak no common version.
    Version,
    /// One side rules out every kind of link that the other allows.
    LinkMismatch,
    /// The only kind of link that is allowed does not come through.
    LinkBlocked,
    /// UDP does not leave this network.
    UdpBlocked,
    /// Both routers map per destination: no direct path without help from one of them.
    BothNatsSymmetric,
    /// Paths were tried, none let packets through.
    Firewalled,
    /// The other person's app was there and is gone.
    PeerGone,
    /// The other person's app could not prove that it knows the code, or broke the protocol.
    PeerMisbehaved,
    /// The other person declined the offer.
    Declined,
    /// Not enough room in the destination.
    NoSpace,
    /// A name in the offer could do harm on this machine.
    UnsafeName,
    /// A file changed while it was being sent.
    FileChanged,
    /// A file could not be read.
    FileUnreadable,
    /// What arrived is not what was sent.
    HashMismatch,
    /// A file could not be written.
    WriteFailed,
    /// Whoever runs the sender may not read a file.
    ReadForbidden,
    /// The sender has as many files open as it may.
    SenderTooManyOpen,
    /// A file has more bytes than its system says.
    WrongSize,
    /// What should be written to is read-only.
    ReadOnly,
    /// Whoever runs the receiver may not write there.
    WriteForbidden,
    /// A file is where a folder is needed.
    NotAFolder,
    /// A folder is where a file is to go.
    FolderInTheWay,
    /// A name is longer than the receiver's file system has them.
    NameTooLong,
    /// The receiver's file system cannot have such a name.
    NameForbidden,
    /// A file is larger than the receiver's file system, or a limit there, lets one be.
    FileTooLarge,
    /// The receiver has as many files open as it may.
    TooManyOpen,
    /// A link in the receiver's folder would lead elsewhere.
    LinkInTheWay,
    /// Whoever runs the receiver has used up what they may have on the disk.
    Quota,
    /// What a link leads to, or a second name stands for, is not at the receiver's.
    TargetMissing,
    /// The receiver's file system has no links.
    NoLinks,
    /// Another receive into the same folder has taken over what this one had.
    TakenOver,
    /// The receiver said no to what is hidden, or would start by itself.
    NotAllowed,
    /// A receiver of whom nothing came gave way to another.
    Crowded,
    /// Nothing came of a transfer for too long.
    Stalled,
    /// There is nothing to send in what was named.
    NothingToSend,
    /// Too many files for one offer.
    OfferTooLarge,
    /// The person here stopped it.
    Cancelled,
    /// The other person stopped it.
    CancelledByPeer,
    /// This machine refused something the app needs (a socket, a thread).
    Local,
}

/// What doing the same again comes to, with nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    /// It may well succeed.
    MaySucceed,
    /// It fails in the same way.
    Fails,
}

impl FailureKind {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().0
    }

    /// The kind that this is a case of: the `kind` in `--json`, whose `reason` this is if it is another one.
    #[must_use]
    pub const fn general(self) -> Self {
        match self {
            Self::ReadForbidden | Self::SenderTooManyOpen => Self::FileUnreadable,
            Self::WrongSize => Self::FileChanged,
            Self::ReadOnly
            | Self::WriteForbidden
            | Self::NotAFolder
            | Self::FolderInTheWay
            | Self::NameTooLong
            | Self::NameForbidden
            | Self::FileTooLarge
            | Self::TooManyOpen
            | Self::LinkInTheWay
            | Self::TargetMissing
            | Self::NoLinks => Self::WriteFailed,
            Self::Quota => Self::NoSpace,
            Self::NotAllowed => Self::Declined,
            Self::RendezvousUnreachable
            | Self::RendezvousBusy
            | Self::ServerRefused
            | Self::NoSuchCode
            | Self::NobodyNearby
            | Self::WrongCode
            | Self::CodeDead
            | Self::CodeTaken
            | Self::Version
            | Self::LinkMismatch
            | Self::LinkBlocked
            | Self::UdpBlocked
            | Self::BothNatsSymmetric
            | Self::Firewalled
            | Self::PeerGone
            | Self::Crowded
            | Self::Stalled
            | Self::PeerMisbehaved
            | Self::Declined
            | Self::NoSpace
            | Self::UnsafeName
            | Self::FileChanged
            | Self::FileUnreadable
            | Self::HashMismatch
            | Self::WriteFailed
            | Self::TakenOver
            | Self::NothingToSend
            | Self::OfferTooLarge
            | Self::Cancelled
            | Self::CancelledByPeer
            | Self::Local => self,
        }
    }

    /// The name of this case in `--json`, where it is one of a more general kind.
    #[must_use]
    pub const fn reason(self) -> Option<&'static str> {
        if self.general() as u8 == self as u8 {
            None
        } else {
            Some(self.name())
        }
    }

    /// Whether doing the same again, with nothing changed, may well succeed.
    #[must_use]
    pub const fn worth_retrying(self) -> bool {
        matches!(self.facts().1, Again::MaySucceed)
    }

    /// The name in `--json`, and what doing the same again comes to.
    const fn facts(self) -> (&'static str, Again) {
        use Again::{Fails, MaySucceed};
        match self {
            Self::RendezvousUnreachable => ("rendezvous-unreachable", MaySucceed),
            Self::RendezvousBusy => ("rendezvous-busy", MaySucceed),
            Self::ServerRefused => ("server-refused", Fails),
            Self::NoSuchCode => ("no-such-code", MaySucceed),
            Self::NobodyNearby => ("nobody-nearby", MaySucceed),
            Self::WrongCode => ("wrong-code", MaySucceed),
            Self::CodeDead => ("code-dead", Fails),
            Self::CodeTaken => ("code-taken", Fails),
            Self::Version => ("version", Fails),
            Self::LinkMismatch => ("link-mismatch", Fails),
            Self::LinkBlocked => ("link-blocked", Fails),
            Self::UdpBlocked => ("udp-blocked", Fails),
            Self::BothNatsSymmetric => ("both-nats-symmetric", Fails),
            Self::Firewalled => ("firewalled", MaySucceed),
            Self::PeerGone => ("peer-gone", MaySucceed),
            Self::Crowded => ("crowded", MaySucceed),
            Self::Stalled => ("stalled", MaySucceed),
            Self::PeerMisbehaved => ("peer-misbehaved", Fails),
            Self::Declined => ("declined", Fails),
            Self::NoSpace => ("no-space", Fails),
            Self::UnsafeName => ("unsafe-name", Fails),
            Self::FileChanged => ("file-changed", MaySucceed),
            Self::FileUnreadable => ("file-unreadable", Fails),
            Self::HashMismatch => ("hash-mismatch", MaySucceed),
            Self::WriteFailed => ("write-failed", Fails),
            Self::ReadForbidden => ("read-forbidden", Fails),
            Self::SenderTooManyOpen => ("sender-too-many-open-files", MaySucceed),
            Self::WrongSize => ("wrong-size", Fails),
            Self::ReadOnly => ("read-only", Fails),
            Self::WriteForbidden => ("write-forbidden", Fails),
            Self::NotAFolder => ("not-a-folder", Fails),
            Self::FolderInTheWay => ("folder-in-the-way", Fails),
            Self::NameTooLong => ("name-too-long", Fails),
            Self::NameForbidden => ("name-forbidden", Fails),
            Self::FileTooLarge => ("file-too-large", Fails),
            Self::TooManyOpen => ("too-many-open-files", MaySucceed),
            Self::LinkInTheWay => ("link-in-the-way", Fails),
            Self::Quota => ("quota", Fails),
            Self::TargetMissing => ("target-missing", Fails),
            Self::NoLinks => ("no-links", Fails),
            Self::TakenOver => ("taken-over", Fails),
            Self::NotAllowed => ("not-allowed", Fails),
            Self::NothingToSend => ("nothing-to-send", Fails),
            Self::OfferTooLarge => ("offer-too-large", Fails),
            Self::Cancelled => ("cancelled", MaySucceed),
            Self::CancelledByPeer => ("cancelled-by-peer", MaySucceed),
            Self::Local => ("local", Fails),
        }
    }
}

/// Something went wrong: where, what, and what is known about it. `text::failure` makes the sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The stage that failed.
    pub stage: Stage,
    /// What went wrong.
    pub kind: FailureKind,
    /// What only this case knows: a file's name, the system's own error. Never a code or a key;
    /// not escaped yet.
    pub detail: Option<String>,
}

impl Failure {
    /// A failure that needs no detail.
    #[must_use]
    pub const fn new(stage: Stage, kind: FailureKind) -> Self {
        Self {
            stage,
            kind,
            detail: None,
        }
    }

    /// Adds to the failure what only this case knows.
    #[must_use]
    pub fn with_detail(mut self, detail: impl fmt::Display) -> Self {
        self.detail = Some(detail.to_string());
        self
    }
}
