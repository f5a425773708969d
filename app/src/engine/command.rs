//! What the command line and the window may ask of the engine.

use std::fmt;
use std::path::PathBuf;

use super::event::{SessionNumber, TaskNumber};

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
    /// Find out what this network allows, without a peer.
    Diagnose {
        /// The caller's number for what this starts.
        task: TaskNumber,
    },
    /// Answer an [`Event::Offer`](super::event::Event::Offer) of a session that receives.
    Decide {
        /// The session that asked.
        session: SessionNumber,
        /// The answer.
        decision: Decision,
    },
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
}

/// When a share ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShareLifetime {
    /// After one receiver has everything.
    Once,
    /// When the person stops it.
    UntilStopped,
}

/// How to receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiveOptions {
    /// The folder that gets the files; it is made if it is missing.
    pub destination: PathBuf,
}

/// A person's answer to an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Take it.
    Accept {
        /// What to do where a file of the same name is there already.
        on_conflict: ConflictPolicy,
    },
    /// Refuse it; the sender is told.
    Decline,
}

/// What to do where a file of the same name is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictPolicy {
    /// Leave identical files alone; keep both where the content differs.
    Skip,
    /// Keep both, always: `name (1).ext`.
    Rename,
    /// Replace the old file once the new one is verified.
    Replace,
}

/// A code as typed. It is a secret: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct TypedCode(pub String);

impl fmt::Debug for TypedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedCode(..)")
    }
}
