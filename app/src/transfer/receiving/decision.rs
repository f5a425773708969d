//! What a person is shown of an offer before anything is written, and what they may answer.

use std::path::PathBuf;
use std::sync::Arc;

use fardrop_shared::name::BadNames;
use fardrop_shared::offer::{Classifier, LeftOutCount, LeftOutNames, PlacedManifest, Survey};

use super::scan::DestinationScan;
use super::selection::{ConflictPolicy, Consent, Selection};
use crate::disk::PartOwner;
use crate::transfer::error::DestinationError;
use crate::transfer::outcome::{Listed, Renaming};

/// How to receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiveOptions {
    /// The folder that gets the files; it is made if it is missing.
    pub destination: PathBuf,
    /// What becomes of names that cannot be there.
    pub bad_names: BadNames,
    /// What the receive comes to where the sender leaves something out.
    pub on_left_out: OnLeftOut,
}

/// What a share or a receive comes to where something that was named is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnLeftOut {
    /// It has failed, though what was offered is there.
    #[default]
    Fail,
    /// It has succeeded: the person said that this is fine. That holds for names as well which the receiver's
    /// folder cannot have.
    Allow,
}

impl OnLeftOut {
    /// Whether a transfer without all that was named is still a success: `refused_names` of the `failed` files
    /// failed for their names.
    #[must_use]
    pub const fn allows(self, left_out: LeftOutCount, failed: u64, refused_names: u64) -> bool {
        match self {
            Self::Fail => left_out.is_none() && failed == 0,
            Self::Allow => failed == refused_names,
        }
    }
}

/// An offer, and what a scan of the destination found. Nothing was written so far.
#[derive(Debug)]
pub struct ScannedOffer {
    /// The names and where they would go, none of them escaped for display.
    pub manifest: Arc<PlacedManifest>,
    /// Whose the parts of it would be.
    pub owner: PartOwner,
    /// The folder that it would go to.
    pub destination: PathBuf,
    /// Why the folder that was decided for cannot be used, if so: then this is about the one before.
    pub refused: Option<DestinationError>,
    /// What the sender named and does not offer.
    pub left_out: LeftOutCount,
    /// The names of that, as far as the sender tells them.
    pub left_out_names: Arc<LeftOutNames>,
    /// What would be saved under another name.
    pub renamed: Arc<Listed<Renaming>>,
    /// What a person should know of it before they take it.
    pub survey: Arc<Survey>,
    /// Tells that of each entry.
    pub classifier: Arc<Classifier>,
    /// What would not be saved: its name cannot be there, and it was not wished that it gets another, or there is
    /// none.
    pub unnamed: Arc<Listed<String>>,
    /// Bytes free at the destination; `None` if that cannot be told.
    pub free_space: Option<u64>,
    /// Files whose name is taken.
    pub conflicts: u32,
    /// Bytes that earlier transfers kept, to be proved.
    pub kept_bytes: u64,
    pub(super) scan: Arc<DestinationScan>,
}

impl ScannedOffer {
    /// What has which name already.
    #[must_use]
    pub fn conflicts(&self) -> ConflictMap {
        ConflictMap(Arc::clone(&self.scan))
    }
}

/// What at the destination has the name of an offered file.
#[derive(Debug, Clone)]
pub struct ConflictMap(Arc<DestinationScan>);

/// What has the name of an offered file already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// A file of the same size: it may be the same one, which is found out when the offer is accepted.
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

/// Whether what is taken has to fit into the room that the file system says it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Room {
    /// It has, or nothing is taken.
    #[default]
    Needed,
    /// The person wants to try even so: a file system may say less than it has.
    Ignored,
}

/// A person's decision about an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Take it.
    Accept {
        /// What to do where a file of the same name is there already.
        on_conflict: ConflictPolicy,
        /// What of it.
        selection: Selection,
        /// What needs a yes of its own and has it.
        consent: Consent,
        /// Another folder than the one that was said before, if any.
        destination: Option<PathBuf>,
        /// Whether it has to fit.
        room: Room,
    },
    /// Refuse it; the sender is told.
    Decline,
}

impl Decision {
    /// Takes all of it that needs no yes of its own to where it was going to go.
    #[must_use]
    pub const fn accept_all(on_conflict: ConflictPolicy) -> Self {
        Self::Accept {
            on_conflict,
            selection: Selection::All,
            consent: Consent::NONE,
            destination: None,
            room: Room::Needed,
        }
    }
}

/// What a person answers when an offer is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Look at another folder first, and ask again.
    Elsewhere(PathBuf),
    /// What they decided.
    Decided(Decision),
}

/// Who decides about an offer.
pub trait Decide {
    /// Sees the offer whenever a destination was scanned for it: before each question, and before it is
    /// taken to a folder that was not asked about.
    fn see(&mut self, _offer: &ScannedOffer) {}

    /// Answers `offer`.
    fn decide(&mut self, offer: ScannedOffer) -> impl Future<Output = Answer> + Send;
}

impl<F, Deciding> Decide for F
where
    F: FnMut(ScannedOffer) -> Deciding + Send,
    Deciding: Future<Output = Answer> + Send,
{
    fn decide(&mut self, offer: ScannedOffer) -> impl Future<Output = Answer> + Send {
        self(offer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_missing_is_what_was_left_out_and_names_that_cannot_be() {
        let none = LeftOutCount::default();
        let some = LeftOutCount { things: 1, ..none };
        assert!(OnLeftOut::Fail.allows(none, 0, 0));
        assert!(!OnLeftOut::Fail.allows(some, 0, 0));
        assert!(!OnLeftOut::Fail.allows(none, 1, 1));
        assert!(OnLeftOut::Allow.allows(some, 2, 2));
        assert!(!OnLeftOut::Allow.allows(some, 2, 1));
    }
}
