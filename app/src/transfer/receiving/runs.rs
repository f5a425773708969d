//! Where the bytes of a run go, what is held of a file between its runs, and what stays of one that went wrong.

use fardrop_shared::name::SafeName;
use fardrop_shared::transfer::Run;
use fardrop_shared::wire::peer::FileReason;

use super::state::Kept;
use crate::disk::{ExistingFile, PartFile};

/// How much of a file is here.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) file: u32,
    /// That many bytes of its part are right.
    pub(super) length: u64,
    /// All of it, in a file with a final name.
    pub(super) there: Option<(ExistingFile, SafeName<'static>)>,
}

/// The run that the stream is in.
pub(super) struct Current {
    pub(super) file: u32,
    pub(super) run: Run,
    /// Where it began.
    pub(super) start: u64,
    /// How much of what was here is right, as far as that is known.
    pub(super) proved: Option<u64>,
    /// Where what was here ends.
    pub(super) kept: u64,
    pub(super) sink: Sink,
}

/// Where its bytes go.
pub(super) enum Sink {
    Part {
        part: PartFile,
        hasher: Box<blake3::Hasher>,
    },
    /// There are none, and a file without any that is here may be the one that is offered.
    There(EmptyFile),
    /// The file has failed.
    Nowhere,
}

/// A file without any bytes that is here.
pub(super) struct EmptyFile {
    pub(super) existing: ExistingFile,
    pub(super) name: SafeName<'static>,
    /// What an interrupted transfer left of it: of no use if this is the one.
    pub(super) part: Option<PartFile>,
}

/// A file of which something was here, between its runs.
pub(super) struct Held {
    pub(super) part: Option<PartFile>,
    pub(super) kept: u64,
    /// Whether everything behind what was here has arrived.
    pub(super) rest_here: bool,
    pub(super) proved: Option<u64>,
}

impl From<Kept> for Held {
    fn from(kept: Kept) -> Self {
        Self {
            part: kept.part,
            kept: kept.start,
            rest_here: kept.start == kept.size,
            proved: None,
        }
    }
}

/// A file in whose run this went wrong keeps its part, unless nothing is in it that another transfer could go on
/// with. What was here before this one stays in any case.
pub(super) fn keep_or_discard(part: PartFile, run: Run, why: FileReason) {
    let useless = match why {
        // No transfer will ever have all of it.
        FileReason::WrongSize | FileReason::FileTooLarge => run == Run::Whole,
        FileReason::FileUnreadable
        | FileReason::ReadForbidden
        | FileReason::SenderTooManyOpen
        | FileReason::Skipped
        | FileReason::WriteFailed
        | FileReason::ReadOnly
        | FileReason::WriteForbidden
        | FileReason::NotAFolder
        | FileReason::FolderInTheWay
        | FileReason::NameTooLong
        | FileReason::NameForbidden
        | FileReason::TooManyOpen
        | FileReason::LinkInTheWay
        | FileReason::TargetMissing
        | FileReason::NoLinks
        | FileReason::NotAllowed
        | FileReason::FileChanged
        | FileReason::HashMismatch
        | FileReason::NoSpace
        | FileReason::Quota => false,
    };
    let empty = part.length().is_ok_and(|length| length == 0);
    if useless || empty || !part.is_findable() {
        discard(part);
    }
}

/// What arrived in a run is not what was sent: it is taken out of the part again.
pub(super) fn take_back(part: PartFile, run: Run, start: u64) {
    if run == Run::Whole || start == 0 {
        discard(part);
    } else if let Err(error) = part.cut(start) {
        tracing::debug!(%error, "what is wrong in a part could not be cut");
        discard(part);
    }
}

fn discard(part: PartFile) {
    if let Err(error) = part.discard() {
        tracing::debug!(%error, "a part file could not be removed");
    }
}
