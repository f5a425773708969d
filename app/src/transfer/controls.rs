//! How whoever started a transfer watches and steers it.

use std::sync::Arc;

use fardrop_shared::transfer::{Standing, Wish};
use tokio::sync::watch;

use super::outcome::{Listed, Renaming};
use super::proving::Proving;

/// How a running transfer is watched and steered.
#[derive(Debug)]
pub struct Controls {
    /// Gets how far it is.
    pub progress: watch::Sender<Tally>,
    /// Gets whether it was accepted, and whether it stands still.
    pub standing: watch::Sender<Standing>,
    /// Gets what the receiver saves under other names, at the sender's, once that is told.
    pub renamed: watch::Sender<Arc<Listed<Renaming>>>,
    /// The wish, here, that it stands still. That of the other side comes over the link.
    pub pause: watch::Receiver<bool>,
}

/// How many bytes and files the receiver has, of those that it takes. Both sides count the same, but for what each
/// reads for the proof: the sender has it from the receiver's acknowledgements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Bytes at the receiver, those that were there before among them.
    pub bytes: u64,
    /// Bytes that need not cross: they were there before, as far as that is proved, or are in holes.
    pub kept: u64,
    /// Bytes of all the files that are taken.
    pub total_bytes: u64,
    /// Files verified on the receiver's disk.
    pub files: u32,
    /// Files that are taken.
    pub total_files: u32,
    /// How far the proof of what was there before is at this end, while it goes on.
    pub proving: Option<Proving>,
}

impl Tally {
    /// Bytes that have crossed the link and are at the receiver.
    #[must_use]
    pub const fn crossed(&self) -> u64 {
        // The sender may know of proved bytes a moment before the receiver counts them.
        self.bytes.saturating_sub(self.kept)
    }
}

impl Controls {
    /// Does what is wished here now: gives what the other side is to be told of it, if anything.
    pub(super) fn obey(&self, pause: &mut watch::Receiver<bool>) -> Option<Wish> {
        let wish = if *pause.borrow_and_update() {
            Wish::Pause
        } else {
            Wish::Resume
        };
        let mut told = None;
        self.standing.send_if_modified(|standing| {
            told = standing.handle_wish(wish);
            told.is_some()
        });
        told
    }

    /// Shows how far it is, if that is another thing than before.
    pub(super) fn show(&self, now: Tally) {
        self.progress
            .send_if_modified(|known| std::mem::replace(known, now) != now);
    }

    /// Takes in what the other side wishes.
    pub(super) fn hear(&self, wish: Wish) {
        self.standing
            .send_if_modified(|standing| standing.handle_peer(wish));
    }
}
