//! What the command line and the window may ask of the engine.

use std::fmt;
use std::path::PathBuf;

use super::config::EngineConfig;
use super::event::{ItemNumber, SessionNumber, TaskNumber};

pub use crate::transfer::{ConflictPolicy, Decision, ReceiveOptions, Selection};

/// Most rows of an offer that are given at once: several screens full.
pub const OFFER_ROWS_LIMIT: u32 = 200;

/// A request to the engine.
#[derive(Debug, Clone)]
pub enum Command {
    /// Offer files under a fresh code.
    Share {
        /// The caller's number for what this starts.
        task: TaskNumber,
        /// Files and folders as the person named them.
        paths: Vec<PathBuf>,
        /// How.
        options: ShareOptions,
    },
    /// Take what is offered under a code.
    Receive {
        /// The caller's number for what this starts.
        task: TaskNumber,
        /// The code as the person typed it; it parses, the caller has checked that.
        code: TypedCode,
        /// How.
        options: ReceiveOptions,
    },
    /// Change what a share offers. Receivers that have seen the offer keep theirs, later ones get the new
    /// one. Answered by [`Event::ShareContents`](super::event::Event::ShareContents), or by
    /// [`Event::Refused`](super::event::Event::Refused) if there is no such offer: it stays as it was.
    EditShare {
        /// The share.
        task: TaskNumber,
        /// Files and folders to offer as well; what is offered already is passed over, and what is not
        /// there is told as [`Event::LeftOut`](super::event::Event::LeftOut).
        add: Vec<PathBuf>,
        /// What is not to be offered any more. The last of all cannot be taken out.
        remove: Vec<ItemNumber>,
    },
    /// Give a share a fresh code, with the same files; the old one ends. Answered by
    /// [`Event::Code`](super::event::Event::Code), or by
    /// [`Event::Refused`](super::event::Event::Refused), and then the old one still counts.
    RenewCode(TaskNumber),
    /// Find out what this network allows, without a peer.
    Diagnose {
        /// The caller's number for what this starts.
        task: TaskNumber,
    },
    /// Find out whether a rendezvous answers, and how fast. Answered by
    /// [`Event::RendezvousTested`](super::event::Event::RendezvousTested).
    TestRendezvous {
        /// The caller's number for what this starts.
        task: TaskNumber,
        /// `host:port`, as the person typed it.
        server: String,
    },
    /// From now on tasks start with this; those that run keep what they started with.
    Configure(Box<EngineConfig>),
    /// Show a part of what a session offers, from its [`Event::Offer`](super::event::Event::Offer) to its
    /// end. Answered by [`Event::OfferPage`](super::event::Event::OfferPage); while an answer is being
    /// made, only the newest request is kept.
    ShowOffer {
        /// The session.
        session: SessionNumber,
        /// What the path has to contain, in any case; everything does if it is empty.
        search: String,
        /// The first row wanted, counted from 0 among those that match.
        first: u64,
        /// How many rows, at most [`OFFER_ROWS_LIMIT`].
        count: u32,
    },
    /// Look at another folder for what is offered to a session that receives; answered by another
    /// [`Event::Offer`](super::event::Event::Offer). Nothing is written yet.
    SetDestination {
        /// The session that asked.
        session: SessionNumber,
        /// The folder; it is made, once the offer is accepted, if it is missing.
        destination: PathBuf,
    },
    /// Answer an [`Event::Offer`](super::event::Event::Offer) of a session that receives.
    Decide {
        /// The session that asked.
        session: SessionNumber,
        /// The answer.
        decision: Decision,
    },
    /// Let a session's bytes stand still; the peer is told. Wished before they move, it holds from then on.
    Pause(SessionNumber),
    /// Let them move again, as far as this side is concerned.
    Resume(SessionNumber),
    /// End one session, telling the peer.
    CancelSession(SessionNumber),
    /// End a task with all its sessions, telling the peers.
    CancelTask(TaskNumber),
}

/// How to share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareOptions {
    /// Secret words in the code: 2 to 8.
    pub words: u8,
    /// Whether the share ends with its first receiver.
    pub lifetime: ShareLifetime,
    /// What becomes of the share when its code cannot be used any more.
    pub on_dead_code: OnDeadCode,
    /// What becomes of the share when something that was named is not there.
    pub on_missing: OnMissing,
}

/// What becomes of a share when its code has been guessed at too often, or its number was given away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDeadCode {
    /// It ends.
    End,
    /// It stays, with running sessions, and without a code until [`Command::RenewCode`]. A fresh code is
    /// a person's decision: one that came by itself would give a guesser tries without end.
    Wait,
}

/// What becomes of a share when something that was named is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMissing {
    /// It fails: a command that named it was mistyped.
    Fail,
    /// The rest is offered, and this is told as [`Event::LeftOut`](super::event::Event::LeftOut).
    LeaveOut,
}

/// When a share ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShareLifetime {
    /// After one receiver has everything.
    Once,
    /// When the person stops it.
    UntilStopped,
}

/// A code as typed, or a whole `fardrop:` link. It is a secret: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct TypedCode(pub String);

impl fmt::Debug for TypedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedCode(..)")
    }
}
