//! What the command line and the window may ask of the engine.

use std::path::PathBuf;

use fardrop_shared::code::PairingCode;

use super::config::EngineConfig;
use super::event::{ItemNumber, SessionNumber, TaskNumber};

pub use crate::transfer::{
    ConflictPolicy, Consent, Decision, OnLeftOut, ReceiveOptions, Room, Selection,
};

/// Most rows of an offer that are given at once: several screens full.
pub const OFFER_ROWS_LIMIT: u32 = 200;

/// A request to the engine.
#[derive(Debug, Clone)]
pub enum Command {
    /// Start a task, under a number that whoever starts it chooses.
    Start(TaskNumber, NewTask),
    /// Something of a running task as a whole.
    Task(TaskNumber, TaskCommand),
    /// Something of one session.
    Session(SessionNumber, SessionCommand),
    /// From now on tasks start with this; those that run keep what they started with.
    Configure(Box<EngineConfig>),
}

/// A task to be started.
#[derive(Debug, Clone)]
pub enum NewTask {
    /// Offer files under a fresh code.
    Share {
        /// Files and folders as the person named them.
        paths: Vec<PathBuf>,
        /// How.
        options: ShareOptions,
    },
    /// Take what is offered under a code.
    Receive {
        /// The code.
        code: PairingCode,
        /// How.
        options: ReceiveOptions,
    },
    /// Find out what this network allows, without a peer. Answered by
    /// [`TaskEvent::Diagnosed`](super::event::TaskEvent::Diagnosed).
    Diagnose,
    /// Find out whether the DHT can be used from here, which tells strangers this machine's address. Answered by
    /// [`TaskEvent::DiagnosedFar`](super::event::TaskEvent::DiagnosedFar).
    DiagnoseFar,
    /// Find out whether a rendezvous answers, and how fast: `host:port`, as the person typed it. Answered by
    /// [`TaskEvent::RendezvousTested`](super::event::TaskEvent::RendezvousTested).
    TestRendezvous(String),
}

/// A request to a running task.
#[derive(Debug, Clone)]
pub enum TaskCommand {
    /// Something that only a share can do.
    Share(ShareCommand),
    /// End the task with all its sessions, telling the peers.
    Cancel,
}

/// A request to a running share.
#[derive(Debug, Clone)]
pub enum ShareCommand {
    /// Change what the share offers. Receivers that have seen the offer keep theirs, later ones get the new
    /// one. Answered by [`ShareEvent::Contents`](super::event::ShareEvent::Contents), or by
    /// [`TaskEvent::Refused`](super::event::TaskEvent::Refused) if there is no such offer: it stays as it was.
    Edit {
        /// Files and folders to offer as well; what is offered already is passed over, and what is not
        /// there is told as [`ShareEvent::LeftOut`](super::event::ShareEvent::LeftOut).
        add: Vec<PathBuf>,
        /// What is not to be offered any more. The last of all cannot be taken out.
        remove: Vec<ItemNumber>,
    },
    /// Give the share a fresh code, with the same files; the old one ends. Answered by
    /// [`ShareEvent::Code`](super::event::ShareEvent::Code), or by
    /// [`TaskEvent::Refused`](super::event::TaskEvent::Refused), and then the old one still counts.
    RenewCode,
}

/// A request to a session.
#[derive(Debug, Clone)]
pub enum SessionCommand {
    /// Show a part of what the session offers, from its
    /// [`SessionEvent::Offer`](super::event::SessionEvent::Offer) to its end. Answered by
    /// [`SessionEvent::OfferPage`](super::event::SessionEvent::OfferPage); while an answer is being made,
    /// only the newest request is kept.
    ShowOffer(PageRequest),
    /// Look at another folder for what is offered to a session that receives; answered by another
    /// [`SessionEvent::Offer`](super::event::SessionEvent::Offer). Nothing is written yet: the folder is made,
    /// once the offer is accepted, if it is missing.
    SetDestination(PathBuf),
    /// Answer a [`SessionEvent::Offer`](super::event::SessionEvent::Offer) of a session that receives.
    Decide(Decision),
    /// Let the session's bytes stand still; the peer is told. A pause before the offer is accepted takes
    /// effect as soon as bytes would move.
    Pause,
    /// Let the session's bytes move again, as far as this side is concerned.
    Resume,
    /// End the session, telling the peer.
    Cancel,
}

/// A part of an offer that is to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// What the path has to contain, in any case; everything does if it is empty.
    pub search: String,
    /// The first row wanted, counted from 0 among those that match.
    pub first: u64,
    /// How many rows, at most [`OFFER_ROWS_LIMIT`].
    pub count: u32,
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
    /// What it comes to where something is left out of it.
    pub on_left_out: OnLeftOut,
}

/// What becomes of a share when its code has been guessed at too often, or its number was given away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDeadCode {
    /// It ends.
    End,
    /// It stays, with running sessions, and without a code until [`ShareCommand::RenewCode`]. A fresh code is
    /// a person's decision: one that came by itself would give a guesser tries without end.
    Wait,
}

/// What becomes of a share when something that was named is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMissing {
    /// It fails: a command that named it was mistyped.
    Fail,
    /// The rest is offered, and this is told as
    /// [`ShareEvent::LeftOut`](super::event::ShareEvent::LeftOut).
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
